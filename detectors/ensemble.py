"""The strongest detector, for the few thousand series that matter most: many views, one sum of evidence."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.base import Observations, Scores, Signal
from detectors.ensemble_kernel import ROW, Columns, run
from detectors.ensemble_views import VIEWS
from detectors.rows import RowDetector

_WORDS = tuple(VIEWS.values())


class Ensemble(RowDetector):
    """A value, step, spread, mean or shape is rare for its series, in several views at once, as long not seen.

    Eighteen *views* of a series (`detectors/ensemble_views.py`) are each held against their own past: how rare a number
    is comes of its rank, and beyond the rarest hundredth of a generalised Pareto tail fitted to the exceedances
    (`detectors/ensemble_tails.py`), so heavy tails and rare bursts are expected where they are usual. The decades of
    rarity beyond 1.25 are summed over the views. Five of them are of what is left of a series once its rhythm or its
    course is taken off; they count as much as these explain of it (`detectors/ensemble_rhythm.py`). There are two
    outputs. `alarm` is who is woken: a peak of the sum that was not as high for long is told once, two observations
    later (`detectors/ensemble_episodes.py`); the score is 1 − 10^−evidence of it. `dense` is a number for each
    observation, for pictures and ranking, in which residuals count more, and how far each value is from what was
    foreseen (`detectors/ensemble_surprise.py`), as often as it comes. Both are in decades and comparable between
    series. While the sum is still high after an episode, the score holds the issue open without raising anew. `peak` is
    the value an episode peaked at, `view` twice the number of the view that had the most to say, plus one if it was
    low.

    Nothing is known ahead: no least or greatest value, length, step or season. The step is the median of those seen;
    time of day is by half-hours, weekdays and weekends apart (UTC). Missing and infinite values have no score and teach
    nothing. A series takes 160 kB, whatever its length: it is for thousands of series, not for millions.

    Which choice was made on which data: the first thirteen views, from an earlier study of the Numenta Anomaly
    Benchmark, and the weight 1 of each; the share of the rarity that counts for nothing (1.25 decades; 1.25 and 1.5
    were best of five), this and the last observation together, and the lengths in the other files, on all 58 series of
    that benchmark. That the sum's own mean is taken off was chosen on simulated ramps and random walks; the weights of
    `dense`, and the view of values that stay the same, for stuck sensors, on simulated daily rhythms with seven kinds
    of incident. What is far from foreseen was added to `dense` for simulated web, cloud and machine series (fourteen
    families, four of each); in the sum, for all series, it cost two points on the benchmark, so it wakes nobody.

    The last five views, their weights and from which share explained they count were chosen on the half `choose` of
    sixteen made families (`tests/benchmarks/telemetry.py`, twelve series each), among those that lost nothing on the
    benchmark: there the incidents told went from 0.63 to 0.72, the score from 77.3 to 81.7 and the precision of `dense`
    from 0.68 to 0.71; on the other half, from 0.54 to 0.63, 64.7 to 69.7 and 0.61 to 0.64. On the benchmark it is 74.6
    standard; without the last five views it was 72.8, and with its constants chosen on one half of the series 70.8 on
    the other, and 68.1 with the threshold chosen there too, of a standard error of three: take the 74.6 for as
    optimistic. Still hard: dips of noisy small counts, what lies within the range of a load that jumps, and slow wear
    under bursts.

    >>> minutes = np.arange(2000)
    >>> usual = 100 + np.random.default_rng(1).normal(0, 2, len(minutes))
    >>> usual[1500:1506] += 40
    >>> detector = Ensemble()
    >>> detector.grow(1)
    >>> scores = detector.update(Observations.of(0 * minutes, minutes * 60, usual))
    >>> np.flatnonzero(scores.score >= detector.raise_score).tolist()
    [1503]
    """

    kind: ClassVar[str] = "ensemble"
    row: ClassVar[np.dtype[Any]] = ROW
    calm_below: ClassVar[float | None] = 0.8
    needs_window: ClassVar[bool] = False
    extras: ClassVar[tuple[str, ...]] = ("dense", "alarm", "peak", "view")
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({}, {"warmup": 30})

    def __init__(self, *, warmup: int = 60) -> None:
        """Watch a series for `warmup` observations before telling anything: at least 30, so that there is a tail."""
        if warmup < 30:
            raise ValueError(f"warmup is {warmup}: it must be 30 or more observations")
        self._warmup = int(warmup)
        super().__init__()

    def _run(self, batch: Observations, *, learn: bool) -> Scores:
        columns = Columns(*(np.empty(len(batch.value)) for _ in Columns._fields))
        rows = self._rows.view(ROW)
        if learn:
            run(rows["main"], rows["tails"], batch.series, batch.time, batch.value, self._warmup, columns)
        else:
            self._foretell(rows, batch, columns)
        extra = {"dense": columns.dense, "alarm": columns.alarm, "peak": columns.peak, "view": columns.seen}
        return Scores(columns.score, columns.expected, columns.low, columns.high, extra)

    def _foretell(self, rows: NDArray[Any], batch: Observations, columns: Columns) -> None:
        """Write what each observation would be told, were it the next: learned by a copy of its row."""
        first = np.zeros(1, np.int32)
        for i, series in enumerate(batch.series.tolist()):
            row, one = rows[series : series + 1].copy(), slice(i, i + 1)
            own = Columns(*(column[one] for column in columns))
            run(row["main"], row["tails"], first, batch.time[one], batch.value[one], self._warmup, own)

    def explain(self, signal: Signal) -> str:
        """Say which view saw it, the value at the peak, and what was expected."""
        view, peak = signal.extra.get("view", math.nan), signal.extra.get("peak", math.nan)
        value = f"the value was {signal.value if math.isnan(peak) else peak:.4g}"
        usual = "" if math.isnan(signal.expected) else f"; about {signal.expected:.4g} is usual"
        if math.isnan(view):
            return f"{value[0].upper()}{value[1:]}{usual}."
        what = _WORDS[int(view) // 2]
        return f"{what[0].upper()}{what[1:]} was unusually {'low' if view % 2 else 'high'}: {value}{usual}."
