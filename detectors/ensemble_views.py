"""The views `Ensemble` takes of a series: numbers that are each unusual for another reason.

A view is computed from the past of its series only and is NaN until it can be. Windows are in observations; *day* is
the number of observations a day has by the median step seen so far. No view knows a minimum, a maximum or a length.
"""

import math
from typing import Any

import numpy as np

from detectors.base import Floats
from detectors.compiled import compiled

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
    "step": "the step from the value before",
    "forecast": "the distance from the forecast",
    "forecast_log": "the relative distance from the forecast",
}
"""The names of the views and what each is in words, in the order of their numbers."""
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
    STEP,
    FORECAST,
    FORECAST_LOG,
) = range(len(VIEWS))

DAY = 86400.0
SLOT_S = 1800.0
SLOTS = 48
LATEST = 1e12  # seconds; times beyond are none
CEILING = 1e17
"""Values beyond are taken as this: squares of differences then fit a 32-bit number."""
PAST = 6000
"""Values the shape is compared with: three weeks of 5-minute windows."""
KEPT = 7168
"""Room for values: the past, and some to move it only now and then."""
SHAPE_WINDOW = 12
LAGS = 8
STEPS = 64
"""Steps in time the median is taken of."""
VISITS = 8.0
"""A slot's mean is over so many visits."""
FORGET = 0.998
"""Of the recursive least squares: a memory of 500 values."""

FIELDS: list[Any] = [
    ("first", "f8"),  # the first value: all others are kept relative to it, so that 32 bits suffice
    ("time", "f8"),
    ("step", "f8"),  # median seconds between observations; 0 until known
    ("day", "i4"),  # observations a day has
    ("steps_seen", "u4"),
    ("count", "u4"),
    ("fill", "i4"),  # values in `past`
    ("level", "f8"),
    ("scale", "f8"),
    ("sums", "f8", 2),  # of the last eighth and quarter of a day
    ("last", "f8"),
    ("steps", "f4", STEPS),
    ("slot_residuals", "f8", SHAPE_WINDOW),
    ("slots", "f4", (2 * SLOTS, 5)),  # visits, mean, steps seen, mean step, its mean square
    ("middle", "f8", 2),  # of the value, and of its logarithm
    ("width", "f8", 2),
    ("weights", "f8", (2, LAGS + 1)),
    ("inverse", "f8", (2, LAGS + 1, LAGS + 1)),
    ("past", "f4", KEPT),
]


@compiled
def begin(row: Any, value: float) -> None:
    """Start a series with its first value."""
    row.first, row.level, row.day = value, value, 1440
    row.middle[0], row.middle[1] = value, _log(value)
    for which in range(2):
        row.weights[which, 0] = 1.0
        for j in range(LAGS + 1):
            row.inverse[which, j, j] = 1e3


@compiled
def look(row: Any, time: float, value: float, views: Floats, scratch: Any) -> None:
    """Write the views of a new observation to `views`, and learn it."""
    views[:] = np.nan
    _learn_step(row, time)
    _push(row, value - row.first)
    _look_at_level(row, value, views)
    _look_at_slot(row, time, value, views)
    _look_at_windows(row, views)
    _look_at_shape(row, views, scratch)
    views[FORECAST] = _forecast(row, 0, value)
    views[FORECAST_LOG] = _forecast(row, 1, _log(value))
    row.last = value
    row.count = min(row.count + 1, 4_000_000_000)


@compiled
def usual(row: Any, time: float) -> float:
    """Return the value that is usual at a time: of its half-hour if that was visited twice, else the level."""
    slot = _slot(time)
    if row.slots[slot, 0] >= 2.0 * _each(row):
        return float(row.first) + float(row.slots[slot, 1])
    return float(row.level)


@compiled
def has_slot(row: Any, time: float) -> bool:
    """Return whether the half-hour was visited twice."""
    return bool(row.slots[_slot(time), 0] >= 2.0 * _each(row))


@compiled
def _log(value: float) -> float:
    return math.copysign(math.log1p(abs(value)), value)


@compiled
def _slot(time: float) -> int:
    day = math.floor(time / DAY)
    weekend = (day + 3) % 7 >= 5  # 1970-01-01 was a Thursday
    return int((time - day * DAY) // SLOT_S) % SLOTS + (SLOTS if weekend else 0)


@compiled
def _each(row: Any) -> float:
    """Return how many observations a half-hour has."""
    return float(max(row.day / SLOTS, 1.0))


@compiled
def _learn_step(row: Any, time: float) -> None:
    ahead = time - row.time
    if row.count > 0 and 0.0 < ahead < 1e9:
        seen = int(row.steps_seen)
        row.steps[seen % STEPS] = ahead
        row.steps_seen = min(seen + 1, 4_000_000_000)
        seen += 1
        if (seen & (seen - 1)) == 0 or seen % STEPS == 0:
            _settle_step(row, float(np.median(row.steps[: min(seen, STEPS)])))
    row.time = max(row.time, time) if row.count > 0 else time


@compiled
def _settle_step(row: Any, step: float) -> None:
    if row.step > 0.0 and 0.67 < step / row.step < 1.5:
        return
    row.step = step
    row.day = int(min(max(DAY / step, 2.0), 20160.0))
    for which in range(2):
        row.sums[which] = _sum(row, 0, _window(row, which))


@compiled
def _window(row: Any, which: int) -> int:
    return int(max(row.day // (8 - 4 * which), 6))


@compiled
def _push(row: Any, value: float) -> None:
    if row.fill == KEPT:
        kept = PAST + SHAPE_WINDOW
        for j in range(kept):
            row.past[j] = row.past[KEPT - kept + j]
        row.fill = kept
    row.past[row.fill] = value
    row.fill += 1


@compiled
def _sum(row: Any, start: int, length: int) -> float:
    """Return the sum of `length` values up to `start` before the last; of fewer if there are no more."""
    total = 0.0
    end = row.fill - start
    for j in range(max(end - length, 0), end):
        total += row.past[j]
    return total


@compiled
def _look_at_level(row: Any, value: float, views: Floats) -> None:
    views[VALUE] = value - row.first
    if row.count > 0:
        views[STEP] = value - row.last
    off = value - row.level
    if row.count >= 10:
        views[LEVEL] = off / max(row.scale, 1e-9 * abs(row.level), 1e-300)
        off = min(max(off, -3.0 * row.scale), 3.0 * row.scale)
    gain = max(1.0 / min(max(row.day / 4.0, 30.0), 500.0), 1.0 / (row.count + 1.0))
    row.level += gain * off
    row.scale += gain * (1.25 * abs(off) - row.scale)


@compiled
def _look_at_slot(row: Any, time: float, value: float, views: Floats) -> None:
    slot = row.slots[_slot(time)]
    each = _each(row)
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
    slot[1] += max(1.0 / slot[0], 1.0 / (VISITS * each)) * off
    if row.count > 0:
        _look_at_slot_step(row, slot, value - row.last, each, views)


@compiled
def _look_at_slot_step(row: Any, slot: Any, step: float, each: float, views: Floats) -> None:
    off = step - slot[3]
    if slot[2] >= 2.0 * each:
        views[SLOT_STEP] = off / math.sqrt(max(slot[4], (1e-3 * row.scale) ** 2, 1e-37))
    slot[2] = min(slot[2] + 1.0, 1e6)
    gain = max(1.0 / slot[2], 1.0 / (VISITS * each))
    slot[3] += gain * off
    slot[4] += gain * (off * off - slot[4])


@compiled
def _look_at_windows(row: Any, views: Floats) -> None:
    fill = int(row.fill)
    if fill > 10:
        views[SPREAD] = _spread(row, 10)
        views[MEAN] = _sum(row, 0, 10) / 10.0
    if fill > 50:
        views[SPREAD_LONG] = _spread(row, 50)
    if fill > 24:
        views[JUMP] = (_sum(row, 0, 12) - _sum(row, 12, 12)) / 12.0
    for which in range(2):
        length = _window(row, which)
        if fill <= length or row.count % length == 0:  # anew now and then, so that no rounding adds up
            row.sums[which] = _sum(row, 0, length)
        else:
            row.sums[which] += float(row.past[fill - 1]) - float(row.past[fill - 1 - length])
        if fill > length:
            views[MEAN_LONG + which] = row.sums[which] / length


@compiled
def _spread(row: Any, length: int) -> float:
    """Return log₁₀ of the standard deviation of the last values; a millionth of the level is as good as nothing."""
    mean = _sum(row, 0, length) / length
    squares = 0.0
    for j in range(row.fill - length, row.fill):
        squares += (row.past[j] - mean) ** 2
    least = 1e-6 * (abs(mean + row.first) + row.scale)
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


@compiled
def _forecast(row: Any, which: int, value: float) -> float:
    """Return the error of a linear forecast from the last values, in mean deviations; and learn (least squares)."""
    gain = max(1.0 - FORGET, 1.0 / (row.count + 1.0))
    off = value - row.middle[which]
    if row.count >= 50:
        off = min(max(off, -10.0 * row.width[which]), 10.0 * row.width[which])
    row.middle[which] += gain * off
    row.width[which] += gain * (abs(off) - row.width[which])
    if row.count < LAGS:
        return np.nan
    width = max(row.width[which], 1e-9 * abs(row.middle[which]), 1e-300)
    lagged = _lagged(row, which, width)
    weights = row.weights[which]
    error = (value - row.middle[which]) / width
    for j in range(LAGS + 1):
        error -= weights[j] * lagged[j]
    _solve(weights, row.inverse[which], lagged, min(max(error, -5.0), 5.0))
    return error if row.count >= 3 * LAGS else np.nan


@compiled
def _lagged(row: Any, which: int, width: float) -> Floats:
    lagged = np.ones(LAGS + 1)
    for j in range(LAGS):
        before = row.first + float(row.past[row.fill - 2 - j])
        before = _log(before) if which == 1 else before
        lagged[j] = min(max((before - row.middle[which]) / width, -20.0), 20.0)
    return lagged


@compiled
def _solve(weights: Floats, inverse: Floats, lagged: Floats, error: float) -> None:
    """Take one step of recursive least squares, the inverse kept from growing where nothing happens."""
    product = inverse @ lagged
    scale = FORGET
    trace = 0.0
    for j in range(LAGS + 1):
        scale += lagged[j] * product[j]
    for j in range(LAGS + 1):
        weights[j] += product[j] / scale * error
        for k in range(LAGS + 1):
            inverse[j, k] = (inverse[j, k] - product[j] * product[k] / scale) / FORGET
        trace += inverse[j, j]
    if trace > 1e4:
        for j in range(LAGS + 1):
            for k in range(LAGS + 1):
                inverse[j, k] *= 1e4 / trace
