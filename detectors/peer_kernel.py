"""The compiled loop of `Peer`: a row of state a series, a row a cohort, one pass over the observations.

A member's *departure* is its value's distance from its cohort's centre, on the cohort's scale; its *unit* the mean
absolute departure that is usual for it.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from detectors.base import Bytes, Floats
from detectors.compiled import compiled
from detectors.peer_cohort import (
    ABSOLUTE_FLOOR,
    CLOSED,
    CONFIG,
    GROUP,
    View,
    closed,
    hear,
    insert,
    latest,
    present,
    swing,
    turn,
)
from detectors.peer_tails import learn_tails, reach, tail_score

ROW = np.dtype(
    [
        ("time", "f8"),  # of the window of `value`
        ("value", "f8"),  # what is judged for good once its window is complete
        ("size", "f8"),
        ("since", "f8"),  # when the present run outside began
        ("weight", "f4"),  # of what `size` was learned from
        ("unit", "f4"),
        ("group", "i4"),  # its number + 1; 0: none yet
        ("aligned", "u2"),  # windows that `size` was learned from
        ("count", "u2"),  # windows that `unit` was learned from
        ("run", "u2"),  # windows outside in a row
        ("pending", "u1"),  # whether `value` has yet to be judged for good
        ("spare", "u1", 5),
    ]
)
"""56 bytes."""

TEACHABLE = 2
"""Windows of a run outside that teach anything: a departure is one event, however long it lasts."""
ALIGNED = 8
"""Windows a size is learned from before the member counts in its cohort: its error is then a third of the noise."""
ENOUGH = 0.5
"""Share of the last window's members that make a centre before the window is whole: some of the first may be ill."""
PRIOR = 8.0  # windows that the cohort's usual spread stands for in a new member's unit
CUT = 3.0
"""Units at which a departure is cut before it teaches size and unit, once the unit is known by half."""
UNIT_RATE = 1 / 100  # then the unit's own standard error is 5 %
RELATIVE_FLOOR = 1e-6
NO_SIZE = 1e-290  # nothing can be divided by less
LATEST = 1e12  # seconds: year 33,658; times beyond are none
CEILING = 1e30
FARTHEST = 1e15  # on the cohort's scale


class Columns(NamedTuple):
    """What the loop writes for each observation."""

    score: Floats
    expected: Floats
    low: Floats
    high: Floats
    members: Floats


@compiled
def run(state: Bytes, cohorts: Bytes, settings: Floats, batch: Any, columns: Any, learn: bool) -> None:
    """Score each observation and, if `learn`, take it in before the next.

    `batch` is (series, time, value, group); all is passed as plain arrays and tuples, as numba is slow to recognise
    others.
    """
    rows, groups, config = state.view(ROW), cohorts.view(GROUP), settings.view(CONFIG)[0]
    spare_row, spare_group = np.zeros(1, ROW), np.zeros(1, GROUP)
    out = Columns(*columns)
    series, time, value, number = batch
    for i in range(series.shape[0]):
        out.score[i] = out.expected[i] = out.members[i] = np.nan
        out.low[i], out.high[i] = -np.inf, np.inf
        if not (abs(time[i]) < LATEST and math.isfinite(value[i]) and number[i] >= 0):
            continue
        row, group = rows[series[i]], groups[number[i]]
        if not learn:
            spare_row[0], spare_group[0] = row, group
            row, group = spare_row[0], spare_group[0]
        _take(row, group, config, number[i] + 1, time[i], min(max(value[i], -CEILING), CEILING), out, i)


@compiled
def tell(cohorts: Bytes, settings: Floats, number: int, told: tuple[float, float, float, int, int]) -> None:
    """Let a cohort take over where it was as a whole."""
    hear(cohorts.view(GROUP)[number], settings.view(CONFIG)[0], told)


@compiled
def _take(row: Any, group: Any, config: Any, number: int, t: float, x: float, out: Columns, i: int) -> None:
    turn(group, config, t)
    if row.group != number:
        _begin(row, number)
    settled = _settle(row, group, config)
    if t != group.time:
        return
    if row.aligned > 0 and row.count >= config.warmup:
        _judge(row, group, config, x, settled, out, i)
    if not (row.pending and row.time == t):
        _join(row, group, config, t, x)


@compiled
def _begin(row: Any, number: int) -> None:
    """Forget what was learned in another cohort."""
    row.group = number
    row.pending = row.aligned = row.count = row.run = 0
    row.size = row.weight = row.unit = row.since = row.value = row.time = 0.0


@compiled
def _settle(row: Any, group: Any, config: Any) -> float:
    """Judge the member's last value against its whole window, and learn from it; return its departure in units."""
    if not row.pending or row.time == group.time:
        return 0.0
    row.pending = 0
    for back in range(CLOSED):
        at = (group.latest - back) % CLOSED
        if group.closed_members[at] > 0 and group.closed_time[at] == row.time:
            return _learn(row, group, config, closed(group, at))
    return 0.0


@compiled
def _learn(row: Any, group: Any, config: Any, view: View) -> float:
    if row.aligned == 0:
        _align(row, config, view.centre)
        return 0.0
    unit = _unit(row, group, config, view, 0.0)
    departure = _scaled(row, config, row.value) - view.centre
    assumed = np.isnan(view.spread)
    if row.count >= config.warmup and not assumed:
        _follow(row, group, config, departure / unit)
        if row.run > TEACHABLE:
            return departure / unit
        learn_tails(group, config, departure / unit, view.members)
    cut = CUT * unit if row.count >= PRIOR else np.inf
    _learn_size(row, config, view.centre, min(max(departure, -cut), cut))
    row.aligned = min(row.aligned + 1, 60000)
    if assumed:
        return 0.0
    _learn_unit(row, group, config, view.centre, min(abs(departure), cut))
    return departure / unit


@compiled
def _learn_unit(row: Any, group: Any, config: Any, centre: float, size: float) -> None:
    if row.count == 0:
        row.unit = group.usual
    size /= swing(group, config, centre, row.unit)
    row.unit += max(UNIT_RATE, 1.0 / (row.count + PRIOR + 1.0)) * (size - row.unit)
    row.count = min(row.count + 1, 60000)


@compiled
def _align(row: Any, config: Any, centre: float) -> None:
    """Take a first value as the size; where ratios are compared, one that is not nil."""
    if not config.ratio:
        row.size, row.weight, row.aligned = row.value - centre, 1.0, 1
    elif abs(row.value) > NO_SIZE and abs(centre) > ABSOLUTE_FLOOR:
        row.size, row.weight, row.aligned = row.value / centre, centre * centre, 1


@compiled
def _learn_size(row: Any, config: Any, centre: float, departure: float) -> None:
    """Move the size by discounted least squares of the values on the cohort's centre."""
    slope = min(max(centre, -FARTHEST), FARTHEST) if config.ratio else 1.0
    row.weight = (1.0 - config.share) * row.weight + slope * slope
    if row.weight > 0:
        row.size += departure * (row.size if config.ratio else 1.0) * slope / row.weight
    if config.ratio and abs(row.size) < NO_SIZE:
        row.aligned = row.count = 0


@compiled
def _scaled(row: Any, config: Any, x: float) -> float:
    scaled = x / row.size if config.ratio else x - row.size
    return float(min(max(scaled, -FARTHEST), FARTHEST))


@compiled
def _unit(row: Any, group: Any, config: Any, view: View, spread: float) -> float:
    """Return the member's unit, wider where the cohort is further apart than usual; `spread` is another's."""
    level = abs(view.centre) if config.ratio else abs(view.centre + row.size)
    spread = max(spread, _known(view.spread))
    unit = row.unit * swing(group, config, view.centre, row.unit)
    usual = group.usual * swing(group, config, view.centre, group.usual)
    if spread > usual:
        unit = unit * spread / usual if usual > 0 else max(unit, spread)
    return float(max(unit, RELATIVE_FLOOR * level, ABSOLUTE_FLOOR))


@compiled
def _known(spread: float) -> float:
    return 0.0 if np.isnan(spread) else spread


@compiled
def _follow(row: Any, group: Any, config: Any, z: float) -> None:
    """Count a run outside; one that lasts is the member's new usual, and its size is learned anew."""
    side = int(z < 0)
    if abs(z) <= group.tails[side, 0] * (1.0 + group.tails[side, 1]):
        row.run = 0
        return
    if row.run == 0:
        row.since = row.time
    row.run = min(row.run + 1, 60000)
    if row.time - row.since >= config.adopt:
        row.aligned = row.count = row.run = 0


@compiled
def _judge(row: Any, group: Any, config: Any, x: float, settled: float, out: Columns, i: int) -> None:
    """Score a value against its own window, as far as that is known, and against the one before, by the nearer."""
    before, now = latest(group, config), present(group, config)
    if now.members < ENOUGH * (group.own if group.own > 0 else before.members):
        now = View(before.centre, np.nan, 0.0)
    if now.members == 0 and (before.members == 0 or np.isnan(before.spread)):
        return
    y = _scaled(row, config, x)
    view = now if now.members > 0 else before
    if now.members > 0 and before.members > 0 and abs(y - before.centre) < abs(y - now.centre):
        view = before
    unit = _unit(row, group, config, view, max(_known(now.spread), _known(before.spread)))
    z = (y - view.centre) / unit
    if now.members > 0 and before.members > 0 and (y - before.centre) * (y - now.centre) < 0:
        z = 0.0
    if now.members == 0:  # its own window may yet show that all moved: what it was before has to agree
        z = _nearer(settled, z)
    _write(row, group, config, x, (z, unit, view), out, i)


@compiled
def _nearer(one: float, other: float) -> float:
    if one * other <= 0:
        return 0.0
    return one if abs(one) < abs(other) else other


@compiled
def _write(row: Any, group: Any, config: Any, x: float, told: tuple[float, float, View], out: Columns, i: int) -> None:
    """Write what is told of a value: its departure in units, the unit, and the window it was held against."""
    z, unit, view = told
    times = row.size if config.ratio else 1.0
    expected = view.centre * row.size if config.ratio else view.centre + row.size
    score = tail_score(group.tails, z) * (config.up if z * times > 0 else config.down)
    out.score[i] = min(score, 0.9) if abs(x - expected) < config.least else score
    out.expected[i], out.members[i] = expected, view.members
    over, under = (0, 1) if times > 0 else (1, 0)
    if config.up:
        out.high[i] = expected + max(abs(times) * unit * reach(group.tails, over), config.least)
    if config.down:
        out.low[i] = expected - max(abs(times) * unit * reach(group.tails, under), config.least)


@compiled
def _join(row: Any, group: Any, config: Any, t: float, x: float) -> None:
    """Let the value wait for its window to be complete, and count in it."""
    row.time, row.value, row.pending = t, x, 1
    if row.aligned < ALIGNED:
        group.young += 1
        return
    insert(group.sample, group.seen, _scaled(row, config, x))
    group.seen += 1
