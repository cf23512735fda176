"""How large the departures of a cohort's members are: six quantiles, tracked online, of all members together.

As in the seasonal kind, after Gibbs and Candès, "Adaptive conformal inference under distribution shift", NeurIPS 2021.
"""

import math
from typing import Any

import numpy as np

from detectors.compiled import compiled

FIRST_TAIL = np.array([2.2, 0.9, 1.2], np.float32)
"""The tail before anything is known: between those of a normal and of a Laplace variable."""
TAIL_RATE = (0.02, 0.05, 0.1)
"""Relative step of each quantile. Its spread about the truth is then √(rate / 4.6): 7, 10 and 15 %."""
TEACHERS, EARLY = 8.0, 100.0
"""The members of a window teach the tail like eight, as they may be ill together; more in the first windows."""
LEAST_TAIL = (np.float32(1.0), np.float32(0.2), np.float32(0.5))
"""No tail is thinner, as a cohort's first hundred windows may show none."""
MOST_TAIL = 1e6
DECADE = math.log(10.0)


@compiled
def learn_tails(group: Any, config: Any, z: float, members: float) -> None:
    """Move the quantiles of both sides down, as if not exceeded; then up those that were."""
    tails, side, share = group.tails, int(z < 0), config.tail
    weight = min(TEACHERS / members * (1.0 + EARLY / group.windows), 1.0)
    first, second, third = float(tails[side, 0]), float(tails[side, 1]), float(tails[side, 2])
    for j in range(3):
        keep = np.float32(1.0 - TAIL_RATE[j] * share * weight)
        tails[0, j] = max(tails[0, j] * keep, LEAST_TAIL[j])
        tails[1, j] = max(tails[1, j] * keep, LEAST_TAIL[j])
        share *= 0.1
    if abs(z) > first:
        _widen(tails, side, 0, weight)
    if abs(z) > first * (1.0 + second):
        _widen(tails, side, 1, weight)
    if abs(z) > first * (1.0 + second * (1.0 + third)):
        _widen(tails, side, 2, weight)


@compiled
def _widen(tails: Any, side: int, j: int, weight: float) -> None:
    tails[side, j] = min(tails[side, j] * (1.0 + TAIL_RATE[j] * weight), MOST_TAIL)


@compiled
def reach(tails: Any, side: int) -> float:
    """Return the quantile that one in a thousand exceeds, in units."""
    return float(tails[side, 0]) * (1.0 + float(tails[side, 1]) * (1.0 + float(tails[side, 2])))


@compiled
def tail_score(tails: Any, z: float) -> float:
    """Return 1 − tail probability: 0.9, 0.99, 0.999 at the tracked quantiles, exponential between, Pareto beyond."""
    side = int(z < 0)
    z = abs(z) / float(tails[side, 0])
    if z < 1.0:
        return 0.9 * z
    decades, width = (z - 1.0) / float(tails[side, 1]), float(tails[side, 2])
    if decades > 1.0:
        z = (decades - 1.0) / width
        growth = max(width, 1.0)
        decades = 1.0 + (z if z <= 1.0 or growth < 1.001 else math.log1p((growth - 1.0) * z) / math.log(growth))
    return 1.0 - 0.1 * math.exp(-DECADE * decades)
