"""How `Seasonal` judges a residual, and what it learns of it, on lanes of many series (see `seasonal_lanes`).

Every constant stands here with its reason. *Unit* means the series' mean absolute residual.
"""

import math
from typing import Any

import numpy as np

from detectors.compiled import inlined
from detectors.seasonal_row import UNCUT, Config
from detectors.tails_kernel import CUT_PAIR, LEAST_TAIL, MOST_TAIL, PAIR_RATE, TAIL_RATE, TEACHABLE, beyond

BURST = 5  # outliers in a row that may be chance or a fault; only what goes on is a rhythm, and taught to it uncut
NIL_VARIANCE, EVENT_UNITS, NIL_FADE = 0.3, 6.0, 0.1
"""If nearly all residuals are nil (cut variance under 0.3 instead of about 1.4), an event's own size sets the unit, at
a sixth: far outside once, within reach of the tail when it turns out to be usual; and the unit fades at a tenth of the
pace, as what is nil says nothing of the size of events."""
SHIFT_CALM, SHIFT_FADE = 10.0, 0.25
"""While a level shift is pending it widens the unit at a quarter of the pace, from a tenth of the share outside on."""
EARLY_TAIL = 500.0
"""Steps of the tail are up to three times larger in the first few hundred observations."""
LONGEST = 4096.0  # observations after which no weight is that of a plain mean any more
MOST_STEPS = 4.0  # an observation after a gap teaches the level like so many at most


@inlined
def judge(config: Config, wide: Any, lean: Any, n: int) -> None:
    """Score the errors of the first `n` lanes, and tell the band."""
    _measure(wide, lean, n, config.least)
    for k in range(n):
        if wide.away[k] >= 1.0:
            side = 3 * int(wide.z[k] < 0)
            second, third = float(lean.tails[side + 1, k]), float(lean.tails[side + 2, k])
            wide.score[k] = beyond((wide.away[k] - 1.0) / second, third)
    _direct(wide, n, config.least, 1.0 * config.up, 1.0 * config.down)


@inlined
def _measure(wide: Any, lean: Any, n: int, least: float) -> None:
    for k in range(n):
        unit, expected = wide.unit[k], wide.expected[k]
        z = wide.error[k] * (1.0 / unit)
        wide.z[k] = z
        unit *= wide.doubt[k]
        above, below = float(lean.tails[0, k]), float(lean.tails[3, k])
        wide.away[k] = abs(z / wide.doubt[k]) / (below if z < 0 else above)
        wide.score[k] = 0.9 * wide.away[k]
        below *= 1.0 + float(lean.tails[4, k]) * (1.0 + float(lean.tails[5, k]))
        above *= 1.0 + float(lean.tails[1, k]) * (1.0 + float(lean.tails[2, k]))
        wide.low[k] = expected - max(unit * below, least)
        wide.high[k] = expected + max(unit * above, least)


@inlined
def _direct(wide: Any, n: int, least: float, up: float, down: float) -> None:
    """Let count what is looked for only, and what is large enough."""
    for k in range(n):
        z = wide.z[k] / wide.doubt[k]
        score = wide.score[k] * (up if z > 0 else down)
        small = abs(z * (wide.unit[k] * wide.doubt[k])) < least
        wide.score[k] = min(score, 0.9) if small else score


@inlined
def learn(config: Config, wide: Any, lean: Any, n: int) -> None:
    """Learn from the errors of the first `n` lanes."""
    _weigh(wide, lean, n)
    share = config.share
    for j in range(3):
        _move_quantile(wide, lean, n, j, TAIL_RATE[j] * share, j)
        share *= 0.1
    _learn_scale(wide, lean, n, config.scale_gain)
    _learn_pair(wide, lean, n, 1.5 * config.step)
    _learn_level(wide, lean, n, config)
    _learn_shift(wide, lean, n, config.adopt_gain, config.shift_gain)


@inlined
def _weigh(wide: Any, lean: Any, n: int) -> None:
    """Weigh the steps of the tails, and note how many quantiles are exceeded (see `tails_kernel.learn_tails`)."""
    nothing = np.float32(0.0)
    for k in range(n):
        count = wide.count[k]
        first = 1.0 / (count + 1.0)
        wide.first[k] = first = first if count < LONGEST else 0.0
        early = min(1.0 + EARLY_TAIL * first, 3.0)
        variance, covariance = lean.variance[k], max(lean.covariance[k], nothing)
        independence = (variance - covariance) / (variance + covariance + np.float32(1e-9))
        weight = early * math.sqrt(max(independence, nothing))
        run = float(lean.run[k])
        weight *= max(0.0, 1.0 - run * weight / TEACHABLE)
        wide.weight[k] = weight if count >= UNCUT else 0.0
        z, side = abs(wide.z[k]), wide.z[k] > 0
        firsts, seconds, thirds = lean.tails[0, k], lean.tails[1, k], lean.tails[2, k]
        below = lean.tails[3, k], lean.tails[4, k], lean.tails[5, k]
        one = firsts if side else below[0]
        two = seconds if side else below[1]
        three = thirds if side else below[2]
        far = z > one * (1.0 + two)
        depth = (1.0 if z > one else 0.0) + (1.0 if far else 0.0)
        depth += 1.0 if z > one * (1.0 + two * (1.0 + three)) else 0.0
        wide.depth[k] = depth if side else -depth
        grown = min(run + 1.0, 30000.0) if far else run - math.floor((run + 7.0) * 0.125)
        lean.run[k] = grown if count >= UNCUT else run


@inlined
def _move_quantile(wide: Any, lean: Any, n: int, j: int, pace: float, above: float) -> None:
    """Move a quantile of both sides down, as if not exceeded; then up if it was."""
    least = LEAST_TAIL[j]
    for k in range(n):
        weight, depth = wide.weight[k], wide.depth[k]
        keep = np.float32(1.0 - pace * weight)
        up, down = lean.tails[j, k], lean.tails[3 + j, k]
        up, down = max(up * keep, least), max(down * keep, least)
        lean.tails[j, k] = min(up * (1.0 + TAIL_RATE[j] * (weight if depth > above else 0.0)), MOST_TAIL)
        lean.tails[3 + j, k] = min(down * (1.0 + TAIL_RATE[j] * (weight if -depth > above else 0.0)), MOST_TAIL)


@inlined
def _learn_scale(wide: Any, lean: Any, n: int, scale_gain: float) -> None:
    """Learn the unit from the errors' size, cut at the outer quantile; and cut the errors there."""
    for k in range(n):
        known, error, below = wide.count[k] >= UNCUT, wide.error[k], wide.z[k] < 0
        nil = (lean.variance[k] < NIL_VARIANCE) & known
        event, sized = nil & (abs(wide.z[k]) > EVENT_UNITS), abs(error) / EVENT_UNITS
        unit = sized if event else wide.unit[k]
        scale = np.float32(sized) if event else lean.scale[k]
        firsts, seconds = (lean.tails[0, k], lean.tails[3, k]), (lean.tails[1, k], lean.tails[4, k])
        cut = unit * (firsts[1] if below else firsts[0]) * (1.0 + (seconds[1] if below else seconds[0]))
        cut = cut if known else np.inf
        gain = max(scale_gain, wide.first[k])
        gain *= NIL_FADE if nil else 1.0
        step = min(abs(error), cut) - scale
        widen = max(1.0 - abs(lean.outside[k]) * SHIFT_CALM, SHIFT_FADE)
        lean.scale[k] = scale + gain * (min(step, 0.0) + widen * max(step, 0.0))
        wide.cut[k] = cut = min(max(error, -cut), cut)
        wide.seen[k] = error if lean.run[k] > BURST else cut


@inlined
def _learn_pair(wide: Any, lean: Any, n: int, near: float) -> None:
    """Take the residuals, cut, into variance and, if the last was the neighbour before, covariance."""
    for k in range(n):
        z = min(max(wide.z[k], -CUT_PAIR), CUT_PAIR)
        rate = max(PAIR_RATE, wide.first[k])
        variance, covariance = lean.variance[k], lean.covariance[k]
        lean.variance[k] = variance + rate * (z * z - variance)
        joint = np.float32(covariance + rate * (z * lean.last[k] - covariance))
        lean.covariance[k] = joint if wide.ahead[k] < near else covariance
        lean.last[k] = z


@inlined
def _learn_level(wide: Any, lean: Any, n: int, config: Config) -> None:
    """Move level and slope by the cut error: a critically damped g-h filter (h = g²/4), the slope fading in time."""
    usual, young_gain, step, warmup = config.gain, config.young_gain, config.step, config.warmup
    keep, slope_gain = config.slope_keep, config.slope_gain
    for k in range(n):
        young, cut, ahead, first = lean.young[k] > 0, wide.cut[k], wide.ahead[k], wide.first[k]
        gain = max(usual, first)
        late = min(gain * min(ahead / step, MOST_STEPS), 0.5)
        gain = late if ahead > step else gain
        gain = max(young_gain, first) if young else gain
        wide.level[k] += gain * cut
        lean.moved[k] += 0.0 if young else gain * cut
        slope = lean.slope[k]
        turned = np.float32(slope * keep + slope_gain * cut)
        lean.slope[k] = slope if young | (wide.count[k] < warmup) else turned


@inlined
def _learn_shift(wide: Any, lean: Any, n: int, adopt_gain: float, shift_gain: float) -> None:
    """Learn for how long and by how much the residual stayed outside, on one side."""
    for k in range(n):
        young, error = lean.young[k] > 0, wide.error[k]
        side = math.copysign(1.0, error) if lean.run[k] > 0 else 0.0
        outside, shift = lean.outside[k], lean.shift[k]
        lean.outside[k] = outside + (0.0 if young else adopt_gain * (side - outside))
        lean.shift[k] = shift + (0.0 if young else shift_gain * (error - shift))
