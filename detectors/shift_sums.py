"""The two cumulative sums of `Shift`, and how rarely noise alone would bring them where they are, on lanes."""

import math
from typing import Any

import numpy as np

from detectors.compiled import compiled, inlined
from detectors.exponential import exponential
from detectors.lanes import HALF, NIL, ONE, TWO
from detectors.shift_row import CUT, GUARD, SURE, Config

OVERSHOOT = np.float32(1.166)
"""By how much a sum of normal steps passes a limit, twice over, in units (Siegmund 1985, ρ = 0.583)."""
LEAST_VARIANCE = np.float32(1e-30)  # nothing divides by 0
MOST_SHARE = np.float32(0.999)
"""Most of the variance that the covariance of neighbours is taken to be."""
LONGEST_RUN = np.float32(32000.0)
FARTHEST = np.float32(80.0)
"""What e to the power of fits 32 bits."""


@inlined
def weigh(config: Config, lean: Any, n: int) -> None:
    """Set x, and what the noise that was learned makes of the sums: its variance in the long run, with its first-order
    autocorrelation, and the allowance, which is wider while the level is new.
    """
    usual, settled = np.float32(config.guard), np.float32(config.settled)
    allowance = np.float32(config.allowance)
    for k in range(n):
        lean.x[k] = min(max(lean.error[k] / lean.unit[k], -CUT), CUT)
        variance = lean.variance[k]
        covariance = min(max(lean.covariance[k], NIL), MOST_SHARE * variance)
        longer = max(variance * (variance + covariance) / max(variance - covariance, LEAST_VARIANCE), ONE)
        root = math.sqrt(longer)
        young = GUARD / math.sqrt(lean.age[k])
        guard = usual if lean.age[k] >= settled else young
        lean.longer[k], lean.root[k], lean.allowance[k] = longer, root, allowance + guard * root


@inlined
def sum_up(config: Config, lean: Any, n: int) -> None:
    """Add x to the sums, and the residual to the run of the higher one, where the warm-up is over."""
    keep, high, warmup = np.float32(config.keep), np.float32(config.high), np.float32(config.warmup)
    for k in range(n):
        settled, allowance, x = lean.count[k] >= warmup, lean.allowance[k], lean.x[k]
        up, down = lean.up[k], lean.down[k]
        lean.early[k] = before = max(up, down)
        lean.rise[k] = up = max(keep * up + x - allowance, NIL) if settled else up
        lean.fall[k] = down = max(keep * down - x - allowance, NIL) if settled else down
        lean.watched[k] = ONE if settled & (max(before, up, down) >= high * lean.longer[k]) else NIL
    for k in range(n):
        if lean.watched[k] > NIL:
            _watch(config, lean, k)
    _run_on(lean, n, warmup)


@inlined
def _run_on(lean: Any, n: int, warmup: Any) -> None:
    for k in range(n):
        settled, up, down = lean.count[k] >= warmup, lean.rise[k], lean.fall[k]
        lead, side, run = max(up, down), ONE if up >= down else -ONE, lean.run[k]
        calm = (TWO * lean.early[k] >= CUT) | (side * lean.x[k] < CUT)  # else: a small run, and then this
        kept = ONE if (run * side > NIL) & calm else NIL
        longer = side * min(kept * abs(run) + ONE, LONGEST_RUN) * (ONE if lead > NIL else NIL)
        total, since = kept * lean.total[k] + lean.error[k], kept * (lean.since[k] + lean.ahead[k])
        lean.run[k] = longer if settled else run
        lean.total[k], lean.since[k] = total if settled else lean.total[k], since if settled else lean.since[k]
        lean.lead[k], lean.side[k], lean.up[k], lean.down[k] = lead, side, up, down


@compiled
def _watch(config: Config, lean: Any, k: int) -> None:
    """Go on with a sum that is or was high: once it is, the other is that of the log likelihood that x is back from
    the mean of its run.
    """
    up, down, high = lean.up[k], lean.down[k], config.high * lean.longer[k]
    if max(up, down) < high:
        if lean.rise[k] >= lean.fall[k]:
            lean.fall[k] = 0.0
        else:
            lean.rise[k] = 0.0
        return
    side = 1.0 if up >= down else -1.0
    lead, other = max(up, down), min(up, down)
    mean = lead / max(abs(lean.run[k]), 1.0) + config.allowance
    other = max(other + 0.5 * mean - side * lean.x[k], 0.0)
    lead = config.keep * lead + side * lean.x[k] - lean.allowance[k]
    if mean * other >= SURE * lean.longer[k]:
        lead = other = 0.0
    elif lead < high:
        other = 0.0
    lean.rise[k], lean.fall[k] = (lead, other) if side > 0.0 else (other, lead)


@inlined
def judge(config: Config, lean: Any, n: int) -> None:
    """Set the log odds of a shift and the tail of the higher sum: the exponent is the root θ of the cumulant function
    κ₂θ²/2 + κ₃θ³/6 − kθ of a step.
    """
    four, tilt = np.float32(config.four), np.float32(config.tilt)
    for k in range(n):
        variance, lead, root = lean.longer[k], lean.lead[k], lean.root[k]
        skew = max(lean.side[k] * lean.skew[k], NIL)
        theta = four / (variance + math.sqrt(variance * variance + tilt * skew))
        rate = theta * root
        lean.odds[k] = theta * lead
        lean.tail[k] = tail_at(theta * (lead + OVERSHOOT * root), HALF * rate * rate)


@inlined
def tail_at(far: Any, rate: Any) -> Any:
    """Return the rate at which a series without a shift gets so far: one in Siegmund's run length, (2.56), of a
    Brownian motion.
    """
    return min(rate / (exponential(min(far, FARTHEST)) - far - ONE), ONE)
