"""The lanes of `Seasonal`: what of its rows is put there, and back (see `lanes`)."""

import math
from typing import Any

import numpy as np

from detectors.compiled import compiled, inlined
from detectors.lanes import AWAY, LANES
from detectors.seasonal_rhythm import Hour, doubt_of, effect_of, turn
from detectors.seasonal_row import WEEK, Config

WIDE = np.dtype(
    [
        ("series", "i8", LANES),
        ("place", "i8", LANES),  # in the batch
        ("time", "f8", LANES),
        ("ahead", "f8", LANES),  # seconds since the last observation
        ("value", "f8", LANES),
        ("drift", "f8", LANES),  # what the slope adds in that time
        ("expected", "f8", LANES),
        ("error", "f8", LANES),
        ("unit", "f8", LANES),
        ("z", "f8", LANES),  # the error in units
        ("doubt", "f8", LANES),
        ("away", "f8", LANES),  # how far outside, in outer quantiles of the band
        ("score", "f8", LANES),
        ("low", "f8", LANES),
        ("high", "f8", LANES),
        ("level", "f8", LANES),
        ("count", "f8", LANES),
        ("first", "f8", LANES),  # weight in a plain mean, while that is the larger
        ("weight", "f8", LANES),  # of the steps of the tails
        ("depth", "f8", LANES),  # quantiles that are exceeded; negative below
        ("cut", "f8", LANES),  # the error, cut
        ("seen", "f8", LANES),  # what of it teaches the rhythms
    ]
)
LEAN = np.dtype(
    [
        ("tails", "f4", (6, LANES)),  # three above, three below
        ("scale", "f4", LANES),
        ("variance", "f4", LANES),
        ("covariance", "f4", LANES),
        ("last", "f4", LANES),
        ("run", "f4", LANES),
        ("outside", "f4", LANES),
        ("shift", "f4", LANES),
        ("slope", "f4", LANES),
        ("moved", "f4", LANES),
        ("young", "f4", LANES),  # 1 in the first day of a rhythm
    ]
)
RELATIVE_FLOOR, ABSOLUTE_FLOOR = 1e-6, 1e-30
"""Least unit, relative to the level: some ten roundings of a 32-bit number; and absolute: nothing divides by 0."""
GAP_LIMIT = 8.0
"""A gap of so many memories: the level may be anywhere; the unit grows no more (threefold)."""
ADOPTED = 0.5
"""Share of the recent past outside at which a shift is the new normal; the rate is such that `adopt` does it."""


@inlined
def gather(row: Any, config: Config, hour: Hour, t: float, y: float, wide: Any, lean: Any, k: int) -> None:
    """Put what is needed to judge a value in lane `k`."""
    ahead = max(t - row.time, 0.0)
    unit = _unit(row, config, ahead)
    wide.drift[k] = drift = _drift(row, config, ahead)
    expected = row.level + drift + effect_of(row, config, hour)
    wide.ahead[k], wide.value[k], wide.expected[k], wide.error[k] = ahead, y, expected, y - expected
    wide.unit[k], wide.doubt[k] = unit, doubt_of(row, config, hour, unit)
    wide.count[k] = row.count
    for j in range(3):
        lean.tails[j, k], lean.tails[3 + j, k] = row.tails[0, j], row.tails[1, j]


@inlined
def take_out(row: Any, config: Config, hour: Hour, t: float, wide: Any, lean: Any, k: int) -> None:
    """Close the hour that ended, and put what is to be learned in lane `k`: the row is away until `put_back`."""
    row.level += wide.drift[k]
    row.moved += wide.drift[k]
    if row.time < hour.start:
        turn(row, config, hour.number)
    wide.time[k], row.time = max(row.time, t), AWAY
    wide.level[k], wide.count[k] = row.level, row.count
    lean.scale[k], lean.variance[k], lean.covariance[k], lean.last[k] = (
        row.scale,
        row.variance,
        row.covariance,
        row.last,
    )
    lean.outside[k], lean.shift[k], lean.slope[k], lean.moved[k] = row.outside, row.shift, row.slope, row.moved
    lean.run[k], lean.young[k] = row.run, config.daily and row.hours <= config.slots


@inlined
def put_back(row: Any, config: Config, wide: Any, lean: Any, k: int) -> None:
    """Write lane `k` to its row, and add what was seen to the visits to the hour and the day."""
    row.time, row.level, row.count = wide.time[k], wide.level[k], min(wide.count[k] + 1.0, 1e7)
    row.scale, row.variance, row.covariance, row.last = (
        lean.scale[k],
        lean.variance[k],
        lean.covariance[k],
        lean.last[k],
    )
    row.run = int(lean.run[k])
    for j in range(3):
        row.tails[0, j], row.tails[1, j] = lean.tails[j, k], lean.tails[3 + j, k]
    if lean.young[k] > 0:
        _visit_hour(row, wide.value[k] - wide.error[k] + wide.seen[k] - row.slope)
        return
    row.outside, row.shift, row.slope, row.moved = lean.outside[k], lean.shift[k], lean.slope[k], lean.moved[k]
    if abs(row.outside) > ADOPTED:
        _adopt(row)
    if config.daily:
        _visit_hour(row, wide.seen[k])
    if config.weekly:
        row.day_sum += wide.seen[k] + row.moved
        row.day_count = min(row.day_count + 1, 30000)


@inlined
def _drift(row: Any, config: Config, ahead: float) -> float:
    """Return what the slope adds in `ahead` seconds; damped over a gap, to a quarter memory at most."""
    if config.daily and row.hours <= config.slots:
        return 0.0
    if ahead > config.step:
        ahead /= 1.0 + 4.0 * ahead / config.memory
    return float(row.slope * ahead)


@inlined
def _unit(row: Any, config: Config, ahead: float) -> float:
    unit = max(float(row.scale), RELATIVE_FLOOR * abs(row.level), ABSOLUTE_FLOOR)
    if ahead > config.step:
        unit *= math.sqrt(1.0 + min((ahead - config.step) / config.memory, GAP_LIMIT))
    return float(unit)


@inlined
def _visit_hour(row: Any, residual: float) -> None:
    row.hour_sum += residual
    row.hour_count = min(row.hour_count + 1, 30000)


@compiled
def _adopt(row: Any) -> None:
    """Take the residual of the recent past for a new level."""
    row.level += row.shift
    row.moved += row.shift
    row.outside = row.shift = 0.0
    row.run = row.hour_count = 0
    row.hour_sum = 0.0
    if row.days > WEEK:  # the day so far was at another level; in the first week that may be its rhythm
        row.day_count, row.day_sum, row.moved = 0, 0.0, 0.0
