"""The lanes of `Seasonal`: what of its rows is put there, and back (see `lanes`)."""

import math
from typing import Any

import numpy as np

from detectors.compiled import compiled, inlined
from detectors.crossing import crossing
from detectors.lanes import AWAY, LANES
from detectors.seasonal_rhythm import Hour, doubt_of, effect_of, turn
from detectors.seasonal_row import ROW, WEEK, Config

WIDE = np.dtype(
    [
        ("series", "i8", LANES),
        ("place", "i8", LANES),  # in the batch
        ("time", "f8", LANES),
        ("value", "f8", LANES),
        ("drift", "f8", LANES),  # what the slope adds since the last observation
        ("level", "f8", LANES),
        ("expected", "f8", LANES),
        ("score", "f8", LANES),
        ("low", "f8", LANES),
        ("high", "f8", LANES),
    ]
)
LEAN = np.dtype(
    [
        ("slope", "f4", LANES),  # from here on as in a row
        ("scale", "f4", LANES),
        ("count", "f4", LANES),
        ("last", "f4", LANES),
        ("covariance", "f4", LANES),
        ("variance", "f4", LANES),
        ("tails", "f4", (6, LANES)),  # three above, three below
        ("outside", "f4", LANES),
        ("shift", "f4", LANES),
        ("hour_sum", "f4", LANES),
        ("day_sum", "f4", LANES),
        ("moved", "f4", LANES),
        ("run", "f4", LANES),
        ("young", "f4", LANES),  # 1 in the first day of a rhythm
        ("ahead", "f4", LANES),  # seconds since the last observation
        ("error", "f4", LANES),
        ("unit", "f4", LANES),
        ("z", "f4", LANES),  # the error in units
        ("doubt", "f4", LANES),
        ("away", "f4", LANES),  # how far outside, in outer quantiles of the band
        ("first", "f4", LANES),  # weight in a plain mean, while that is the larger
        ("weight", "f4", LANES),  # of the steps of the tails
        ("depth", "f4", LANES),  # quantiles that are exceeded; negative below
        ("cut", "f4", LANES),  # the error, cut
        ("seen", "f4", LANES),  # what of it teaches the rhythms
    ]
)
KEPT = (LEAN.names or ())[:11]
take_out, put_back, _, _ = crossing(ROW, LEAN, KEPT)
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
    lean.ahead[k], wide.value[k], wide.expected[k] = ahead, y, expected
    lean.unit[k], lean.doubt[k] = unit, doubt_of(row, config, hour, unit)


@inlined
def send_away(row: Any, config: Config, hour: Hour, t: float, wide: Any, lean: Any, k: int) -> None:
    """Close the hour that ended, and move the level on: the row is away until `put_back`."""
    row.level += wide.drift[k]
    row.moved += wide.drift[k]
    if row.time < hour.start:
        turn(row, config, hour.number)
    wide.time[k], row.time, wide.level[k] = max(row.time, t), AWAY, row.level
    lean.moved[k], lean.run[k], lean.young[k] = row.moved, row.run, config.daily and row.hours <= config.slots


@inlined
def put_rest(row: Any, config: Config, wide: Any, lean: Any, k: int) -> None:
    """Write what else there is in lane `k` to its row, and add what was seen to the visits to the hour and the day."""
    row.time, row.level = wide.time[k], wide.level[k]
    row.moved, row.run = lean.moved[k], int(lean.run[k])
    if lean.young[k] > 0:
        _visit_hour(row, wide.value[k] - lean.error[k] + lean.seen[k] - row.slope)
        return
    if abs(row.outside) > ADOPTED:
        _adopt(row)
    if config.daily:
        _visit_hour(row, lean.seen[k])
    if config.weekly:
        row.day_sum += lean.seen[k] + row.moved
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
