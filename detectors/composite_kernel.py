"""The compiled loop of `Composite`: which members hold, whether they are enough, and until when."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes, Floats, Ints, Observations
from detectors.compiled import compiled

ROW = np.dtype([("seen", "f8"), ("until", "f8")])
"""Time of the last signal; and when what holds is no longer enough, if no signal comes: infinite while it is not."""
COUNTED, MUST, WITHOUT = 0, 1, 2
MET, MOST = 4.75, 12.0
"""Decades of evidence where members are just enough, so that four false alarms in a row ask for more; and at most."""
PARTLY = 0.9  # the score of nearly enough


class Rules(NamedTuple):
    """What the loop needs to know of the detector's configuration, and of its members."""

    within: float
    need: float
    role: Bytes
    """Of each member: counted, must hold, must not be raised."""
    weight: Floats


class Memory(NamedTuple):
    """What is remembered of each series, and of each member in it."""

    rows: NDArray[Any]
    raised_at: Floats
    """When it was raised last; NaN: never."""
    open: Bytes
    """Whether it is raised still."""


class Lapses(NamedTuple):
    """What time had ended before a signal came: its row in the batch, when that was, and what was left then."""

    before: Ints
    until: Floats
    holding: Floats


class Standing(NamedTuple):
    """How members stand at a moment."""

    have: float
    """Weight of the counted ones that hold, and number of those that must."""
    met: bool
    blocked: bool
    holding: int
    """A bit for each member that holds."""


@compiled
def standing(raised_at: Floats, opened: Bytes, rules: Rules, t: float) -> Standing:
    """Return how the members of one series stand at `t`."""
    have, missing, blocked, holding = 0.0, False, False, 0
    for j in range(raised_at.size):
        if rules.role[j] == WITHOUT:
            blocked = blocked or opened[j] != 0
            holds = opened[j] != 0
        else:
            holds = opened[j] != 0 or t < raised_at[j] + rules.within
            have += rules.weight[j] * holds
            missing = missing or (rules.role[j] == MUST and not holds)
        holding |= holds << j
    return Standing(have, have >= rules.need and not missing and not blocked, blocked, holding)


@compiled
def arrive(memory: Memory, batch: Observations, channel: Ints, rules: Rules, out: Any, lapses: Lapses) -> int:
    """Take note of signals in order; `out` is (score, holding). Return how many lapses are told in `lapses`."""
    found, (score, holding) = 0, out
    for i in range(batch.series.size):
        s, j, value = batch.series[i], channel[i], batch.value[i]
        row, raised_at, opened = memory.rows[s], memory.raised_at[s], memory.open[s]
        if not (math.isfinite(batch.time[i]) and math.isfinite(value) and 0 <= j < raised_at.size):
            continue
        t = max(batch.time[i], row.seen)
        if t >= row.until:
            lapses.before[found], lapses.until[found] = i, row.until
            lapses.holding[found] = standing(raised_at, opened, rules, row.until).holding
            found += 1
        if value > 0 and not opened[j]:
            raised_at[j] = t
        opened[j] = value > 0
        now = standing(raised_at, opened, rules, t)
        score[i], holding[i] = _score(now, rules), now.holding
        row.seen, row.until = t, _until(raised_at, opened, rules, t) if now.met else np.inf
    return found


@compiled
def _score(now: Standing, rules: Rules) -> float:
    if now.met:
        return float(1.0 - 10.0 ** -min(MET * now.have / rules.need, MOST))
    return 0.0 if now.blocked else float(PARTLY * min(now.have / rules.need, 1.0))


@compiled
def _until(raised_at: Floats, opened: Bytes, rules: Rules, t: float) -> float:
    """Return when members that are over will have held for `within`, so that the rest is not enough."""
    while True:
        soonest = np.inf
        for j in range(raised_at.size):
            end = raised_at[j] + rules.within
            if rules.role[j] != WITHOUT and not opened[j] and end > t:
                soonest = min(soonest, end)
        if soonest == np.inf or not standing(raised_at, opened, rules, soonest).met:
            return float(soonest)
        t = soonest
