"""The way of a series to its limit: the gap, the slope it is foreseen to go on with, and how sure all of that is.

All is said in z: the distance from the limit of what is foreseen, in standard deviations of that; the probability is
Φ(z).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from detectors.compiled import inlined
from detectors.forecast_damping import MOST_CHECKS, Trend, mean_slope, trend_of
from detectors.forecast_line import ALONE, Line, noise_of
from detectors.forecast_row import Config

MOST_GROWTH = 4.0
"""Slopes wander, so a checked error grows with the horizon; up to so many times: a farther breach must stay the more
probable."""
LAG = 0.75
"""Share of a checked error that is there from the start, as the fit lags by a span; the rest is a random walk of the
slope (an Ornstein-Uhlenbeck process if slopes are damped), a third of whose variance a mean slope has."""
SLOPE_DOUBT, DOUBT_WEIGHT = 0.4, 0.1
"""Before forecasts were checked a slope is taken to be off by four tenths, and what damping takes from it by all of
that: a doubt that weighs a tenth of a check."""
STUDENT = np.array([1, 3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372, 1.363, 1.356]) / 1.2816
"""Few checks tell little of the spread: by so much an interval of Student's t with so many degrees of freedom is wider
than a normal one, for eight in ten."""
CHECKS = np.arange(MOST_CHECKS + 1.0)
DOUBTS = DOUBT_WEIGHT / (CHECKS + DOUBT_WEIGHT)
"""Weight of the doubt after so many checks …"""
TRUST = (1.0 - DOUBTS) * STUDENT**2
"""… and by what the error that they found counts."""
RARE = 2.33
"""Before its slope is known one series in a hundred is taken to reach its limit within `within`: the slope that does so
is so many standard deviations of slopes from none."""
PLAIN = 3.0
"""What a slope is beyond so many of its standard errors is not explained by noise: the prior has heavy tails."""
HORIZON = 10.0
"""Times to breach are told up to so many times `within`, and up to so many times what was watched."""
LONGEST_APPROACH = 1e4
"""Most windows that noise is given to reach the limit before the line does."""
APPROACH_SPREAD = 0.6
"""Spread of that margin, in standard deviations of the noise: half the way from its 16 to its 84 % point."""
LARGEST_MARGIN = 3.05  # at the 10⁴ windows of the longest approach
FAR = 6.0
"""Standard deviations that neither a line nor noise goes: 1 − Φ is 1e-9."""
STEPS = 16
TABLE = np.array(
    [
        [math.erfc(-z / STEPS / math.sqrt(2)) / 2, math.exp(-((z / STEPS) ** 2) / 2) / math.sqrt(2 * math.pi)]
        for z in range(-8 * STEPS, 8 * STEPS + 1)
    ]
)
"""Φ and φ in steps of 1/16: Taylor's three terms between them are right to 2e-7 of Φ's tail, in a tenth of the time."""


class Way(NamedTuple):
    """The way to the limit, seen from now."""

    gap: float
    """From the line to the limit, less what noise does at the end of it."""
    trend: Trend
    here: float
    """Variance of the gap now."""
    slope_variance: float
    checked_variance: float
    """Of the mean slope of a span, as forecasts were wrong by."""
    doubt: float
    """Weight of the doubt before there were checks."""
    span: float
    checked: float
    """Mean slope that is foreseen for a span."""


@inlined
def way_of(row: Any, config: Config, line: Line) -> Way:
    """Return the way, from the level without the rhythm of the day.

    A slope that noise may explain counts for less, the more so the less was seen of the way to the limit: its prior is
    normal about none (see `RARE`).
    """
    noise = noise_of(row, config, line.variance)
    size = math.sqrt(noise.fast)
    near = size / max(line.slope * config.step, size / LONGEST_APPROACH)  # windows in which noise could do the rest
    gap = config.limit - line.level - noise.here - size * _margin(near)
    doubt = DOUBTS[row.checks]
    slope_variance = line.slope_variance * (1.0 + doubt * (1.0 / noise.worth - 1.0))
    usual = (max(config.limit - line.level, 0.0) + abs(line.slope) * row.watched) / (RARE * config.within)
    plain = max(line.slope * line.slope - PLAIN * PLAIN * slope_variance, 0.0)
    signal = usual * usual + plain
    known = signal / (signal + slope_variance)
    here = line.level_variance + APPROACH_SPREAD * APPROACH_SPREAD * noise.fast
    trend = trend_of(row, config, known * line.slope, 1.0 * row.watched)
    return Way(
        gap,
        trend,
        here if config.daily else here + noise.slow,
        known * slope_variance,
        TRUST[row.checks] * row.slope_error / (config.span * config.span),
        doubt,
        config.span,
        mean_slope(trend, config.span),
    )


@inlined
def horizon_of(row: Any, config: Config) -> float:
    """Return up to when a time to breach is told."""
    return float(HORIZON * min(config.within, row.watched))


class Reach(NamedTuple):
    """What tells whether a limit is out of reach."""

    gap: float
    """From the line to the limit, less the most that the rhythm of the day adds."""
    line: Line
    watched: float
    held: float
    drift: float
    loss: float
    near: float
    near_square: float
    checked: float
    """Variance of the slope in a span, as forecasts were wrong by."""
    doubt: float


@inlined
def is_far(row: Any, config: Config, line: Line, peak: float) -> bool:
    """Return whether the limit is out of reach for certain; `peak` is the most that the rhythm of the day adds."""
    checked, doubt = TRUST[row.checks] * row.slope_error, DOUBTS[row.checks]
    way = (row.watched, row.held, row.drift, row.loss, row.near, row.near_square)
    return is_beyond(Reach(config.limit - line.level - peak, line, *way, checked, doubt), config)


@inlined
def is_beyond(reach: Reach, config: Config) -> bool:
    """Return whether a limit is out of reach, by bounds of what follows that need no root.

    No mean slope is beyond both the line's and the one it damps to, nor any error of it beyond the sum of its parts.
    """
    line, doubt = reach.line, reach.doubt
    fall = abs(line.slope) * (1.0 - reach.held) + abs(reach.drift)
    most = max(line.slope, 0.0)
    most = max(most, reach.held * most + reach.drift)
    gap = reach.gap - abs(reach.near)
    far = max(HORIZON * min(config.within, reach.watched), config.within)
    within, horizon = gap - most * config.within, gap - most * far
    worse = min(max(reach.near_square / (ALONE * line.variance), 1.0), 1.0 / ALONE)
    error = line.slope_variance * (1.0 + doubt * (worse - 1.0))
    growth = LAG + (1.0 - LAG) * max(walk(reach.loss, config.span, far), 2.0)  # that is the most within two spans
    error += min(growth, MOST_GROWTH) * reach.checked / (config.span * config.span)
    error += doubt * (SLOPE_DOUBT * SLOPE_DOUBT * line.slope * line.slope + fall * fall) + fall * fall
    here = line.level_variance + line.variance + reach.near_square
    noise = 6.0 * LARGEST_MARGIN * LARGEST_MARGIN * line.variance  # (a + b)² is at most 6·a² + 1.2·b²
    sure, ends = 1.2 * FAR * FAR, 1.2 * config.quantile * config.quantile
    return bool(
        (horizon > 0.0)
        & (within * within > noise + sure * (here + error * config.within * config.within))
        & (horizon * horizon > noise + ends * (here + error * far * far))
    )


@inlined
def _margin(near: float) -> float:
    """Return the distance, in standard deviations, at which a line that needs `near` windows for one of them is half
    as likely as not to have had a value beyond the limit: a fit to φ(a) − a·(1 − Φ(a)) = ln 2 / near, within 0.1.
    """
    decades = math.log10(max(near, 0.1))
    return max(-0.4 + decades * (1.7 - 0.21 * decades), -2.0)


@inlined
def spread_at(way: Way, mean: float, ahead: float) -> float:
    """Return the variance of the mean slope, which is `mean`, of the `ahead` seconds to come.

    What is foreseen of it beyond a span, for which alone forecasts are checked, is doubted by all of itself.
    """
    damped = way.trend.slope - mean
    doubt = way.doubt * (SLOPE_DOUBT * SLOPE_DOUBT * way.trend.slope * way.trend.slope + damped * damped)
    beyond = mean - way.checked if ahead > way.span else 0.0
    return max(way.slope_variance, way.checked_variance * _growth(way, ahead) + doubt + beyond * beyond)


@inlined
def _growth(way: Way, ahead: float) -> float:
    """Return by how much an error of the mean slope is larger after `ahead` seconds than after a span."""
    x, one = way.trend.loss * ahead, way.trend.loss * way.span
    lag = (1.0 + one * (1.0 + 0.6 * one)) / (1.0 + x * (1.0 + 0.6 * x))  # about that of (1 − e^(−x))²/x²
    return min(LAG * lag + (1.0 - LAG) * walk(way.trend.loss, way.span, ahead), MOST_GROWTH)


@inlined
def walk(loss: float, span: float, ahead: float) -> float:
    """Return the variance of the mean of a slope that walks and forgets, relative to that after a span."""
    x, one = loss * ahead, loss * span
    return ahead * (1.0 + one * (0.75 + one / 3.0)) / (span * (1.0 + x * (0.75 + x / 3.0)))


@inlined
def z_at(way: Way, ahead: float, effect: float) -> float:
    """Return z for a time, at which the rhythm of the day adds `effect`."""
    mean = mean_slope(way.trend, ahead)
    return (mean * ahead + effect - way.gap) / math.sqrt(way.here + spread_at(way, mean, ahead) * ahead * ahead)


@inlined
def normal(z: float) -> float:
    """Return Φ(z), the probability of less: 0 and 1 beyond 8 standard deviations."""
    if not abs(z) < 8.0:
        return 1.0 if z > 0.0 else 0.0
    place = int((z + 8.0) * STEPS + 0.5)
    at = place / STEPS - 8.0
    d = z - at
    density = TABLE[place, 1] * d * (1.0 - d * (0.5 * at - d * (at * at - 1.0) / 6.0))
    return float(min(max(TABLE[place, 0] + density, 0.0), 1.0))


@inlined
def by_noise(row: Any, config: Config, line: Line, effect: float) -> float:
    """Return the probability that noise about the present line alone goes beyond the limit within `within`."""
    noise = noise_of(row, config, line.variance)
    z = (config.limit - line.level - noise.here - effect) / math.sqrt(line.variance + line.level_variance)
    if z > FAR:
        return 0.0
    return 1.0 - math.exp(-normal(-z) * noise.worth * config.within / config.step)
