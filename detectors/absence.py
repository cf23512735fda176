"""What did not come: a heartbeat, a nightly job, the usual upload."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.absence_kernel import DAY, MIN_GAPS, ROW, Late, Rules, arrive_fixed, arrive_learned, fresh
from detectors.absence_rhythm import LATEST, RHYTHM, fresh_rhythms
from detectors.arrays import Growing
from detectors.base import Detector, Floats, Ints, Missed, Observations, Scores, Signal, State
from detectors.durations import Duration, spoken

HOUR = Duration("1h")
NONE = Duration(0.0)


class Absence(Detector):
    """Nothing came when something should have: observations tell the time of each window's latest event.

    In a watch that is `measure: {last: time}`.

    A series is *due* at some time after its last event, in one of three ways: `after` a fixed time; `daily` within a
    window of the day (UTC); or, with neither, after a silence that is unusual for the series itself, which it learns
    from its fifth gap on. A series is watched once its first event has come.

    What is learned is the limit `patience` × (mean + 2 deviations) of the gaps, exponentially weighted over about
    `memory` gaps (Finch, "Incremental calculation of weighted mean and variance", 2009); a gap beyond the limit is
    learned as the limit. A series that is regular, as heartbeats and nightly jobs are (deviation under half the mean,
    and no gap beyond the limit in 8 days that may have been a night or a weekend), or that has less than an event in
    two days, measures its gaps in seconds. All others measure them in *expected arrivals*: windows with an event, by
    hour of the day (a mean over about 14 visits) times a factor of the weekday (6 visits), so that a night counts for
    little and a weekend for nothing. The mean of such gaps is taken as 1 at least and so is the deviation, that of
    chance, unless it is under a half; it is learned over four memories. For a series with less than two events a day,
    weekends are within the memory, and the limit in seconds holds too.

    An hour or a weekday not visited yet counts for nothing unless the series is regular: a first night and a first
    weekend make no alarm, or one for a machine that rests; a series with a rhythm that stops in its first week may be
    told in its second. Days begin opposite the hour that events gather around, not at midnight UTC. The rhythm may have
    moved by an hour within a silence, as by daylight saving time: of what would not be expected then, a third of the
    limit counts at most, so a stop in the last busy hour may be told in the next ones. Silence past the due time is
    learned for a day, with more weight, as it may be the new rhythm; that of more than four days is an outage. If two
    weeks do not hold the arrivals of the limit, the series is due after those or the limit in seconds, the longer one.

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

    Learned, of a heartbeat every ten minutes:

    >>> detector = Absence()
    >>> detector.grow(1)
    >>> beats = range(0, 6000, 600)
    >>> scores = detector.update(Observations.of([0] * 10, beats, beats))
    >>> missing, scores = detector.tick(86400)
    >>> missing.time.tolist(), scores.expected.tolist(), scores.high.tolist()
    ([7200.0], [600.0], [1800.0])
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
        self._rules = Rules(
            after=math.nan if after is None else float(after),
            opens=math.nan if daily is None else (_second_of_day(daily) - early) % DAY,
            width=float(within + early),
            patience=float(patience),
            rate=2.0 / (memory + 1.0),
            step=self.step,
        )
        self._learned = after is None and daily is None
        self._table, self._dues, self._rhythms = Growing(ROW), Growing(np.float64), Growing(RHYTHM)

    @property
    def _rows(self) -> NDArray[Any]:
        return self._table.array[: self.size]

    @property
    def _due(self) -> Floats:
        return self._dues.array[: self.size]

    @property
    def _rhythm(self) -> NDArray[Any]:
        return self._rhythms.array[: self.size]

    def prepare(self, step: float) -> None:
        """Learn the measure's window length in seconds; 0 if it has none."""
        super().prepare(step)
        self._rules = self._rules._replace(step=float(step))

    def _grow(self, size: int) -> None:
        new = slice(self.size, size)
        self._table.reserve(size)
        self._dues.reserve(size)
        self._table.array[new], self._dues.array[new] = fresh(1)[0], np.inf
        if self._learned:
            self._rhythms.reserve(size)
            self._rhythms.array[new] = fresh_rhythms(1)[0]

    def update(self, batch: Observations) -> Scores:
        """Take note of events; `missed` tells those that came after they were due."""
        n = len(batch.series)
        scores = Scores.silent(n)
        late = Late(np.empty(n, np.int32), np.empty(n), np.empty(n, ROW))
        batch = batch._replace(value=_within(batch, self.step))
        found = self._arrive(batch, scores, late)
        if found:
            before, due, rows = late.before[:found].copy(), late.due[:found], late.rows[:found]
            scores.missed = Missed(before, *self._misses(batch.series[before], due, batch.time[before], rows))
        return scores

    def _arrive(self, batch: Observations, scores: Scores, late: Late) -> int:
        out = (scores.score, scores.high, late)
        if self._learned:
            return arrive_learned(self._rows, self._rhythm, self._due, batch, self._rules, *out)
        return arrive_fixed(self._rows, self._due, batch, self._rules, *out)

    def score(self, batch: Observations) -> Scores:
        """Score each event as if it were the next."""
        scores = Scores.silent(len(batch.series))
        came = _within(batch, self.step)
        news = np.isfinite(batch.value) & ~(came <= self._rows["last"][batch.series])
        if self._learned:
            news &= np.abs(came) < LATEST
        scores.score[news] = 0.0
        scores.high[news] = self._due[batch.series[news]]
        return scores

    def tick(self, time: float) -> tuple[Observations, Scores]:
        """Return all that is overdue at `time`: when it was due, and the seconds of silence since the last event."""
        series = np.flatnonzero(self._due <= time).astype(np.int32)
        return self._misses(series, self._due[series], np.full(len(series), time), self._rows[series])

    def reset(self, series: Ints) -> None:
        """Forget the given series."""
        self._rows[series], self._due[series] = fresh(1)[0], np.inf
        if self._learned:
            self._rhythm[series] = fresh_rhythms(1)[0]

    def rows(self, series: Ints) -> State:
        """Return what is known of some series, as in `state`."""
        return {name: array[series] for name, array in self.state().items()}

    def put(self, series: Ints, rows: State) -> None:
        """Take them over."""
        for name, array in self.state().items():
            array[series] = rows[name]

    def awaits(self, series: Ints) -> NDArray[np.bool_]:
        """Return which series are, or will be, overdue: a gap has been learned, or is given."""
        return np.isfinite(self._due[series])

    def state(self) -> State:
        """Return the last event, the gaps and the due time of each series, and its rhythm where that is learned."""
        rhythm = {"rhythm": self._rhythm} if self._learned else {}
        return {"rows": self._rows, "due": self._due, **rhythm}

    def load(self, state: State) -> None:
        """Take over a state; raises ValueError if it is none of ours."""
        own = {name: array.dtype for name, array in self.state().items()}
        if {name: array.dtype for name, array in state.items()} != own or len({len(a) for a in state.values()}) > 1:
            raise ValueError("the state is not one of absence with these settings")
        self._table, self._dues, self._rhythms = Growing(ROW), Growing(np.float64), Growing(RHYTHM)
        self._table.fill(state["rows"])
        self._dues.fill(state["due"])
        if self._learned:
            self._rhythms.fill(state["rhythm"])
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
        if self._learned:
            scores.expected = rows["mean"].copy()
        return Observations(series, due.copy(), time - rows["last"]), scores


def _within(batch: Observations, step: float) -> Floats:
    """Return the times of the events, moved to the edge of their window: one absurd time must not end the watch."""
    if step <= 0:
        return batch.value
    known = np.where(np.isfinite(batch.value), batch.value, np.nan)
    return np.clip(known, batch.time, batch.time + step)


def _second_of_day(text: str) -> float:
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
    if not match:
        raise ValueError(f"daily is {text!r}: write a UTC time of day, as in 02:00")
    return int(match[1]) * 3600.0 + int(match[2]) * 60.0


def _moment(seconds: float) -> str:
    if not 0 <= seconds < 253402300800:
        return "an unknown time"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
