"""The compiled loops of `Absence`: one row of state a series, one pass over the events."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.absence_rhythm import HOUR, LATEST, LONGEST_WALK, expected, hour_of, quiet_hours, walk
from detectors.absence_visits import LONGEST_PAUSE, PARTIAL, arrive
from detectors.base import Floats, Ints, Observations
from detectors.compiled import compiled

DAY = 86400.0
MIN_GAPS = 5
"""So many gaps are learned from before a learned limit is applied."""
REGULAR = 0.5
"""Deviation of a machine's gaps, in means, at most; that of chance is 1, of chance in windows that a share fills less
by the square root of what is empty."""
FAR_OFF = 0.25
"""If nearly all windows have an event: deviation of a machine's gaps at most, of the time to the end of the window.
The last of many events by chance is near the end, on average nearer than the deviation; a machine's is anywhere."""
PAUSES = 8 * 24
"""Hours for which a gap that would be a miss in seconds is taken for a rhythm: a weekend comes back within."""
QUIET_HOURS = 4
"""Hours of the day that an outage may have silenced: a machine that rests in more may rest in the hours to come too."""
MOST = 1e6  # arrivals an hour: gaps may be as short as numbers allow
STEADY = 0.25
"""The deviation in expected arrivals is that of four memories: over one it, and the limit, is wrong by a fifth."""
SLOW = DAY / 2
"""Mean gap from which on a memory of 50 gaps spans weeks: nights and weekends are in it, and its limit in seconds is
one too as long as no gap was beyond."""
SPARSE = 2 * DAY
"""Mean gap from which on two weeks hold too little to learn a rhythm from."""

ROW = np.dtype([("last", "<f8"), ("mean", "<f8"), ("variance", "<f8"), ("gaps", "<u4"), ("spare", "<u4")])


class Rules(NamedTuple):
    """What the loops need to know of the configuration."""

    after: float
    """Fixed limit; NaN: none."""
    opens: float
    """Second of the day at which the daily window opens; NaN: none."""
    width: float
    """Seconds the daily window is open."""
    patience: float
    rate: float
    step: float


class Late(NamedTuple):
    """Arrivals after the due time: their rows in the batch, when each was due, and what was known before it came."""

    before: Ints
    due: Floats
    rows: NDArray[Any]


def fresh(size: int) -> NDArray[Any]:
    """Return the rows of series never seen."""
    rows = np.zeros(size, ROW)
    rows["last"] = np.nan
    return rows


@compiled
def _fixed_due(last: float, rules: Rules) -> float:
    if not np.isnan(rules.after):
        return float(last + rules.after)
    opened = np.floor((last - rules.opens) / DAY) * DAY + rules.opens
    return float(opened + DAY + rules.width)


@compiled
def _learn(row: Any, gap: float, rules: Rules) -> None:
    row.gaps = min(row.gaps + 1, 4294967295)
    rate = max(rules.rate, 1.0 / row.gaps)
    change = gap - row.mean
    row.mean += rate * change
    row.variance = (1.0 - rate) * (row.variance + rate * change * change)


@compiled
def _note(late: Late, found: int, i: int, due: float, row: Any) -> int:
    late.before[found] = i
    late.due[found] = due
    late.rows[found] = row
    return found + 1


@compiled
def arrive_fixed(
    rows: NDArray[Any], due: Floats, batch: Observations, rules: Rules, score: Floats, high: Floats, late: Late
) -> int:
    """Take note of events where the limit is given; return how many came late."""
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
            found = _note(late, found, i, due[s], row)
        if not np.isnan(row.last):
            _learn(row, min(came, due[s]) - row.last, rules)
        row.last = came
        due[s] = _fixed_due(came, rules)
    return found


@compiled
def arrive_learned(
    rows: NDArray[Any],
    rhythms: NDArray[Any],
    due: Floats,
    batch: Observations,
    rules: Rules,
    score: Floats,
    high: Floats,
    late: Late,
) -> int:
    """Take note of events where the limit is learned; return how many came late."""
    found = 0
    for i in range(batch.series.size):
        s = batch.series[i]
        row, rhythm = rows[s], rhythms[s]
        came = batch.value[i]
        if not abs(came) < LATEST or came <= row.last:
            continue
        score[i] = 0.0
        high[i] = due[s]
        if batch.time[i] >= due[s]:
            found = _note(late, found, i, due[s], row)
        if np.isnan(row.last):
            rhythm.hour_count = PARTIAL
        else:
            _learn_gap(row, rhythm, came, rules)
            arrive(rhythm, row.last, came, due[s])
        row.last = came
        due[s] = _learned_due(row, rhythm, batch.time[i] + rules.step - came, rules)
    return found


@compiled
def _limit(mean: float, variance: float, rules: Rules) -> float:
    return float(rules.patience * (mean + 2.0 * np.sqrt(variance)))


@compiled
def _learn_gap(row: Any, rhythm: Any, came: float, rules: Rules) -> None:
    """Learn a gap in seconds and, if all of it was in hours that are known, in expected arrivals."""
    gap, limit = came - row.last, np.inf
    if row.gaps >= MIN_GAPS:
        limit = _limit(row.mean, row.variance, rules)
    if limit < gap <= LONGEST_PAUSE * HOUR:
        rhythm.pause = hour_of(came)
    _learn(row, min(gap, limit), rules)
    if gap <= LONGEST_WALK * HOUR:
        _learn_expected(row, rhythm, expected(rhythm, row.last, came), rules)


@compiled
def _learn_expected(row: Any, rhythm: Any, gap: float, rules: Rules) -> None:
    if np.isnan(gap):
        return
    row.spare = min(row.spare + 1, 4294967295)  # gaps learned so
    change = min(gap, _arrivals_limit(rhythm, rules)) - rhythm.mean
    rhythm.mean += max(rules.rate, 1.0 / (row.spare + MIN_GAPS)) * change
    rate = max(STEADY * rules.rate, 3.0 / (row.spare + 2.0 * MIN_GAPS))
    rhythm.variance = (1.0 - rate) * (rhythm.variance + rate * change * change)


@compiled
def _arrivals_limit(rhythm: Any, rules: Rules) -> float:
    mean, variance = float(rhythm.mean), float(rhythm.variance)
    if variance < REGULAR**2:
        return _limit(mean, variance, rules)
    return _limit(max(mean, 1.0), max(variance, 1.0), rules)


@compiled
def _learned_due(row: Any, rhythm: Any, room: float, rules: Rules) -> float:
    if row.gaps < MIN_GAPS:
        return np.inf
    seconds = _limit(row.mean, row.variance, rules)
    paused = hour_of(row.last) - rhythm.pause <= PAUSES
    regular = _is_regular(row, room, rules.step)
    if row.mean >= SPARSE or (regular and not paused):
        return float(row.last + seconds)
    ahead = LONGEST_WALK * HOUR
    latest = row.last + (seconds if row.mean >= SLOW and not paused else max(seconds, ahead))
    limit = _arrivals_limit(rhythm, rules)
    usual = min(HOUR / row.mean, MOST) if regular else 0.0
    unseen = usual if quiet_hours(rhythm, usual) <= QUIET_HOURS else 0.0
    due, counted = walk(rhythm, row.last, limit, min(row.last + ahead, latest), unseen)
    return float(due if counted >= limit else latest)


@compiled
def _is_regular(row: Any, room: float, step: float) -> bool:
    if row.variance >= (REGULAR * row.mean) ** 2:
        return False
    empty = max(1.0 - step / row.mean, 0.0) if row.mean > 0 else 0.0
    return bool(row.variance < (REGULAR * row.mean) ** 2 * empty or math.sqrt(row.variance) < FAR_OFF * room)
