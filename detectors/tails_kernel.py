"""How far beyond what is usual a residual is: quantiles tracked online, in the row of a series.

A row that has them has the fields `tails` (2 × 3: above and below, a quantile in units, the next decade's width in it,
the third's in that), `run` (observations in a row beyond the outer quantile), `last`, `covariance` and `variance` (of
residuals in units, cut). *Unit* means the mean absolute residual.
"""

import math
from typing import Any

import numpy as np

from detectors.compiled import compiled, inlined

FIRST_TAIL = np.array([2.2, 0.9, 1.2], np.float32)
"""The tail before anything is known: between those of a normal (2.06, 0.57, 0.77), a Laplace (2.3, 1, 1) and a
Student t variable of 3 degrees (2.13, 1.5, 2)."""
TAIL_RATE = (0.05, 0.1, 0.2)
"""Relative step of each. A quantile's spread about the truth is then √(rate / 4.6): 10, 15 and 21 %."""
LEAST_TAIL = (np.float32(1.0), np.float32(0.2), np.float32(0.5))
"""No tail is thinner: a side that never reaches its mean residual (rare counts) must not raise on what is common."""
MOST_TAIL = 1e6
TEACHABLE = 3.0
"""A run beyond the outer quantile teaches the tail like some two independent observations, then nothing more: an
incident widens the band by about a fifth however long it lasts."""
CUT_PAIR = 3.0
"""Units at which a residual is cut before it teaches the correlation. Before it teaches level and scale it is cut at
the outer quantile of its side: what comes once in a hundred times is no outlier, whatever the noise."""
PAIR_RATE = 1 / 512
"""Memory of the correlation: its standard error is then 0.03."""
DECADE = math.log(10.0)


@compiled
def begin_tails(row: Any) -> None:
    """Start with a tail between those of common noises."""
    for side in range(2):
        for j in range(3):
            row.tails[side, j] = FIRST_TAIL[j]


@inlined
def reach(row: Any, side: int) -> float:
    """Return the units at which the score is 0.999: above for side 0, below for side 1."""
    return float(row.tails[side, 0]) * (1.0 + float(row.tails[side, 1]) * (1.0 + float(row.tails[side, 2])))


@inlined
def tail_score(row: Any, z: float) -> float:
    """Return 1 − the tail probability of a residual of z units."""
    side = int(z < 0)
    z = abs(z) / float(row.tails[side, 0])
    return 0.9 * z if z < 1.0 else beyond((z - 1.0) / float(row.tails[side, 1]), float(row.tails[side, 2]))


@inlined
def beyond(z: float, width: float) -> float:
    """Return 1 − tail probability: 0.9, 0.99, 0.999 at the tracked quantiles, exponential between, Pareto beyond."""
    decades = z
    if z >= 1.0:
        z = (z - 1.0) / width
        growth = max(width, 1.0)  # each decade of a Pareto tail is so much wider than the one before
        decades = 1.0 + (z if z <= 1.0 or growth < 1.001 else math.log1p((growth - 1.0) * z) / math.log(growth))
    return 1.0 - 0.1 * math.exp(-DECADE * decades)


@inlined
def learn_pair(row: Any, z: float, rate: float, near: bool) -> None:
    """Take a cut residual into variance and, if the last was the neighbour before, covariance."""
    row.variance += rate * (z * z - row.variance)
    if near:
        row.covariance += rate * (z * row.last - row.covariance)
    row.last = z


@inlined
def learn_tails(row: Any, share: float, z: float, early: float) -> None:
    """Move the quantiles of both sides down, as if not exceeded; then up those that were: so each is, in its share.

    Steps shrink by the root of how many independent observations one is worth, (1 − φ) / (1 + φ) of a first-order
    autoregression: then the spread of a quantile and the time to learn it grow alike.
    """
    covariance = max(row.covariance, np.float32(0.0))
    independence = (row.variance - covariance) / (row.variance + covariance + np.float32(1e-9))
    weight = early * math.sqrt(max(independence, np.float32(0.0)))
    weight *= max(0.0, 1.0 - row.run * weight / TEACHABLE)
    side, z = 0 if z > 0 else 1, abs(z)
    first, second, third = row.tails[side, 0], row.tails[side, 1], row.tails[side, 2]
    for j in range(3):
        keep = np.float32(1.0 - TAIL_RATE[j] * share * weight)
        share *= 0.1
        row.tails[0, j] = max(row.tails[0, j] * keep, LEAST_TAIL[j])
        row.tails[1, j] = max(row.tails[1, j] * keep, LEAST_TAIL[j])
    if z > first:
        _widen(row, side, 0, weight)
    if z <= first * (1.0 + second):
        row.run -= (row.run + 7) // 8
        return
    row.run = min(row.run + 1, 30000)
    _widen(row, side, 1, weight)
    if z > first * (1.0 + second * (1.0 + third)):
        _widen(row, side, 2, weight)


@inlined
def _widen(row: Any, side: int, j: int, weight: float) -> None:
    row.tails[side, j] = min(row.tails[side, j] * (1.0 + TAIL_RATE[j] * weight), MOST_TAIL)
