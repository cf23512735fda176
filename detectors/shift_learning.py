"""How a series' level, unit and noise are learned for `Shift`, and its rhythm of the day."""

import math
from typing import Any

import numpy as np

from detectors.compiled import compiled, inlined
from detectors.shift_row import CUT, DEVIATION, LEARNED, MOST, QUANTUM, UNCUT, Config

SCALE_CUT = 12.0
"""Units at which a residual is cut before it teaches the unit: cut at three, a series of a tenth of events in nothing
would have an ever smaller one. An outlier then widens it by a twentieth."""
NIL_VARIANCE, NIL_FADE = 0.3, 0.1
"""If nearly all residuals are nil (variance of x under 0.3 instead of about 1), an event's own size sets the unit, so
that it is just cut, as where the unit is the least there is; and it fades at a tenth of the pace, as what is nil says
nothing of the size of events."""
RELATIVE_FLOOR, ABSOLUTE_FLOOR = 1e-6, 1e-30
"""Least unit, relative to the level: some ten roundings of a 32-bit number; and absolute: nothing divides by 0."""
MOMENT_RATE = 1 / 2048
"""Memory of variance, covariance and skew: the standard error of a correlation is then 0.03."""
VISITS = 14.0
"""An hour's effect is the mean over two weeks."""


@compiled
def begin(row: Any, t: float, y: float) -> None:
    """Start with a first value."""
    row.time, row.level = t, y
    row.count = row.age = 1
    row.scale = row.variance = row.covariance = row.skew = 0.0
    row.up = row.down = row.total = row.since = row.back = row.held = 0.0
    row.run = row.last = 0


@inlined
def unit_of(row: Any, config: Config, ratio: float) -> float:
    """Return the standard deviation at this hour, and at least what is told or can be told apart."""
    floor = max(RELATIVE_FLOOR * abs(row.level), ABSOLUTE_FLOOR)
    return float(max(DEVIATION * row.scale * ratio, config.least, floor))


@inlined
def learn(row: Any, config: Config, y: float, error: float, unit: float, x: float, ratio: float) -> None:
    """Take in a value: level, unit and noise; `unit` is the day's times `ratio`."""
    if row.count == 2:
        _settle(row, y)
    else:
        cut = x * unit if row.count >= UNCUT else error
        if _follows(row, config):
            young = 1.0 / (row.age + 1.0) if row.age < config.settled else 0.0
            row.level += max(config.gain, young) * cut
        if config.daily:
            error, unit = error / ratio, unit / ratio
        _learn_scale(row, config, error, unit)
        if row.count >= config.begin:
            _learn_moments(row, config, x)
    row.count = min(row.count + 1, MOST)
    row.age = min(row.age + 1, MOST)


@inlined
def _follows(row: Any, config: Config) -> bool:
    """Return whether the level is learned: not once a window holds what is relative to it, nor while the first round
    of a day is learned after the day of which it is the mean.
    """
    if config.adwin and row.count >= config.warmup:
        return False
    return not (config.daily and config.day <= row.count < 2.0 * config.day)


@inlined
def _learn_scale(row: Any, config: Config, error: float, unit: float) -> None:
    known = row.count - config.begin + 1.0 if config.daily and row.count >= config.begin else float(row.count)
    gain, size = max(config.scale_gain, 1.0 / (known + 1.0) if known < LEARNED else 0.0), abs(error)
    nil = row.variance < NIL_VARIANCE and row.count > config.begin + 1.0
    if nil:
        gain *= NIL_FADE
    if size > CUT * unit and row.count >= UNCUT and (nil or unit > DEVIATION * row.scale):
        row.scale = size / (CUT * DEVIATION)
    row.scale += gain * (min(size, SCALE_CUT * unit if row.count >= UNCUT else np.inf) - row.scale)


@compiled
def _settle(row: Any, y: float) -> None:
    """Take the median of the first three values and their median deviation: a step at the first teaches nothing."""
    first, second = row.level - row.scale, row.level + row.scale
    row.level = min(max(y, first), second)
    a, b, c = abs(first - row.level), abs(second - row.level), abs(y - row.level)
    row.scale = a + b + c - max(a, b, c)


@inlined
def _learn_moments(row: Any, config: Config, x: float) -> None:
    known = row.count - config.begin + 1.0
    rate = 1.0 / known if known * MOMENT_RATE < 1.0 else MOMENT_RATE
    row.variance += rate * (x * x - row.variance)
    row.covariance += rate * (x * (row.last / QUANTUM) - row.covariance)
    row.skew += rate * (x * x * x - row.skew)
    row.last = round(x * QUANTUM)


@inlined
def learn_hour(profile: Any, row: Any, config: Config, t: float, error: float) -> None:
    """Take the residual into the mean of its hour: over the visits since the first day, of which the level is."""
    days = math.floor(row.count / config.day) - 1.0
    if days >= 0.0:
        rate = min(config.step / 3600.0, 1.0) / (min(days, VISITS) + 0.5)
        profile[math.floor(t) // 3600 % 24] += min(rate, 1.0) * error
