"""What is usual for a series at this hour and on this day, learned by itself; the score is a tail probability."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from detectors.base import Observations, Scores, Signal
from detectors.durations import Duration, positive
from detectors.rows import RowDetector
from detectors.seasonal_kernel import lanes, run
from detectors.seasonal_row import ROW, Columns, Config
from detectors.words import band, figure

Direction = Literal["up", "down", "both"]
PERIODS = {"1d": "hour of the day", "1w": "day of the week"}
_DAY, _HOUR = 86400.0, 3600.0


class Seasonal(RowDetector):
    """A value is far from what is usual for its series at that hour of the day and day of the week (UTC).

    The expected value is a robust level with a damped slope, plus an effect of the hour and one of the weekday. The
    first day and week are followed closely; their hourly and daily means, shrunk by what noise would make of them,
    start the profile. Residuals in units of their own robust mean size are held against quantiles tracked online
    (adaptive conformal inference: Gibbs and Candès, "Adaptive conformal inference under distribution shift", NeurIPS
    2021): one in ten, in a hundred and in a thousand exceed them in the long run, whatever the noise; beyond, a Pareto
    tail goes on. The steps of the tracking shrink with the autocorrelation, as neighbours then tell the same.

    What is outside teaches little: residuals are cut before they move the level, and a run of outliers teaches the tail
    like two. A level that stays outside for `adopt` is the new normal. After a gap the band is wider. It is over once
    the score is under 0.99, so that a value that hovers at the end of the band is one issue.

    In the first week a Saturday or Sunday may be without the rhythm of the days before, and so may the first working
    day, or that after these: the band is wider by about that, and little but a burst is seen then. Other working days
    are judged by the days before. `period: 1d` judges all days alike, from the second on.

    >>> hours = np.arange(24 * 14)
    >>> usual = 100 + 40 * np.sin(hours / 24 * 2 * np.pi) + np.random.default_rng(1).normal(0, 2, len(hours))
    >>> detector = Seasonal()
    >>> detector.prepare(3600)
    >>> detector.grow(1)
    >>> learned = detector.update(Observations.of(0 * hours, hours * 3600, usual))
    >>> now = detector.score(Observations.of([0, 0], [336 * 3600, 342 * 3600], [140.0, 140.0]))
    >>> bool(now.score[0] > 0.999), bool(now.score[1] < 0.9)  # usual at 6 o'clock, not at midnight
    (True, True)
    """

    kind: ClassVar[str] = "seasonal"
    row: ClassVar[np.dtype[Any]] = ROW
    calm_below: ClassVar[float | None] = 0.99
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"period": "1d", "direction": "up"},
        {"period": ["1w"], "direction": "down", "least": 1.0},
        {"period": [], "memory": "6h", "adopt": "3h", "warmup": 10},
    )

    def __init__(
        self,
        *,
        period: list[str] | str = ["1d", "1w"],  # noqa: B006 - read only; shows the default in the schema
        direction: Direction = "both",
        memory: Duration = Duration("3d"),  # noqa: B008 - immutable
        adopt: Duration = Duration("1d"),  # noqa: B008 - immutable
        warmup: int = 30,
        least: float = 0.0,
    ) -> None:
        """Learn the rhythms in `period` ("1d", "1w", both or none) and judge deviations in `direction`.

        `memory` is how far back the level looks: three days, so that it neither follows the hours and a weekend nor
        lags for weeks (at least 20 windows). `adopt` is how long a level has to last to be the new normal: a day, so
        that no incident shorter than that becomes normal (at least 8 windows). `warmup` is how many windows a series is
        only watched: 30, the fewest that tell a spread within a quarter. Deviations under `least`, in the measure's
        unit, are never a breach.
        """
        self._periods = [period] if isinstance(period, str) else list(period)
        _check_periods(self._periods)
        if direction not in get_args(Direction):
            raise ValueError(f"direction {direction!r}: choose one of {', '.join(get_args(Direction))}")
        self._direction = direction
        self._memory, self._adopt = positive("memory", Duration(memory)), positive("adopt", Duration(adopt))
        if warmup < 10:
            raise ValueError(f"warmup is {warmup}: it must be 10 or more windows")
        if not (least >= 0 and math.isfinite(least)):
            raise ValueError(f"least is {least:g}: it must be 0 or a positive number")
        self._warmup, self._least = int(warmup), float(least)
        super().__init__()
        self.prepare(60.0)

    def prepare(self, step: float) -> None:
        """Learn the window's length in seconds, which sets the weights of one observation."""
        super().prepare(step)
        share = min(step / self._memory, 1 / 20)
        adopt = min(step / self._adopt, 1 / 8)
        up, down = self._direction != "down", self._direction != "up"
        self._config = Config(
            step=step,
            memory=step / share,
            gain=share,
            young_gain=min(step / (3 * _HOUR), 1 / 8),  # close behind the rhythm of a day, slower than most noise
            slope_gain=share * share / 4 / step,
            slope_keep=1 - share / 8,
            scale_gain=min(share, 1 / 100),  # then the unit's own standard error is 5 %
            adopt_gain=adopt * math.log(2),
            shift_gain=min(8 * adopt, 1 / 4),
            share=0.05 if up and down else 0.1,
            warmup=self._warmup,
            least=self._least,
            slots=min(max(_DAY // step, 1), 24),
            daily="1d" in self._periods and step < _DAY,
            weekly="1w" in self._periods,
            up=up,
            down=down,
        )

    def _run(self, batch: Observations, *, learn: bool) -> Scores:
        columns = Columns(*(np.empty(len(batch.value)) for _ in Columns._fields))
        taken = (batch.series, batch.time, batch.value)
        run(self._rows, np.array(self._config), taken, tuple(columns), lanes(), learn)
        return Scores(columns.score, columns.expected, columns.low, columns.high)

    def explain(self, signal: Signal) -> str:
        """Say the value, the band and the typical value."""
        value = f"The value was {figure(signal.value)}"
        if not math.isfinite(signal.expected):
            return f"{value}; too little is known yet of what is usual."
        when = " at this hour" if self._config.daily else ""
        return f"{value}; {band(signal)} was expected{when} (typical {figure(signal.expected)})."


def _check_periods(periods: list[str]) -> None:
    for period in periods:
        if period not in PERIODS:
            known = " and ".join(f"{name} ({what})" for name, what in PERIODS.items())
            raise ValueError(f"period {period!r}: known are {known}")
