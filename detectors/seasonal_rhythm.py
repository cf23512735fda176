"""The rhythms of `Seasonal`: what the hour of the day and the weekday add, and how a visit to either teaches it."""

import math
from typing import Any, NamedTuple

import numpy as np

from detectors.compiled import compiled, inlined
from detectors.seasonal_row import WEEK, Config

DAY = 86400.0
UNIT = 0.8  # of a normal standard deviation, which a unit is
ABSOLUTE_FLOOR = 1e-30  # nothing divides by 0
HOUR_VISITS, DAY_VISITS = 14.0, 6.0
"""A slot's effect is the mean over so many visits: two weeks of days, six weeks of weekdays."""
OUTSIDE_VISIT = 2.0
"""Mean residual of a visit, in units, that is no chance: it is cut there, unless the visit before was outside too."""
SEEN = 3  # the mark of a slot in the first round
SATURDAY, WORKING = 29, 31
"""The slot of Saturday, and one that is a mark only: whether a working day was seen, or half of one, and no weekend
since."""
EARLY_VISITS = 3.0  # visits in which nothing is cut, as there is no pattern yet to protect
PATTERN_WEIGHT = 1 / 3
"""Weight of a visit that was outside twice in a row: a pattern, to be learned in a few visits."""
FINE = 128.0
"""Quanta in a unit at first: effects of ±256 units fit, and what is lost by rounding is under a hundredth of a unit."""


class Hour(NamedTuple):
    """The hour of an observation, as places in the profile."""

    start: float
    number: int  # since 1970
    slot: int
    before: int  # the slots beside
    after: int
    weekday: int
    within: float  # where in the hour the window lies, from −½ to ½ about its middle; 0 if it spans the hour


@compiled
def hour_of(config: Config, t: float) -> Hour:
    """Return the hour of `t`, epoch seconds."""
    number = math.floor(t) // 3600
    start, slot = number * 3600.0, number % 24
    within = (t - start + 0.5 * config.step) / 3600.0 - 0.5 if config.step < 3600.0 else 0.0
    return Hour(start, number, slot, (slot + 23) % 24, (slot + 1) % 24, _weekday(number), within)


@inlined
def effect_of(row: Any, config: Config, hour: Hour) -> float:
    """Return what the hour and the weekday add to the level."""
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


@inlined
def doubt_of(row: Any, config: Config, hour: Hour, unit: float) -> float:
    """Return how many times wider the band is on a day of which none alike was seen: it may be without the rhythm.

    In the first week that is a Saturday or Sunday, and a working day that is the first or comes after these: working
    days are alike until known better.
    """
    if not (config.weekly and config.daily) or row.days > WEEK or row.hours <= config.slots:
        return 1.0
    alike = WORKING if hour.weekday < SATURDAY else hour.weekday
    if _marked(row, alike) == SEEN:
        return 1.0
    squares = 0.0
    for j in range(24):
        squares += float(row.profile[j]) ** 2
    return math.sqrt(1.0 + squares / 24.0 * (UNIT * float(row.quantum) / unit) ** 2)


@compiled
def _weekday(hour: int) -> int:
    return 24 + (hour // 24 + 3) % 7  # 1970-01-01 was a Thursday


@compiled
def turn(row: Any, config: Config, hour: int) -> None:
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
        if slot >= SATURDAY:  # the level went along: the next working day is in doubt again
            _mark(row, WORKING, 0)
        elif row.day_count * config.step >= 0.5 * DAY:
            _mark(row, WORKING, SEEN)
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
