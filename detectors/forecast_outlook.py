"""When a fitted line reaches a limit, and how probable that is: the compiled arithmetic of `Forecast`.

All is in units of the normal distribution: the *odds* at a time ahead are how many standard errors the line is beyond
the limit by then. Every constant stands here with its reason.
"""

import math
from typing import NamedTuple

import numpy as np

from detectors.compiled import compiled, inlined

MOST_GROWTH = 4.0
"""Slopes wander, so a checked error grows with the horizon: for a random walk of the slope and a fit that lags by a
span, as a third of the horizon and that span do. Up to so many times: a farther breach must stay the more probable."""
LONGEST_APPROACH = 1e4
"""Most windows that noise is given to reach the limit before the line does."""
APPROACH_SPREAD = 0.6
"""Spread of that margin, in standard deviations of the noise: half the way from its 16 to its 84 % point."""
HORIZON = 10.0
"""Times to breach are told up to so many times `within`."""
ROOT_HALF = math.sqrt(0.5)
CERTAIN = 8.3
"""Standard deviations beyond which a normal probability is 1 in 64 bits, and taken as 0 on the other side."""
PRECISION, ROUNDS = 1e-7, 40
"""A time to breach is sought until the odds are within so much of what is asked, in at most so many rounds."""


class Line(NamedTuple):
    """The fit at one moment: where the value is, how it moves, and the variances of both and of the values about it."""

    level: float
    slope: float
    level_variance: float
    slope_variance: float
    checked_variance: float
    """Of the slope, as the forecasts checked so far were wrong, over a span."""
    variance: float
    independence: float
    """How many independent errors one observation is worth, with first-order autocorrelation."""


class Way(NamedTuple):
    """What lies between a line and the limit."""

    gap: float
    """From the line, with a margin for the noise about it, to the limit."""
    slope: float
    variance: float
    """Of the gap."""
    slope_variance: float
    checked_variance: float
    span: float


@inlined
def way_of(line: Line, limit: float, step: float, span: float) -> Way:
    """Return the way from `line` to the limit."""
    noise = math.sqrt(line.variance)
    near = noise / max(line.slope * step, noise / LONGEST_APPROACH)  # windows in which noise could do the rest
    margin = noise * _margin(near * line.independence)
    variance = line.level_variance + APPROACH_SPREAD * APPROACH_SPREAD * line.variance
    gap = limit - line.level - margin
    return Way(gap, line.slope, variance, line.slope_variance, line.checked_variance, span)


@inlined
def _margin(near: float) -> float:
    """Return the distance, in standard deviations, at which a line that needs `near` windows for one of them is half
    as likely as not to have had a value beyond the limit: a fit to φ(a) − a·(1 − Φ(a)) = ln 2 / near, within 0.1.
    """
    decades = math.log10(max(near, 0.1))
    return max(-0.4 + decades * (1.7 - 0.21 * decades), -2.0)


@inlined
def _error(way: Way, ahead: float) -> float:
    """Return the standard error of the line `ahead` seconds from now."""
    growth = min((3.0 + ahead / way.span) / 4.0, MOST_GROWTH)
    return math.sqrt(way.variance + max(way.slope_variance, way.checked_variance * growth) * ahead * ahead)


@inlined
def odds(way: Way, ahead: float, effect: float) -> float:
    """Return how many standard errors the line, with an `effect` added, is beyond the limit in `ahead` seconds."""
    return (way.slope * ahead + effect - way.gap) / _error(way, ahead)


@inlined
def normal(z: float) -> float:
    """Return the probability that a normal variable is below `z`."""
    if abs(z) > CERTAIN:
        return 1.0 if z > 0 else 0.0
    return 0.5 * math.erfc(-z * ROOT_HALF)


@inlined
def by_noise(line: Line, limit: float, windows: float) -> float:
    """Return the probability that noise about the present line alone goes beyond the limit within `windows`."""
    z = (limit - line.level) / math.sqrt(line.variance + line.level_variance)
    return 0.0 if z > CERTAIN else 1.0 - math.exp((normal(z) - 1.0) * line.independence * windows)


@compiled
def when(way: Way, wanted: float, horizon: float) -> float:
    """Return the seconds after which the odds are `wanted`; NaN if not within the horizon.

    False position with the correction that keeps both ends moving (the Illinois method: Dowell and Jarratt, "A modified
    regula falsi method", BIT 11, 1971), of the distance to the limit less `wanted` errors, which is nearly straight.
    """
    low, high = 0.0, horizon
    below = -way.gap - wanted * math.sqrt(way.variance)
    above = way.slope * high - way.gap - wanted * _error(way, high)
    if above < 0.0:
        return np.nan
    if below >= 0.0:
        return 0.0
    side, ahead = 0, high
    for _ in range(ROUNDS):
        ahead = high - above * (high - low) / (above - below)
        error = _error(way, ahead)
        distance = way.slope * ahead - way.gap - wanted * error
        if abs(distance) <= PRECISION * error:
            break
        if distance < 0.0:
            low, below = ahead, distance
            above *= 0.5 if side < 0 else 1.0
            side = -1
        else:
            high, above = ahead, distance
            below *= 0.5 if side > 0 else 1.0
            side = 1
    return ahead


@compiled
def crossing(known: float, share: float, before: float, now: float, ahead: float) -> float:
    """Return when in the hour that ends at `ahead` the chance passed `share`; what is known already, if anything."""
    if not math.isnan(known) or now < share:
        return known
    return ahead - 3600.0 * (now - share) / (now - before)
