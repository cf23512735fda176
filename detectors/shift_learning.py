"""How a series' level, unit and noise are learned for `Shift`, and its rhythm of the day."""

import math
from typing import Any

import numpy as np

from detectors.compiled import compiled, inlined
from detectors.exponential import SHIFTER
from detectors.lanes import NIL, ONE, TWO
from detectors.shift_row import CUT, DEVIATION, LEARNED, MOST, QUANTUM, UNCUT, Config

SCALE_CUT = np.float32(12.0)
"""Units at which a residual is cut before it teaches the unit: cut at three, a series of a tenth of events in nothing
would have an ever smaller one. An outlier then widens it by a twentieth."""
NIL_VARIANCE, NIL_FADE = np.float32(0.3), np.float32(0.1)
"""If nearly all residuals are nil (variance of x under 0.3 instead of about 1), an event's own size sets the unit, so
that it is just cut, as where the unit is the least there is; and it fades at a tenth of the pace, as what is nil says
nothing of the size of events."""
RELATIVE_FLOOR, ABSOLUTE_FLOOR = 1e-6, 1e-30
"""Least unit, relative to the level: some ten roundings of a 32-bit number; and absolute: nothing divides by 0."""
FLOORED = np.float32(1.0 + 1e-5)
"""A unit that is larger than what was learned by more than rounding is the least there is."""
MOMENT_RATE = np.float32(1 / 2048)
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
def measure(config: Config, wide: Any, lean: Any, n: int) -> None:
    """Set the errors and their unit: the standard deviation at this hour, and at least what is told or can be told
    apart.
    """
    least = max(config.least, ABSOLUTE_FLOOR)
    for k in range(n):
        lean.error[k] = wide.value[k] - wide.level[k]
        floor = np.float32(max(RELATIVE_FLOOR * abs(wide.level[k]), least))
        lean.unit[k] = max(DEVIATION * lean.scale[k] * lean.ratio[k], floor)


@inlined
def learn(config: Config, wide: Any, lean: Any, n: int) -> None:
    """Take in the values of the first `n` lanes, but where the level may have moved: level, unit and noise."""
    for k in range(n):
        if (lean.count[k] == TWO) & (lean.taught[k] > NIL):
            _settle(wide, lean, k)
    _learn_level(config, wide, lean, n)
    if config.daily:
        for k in range(n):
            lean.cut[k] = lean.x[k] * lean.unit[k]
            lean.error[k], lean.unit[k] = lean.error[k] / lean.ratio[k], lean.unit[k] / lean.ratio[k]
    _learn_scale(config, lean, n)
    _learn_moments(lean, n, np.float32(config.begin))
    for k in range(n):
        lean.count[k] = min(lean.count[k] + lean.taught[k], MOST)
        lean.age[k] = min(lean.age[k] + lean.taught[k], MOST)


@compiled
def _settle(wide: Any, lean: Any, k: int) -> None:
    """Take the median of the first three values and their median deviation: a step at the first teaches nothing."""
    first, second, y = wide.level[k] - lean.scale[k], wide.level[k] + lean.scale[k], wide.value[k]
    wide.level[k] = level = min(max(y, first), second)
    a, b, c = abs(first - level), abs(second - level), abs(y - level)
    lean.scale[k] = a + b + c - max(a, b, c)


@inlined
def _learn_level(config: Config, wide: Any, lean: Any, n: int) -> None:
    """Learn the level: not once a window holds what is relative to it, nor while the first round of a day is learned
    after the day of which it is the mean.
    """
    usual, settled = np.float32(config.gain), np.float32(config.settled)
    last = np.float32(config.warmup if config.adwin else np.inf)
    first = np.float32(config.day if config.daily else np.inf)
    for k in range(n):
        count, age = lean.count[k], lean.age[k]
        follows = (lean.taught[k] > NIL) & (count != TWO) & (count < last) & ((count < first) | (count >= TWO * first))
        gain = max(usual, ONE / (age + ONE)) if age < settled else usual
        cut = lean.x[k] * lean.unit[k] if count >= UNCUT else lean.error[k]
        wide.level[k] += gain * cut if follows else NIL


@inlined
def _learn_scale(config: Config, lean: Any, n: int) -> None:
    least, begin = np.float32(config.scale_gain), np.float32(config.begin)
    late = begin - ONE if config.daily else NIL
    for k in range(n):
        count, scale, unit = lean.count[k], lean.scale[k], lean.unit[k]
        known = count - late if count >= begin else count
        gain = max(least, ONE / (known + ONE)) if known < LEARNED else least
        nil, size, cuts = (lean.variance[k] < NIL_VARIANCE) & (count > begin + ONE), abs(lean.error[k]), count >= UNCUT
        gain *= NIL_FADE if nil else ONE
        event = (size > CUT * unit) & cuts & (nil | (unit > FLOORED * DEVIATION * scale))
        scale = size / (CUT * DEVIATION) if event else scale
        scale += gain * ((min(size, SCALE_CUT * unit) if cuts else size) - scale)
        lean.scale[k] = scale if (lean.taught[k] > NIL) & (count != TWO) else lean.scale[k]


@inlined
def _learn_moments(lean: Any, n: int, begin: Any) -> None:
    for k in range(n):
        count, x = lean.count[k], lean.x[k]
        teaches = (lean.taught[k] > NIL) & (count >= begin) & (count != TWO)
        rate = max(ONE / (count - begin + ONE), MOMENT_RATE) if teaches else NIL
        lean.variance[k] += rate * (x * x - lean.variance[k])
        lean.covariance[k] += rate * (x * (lean.last[k] / QUANTUM) - lean.covariance[k])
        lean.skew[k] += rate * (x * x * x - lean.skew[k])
        lean.last[k] = (x * QUANTUM + SHIFTER) - SHIFTER if teaches else lean.last[k]


@inlined
def learn_hour(profile: Any, row: Any, config: Config, t: float, error: float) -> None:
    """Take the residual into the mean of its hour: over the visits since the first day, of which the level is."""
    days = math.floor(row.count / config.day) - 1.0
    if days >= 0.0:
        rate = min(config.step / 3600.0, 1.0) / (min(days, VISITS) + 0.5)
        profile[math.floor(t) // 3600 % 24] += min(rate, 1.0) * error
