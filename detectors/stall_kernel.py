"""The compiled loop of `Stall`: where each sequence stands, when it is overdue, and how long steps usually take."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, Ints, Observations
from detectors.compiled import compiled

ROW = np.dtype([("seen", "f8"), ("since", "f8"), ("usual", "f8"), ("reached", "i4"), ("begun", "i4")])
"""When the last step came; since when the time is counted; how long it usually takes. 32 bytes."""
PACE = np.dtype([("quantile", "f8"), ("spread", "f8"), ("count", "i8")])
"""Of one step, what is learned of the time to the next: a quantile of its logarithm, and the distance from it."""

USUAL = 0.9
"""The quantile: nine in ten are faster."""
LEAST = 20
"""So many times are learned from before a limit is applied: two of them were slower than the quantile."""
PACE_RATE, SPREAD_RATE = 0.05, 0.02
"""Steps of the quantile, in spreads, and of the spread. Of log-normal times the quantile then
varies about the truth by an eighth of their logarithm's deviation."""
FIRST_SPREAD, LEAST_SPREAD, MOST_SPREAD = 1.0, 0.05, 3.0  # natural logarithms
SHORTEST = 1.0  # second: what is faster is as fast
NOTHING, STEP, START, FINISH = 0, 1, 2, 3


class Rules(NamedTuple):
    """What the loop needs to know of the detector's configuration; times in seconds."""

    step: float
    within: float
    """Of the whole sequence; NaN: none."""
    patience: float
    last: int
    """The number of the step that finishes it."""
    learns: bool


class Late(NamedTuple):
    """Steps after the due time: their rows in the batch, when each was due, and what was known before it came."""

    before: Ints
    due: Floats
    rows: NDArray[Any]


@compiled
def turn(row: Any, due: float, rules: Rules, t: float, value: float) -> int:
    """Return what a value is for a series: nothing, a step further, a start, or the finish."""
    if not (math.isfinite(t) and 0 <= value <= rules.last and value == math.floor(value)):
        return NOTHING
    if value == rules.last:
        return FINISH
    if not row.begun:
        return START
    if value > row.reached:
        return STEP
    again = value == 0 and (row.reached > 0 or t >= due)
    return START if again else NOTHING


@compiled
def arrive(
    rows: NDArray[Any],
    due: Floats,
    paces: NDArray[Any],
    limits: Floats,
    batch: Observations,
    rules: Rules,
    out: tuple[Floats, Floats, Floats],
    late: Late,
) -> int:
    """Take note of steps in order; return how many came after they were due, told in `late`."""
    found, (score, high, step) = 0, out
    for i in range(batch.series.size):
        s = batch.series[i]
        row, t, value = rows[s], batch.time[i], batch.value[i]
        what = turn(row, due[s], rules, t, value)
        if what == NOTHING:
            continue
        score[i], high[i], step[i] = 0.0, due[s], value
        overdue = t >= due[s]
        if overdue:
            late.before[found], late.due[found], late.rows[found] = i, due[s], row
            found += 1
        if what == FINISH:
            _finish(row, paces, rules, t, value)
            due[s] = np.inf
        else:
            due[s] = _go_on(row, due[s], paces, limits, rules, (t, value, what == START or overdue))
    return found


@compiled
def _finish(row: Any, paces: NDArray[Any], rules: Rules, t: float, value: float) -> None:
    if row.begun:
        _learn(row, paces, rules, t, value)
    row.begun = row.reached = 0
    row.seen = row.since = row.usual = 0.0


@compiled
def _go_on(
    row: Any, due: float, paces: NDArray[Any], limits: Floats, rules: Rules, came: tuple[float, float, bool]
) -> float:
    """Note the step that came and return when the sequence is overdue; `anew` starts the time for the whole."""
    t, value, anew = came
    if row.begun:
        _learn(row, paces, rules, t, value)
    row.reached, row.seen = int(value), t if not row.begun else max(t, row.seen)
    row.begun = 1
    end = row.seen + rules.step
    if not np.isnan(rules.within):
        row.since = end if anew else row.since
        return float(end + rules.within) if anew else due
    row.since = end
    if not rules.learns:
        return float(end + limits[row.reached])
    pace = paces[row.reached]
    row.usual = math.exp(pace.quantile)
    return float(end + rules.patience * row.usual) if pace.count >= LEAST else np.inf


@compiled
def _learn(row: Any, paces: NDArray[Any], rules: Rules, t: float, value: float) -> None:
    """Learn the time from one step to the very next: by stochastic approximation, in units of the spread."""
    if not rules.learns or value != row.reached + 1:
        return
    pace, taken = paces[row.reached], math.log(max(t - row.seen, SHORTEST))
    if pace.count == 0:
        pace.quantile, pace.spread = taken, FIRST_SPREAD
    pace.count += 1
    distance = min(abs(taken - pace.quantile), MOST_SPREAD)
    pace.spread += max(SPREAD_RATE, 1.0 / (pace.count + 1)) * (distance - pace.spread)
    rate = max(PACE_RATE, 3.0 / (pace.count + 2)) * max(pace.spread, LEAST_SPREAD)
    pace.quantile += rate * (USUAL if taken > pace.quantile else USUAL - 1.0)
