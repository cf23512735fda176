"""A detector at work: scores become signals by its raise rule, once a series is old enough to be judged."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import easing
from detectors.arrays import Growing
from detectors.base import Bytes, Detector, Floats, Ints, Missed, Observations, Scores, Signal, State
from detectors.compiled import compiled
from detectors.easing import Ease
from detectors.raising import ONGOING, STATES, Raiser, RaiseRule, SignalState

VERDICT_DECADES: Mapping[str, float] = {"false": 0.5, "true": -0.1, "missed": -0.5}
"""What a verdict on a series' issue adds to its threshold (`Monitor.adjust`), in decades of evidence.

A false alarm asks for about three times rarer evidence from then on, a missed one for three times more common. A
confirmed issue takes back a fifth of a false one, so a series settles where about one issue in six is judged false:
0.5 · p = 0.1 · (1 − p) gives p = 1/6. This is the quantile step of stochastic approximation (Robbins and Monro, 1951).
"""

AGE = np.dtype([("first", "<f8"), ("count", "<u4"), ("spare", "<u4")])
_NO_MISSES = np.zeros(0, np.bool_)


class Monitor:
    """A detector with its raise rule, its grace period and its minimum of samples.

    Whoever feeds it numbers the series, makes room with `grow`, and gives batches in order of time.

    >>> from detectors.threshold import Threshold
    >>> monitor = Monitor("storage", Threshold(above=90), RaiseRule(hits=2, of=2))
    >>> monitor.prepare(60)
    >>> monitor.grow(1)
    >>> signals = monitor.observe(Observations.of([0, 0, 0], [0, 60, 120], [91, 95, 80]))
    >>> [(signal.state, signal.time, signal.value) for signal in signals]
    [('raised', 60.0, 95.0), ('cleared', 120.0, 80.0)]
    """

    def __init__(
        self, name: str, detector: Detector, rule: RaiseRule, *, grace: float = 0.0, min_samples: int = 0
    ) -> None:
        """Watch with `detector`; raise nothing of a series for `grace` seconds and `min_samples` observations."""
        self.name = name
        self.detector = detector
        self.raiser = Raiser(rule, score=detector.raise_score, calm_below=detector.calm_below)
        self._ages = _Ages(grace, min_samples)
        self._ticked = -np.inf
        self._size = 0

    def prepare(self, step: float) -> None:
        """Tell the detector the measure's window length in seconds. Called once, before anything else."""
        self.detector.prepare(step)

    def grow(self, size: int) -> None:
        """Make room for series 0 … `size` − 1."""
        if size > self._size:
            self._size = size
            self.detector.grow(self._size)
            self.raiser.grow(self._size)
            self._ages.grow(self._size)

    def observe(self, batch: Observations, ease: Ease | None = None) -> list[Signal]:
        """Score the batch, learn from it, and return what happened, in the batch's order.

        What `ease` suspends is not judged, and not learned from either, except by kinds that speak of silence: they
        have to know that something came. Raises IndexError if a series is one there is no room for.
        """
        self._check(batch.series)
        if ease is not None and not self.detector.ticks:
            batch = easing.unsuspended(batch, ease)
        scores = self.detector.update(batch)
        missed = _NO_MISSES
        if scores.missed is not None:
            batch, scores, missed = _interleave(batch, scores, scores.missed)
        if ease is not None:
            scores = easing.eased(batch, scores, missed, ease)
        judged = self._ages.judged(batch, scores.score, missed)
        rows, codes = self.raiser.observe(batch.series, batch.time, judged, missed)
        if len(missed):  # what a tick told already is not told again now that the event came
            told = (codes != ONGOING) | ~missed[rows]
            rows, codes = rows[told], codes[told]
        return self._signals(batch, scores, rows, codes)

    def tick(self, time: float, ease: Ease | None = None) -> list[Signal]:
        """Return what is to be said of series of which nothing came, once all windows that end by `time` are closed.

        Silence is certain up to the start of the window that `time` lies in; what that one holds is not known yet.
        A series is raised once. After that it is told as ongoing whenever the kind says so (`Detector.tells_again`).
        """
        if not self.detector.ticks:
            return []
        time -= time % self.detector.step if self.detector.step > 0 else 0.0
        batch, scores = self.detector.tick(time)
        missed = np.ones(len(batch.series), np.bool_)
        if ease is not None:
            scores = easing.eased(batch._replace(time=np.full(len(batch.time), time)), scores, _NO_MISSES, ease)
        judged = self._ages.judged(batch, scores.score, missed)
        rows, codes = self.raiser.observe(batch.series, batch.time, judged, missed)
        told = (codes != ONGOING) | self.detector.tells_again(batch, scores, time - self._ticked)[rows]
        self._ticked = max(time, self._ticked)
        return self._signals(batch, scores, rows[told], codes[told])

    def scores(self, batch: Observations) -> Scores:
        """Return what the detector thinks of the batch as things are, and learn nothing: for pictures."""
        self._check(batch.series)
        return self.detector.score(batch)

    def adjust(self, series: int, decades: float) -> None:
        """Move the threshold of `series` by so many decades of evidence: up to be quieter."""
        self.raiser.adjust(series, decades)

    def judge(self, series: int, verdict: str) -> None:
        """Let what people made of an issue move the threshold of `series`, as `VERDICT_DECADES` says.

        A verdict that says nothing of the detector (`duplicate`, say) moves nothing.
        """
        self.adjust(series, VERDICT_DECADES.get(verdict, 0.0))

    def is_raised(self, series: int) -> bool:
        """Return whether `series` is raised."""
        return self.raiser.is_raised(series)

    def reset(self, series: Ints) -> None:
        """Forget the given series: what was learned, whether they are raised, their age and their verdicts."""
        self.detector.reset(series)
        self.raiser.reset(series)
        self._ages.reset(series)

    def relearn(self, series: Ints) -> None:
        """Learn the given series anew. One that is raised stays so until it has been judged, and found calm, again."""
        known = series[series < self._size]
        self.detector.reset(known)
        self._ages.reset(known)

    def settled(self, series: Ints) -> NDArray[np.bool_]:
        """Return which of the given series have nothing open and nothing to be told while nothing comes."""
        return ~self.raiser.raised(series) & ~self.detector.awaits(series)

    def rows(self, series: Ints) -> State:
        """Return all that is remembered of the given series, named as in `state`, a row for each; copied.

        Raises NotImplementedError if the detector is not `movable`.
        """
        return _named(self.detector.rows(series), self.raiser.rows(series), self._ages.rows(series))

    def put(self, series: Ints, rows: State) -> None:
        """Take over what `rows` returned, for series of any numbers that were never seen or were reset."""
        self.detector.put(series, _part(rows, "detector."))
        self.raiser.put(series, _part(rows, "raiser."))
        self._ages.put(series, _part(rows, "monitor."))

    @property
    def movable(self) -> bool:
        """Whether `rows` and `put` can be used."""
        return self.detector.movable

    def take_back(self, state: State, now: Ints) -> None:
        """Let the detector alone take over a state, in which series `i` is what ``now[i]`` is now, or gone if that is
        negative; what is raised stays as it is. All others are as never seen.
        """
        self.detector.load(state)
        there = np.flatnonzero(now >= 0).astype(np.int32)
        rows = self.detector.rows(there) if self.movable else {}
        self.detector.grow(self._size)
        if self.movable:  # of others only who is erased leaves, and all else have the numbers they had
            self.detector.reset(np.arange(self._size, dtype=np.int32))
            self.detector.put(now[there], rows)
        else:
            moved = np.flatnonzero(now != np.arange(len(now), dtype=np.int32)).astype(np.int32)
            self.detector.reset(moved)

    def state(self) -> State:
        """Return all that is remembered; the names start with `detector.`, `raiser.` or `monitor.`."""
        named = _named(self.detector.state(), self.raiser.state(), self._ages.state())
        return {**named, "monitor.ticked": np.array([self._ticked])}

    def only(self, series: Ints) -> State:
        """Return what `state` would if there were only these series, numbered from 0 in the order given."""
        named = _named(self.detector.only(series), self.raiser.rows(series), self._ages.rows(series))
        return {**self.state(), **named}

    def load(self, state: State) -> None:
        """Take over a `state` of a monitor of the same configuration; raises ValueError if it does not fit."""
        self._size = len(state["raiser.rows"])
        self.detector.load(_part(state, "detector."))
        self.raiser.load(_part(state, "raiser."))
        self._ages.load(_part(state, "monitor."))
        self.detector.grow(self._size)
        self._ages.grow(self._size)  # nobody counted where there was no grace period then
        self._ticked = float(state["monitor.ticked"][0])

    def _check(self, series: Ints) -> None:
        if len(series) and not 0 <= int(series.min()) <= int(series.max()) < self._size:
            raise IndexError(f"{self.name}: series {series.min()} to {series.max()}, but room for {self._size}")

    def _signals(self, batch: Observations, scores: Scores, rows: Ints, codes: Bytes) -> list[Signal]:
        return [self._signal(batch, scores, row, STATES[code]) for row, code in zip(rows, codes, strict=True)]

    def _signal(self, batch: Observations, scores: Scores, row: int, state: SignalState) -> Signal:
        bare = Signal(
            detector=self.name,
            kind=self.detector.kind,
            series=int(batch.series[row]),
            state=state,
            time=float(batch.time[row]),
            step=self.detector.step,
            score=float(scores.score[row]),
            value=float(batch.value[row]),
            expected=float(scores.expected[row]),
            low=float(scores.low[row]),
            high=float(scores.high[row]),
            extra={name: float(column[row]) for name, column in scores.extra.items()},
        )
        return replace(bare, explanation=self.detector.explain(bare))


class _Ages:
    """Since when each series is known and how often it was seen; 16 bytes a series, none if nobody asks."""

    def __init__(self, grace: float, min_samples: int) -> None:
        if grace < 0 or min_samples < 0:
            raise ValueError(f"grace is {grace} and min_samples {min_samples}: neither may be negative")
        self._grace, self._least = float(grace), int(min_samples)
        self._asked = grace > 0 or min_samples > 0
        self._rows, self._size = Growing(AGE), 0

    def grow(self, size: int) -> None:
        if self._asked and size > self._size:
            self._rows.reserve(size)
            self._size = size

    def judged(self, batch: Observations, score: Floats, missed: NDArray[np.bool_]) -> Floats:
        """Return the scores, NaN where the series is too young; count the observations that have a value."""
        if not self._asked:
            return score
        score = score.copy()
        _mute(self._rows.array, batch.series, batch.time, batch.value, missed, self._grace, self._least, score)
        return score

    def reset(self, series: Ints) -> None:
        if self._asked:
            self._rows.array[series] = np.zeros(1, AGE)[0]

    def rows(self, series: Ints) -> State:
        return {"ages": self._rows.array[series]} if self._asked else {}

    def put(self, series: Ints, rows: State) -> None:
        if self._asked and "ages" in rows:  # nobody counted where there was no grace period then
            self._rows.array[series] = rows["ages"]

    def state(self) -> State:
        return {"ages": self._rows.array[: self._size]}

    def load(self, state: State) -> None:
        if state["ages"].dtype != AGE:
            raise ValueError(f"the state has ages of {state['ages'].dtype}, not of {AGE}")
        self._rows, self._size = Growing(AGE), len(state["ages"])
        self._rows.fill(state["ages"])


def _named(detector: State, raiser: State, ages: State) -> dict[str, NDArray[Any]]:
    return {
        **{f"detector.{name}": array for name, array in detector.items()},
        **{f"raiser.{name}": array for name, array in raiser.items()},
        **{f"monitor.{name}": array for name, array in ages.items()},
    }


def _part(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}


def _interleave(batch: Observations, scores: Scores, missed: Missed) -> tuple[Observations, Scores, NDArray[np.bool_]]:
    """Return all rows in the order in which they came about, and which of them are misses."""
    n = len(batch.series) + len(missed.before)
    is_miss = np.zeros(n, np.bool_)
    is_miss[missed.before + np.arange(len(missed.before))] = True

    def merge(come: NDArray[Any], missing: NDArray[Any]) -> NDArray[Any]:
        both = np.empty(n, come.dtype)
        both[~is_miss], both[is_miss] = come, missing
        return both

    late = missed.scores
    nothing = np.full(n, np.nan)
    merged = Scores(
        score=merge(scores.score, late.score),
        expected=merge(scores.expected, late.expected),
        low=merge(scores.low, late.low),
        high=merge(scores.high, late.high),
        extra={
            name: merge(
                scores.extra.get(name, nothing[: len(batch.series)]),
                late.extra.get(name, nothing[: len(missed.before)]),
            )
            for name in scores.extra.keys() | late.extra.keys()
        },
    )
    rows = Observations(
        merge(batch.series, missed.batch.series),
        merge(batch.time, missed.batch.time),
        merge(batch.value, missed.batch.value),
    )
    return rows, merged, is_miss


@compiled
def _mute(
    rows: NDArray[Any],
    series: Ints,
    time: Floats,
    value: Floats,
    missed: NDArray[np.bool_],
    grace: float,
    least: int,
    score: Floats,
) -> None:
    for i in range(series.size):
        row = rows[series[i]]
        if row.count < least or (row.count > 0 and time[i] - row.first < grace):
            score[i] = np.nan
        if (missed.size > 0 and missed[i]) or np.isnan(value[i]):
            continue
        if row.count == 0:
            row.first = time[i]
            if grace > 0:
                score[i] = np.nan
        if row.count < np.uint32(4294967295):
            row.count += 1
