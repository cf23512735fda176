"""The compiled loop of `Seasonal`: one row of state a series, one pass over the observations.

Every constant stands here with its reason. *Unit* means the series' mean absolute residual, `row.scale`, so a normal
standard deviation is 1.25 units.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled, inlined
from detectors.tails_kernel import CUT_PAIR, PAIR_RATE, begin_tails, learn_pair, learn_tails, reach, tail_score

ROW = np.dtype(
    [
        ("time", "f8"),  # of the last observation
        ("level", "f8"),
        ("slope", "f4"),  # of the level, per second; in the first day the value that slot means are relative to
        ("scale", "f4"),  # mean absolute residual
        ("count", "f4"),  # observations learned
        ("last", "f4"),  # last residual in units, cut at ±3
        ("covariance", "f4"),  # of neighbouring residuals, so cut
        ("variance", "f4"),
        (
            "tails",
            "f4",
            (2, 3),
        ),  # above and below: a quantile in units, the next decade's width in it, the third's in that
        ("outside", "f4"),  # signed share of the recent past that was beyond the outer quantile
        ("shift", "f4"),  # recent mean residual
        ("hour_sum", "f4"),  # of the residuals of the visit to the present hour
        ("day_sum", "f4"),
        ("quantum", "f4"),  # what 1 in `profile` is worth
        ("hour_count", "i2"),  # observations in the visit to the present hour
        ("day_count", "i2"),
        ("hours", "i2"),  # visits to any hour so far
        ("days", "i2"),
        ("profile", "i2", 31),  # 24 hours of the day, then Monday to Sunday
        ("marks", "u1", 8),  # two bits a slot: was its last visit outside, and on which side
        ("run", "i2"),  # observations in a row beyond the outer quantile
        ("moved", "f4"),  # by how much the level moved since the day began
    ]
)
"""168 bytes."""

UNIT = 0.8  # of a normal standard deviation, which a unit is
BURST = 5  # outliers in a row that may be chance or a fault; only what goes on is a rhythm, and taught to it uncut
UNCUT = 8.0
"""Observations before there is a unit to cut at."""
NIL_VARIANCE, EVENT_UNITS, NIL_FADE = 0.3, 6.0, 0.1
"""If nearly all residuals are nil (cut variance under 0.3 instead of about 1.4), an event's own size sets the unit, at
a sixth: far outside once, within reach of the tail when it turns out to be usual; and the unit fades at a tenth of the
pace, as what is nil says nothing of the size of events."""
SHIFT_CALM, SHIFT_FADE = 10.0, 0.25
"""While a level shift is pending it widens the unit at a quarter of the pace, from a tenth of the share outside on."""
EARLY_TAIL = 500.0
"""Steps of the tail are up to three times larger in the first few hundred observations."""
RELATIVE_FLOOR, ABSOLUTE_FLOOR = 1e-6, 1e-30
"""Least unit, relative to the level: some ten roundings of a 32-bit number; and absolute: nothing divides by 0."""
LATEST = 1e12  # seconds: year 33,658; times beyond are none
CEILING = 1e30
"""Values beyond are taken as this, so that their squares fit a 32-bit number's range when scaled."""
LONGEST = 4096.0  # observations after which no weight is that of a plain mean any more
MOST_STEPS = 4.0  # an observation after a gap teaches the level like so many at most
GAP_LIMIT = 8.0
"""A gap of so many memories: the level may be anywhere; the unit grows no more (threefold)."""
ADOPTED = 0.5
"""Share of the recent past outside at which a shift is the new normal; the rate is such that `adopt` does it."""
HOUR_VISITS, DAY_VISITS = 14.0, 6.0
"""A slot's effect is the mean over so many visits: two weeks of days, six weeks of weekdays."""
OUTSIDE_VISIT = 2.0
"""Mean residual of a visit, in units, that is no chance: it is cut there, unless the visit before was outside too."""
WEEK = 7
SEEN = 3  # the mark of a slot in the first round
EARLY_VISITS = 3.0  # visits in which nothing is cut, as there is no pattern yet to protect
PATTERN_WEIGHT = 1 / 3
"""Weight of a visit that was outside twice in a row: a pattern, to be learned in a few visits."""
FINE = 128.0
"""Quanta in a unit at first: effects of ±256 units fit, and what is lost by rounding is under a hundredth of a unit."""


class Config(NamedTuple):
    """What the loop needs to know of the detector's configuration; times in seconds, gains for one observation."""

    step: float
    memory: float
    gain: float  # of the level, once learned
    young_gain: float  # the same in the first day
    slope_gain: float
    slope_keep: float
    scale_gain: float
    adopt_gain: float
    shift_gain: float
    share: float  # of the tail probability .1, one side's
    warmup: float
    least: float
    slots: float  # hour slots visited in a day
    daily: bool
    weekly: bool
    up: bool
    down: bool


CONFIG = np.dtype([(name, "f8") for name in Config._fields])
"""The same as the loop reads it: a record in memory, as a tuple would be copied at every call within the loop."""


class Hour(NamedTuple):
    """The hour of an observation, as places in the profile."""

    start: float
    number: int  # since 1970
    slot: int
    before: int  # the slots beside
    after: int
    weekday: int
    within: float  # where in the hour the window lies, from −½ to ½ about its middle; 0 if it spans the hour


class Columns(NamedTuple):
    """What the loop writes for each observation."""

    score: Floats
    expected: Floats
    low: Floats
    high: Floats


@compiled
def run(state: Bytes, settings: Floats, series: Ints, time: Floats, value: Floats, columns: Any, learn: bool) -> None:
    """Score each observation and, if `learn`, take it in before the next.

    `state` is the rows' bytes, `settings` a `Config` as numbers, `columns` a `Columns` as a plain tuple: to recognise
    records and named tuples takes numba up to milliseconds a call.
    """
    rows, config, out = state.view(ROW), settings.view(CONFIG)[0], Columns(*columns)
    seen, hour = np.nan, _hour(config, 0.0)
    for i in range(series.shape[0]):
        t, y = time[i], min(max(value[i], -CEILING), CEILING)
        out.score[i] = out.expected[i] = np.nan
        out.low[i], out.high[i] = -np.inf, np.inf
        if not (abs(t) < LATEST and math.isfinite(value[i])):
            continue
        if t != seen:
            seen, hour = t, _hour(config, t)
        row = rows[series[i]]
        if row.count > 0:
            ahead = max(t - row.time, 0.0)
            unit = _unit(row, config, ahead)
            drift = _drift(row, config, ahead)
            expected = row.level + drift + _effect(row, config, hour)
            z = (y - expected) * (1.0 / unit)
            if row.count >= config.warmup:
                out.expected[i] = expected
                doubt = _doubt(row, config, unit)
                out.score[i], out.low[i], out.high[i] = _judge(row, config, expected, unit * doubt, z / doubt)
            if learn:
                row.level += drift
                row.moved += drift
                if row.time < hour.start:
                    _turn(row, config, hour.number)
                _learn(row, config, y, y - expected, unit, z, ahead)
                row.time = max(row.time, t)
        elif learn:
            _begin(row, config, t, y)


@compiled
def _hour(config: Config, t: float) -> Hour:
    number = math.floor(t) // 3600
    start, slot = number * 3600.0, number % 24
    within = (t - start + 0.5 * config.step) / 3600.0 - 0.5 if config.step < 3600.0 else 0.0
    return Hour(start, number, slot, (slot + 23) % 24, (slot + 1) % 24, _weekday(number), within)


@inlined
def _doubt(row: Any, config: Config, unit: float) -> float:
    """Return how many times wider the band is until a week was seen: a weekend may be without the rhythm of the day."""
    if not (config.weekly and config.daily) or row.days > WEEK or row.hours <= config.slots:
        return 1.0
    squares = 0.0
    for j in range(24):
        squares += float(row.profile[j]) ** 2
    return math.sqrt(1.0 + squares / 24.0 * (UNIT * float(row.quantum) / unit) ** 2)


@inlined
def _judge(row: Any, config: Config, expected: float, unit: float, z: float) -> tuple[float, float, float]:
    score = tail_score(row, z) * (config.up if z > 0 else config.down)
    if abs(z * unit) < config.least:
        score = min(score, 0.9)
    low = expected - max(unit * reach(row, 1), config.least) if config.down else -np.inf
    return score, low, expected + max(unit * reach(row, 0), config.least) if config.up else np.inf


@compiled
def _begin(row: Any, config: Config, t: float, y: float) -> None:
    row.time, row.level, row.count = t, y, 1.0
    row.slope = y if config.daily else 0.0
    begin_tails(row)


@inlined
def _drift(row: Any, config: Config, ahead: float) -> float:
    """Return what the slope adds in `ahead` seconds; damped over a gap, to a quarter memory at most."""
    if config.daily and row.hours <= config.slots:
        return 0.0
    if ahead > config.step:
        ahead /= 1.0 + 4.0 * ahead / config.memory
    return float(row.slope * ahead)


@inlined
def _effect(row: Any, config: Config, hour: Hour) -> float:
    effect = 0.0
    if config.daily and row.hours > config.slots:
        own = float(row.profile[hour.slot])
        before, after = own - row.profile[hour.before], row.profile[hour.after] - own
        # a slope within the hour, unless the neighbours tell of an edge or a peak: minmod, without a branch
        slope = (math.copysign(0.5, before) + math.copysign(0.5, after)) * min(abs(before), abs(after))
        effect = own + hour.within * slope
    if config.weekly and row.days > WEEK:
        effect += row.profile[hour.weekday]
    return effect * float(row.quantum)


@compiled
def _weekday(hour: int) -> int:
    return 24 + (hour // 24 + 3) % 7  # 1970-01-01 was a Thursday


@inlined
def _unit(row: Any, config: Config, ahead: float) -> float:
    unit = max(float(row.scale), RELATIVE_FLOOR * abs(row.level), ABSOLUTE_FLOOR)
    if ahead > config.step:
        unit *= math.sqrt(1.0 + min((ahead - config.step) / config.memory, GAP_LIMIT))
    return float(unit)


@inlined
def _learn(row: Any, config: Config, y: float, error: float, unit: float, z: float, ahead: float) -> None:
    count = float(row.count)
    first = 1.0 / (count + 1.0) if count < LONGEST else 0.0  # weight in a plain mean, while that is the larger
    if count >= UNCUT:
        learn_tails(row, config.share, z, min(1.0 + EARLY_TAIL * first, 3.0))
        if row.variance < NIL_VARIANCE and abs(z) > EVENT_UNITS:
            row.scale = unit = abs(error) / EVENT_UNITS
    side = int(z < 0)
    cut = unit * row.tails[side, 0] * (1.0 + row.tails[side, 1]) if count >= UNCUT else np.inf
    _learn_scale(row, min(abs(error), cut), max(config.scale_gain, first))
    learn_pair(row, min(max(z, -CUT_PAIR), CUT_PAIR), max(PAIR_RATE, first), ahead < 1.5 * config.step)
    cut = min(max(error, -cut), cut)
    seen = error if row.run > BURST else cut
    if config.daily and row.hours <= config.slots:
        row.level += max(config.young_gain, first) * cut
        _visit_hour(row, y - error + seen - row.slope)
    else:
        _learn_level(row, config, cut, first, ahead)
        _learn_shift(row, config, error)
        if config.daily:
            _visit_hour(row, seen)
        if config.weekly:
            row.day_sum += seen + row.moved
            row.day_count = min(row.day_count + 1, 30000)
    row.count = min(count + 1.0, 1e7)


@inlined
def _learn_scale(row: Any, size: float, gain: float) -> None:
    if row.variance < NIL_VARIANCE and row.count >= UNCUT:
        gain *= NIL_FADE
    step = size - row.scale
    widen = max(1.0 - abs(row.outside) * SHIFT_CALM, SHIFT_FADE)
    row.scale += gain * (min(step, 0.0) + widen * max(step, 0.0))


@inlined
def _visit_hour(row: Any, residual: float) -> None:
    row.hour_sum += residual
    row.hour_count = min(row.hour_count + 1, 30000)


@inlined
def _learn_level(row: Any, config: Config, error: float, first: float, ahead: float) -> None:
    """Move level and slope by the cut error: a critically damped g-h filter (h = g²/4), the slope fading in time."""
    gain = max(config.gain, first)
    if ahead > config.step:
        gain = min(gain * min(ahead / config.step, MOST_STEPS), 0.5)
    row.level += gain * error
    row.moved += gain * error
    if row.count >= config.warmup:
        row.slope = row.slope * config.slope_keep + config.slope_gain * error


@inlined
def _learn_shift(row: Any, config: Config, error: float) -> None:
    """Adopt a new level once the residual stayed outside, on one side, for the configured time."""
    side = 0.0
    if row.run > 0:
        side = 1.0 if error > 0 else -1.0
    row.outside += config.adopt_gain * (side - row.outside)
    row.shift += config.shift_gain * (error - row.shift)
    if abs(row.outside) > ADOPTED:
        row.level += row.shift
        row.moved += row.shift
        row.outside = row.shift = 0.0
        row.run = row.hour_count = 0
        row.hour_sum = 0.0
        if row.days > WEEK:  # the day so far was at another level; in the first week that may be its rhythm
            row.day_count, row.day_sum, row.moved = 0, 0.0, 0.0
        row.count = min(row.count, config.warmup)


@compiled
def _turn(row: Any, config: Config, hour: int) -> None:
    """Close the visits to the hour and the day of the last observation, which was in an earlier hour."""
    last = math.floor(row.time) // 3600
    if last // 24 != hour // 24 and row.day_count > 0:
        _turn_day(row, config, _weekday(last), row.day_sum / row.day_count)
        row.day_sum, row.day_count, row.days = 0.0, 0, min(row.days + 1, 30000)
    if row.hour_count > 0:
        _turn_hour(row, config, last % 24, row.hour_sum / row.hour_count)
        row.hour_sum, row.hour_count, row.hours = 0.0, 0, min(row.hours + 1, 30000)


@compiled
def _turn_hour(row: Any, config: Config, slot: int, mean: float) -> None:
    if row.hours > config.slots:
        _close(row, slot, mean, row.hours / config.slots, HOUR_VISITS)
    elif row.hours < config.slots:
        _store(row, slot, mean)
        _mark(row, slot, SEEN)
    else:
        share, middle = _split(row, 0, 24, slot, mean, max(3600.0 / config.step, 1.0))
        row.level += share * (row.slope + middle - row.level)
        row.slope = row.moved = 0.0
        if row.variance > 0:  # what the profile now explains is no longer noise; learn anew how much is left
            row.scale *= math.sqrt(1.0 - share * min(max(row.covariance / row.variance, 0.0), 0.98))
        row.count = min(row.count, config.warmup)


@compiled
def _turn_day(row: Any, config: Config, slot: int, mean: float) -> None:
    if row.days > WEEK:
        learned = _close(row, slot, mean, row.days / WEEK, DAY_VISITS)
        row.level -= learned / mean * row.moved if learned != 0 else 0.0  # what the day explains, the level gives back
        row.moved = 0.0
    elif row.days < WEEK:
        _store(row, slot, mean)
        _mark(row, slot, SEEN)
    else:
        share, middle = _split(row, 24, 31, slot, mean, max(86400.0 / config.step, 1.0))
        row.level -= share * (row.moved - middle)
        row.moved = 0.0


@compiled
def _split(row: Any, start: int, end: int, slot: int, again: float, each: float) -> tuple[float, float]:
    """Turn the means of a first round into effects, when its first slot has come `again`; a slot has `each` values.

    The effects are shrunk by the share of their spread that noise would make, after James and Stein: noise is what the
    first slot's two means differ by (a ramp or a shift does not come back to where it was, a rhythm does), and at least
    what the residuals' variance beyond their covariance makes of a mean. Returns the share kept and the middle.
    """
    number, total, squares = 0, 0.0, 0.0
    for j in range(start, end):
        if _marked(row, j) == SEEN:
            mean = row.profile[j] * float(row.quantum)
            number, total, squares = number + 1, total + mean, squares + mean * mean
    middle = total / max(number, 1)
    spread = squares / max(number, 1) - middle * middle
    noise = max(row.variance - row.covariance, 0.0) * row.scale * row.scale / each
    if _marked(row, slot) == SEEN:
        noise = max(noise, 0.5 * (again - row.profile[slot] * float(row.quantum)) ** 2)
    share = max(1.0 - noise / spread, 0.0) if spread > 0 else 0.0
    for j in range(start, end):
        effect = share * (row.profile[j] * float(row.quantum) - middle) if _marked(row, j) == SEEN else 0.0
        _mark(row, j, 0)
        _store(row, j, effect)
    return share, middle


@compiled
def _close(row: Any, slot: int, mean: float, visits: float, most: float) -> float:
    """Teach a slot the mean residual of a visit, cut unless it is early or the visit before was outside likewise."""
    limit = OUTSIDE_VISIT * float(row.scale)
    mark = 0
    if abs(mean) > limit:
        mark = 1 if mean > 0 else 2
    weight = 1.0 / min(visits + 2.0, most)  # one visit of no effect is taken as seen
    if mark != 0 and mark == _marked(row, slot):
        weight = max(weight, PATTERN_WEIGHT)
    elif visits >= EARLY_VISITS:
        mean = min(max(mean, -limit), limit)
    _mark(row, slot, mark)
    _store(row, slot, row.profile[slot] * float(row.quantum) + weight * mean)
    return weight * mean


@compiled
def _store(row: Any, slot: int, effect: float) -> None:
    """Write an effect in quanta, coarser if it does not fit, finer again when all of them would."""
    if row.quantum == 0:
        row.quantum = max(float(row.scale) / FINE, ABSOLUTE_FLOOR)
    size = abs(effect) / row.quantum
    finer = 1.0
    if size > 32000:
        finer = 0.5 ** float(math.ceil(math.log2(size / 32000.0)))
    elif row.quantum * FINE > 2.0 * row.scale and size < 8000 and np.abs(row.profile).max() < 8000:
        finer = 2.0
    if finer != 1.0:
        row.quantum = max(row.quantum / finer, ABSOLUTE_FLOOR)
        for each in range(31):
            row.profile[each] = round(row.profile[each] * finer)
    row.profile[slot] = round(effect / row.quantum)


@compiled
def _marked(row: Any, slot: int) -> int:
    return int(row.marks[slot >> 2] >> (2 * (slot & 3)) & 3)


@compiled
def _mark(row: Any, slot: int, mark: int) -> None:
    shift = 2 * (slot & 3)
    row.marks[slot >> 2] = (row.marks[slot >> 2] & ~(3 << shift)) | (mark << shift)
