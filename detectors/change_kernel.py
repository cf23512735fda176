"""The compiled loop of `Change`: the recent past of each series in a ring, and how much it usually changes.

The ring has a place for each of sixteen *cells* of time; a cell keeps the first value in it, and when in it that came.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled, inlined
from detectors.tails_kernel import CUT_PAIR, PAIR_RATE, begin_tails, learn_pair, learn_tails, reach, tail_score

CELLS = 16
WITHIN = 12
"""Cells within which the change is: older ones bridge values that are missing, for a third of the time."""
PARTS = 256.0  # of a cell, in which the time within it is kept

ROW = np.dtype(
    [
        ("time", "f8"),  # of the last observation
        ("head", "i8"),  # number of the newest cell
        ("values", "f8", CELLS),
        ("center", "f8"),  # usual change
        ("parts", "u1", CELLS),
        ("scale", "f4"),  # mean absolute residual of the change
        ("count", "f4"),  # changes learned
        ("last", "f4"),
        ("covariance", "f4"),
        ("variance", "f4"),
        ("tails", "f4", (2, 3)),
        ("filled", "u2"),  # a bit for each place
        ("run", "i2"),
        ("seen", "u1"),  # whether the series was seen
        ("spare", "u1", 3),
    ]
)
"""220 bytes."""

UNCUT = 8.0
"""Changes before there is a unit to cut at."""
LONGEST = 4096.0  # changes after which no weight is that of a plain mean any more
EARLY_TAIL = 500.0
"""Steps of the tail are up to three times larger in the first few hundred changes."""
NIL_VARIANCE, EVENT_UNITS, NIL_FADE = 0.3, 6.0, 0.1
"""As in `seasonal_kernel`: if nearly all changes are nil, one that is not sets the unit, at a sixth of it."""
RELATIVE_FLOOR, ABSOLUTE_FLOOR = 1e-9, 1e-30
"""Least unit, relative to the value: some ten million roundings; and absolute: nothing divides by 0."""
LIMIT_DECADES, MOST_DECADES = 3.0, 12.0
DECADE = math.log(10.0)
BREACH = 0.999
LATEST, CEILING = 1e12, 1e30
"""Times and values beyond are none."""
MOST_PERCENT = 1e6
"""Where the value was nil, a change of it is so many per cent."""


class Config(NamedTuple):
    """What the loop needs to know of the detector's configuration; gains for one observation."""

    over: float
    cell: float  # seconds
    step: float
    rise: float  # limits: NaN where there is none
    fall: float
    relative: bool  # whether they, or what is learned, are per cent
    learned: bool  # whether there are no limits but what is usual
    least: float
    gain: float
    share: float  # of the tail probability .1, one side's
    warmup: float
    up: bool
    down: bool


CONFIG = np.dtype([(name, "f8") for name in Config._fields])


class Columns(NamedTuple):
    """What the loop writes for each observation."""

    score: Floats
    expected: Floats
    low: Floats
    high: Floats
    change: Floats
    percent: Floats


class Told(NamedTuple):
    """What is told of an observation; the same order as `Columns`."""

    score: float
    expected: float
    low: float
    high: float
    change: float
    percent: float


SILENT = Told(np.nan, np.nan, -np.inf, np.inf, np.nan, np.nan)


@compiled
def run(
    state: Bytes, settings: Floats, series: Ints, time: Floats, value: Floats, columns: Any, learning: bool
) -> None:
    """Score each observation and, if `learning`, take it in before the next; plain as in `seasonal_kernel`."""
    rows, config, out = state.view(ROW), settings.view(CONFIG)[0], Columns(*columns)
    for i in range(series.shape[0]):
        told = SILENT
        t, y = time[i], min(max(value[i], -CEILING), CEILING)
        if abs(t) < LATEST and math.isfinite(value[i]):
            row = rows[series[i]]
            t = max(t, row.time) if row.seen else t
            before = _before(row, config, t - config.over) if row.seen else np.nan
            if not math.isnan(before):
                told = _judge(row, config, y, before)
                if learning and config.learned:
                    change = told.percent if config.relative else told.change
                    _learn(row, config, change, _unit(row, config, before), t - row.time < 1.5 * config.step)
            if learning:
                _remember(row, config, t, y)
        out.score[i], out.expected[i], out.low[i], out.high[i] = told.score, told.expected, told.low, told.high
        out.change[i], out.percent[i] = told.change, told.percent


@compiled
def _before(row: Any, config: Config, t: float) -> float:
    """Return the value at `t`, between those around it in the ring; NaN if there is none as old, or all are too old."""
    cell = min(math.floor(t / config.cell), row.head)
    oldest = max(row.head + 1, math.floor((t + config.over) / config.cell)) - CELLS
    older, newer = cell, max(cell, oldest)
    while older >= oldest and not (_is_filled(row, older) and _time(row, config, older) <= t):
        older -= 1
    if older < oldest:
        return np.nan
    while newer <= row.head and not (_is_filled(row, newer) and _time(row, config, newer) > t):
        newer += 1
    first = row.values[older % CELLS]
    if newer > row.head:
        return float(first)
    start, end = _time(row, config, older), _time(row, config, newer)
    return float(first + (row.values[newer % CELLS] - first) * ((t - start) / (end - start)))


@inlined
def _is_filled(row: Any, cell: int) -> bool:
    return bool(row.filled >> (cell % CELLS) & 1)


@inlined
def _time(row: Any, config: Config, cell: int) -> float:
    return float((cell + row.parts[cell % CELLS] / PARTS) * config.cell)


@compiled
def _remember(row: Any, config: Config, t: float, y: float) -> None:
    cell = math.floor(t / config.cell)
    if not row.seen or cell - row.head >= CELLS:
        row.filled = 0
    else:
        for passed in range(row.head + 1, cell + 1):
            row.filled &= ~(1 << (passed % CELLS)) & 0xFFFF
    if not row.seen or cell > row.head:
        place = cell % CELLS
        row.values[place] = y
        row.parts[place] = int((t / config.cell - cell) * PARTS)
        row.filled |= 1 << place
        row.head = cell
    row.time, row.seen = t, 1


@inlined
def _percent(change: float, before: float) -> float:
    if change == 0.0:
        return 0.0
    size = min(100.0 * abs(change) / max(abs(before), ABSOLUTE_FLOOR), MOST_PERCENT)
    return math.copysign(size, change)


@compiled
def _judge(row: Any, config: Config, y: float, before: float) -> Told:
    change = y - before
    percent = _percent(change, before)
    size = percent if config.relative else change
    worth = abs(before) / 100.0 if config.relative else 1.0  # of one of what is judged, in the measure's unit
    if not config.learned:
        score = max(_against(size, config.rise), _against(-size, config.fall))
        score = score if abs(change) >= config.least else min(score, 0.5)
        low = -np.inf if math.isnan(config.fall) else before - max(config.fall * worth, config.least)
        high = np.inf if math.isnan(config.rise) else before + max(config.rise * worth, config.least)
        return Told(score, before, low, high, change, percent)
    if row.count < config.warmup:
        return Told(np.nan, np.nan, -np.inf, np.inf, change, percent)
    unit, center = _unit(row, config, before), row.center * worth
    z = (size - row.center) / unit
    score = tail_score(row, z) * (config.up if z > 0.0 else config.down)
    score = score if abs(change) >= config.least else min(score, 0.5)
    low = before + min(center - unit * worth * reach(row, 1), -config.least) if config.down else -np.inf
    high = before + max(center + unit * worth * reach(row, 0), config.least) if config.up else np.inf
    return Told(score, before + center, low, high, change, percent)


@compiled
def _against(size: float, limit: float) -> float:
    """Return three decades of evidence at the limit, and as many for each further time of it."""
    if math.isnan(limit) or size <= 0.0:
        return 0.0
    score = 1.0 - math.exp(-DECADE * min(LIMIT_DECADES * size / limit, MOST_DECADES))
    return max(score, BREACH) if size >= limit else min(score, BREACH - 1e-12)


@inlined
def _unit(row: Any, config: Config, before: float) -> float:
    floor = RELATIVE_FLOOR * (100.0 if config.relative else abs(before))
    return max(float(row.scale), floor, ABSOLUTE_FLOOR)


@compiled
def _learn(row: Any, config: Config, change: float, unit: float, near: bool) -> None:
    """Move center, unit and tails by the change, cut at the outer quantile of its side."""
    if row.count == 0:
        begin_tails(row)
    first = 1.0 / (row.count + 1.0) if row.count < LONGEST else 0.0
    error = change - row.center
    z, cut = error / unit, np.inf
    if row.count >= UNCUT:
        learn_tails(row, config.share, z, min(1.0 + EARLY_TAIL * first, 3.0))
        if row.variance < NIL_VARIANCE and abs(z) > EVENT_UNITS:
            row.scale = abs(error) / EVENT_UNITS
            unit = max(1.0 * row.scale, unit)
        side = int(z < 0)
        cut = unit * row.tails[side, 0] * (1.0 + row.tails[side, 1])
    gain = max(config.gain, first)
    fade = NIL_FADE if row.variance < NIL_VARIANCE and row.count >= UNCUT else 1.0
    row.scale += gain * fade * (min(abs(error), cut) - row.scale)
    row.center += gain * min(max(error, -cut), cut)
    learn_pair(row, min(max(z, -CUT_PAIR), CUT_PAIR), max(PAIR_RATE, first), near)
    row.count = min(row.count + 1.0, 1e7)
