"""The lanes of `Shift`, and the arithmetic on them (see `lanes`)."""

import math
from typing import Any

import numpy as np

from detectors.compiled import inlined
from detectors.lanes import LANES
from detectors.shift_row import CUT, GUARD, Config
from detectors.shift_sums import LEAST_VARIANCE, OVERSHOOT, tail_at

WIDE = np.dtype(
    [
        ("series", "i8", LANES),
        ("place", "i8", LANES),  # in the batch
        ("now", "f8", LANES),
        ("time", "f8", LANES),  # of the row: it never goes back
        ("ahead", "f8", LANES),  # seconds since the last observation
        ("value", "f8", LANES),  # less the effect
        ("effect", "f8", LANES),  # of the hour
        ("ratio", "f8", LANES),  # of the hour's unit to the day's
        ("expected", "f8", LANES),
        ("error", "f8", LANES),
        ("unit", "f8", LANES),
        ("x", "f8", LANES),  # the error in units, cut
        ("age", "f8", LANES),
        ("variance", "f8", LANES),  # of x; then in the long run
        ("covariance", "f8", LANES),
        ("root", "f8", LANES),
        ("allowance", "f8", LANES),
        ("lead", "f8", LANES),  # the higher sum
        ("side", "f8", LANES),
        ("skew", "f8", LANES),  # to that side
        ("odds", "f8", LANES),
        ("tail", "f8", LANES),
    ]
)


@inlined
def weigh(config: Config, wide: Any, n: int) -> None:
    """Set x, and what the noise that was learned makes of the sums: its variance in the long run, with its first-order
    autocorrelation, and the allowance, which is wider while the level is new.
    """
    usual, settled, allowance = config.guard, config.settled, config.allowance
    for k in range(n):
        wide.x[k] = min(max(wide.error[k] / wide.unit[k], -CUT), CUT)
        variance = wide.variance[k]
        covariance = min(max(wide.covariance[k], 0.0), 0.999 * variance)
        longer = max(variance * (variance + covariance) / max(variance - covariance, LEAST_VARIANCE), 1.0)
        root = math.sqrt(longer)
        young = GUARD / math.sqrt(wide.age[k])
        guard = usual if wide.age[k] >= settled else young
        wide.variance[k], wide.root[k], wide.allowance[k] = longer, root, allowance + guard * root


@inlined
def judge(config: Config, wide: Any, n: int) -> None:
    """Set the log odds of a shift and the tail of the higher sum: the exponent is the root θ of the cumulant function
    κ₂θ²/2 + κ₃θ³/6 − kθ of a step.
    """
    four, tilt = config.four, config.tilt
    for k in range(n):
        variance, lead, root = wide.variance[k], wide.lead[k], wide.root[k]
        theta = four / (variance + math.sqrt(variance * variance + tilt * wide.skew[k]))
        rate = theta * root
        wide.odds[k] = theta * lead
        wide.tail[k] = tail_at(theta * (lead + OVERSHOOT * root), 0.5 * rate * rate)
