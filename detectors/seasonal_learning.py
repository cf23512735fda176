"""How `Seasonal` judges a residual, and what it learns of it, on lanes of many series (see `seasonal_lanes`).

Every constant stands here with its reason. *Unit* means the series' mean absolute residual.
"""

import math
from typing import Any

import numpy as np

from detectors.compiled import inlined
from detectors.exponential import SHIFTER
from detectors.lanes import HALF, NIL, ONE
from detectors.seasonal_row import UNCUT, Config
from detectors.tails_kernel import CUT_PAIR, LEAST_TAIL, MOST_TAIL, PAIR_RATE, TAIL_RATE, TEACHABLE, beyond

BURST = np.float32(5)
"""Outliers in a row that may be chance or a fault; only what goes on is a rhythm, and taught to it uncut."""
NIL_VARIANCE, EVENT_UNITS, NIL_FADE = np.float32(0.3), np.float32(6.0), np.float32(0.1)
"""If nearly all residuals are nil (cut variance under 0.3 instead of about 1.4), an event's own size sets the unit, at
a sixth: far outside once, within reach of the tail when it turns out to be usual; and the unit fades at a tenth of the
pace, as what is nil says nothing of the size of events."""
SHIFT_CALM, SHIFT_FADE = np.float32(10.0), np.float32(0.25)
"""While a level shift is pending it widens the unit at a quarter of the pace, from a tenth of the share outside on."""
EARLY_TAIL, EARLIEST = np.float32(500.0), np.float32(3.0)
"""Steps of the tail are up to three times larger in the first few hundred observations."""
LONGEST = np.float32(4096.0)  # observations after which no weight is that of a plain mean any more
MOST_COUNTED, MOST_RUN = np.float32(1e7), np.float32(30000.0)
MOST_STEPS = np.float32(4.0)  # an observation after a gap teaches the level like so many at most
LEAST_SPREAD = np.float32(1e-9)  # nothing divides by 0
_UNCUT, _TEACHABLE, _MOST_TAIL = np.float32(UNCUT), np.float32(TEACHABLE), np.float32(MOST_TAIL)
_CUT_PAIR, _PAIR_RATE = np.float32(CUT_PAIR), np.float32(PAIR_RATE)
_EIGHTH, _ALMOST_HALF = np.float32(1 / 8), np.float32(7 / 16)


@inlined
def judge(config: Config, wide: Any, lean: Any, n: int) -> None:
    """Score the errors of the first `n` lanes, and tell the band."""
    _measure(wide, lean, n, config.least)
    for k in range(n):
        if lean.away[k] >= ONE:
            side = 3 * int(lean.z[k] < NIL)
            second, third = 1.0 * lean.tails[side + 1, k], 1.0 * lean.tails[side + 2, k]
            wide.score[k] = beyond((lean.away[k] - 1.0) / second, third)
    _direct(wide, lean, n, config.least, 1.0 * config.up, 1.0 * config.down)


@inlined
def _measure(wide: Any, lean: Any, n: int, least: float) -> None:
    for k in range(n):
        expected, doubt = wide.expected[k], lean.doubt[k]
        error = np.float32(wide.value[k] - expected)
        z = error / lean.unit[k]
        unit = lean.unit[k] * doubt
        above, below = lean.tails[0, k], lean.tails[3, k]
        away = abs(z / doubt) / (below if z < NIL else above)
        lean.error[k], lean.z[k], lean.away[k], wide.score[k] = error, z, away, 0.9 * away
        below *= ONE + lean.tails[4, k] * (ONE + lean.tails[5, k])
        above *= ONE + lean.tails[1, k] * (ONE + lean.tails[2, k])
        wide.low[k] = expected - max(unit * below, least)
        wide.high[k] = expected + max(unit * above, least)


@inlined
def _direct(wide: Any, lean: Any, n: int, least: float, up: float, down: float) -> None:
    """Let count what is looked for only, and what is large enough."""
    for k in range(n):
        score = wide.score[k] * (up if lean.z[k] > NIL else down)
        wide.score[k] = min(score, 0.9) if abs(wide.value[k] - wide.expected[k]) < least else score


@inlined
def learn(config: Config, wide: Any, lean: Any, n: int) -> None:
    """Learn from the errors of the first `n` lanes."""
    _weigh(lean, n)
    share = config.share
    for j in range(3):
        _move_quantile(lean, n, j, np.float32(TAIL_RATE[j]), np.float32(TAIL_RATE[j] * share))
        share *= 0.1
    _learn_scale(lean, n, np.float32(config.scale_gain))
    _learn_pair(lean, n, np.float32(1.5 * config.step))
    _learn_level(wide, lean, n, config)
    _learn_shift(lean, n, np.float32(config.adopt_gain), np.float32(config.shift_gain))
    for k in range(n):
        lean.count[k] = min(lean.count[k] + ONE, MOST_COUNTED)


@inlined
def _weigh(lean: Any, n: int) -> None:
    """Weigh the steps of the tails, and note how many quantiles are exceeded (see `tails_kernel.learn_tails`)."""
    for k in range(n):
        count, run, variance = lean.count[k], lean.run[k], lean.variance[k]
        lean.first[k] = first = ONE / (count + ONE) if count < LONGEST else NIL
        covariance = max(lean.covariance[k], NIL)
        independence = (variance - covariance) / (variance + covariance + LEAST_SPREAD)
        weight = min(ONE + EARLY_TAIL * first, EARLIEST) * math.sqrt(max(independence, NIL))
        weight *= max(NIL, ONE - run * weight / _TEACHABLE)
        lean.weight[k] = weight if count >= _UNCUT else NIL
        z, side = abs(lean.z[k]), lean.z[k] > NIL
        firsts, seconds, thirds = lean.tails[0, k], lean.tails[1, k], lean.tails[2, k]
        below = lean.tails[3, k], lean.tails[4, k], lean.tails[5, k]
        one = firsts if side else below[0]
        two = seconds if side else below[1]
        three = thirds if side else below[2]
        far = z > one * (ONE + two)
        depth = (ONE if z > one else NIL) + (ONE if far else NIL)
        depth += ONE if z > one * (ONE + two * (ONE + three)) else NIL
        lean.depth[k] = depth if side else -depth
        eighth = (run * _EIGHTH + _ALMOST_HALF + SHIFTER) - SHIFTER  # rounded up, as runs are whole
        grown = min(run + ONE, MOST_RUN) if far else run - eighth
        lean.run[k] = grown if count >= _UNCUT else run


@inlined
def _move_quantile(lean: Any, n: int, j: int, rate: Any, pace: Any) -> None:
    """Move a quantile of both sides down, as if not exceeded; then up if it was."""
    least, above = LEAST_TAIL[j], np.float32(j)
    for k in range(n):
        weight, depth = lean.weight[k], lean.depth[k]
        keep = ONE - pace * weight
        up, down = max(lean.tails[j, k] * keep, least), max(lean.tails[3 + j, k] * keep, least)
        lean.tails[j, k] = min(up * (ONE + rate * (weight if depth > above else NIL)), _MOST_TAIL)
        lean.tails[3 + j, k] = min(down * (ONE + rate * (weight if -depth > above else NIL)), _MOST_TAIL)


@inlined
def _learn_scale(lean: Any, n: int, scale_gain: Any) -> None:
    """Learn the unit from the errors' size, cut at the outer quantile; and cut the errors there."""
    uncut = np.float32(np.inf)
    for k in range(n):
        known, error, below = lean.count[k] >= _UNCUT, lean.error[k], lean.z[k] < NIL
        nil = (lean.variance[k] < NIL_VARIANCE) & known
        event, sized = nil & (abs(lean.z[k]) > EVENT_UNITS), abs(error) / EVENT_UNITS
        unit = sized if event else lean.unit[k]
        scale = sized if event else lean.scale[k]
        firsts, seconds = (lean.tails[0, k], lean.tails[3, k]), (lean.tails[1, k], lean.tails[4, k])
        cut = unit * (firsts[1] if below else firsts[0]) * (ONE + (seconds[1] if below else seconds[0]))
        cut = cut if known else uncut
        gain = max(scale_gain, lean.first[k]) * (NIL_FADE if nil else ONE)
        step = min(abs(error), cut) - scale
        widen = max(ONE - abs(lean.outside[k]) * SHIFT_CALM, SHIFT_FADE)
        lean.scale[k] = scale + gain * (min(step, NIL) + widen * max(step, NIL))
        lean.cut[k] = cut = min(max(error, -cut), cut)
        lean.seen[k] = error if lean.run[k] > BURST else cut


@inlined
def _learn_pair(lean: Any, n: int, near: Any) -> None:
    """Take the residuals, cut, into variance and, if the last was the neighbour before, covariance."""
    for k in range(n):
        z = min(max(lean.z[k], -_CUT_PAIR), _CUT_PAIR)
        rate = max(_PAIR_RATE, lean.first[k])
        variance, covariance = lean.variance[k], lean.covariance[k]
        lean.variance[k] = variance + rate * (z * z - variance)
        joint = covariance + rate * (z * lean.last[k] - covariance)
        lean.covariance[k] = joint if lean.ahead[k] < near else covariance
        lean.last[k] = z


@inlined
def _learn_level(wide: Any, lean: Any, n: int, config: Config) -> None:
    """Move level and slope by the cut error: a critically damped g-h filter (h = g²/4), the slope fading in time."""
    usual, young_gain, step = np.float32(config.gain), np.float32(config.young_gain), np.float32(config.step)
    lost, slope_gain = np.float32(1.0 - config.slope_keep), np.float32(config.slope_gain)
    warmup = np.float32(config.warmup)
    for k in range(n):
        young, cut, ahead, first = lean.young[k] > NIL, lean.cut[k], lean.ahead[k], lean.first[k]
        gain = max(usual, first)
        late = min(gain * min(ahead / step, MOST_STEPS), HALF)
        gain = late if ahead > step else gain
        gain = max(young_gain, first) if young else gain
        wide.level[k] += gain * cut
        lean.moved[k] += NIL if young else gain * cut
        slope = lean.slope[k]
        turned = slope - (lost * slope - slope_gain * cut)
        lean.slope[k] = slope if young | (lean.count[k] < warmup) else turned


@inlined
def _learn_shift(lean: Any, n: int, adopt_gain: Any, shift_gain: Any) -> None:
    """Learn for how long and by how much the residual stayed outside, on one side."""
    for k in range(n):
        young, error = lean.young[k] > NIL, lean.error[k]
        side = (-ONE if error < NIL else ONE) if lean.run[k] > NIL else NIL
        outside, shift = lean.outside[k], lean.shift[k]
        lean.outside[k] = outside if young else outside + adopt_gain * (side - outside)
        lean.shift[k] = shift if young else shift + shift_gain * (error - shift)
