"""What did not come: a heartbeat, a nightly job, the usual upload."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Growing
from detectors.base import Detector, Floats, Ints, Missed, Observations, Scores, Signal, State
from detectors.compiled import compiled
from detectors.durations import Duration, spoken

DAY = 86400.0
HOUR = Duration("1h")
NONE = Duration(0.0)
MIN_GAPS = 5
"""So many gaps are learned from before a learned limit is applied."""

ROW = np.dtype([("last", "<f8"), ("mean", "<f8"), ("variance", "<f8"), ("gaps", "<u4"), ("spare", "<u4")])


class _Rules(NamedTuple):
    after: float
    """Fixed limit; NaN: none."""
    opens: float
    """Second of the day at which the daily window opens; NaN: none."""
    width: float
    """Seconds the daily window is open."""
    patience: float
    rate: float


class _Late(NamedTuple):
    """Arrivals after the due time: their rows in the batch, when each was due, and what was known before it came."""

    before: Ints
    due: Floats
    rows: NDArray[Any]


class Absence(Detector):
    """Nothing came when something should have: observations tell the time of each window's latest event.

    A series is *due* at some time after its last event, in one of three ways: `after` a fixed time; `daily` within a
    window of the day (UTC); or, with neither, after `patience` times the longest gap that is usual for the series
    itself: the mean of its gaps and two deviations, both exponentially weighted over about `memory` gaps (Finch,
    "Incremental calculation of weighted mean and variance", 2009), from the fifth gap on; a gap beyond the limit is
    learned as the limit. A series is watched once its first event has come.

    At the due time the score is 0.999, three decades of evidence, and three more come with each further limit's length
    of silence (daily: with each length of the window). An arrival scores 0. If an event comes after its due time the
    miss is told as `Scores.missed`, whether or not a tick noticed it: a replay in large batches finds what a live run
    found. Silence is counted to the start of the window in which the event came, as that much of it is certain.

    >>> detector = Absence(after=Duration("15m"))
    >>> detector.grow(1)
    >>> scores = detector.update(Observations.of([0, 0], [0, 600], [0, 600]))
    >>> missing, scores = detector.tick(600 + 47 * 60)
    >>> missing.time.tolist(), missing.value.tolist(), scores.score.round(6).tolist()
    ([1500.0], [2820.0], [1.0])
    """

    kind: ClassVar[str] = "absence"
    ticks: ClassVar[bool] = True
    needs_window: ClassVar[bool] = False
    movable: ClassVar[bool] = True
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"after": Duration("15m")},
        {"daily": "02:00", "within": Duration("2h"), "early": Duration("30m")},
    )

    def __init__(
        self,
        *,
        after: Duration | None = None,
        daily: str | None = None,
        within: Duration = HOUR,
        early: Duration = NONE,
        patience: float = 3.0,
        memory: int = 50,
    ) -> None:
        """Expect an event `after` so long; or `daily` from that UTC time on `within` so long, or `early` by so much."""
        if after is not None and daily is not None:
            raise ValueError("after and daily exclude each other: give one, or neither to learn the usual gap")
        if after is not None and not 0 < after < math.inf:
            raise ValueError("after must be longer than nothing")
        if not (within >= 0 and early >= 0 and within + early < DAY):
            raise ValueError("within and early may not be negative, and are shorter than a day together")
        if not 1 <= patience < math.inf:
            raise ValueError(f"patience is {patience:g}: it must be at least 1")
        if memory < MIN_GAPS:
            raise ValueError(f"memory is {memory}: it must be at least {MIN_GAPS} gaps")
        self._daily = daily
        self._rules = _Rules(
            after=math.nan if after is None else float(after),
            opens=math.nan if daily is None else (_second_of_day(daily) - early) % DAY,
            width=float(within + early),
            patience=float(patience),
            rate=2.0 / (memory + 1.0),
        )
        self._table, self._dues = Growing(ROW), Growing(np.float64)

    @property
    def _rows(self) -> NDArray[Any]:
        return self._table.array[: self.size]

    @property
    def _due(self) -> Floats:
        return self._dues.array[: self.size]

    def _grow(self, size: int) -> None:
        self._table.reserve(size)
        self._dues.reserve(size)
        self._table.array[self.size : size] = _fresh(1)[0]
        self._dues.array[self.size : size] = np.inf

    def update(self, batch: Observations) -> Scores:
        """Take note of events; `missed` tells those that came after they were due."""
        n = len(batch.series)
        scores = Scores.silent(n)
        late = _Late(np.empty(n, np.int32), np.empty(n), np.empty(n, ROW))
        batch = batch._replace(value=_within(batch, self.step))
        found = _arrive(self._rows, self._due, batch, self._rules, scores.score, scores.high, late)
        if found:
            before, due, rows = late.before[:found].copy(), late.due[:found], late.rows[:found]
            scores.missed = Missed(before, *self._misses(batch.series[before], due, batch.time[before], rows))
        return scores

    def score(self, batch: Observations) -> Scores:
        """Score each event as if it were the next."""
        scores = Scores.silent(len(batch.series))
        news = np.isfinite(batch.value) & ~(_within(batch, self.step) <= self._rows["last"][batch.series])
        scores.score[news] = 0.0
        scores.high[news] = self._due[batch.series[news]]
        return scores

    def tick(self, time: float) -> tuple[Observations, Scores]:
        """Return all that is overdue at `time`: when it was due, and the seconds of silence since the last event."""
        series = np.flatnonzero(self._due <= time).astype(np.int32)
        return self._misses(series, self._due[series], np.full(len(series), time), self._rows[series])

    def reset(self, series: Ints) -> None:
        """Forget the given series."""
        self._rows[series] = _fresh(1)[0]
        self._due[series] = np.inf

    def rows(self, series: Ints) -> State:
        """Return the last event, the gaps and the due time of some series."""
        return {"rows": self._rows[series], "due": self._due[series]}

    def put(self, series: Ints, rows: State) -> None:
        """Take them over."""
        self._rows[series], self._due[series] = rows["rows"], rows["due"]

    def awaits(self, series: Ints) -> NDArray[np.bool_]:
        """Return which series are, or will be, overdue: a gap has been learned, or is given."""
        return np.isfinite(self._due[series])

    def state(self) -> State:
        """Return the last event, the gaps and the due time of each series."""
        return {"rows": self._rows, "due": self._due}

    def load(self, state: State) -> None:
        """Take over a state; raises ValueError if it is none of ours."""
        if state["rows"].dtype != ROW or len(state["rows"]) != len(state["due"]):
            raise ValueError("the state is not one of absence")
        self._table, self._dues = Growing(ROW), Growing(np.float64)
        self._table.fill(state["rows"])
        self._dues.fill(state["due"])
        self.size = len(state["rows"])

    def explain(self, signal: Signal) -> str:
        """Say how long nothing came and what was expected."""
        if signal.state == "cleared":
            return f"An event came again at {_moment(signal.value)}."
        silence, limit = spoken(signal.value), spoken(signal.high)
        if self._daily is not None:
            return f"Nothing came for {silence}; an event was expected by {_moment(signal.time)}, as every day."
        if math.isnan(self._rules.after):
            return f"Nothing came for {silence}; a gap of more than {limit} is unusual here."
        return f"Nothing came for {silence}; an event was expected within {limit} of the last."

    def _misses(self, series: Ints, due: Floats, time: Floats, rows: NDArray[Any]) -> tuple[Observations, Scores]:
        limit = due - rows["last"]
        unit = limit if math.isnan(self._rules.opens) else self._rules.width or float(HOUR)
        score = 1.0 - 10.0 ** (-3.0 * (1.0 + np.minimum((time - due) / unit, 3.0)))
        scores = Scores.silent(len(series))
        scores.score = np.maximum(score, self.raise_score)
        scores.high = limit
        if math.isnan(self._rules.after) and math.isnan(self._rules.opens):
            scores.expected = rows["mean"].copy()
        return Observations(series, due.copy(), time - rows["last"]), scores


def _within(batch: Observations, step: float) -> Floats:
    """Return the times of the events, moved to the edge of their window: one absurd time must not end the watch."""
    if step <= 0:
        return batch.value
    known = np.where(np.isfinite(batch.value), batch.value, np.nan)
    return np.clip(known, batch.time, batch.time + step)


def _fresh(size: int) -> NDArray[Any]:
    rows = np.zeros(size, ROW)
    rows["last"] = np.nan
    return rows


def _second_of_day(text: str) -> float:
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
    if not match:
        raise ValueError(f"daily is {text!r}: write a UTC time of day, as in 02:00")
    return int(match[1]) * 3600.0 + int(match[2]) * 60.0


def _moment(seconds: float) -> str:
    if not 0 <= seconds < 253402300800:
        return "an unknown time"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


@compiled
def _next_due(row: Any, rules: _Rules) -> float:
    if not np.isnan(rules.after):
        return float(row.last + rules.after)
    if not np.isnan(rules.opens):
        opened = np.floor((row.last - rules.opens) / DAY) * DAY + rules.opens
        return float(opened + DAY + rules.width)
    if row.gaps < MIN_GAPS:
        return np.inf
    return float(row.last + rules.patience * (row.mean + 2.0 * np.sqrt(row.variance)))


@compiled
def _learn(row: Any, gap: float, rules: _Rules) -> None:
    row.gaps = min(row.gaps + 1, 4294967295)
    rate = max(rules.rate, 1.0 / row.gaps)
    change = gap - row.mean
    row.mean += rate * change
    row.variance = (1.0 - rate) * (row.variance + rate * change * change)


@compiled
def _arrive(
    rows: NDArray[Any], due: Floats, batch: Observations, rules: _Rules, score: Floats, high: Floats, late: _Late
) -> int:
    found = 0
    for i in range(batch.series.size):
        s = batch.series[i]
        row = rows[s]
        came = batch.value[i]
        if not np.isfinite(came) or came <= row.last:
            continue
        score[i] = 0.0
        high[i] = due[s]
        if batch.time[i] >= due[s]:
            late.before[found] = i
            late.due[found] = due[s]
            late.rows[found] = row
            found += 1
        if not np.isnan(row.last):
            _learn(row, min(came, due[s]) - row.last, rules)
        row.last = came
        due[s] = _next_due(row, rules)
    return found
