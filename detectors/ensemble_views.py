"""The views `Ensemble` takes of a series: numbers that are each unusual for another reason.

A view is computed from the past of its series only and is NaN until it can be. Windows are in observations; *day* is
the number of observations a day has by the median step seen so far. No view knows a minimum, a maximum or a length.
"""

import math
from typing import Any

import numpy as np

from detectors.base import Floats
from detectors.compiled import compiled
from detectors.ensemble_past import DAY, PAST, SHAPE_WINDOW, SLOTS, learn_step, push, total, window

VIEWS: dict[str, str] = {
    "value": "the value itself",
    "level": "the distance from the recent level",
    "slot": "the value for this time of day",
    "spread": "the spread of the last 10 values",
    "spread_long": "the spread of the last 50 values",
    "mean": "the mean of the last 10 values",
    "slot_mean": "the mean distance from what is usual at this time of day",
    "mean_long": "the mean of the last eighth of a day",
    "mean_longest": "the mean of the last quarter of a day",
    "jump": "the change of the mean from 12 values to the next 12",
    "slot_step": "the step from the value before, for this time of day",
    "shape": "the shape of the last 12 values",
    "still": "the number of values in a row that are the same",
    "hour": "the value for this hour of the week",
    "hour_mean": "the mean distance from what is usual at these hours of the week",
    "hour_mean_long": "the mean distance of half a day from what is usual at its hours of the week",
    "hour_spread": "the spread of the last 10 values about what is usual at these hours",
    "ahead": "the value for what those before it led to expect",
}
"""The names of the views and what each is in words, in the order of their numbers; of the last five see
`ensemble_rhythm`."""
(
    VALUE,
    LEVEL,
    SLOT,
    SPREAD,
    SPREAD_LONG,
    MEAN,
    SLOT_MEAN,
    MEAN_LONG,
    MEAN_LONGEST,
    JUMP,
    SLOT_STEP,
    SHAPE,
    STILL,
    HOUR,
    HOUR_MEAN,
    HOUR_MEAN_LONG,
    HOUR_SPREAD,
    AHEAD,
) = range(len(VIEWS))

SLOT_S = 1800.0
CUT = 50.0
"""Mean distances from the level at which a deviation is cut before a slot learns it."""
LONGEST_RUN = 1_000_000_000
VISITS = 8.0
"""A slot's mean is over so many visits."""


@compiled
def look(row: Any, time: float, value: float, views: Floats, scratch: Any) -> None:
    """Write the views of a new observation to `views`, and learn it."""
    views[:] = np.nan
    learn_step(row, time)
    push(row, value - row.first)
    _look_at_level(row, value, views)
    _look_at_slot(row, time, value, views)
    _look_at_windows(row, views)
    _look_at_shape(row, views, scratch)
    _look_at_run(row, value, views)
    row.last = value
    row.count = min(row.count + 1, 4_000_000_000)


@compiled
def usual(row: Any, time: float) -> float:
    """Return the value that is usual at a time: of its half-hour if that was visited twice, else the level."""
    slot = slot_of(time)
    if row.slots[slot, 0] >= 2.0 * each_slot(row):
        return float(row.first) + float(row.slots[slot, 1])
    return float(row.level)


@compiled
def has_slot(row: Any, time: float) -> bool:
    """Return whether the half-hour was visited twice."""
    return bool(row.slots[slot_of(time), 0] >= 2.0 * each_slot(row))


@compiled
def slot_of(time: float) -> int:
    """Return the number of the half-hour of a weekday, or of a weekend."""
    day = math.floor(time / DAY)
    weekend = (day + 3) % 7 >= 5  # 1970-01-01 was a Thursday
    return int((time - day * DAY) // SLOT_S) % SLOTS + (SLOTS if weekend else 0)


@compiled
def each_slot(row: Any) -> float:
    """Return how many observations a half-hour has."""
    return float(max(row.day / SLOTS, 1.0))


@compiled
def _look_at_level(row: Any, value: float, views: Floats) -> None:
    views[VALUE] = value - row.first
    off = value - row.level
    if row.count >= 10:
        views[LEVEL] = off / max(row.scale, 1e-12 * abs(row.level), 1e-300)
        off = min(max(off, -3.0 * row.scale), 3.0 * row.scale)
    far = abs(value - row.level)
    far = min(far, 10.0 * row.width) if row.count > 50 else far
    row.width += max(1.0 / 500.0, 1.0 / (row.count + 1.0)) * (far - row.width)
    gain = max(1.0 / min(max(row.day / 4.0, 30.0), 500.0), 1.0 / (row.count + 1.0))
    row.level += gain * off
    row.scale += gain * (1.25 * abs(off) - row.scale)


@compiled
def _look_at_slot(row: Any, time: float, value: float, views: Floats) -> None:
    slot = row.slots[slot_of(time)]
    each = each_slot(row)
    off = value - row.first - slot[1]
    seen = 0.0
    if slot[0] >= 2.0 * each:
        views[SLOT] = seen = off
    for j in range(SHAPE_WINDOW - 1):
        row.slot_residuals[j] = row.slot_residuals[j + 1]
    row.slot_residuals[SHAPE_WINDOW - 1] = seen
    if slot[0] >= 2.0 * each and row.count >= SHAPE_WINDOW:
        views[SLOT_MEAN] = row.slot_residuals.mean()
    slot[0] = min(slot[0] + 1.0, 1e6)
    slot[1] += max(1.0 / slot[0], 1.0 / (VISITS * each)) * _cut(row, off)
    if row.count > 0:
        _look_at_slot_step(row, slot, value - row.last, each, views)


@compiled
def _cut(row: Any, off: float) -> float:
    """Cut a deviation that no slot should learn whole: one glitch would be expected at its time for weeks."""
    most = CUT * float(row.width) if row.count > 50 else np.inf
    return min(max(off, -most), most)


@compiled
def _look_at_slot_step(row: Any, slot: Any, step: float, each: float, views: Floats) -> None:
    off = step - slot[3]
    if slot[2] >= 2.0 * each:
        views[SLOT_STEP] = off / math.sqrt(max(slot[4], (1e-3 * row.scale) ** 2, 1e-37))
    slot[2] = min(slot[2] + 1.0, 1e6)
    gain = max(1.0 / slot[2], 1.0 / (VISITS * each))
    off = _cut(row, off)
    slot[3] += gain * off
    slot[4] += gain * (off * off - slot[4])


@compiled
def _look_at_run(row: Any, value: float, views: Floats) -> None:
    """Count the values just before that are the same: how rare a run is comes of the runs that are over."""
    if value == row.last and row.count > 0:
        row.run = min(row.run + 1, LONGEST_RUN)
    else:
        row.run_before, row.run = row.run, 0
    views[STILL] = row.run


@compiled
def _look_at_windows(row: Any, views: Floats) -> None:
    fill = int(row.fill)
    if fill > 10:
        views[SPREAD] = _spread(row, 10)
        views[MEAN] = total(row, 0, 10) / 10.0
    if fill > 50:
        views[SPREAD_LONG] = _spread(row, 50)
    if fill > 24:
        views[JUMP] = (total(row, 0, 12) - total(row, 12, 12)) / 12.0
    for which in range(2):
        length = window(row, which)
        if fill <= length or row.count % length == 0:  # anew now and then, so that no rounding adds up
            row.sums[which] = total(row, 0, length)
        else:
            row.sums[which] += float(row.past[fill - 1]) - float(row.past[fill - 1 - length])
        if fill > length:
            views[MEAN_LONG + which] = row.sums[which] / length


@compiled
def _spread(row: Any, length: int) -> float:
    """Return log₁₀ of the standard deviation of the last values; what rounding makes of it is as good as nothing."""
    mean = total(row, 0, length) / length
    squares = 0.0
    for j in range(row.fill - length, row.fill):
        squares += (row.past[j] - mean) ** 2
    least = 1e-7 * (abs(mean) + row.scale) + 1e-12 * abs(row.first)
    return 0.5 * math.log10(squares / length + least * least + 1e-60)


@compiled
def _look_at_shape(row: Any, views: Floats, distance: Any) -> None:
    """Measure the least distance of the last values to as many in a row before them: how far a discord they are."""
    end = int(row.fill)
    first = max(end - 1 - PAST, SHAPE_WINDOW - 1)
    number = end - 1 - SHAPE_WINDOW - first
    if number < 30:
        return
    distance[:number] = 0
    for lag in range(SHAPE_WINDOW):
        own = row.past[end - 1 - lag]
        others = row.past[first - lag : first - lag + number]
        for j in range(number):
            off = others[j] - own
            distance[j] += off * off
    views[SHAPE] = math.sqrt(distance[:number].min())
