"""The line that is fitted to the recent past of a series, and how sure it is.

It is discounted least squares (Brown, "Smoothing, Forecasting and Prediction", 1963), kept as weighted sums with the
ages of the observations, so that irregular steps and gaps are exact.
"""

import math
from typing import Any, NamedTuple

from detectors.compiled import compiled, inlined
from detectors.forecast_row import Config

DISCOUNT = 2.0
"""Weights fall with e^(−2·age/memory): their mean age is that of a plain window of the memory's length."""
SLOPE_DOUBT, DOUBT_WEIGHT = 0.25, 0.5
"""Before forecasts were checked a slope is taken to be off by a quarter, a doubt that weighs half a check."""
RELATIVE_FLOOR = 1e-6
"""Least spread, relative to the level: some ten roundings of a 32-bit number."""


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


@inlined
def kept(config: Config, ahead: float) -> float:
    """Return what is left of a weight `ahead` seconds later."""
    return config.keep if ahead == config.step else math.exp(-DISCOUNT * ahead / config.memory)


@inlined
def _aged(sums: Any, ahead: float, keep: float) -> tuple[float, float, float]:
    """Return Σw, Σw·age, Σw·age² (of `weight`) as they are `ahead` seconds later; of `moment` the first two alike."""
    second = sums[1] + ahead * sums[0]
    return keep * sums[0], keep * second, keep * (sums[2] + ahead * (sums[1] + second))


@inlined
def age(row: Any, ahead: float, keep: float) -> None:
    """Let the sums be `ahead` seconds older."""
    square = row.moment[2] * keep
    row.weight[0], row.weight[1], row.weight[2] = _aged(row.weight, ahead, keep)
    row.moment[0], row.moment[1], _ = _aged(row.moment, ahead, keep)
    row.moment[2] = square
    row.mark_age += ahead


@inlined
def fit(row: Any, config: Config, ahead: float, keep: float) -> Line:
    """Fit the line as seen `ahead` seconds after the last observation."""
    w0, w1, w2 = _aged(row.weight, ahead, keep)
    m0, m1, _ = _aged(row.moment, ahead, keep)
    square = row.moment[2] * keep
    back = w1 / w0  # mean age
    spread = w2 - w1 * back
    sloped = spread > 1e-9 * w2 and row.count > 2.0
    slope = (back * m0 - m1) / spread if sloped else 0.0
    level = (m0 + slope * w1) / w0
    free = min(row.count, 2.0 * row.weight[0])  # worth of the weights, in observations
    least = (RELATIVE_FLOOR * (abs(row.origin + level) + abs(config.limit))) ** 2
    variance = max((square - level * m0 + slope * m1) / w0, 0.0) * free / max(free - 2.0, 1.0) + least
    each = variance / free
    slope_variance = each * w0 * (w0 / free) / spread if spread > 0 else variance / config.step**2
    level_variance = each * (1.0 + w1 * back / spread) if spread > 0 else variance
    checked = row.checks * row.slope_error + DOUBT_WEIGHT * (SLOPE_DOUBT * slope) ** 2
    checked /= row.checks + DOUBT_WEIGHT
    return Line(row.origin + level, slope, level_variance, slope_variance, checked, variance, _independence(row))


@compiled
def _independence(row: Any) -> float:
    covariance = min(max(row.covariance, 0.0), 0.999 * row.square)
    return (row.square - covariance) / (row.square + covariance) if row.square > 0 else 1.0
