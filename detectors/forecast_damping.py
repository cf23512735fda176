"""How the slope of a series goes on: damped, as its own past forecasts came true.

A damped trend (Gardner and McKenzie, "Forecasting trends in time series", Management Science 31, 1985) in continuous
time: the slope goes from that of the line to one it damps to, exponentially. At first that one is zero and the time it
takes is a multiple of the time a series was watched: what was seen for a minute promises nothing for tomorrow. Every
span what came is held against the line before it: the regression of one on the other tells where slopes tend to and
how fast. It is believed as far as it beats the plain line (positive-part shrinkage; Efron and Morris, JASA 68, 1973).
"""

import math
from typing import Any, NamedTuple

from detectors.compiled import compiled, inlined
from detectors.forecast_line import NEAR, noise_of
from detectors.forecast_row import Config

MOST_CHECKS = 12.0
"""Memory of the checks, in checks."""
FEWEST_CHECKS = 4
"""From which a regression on two numbers tells anything of its own error."""
MARGIN = 3.0
"""By so much a check, of the error that it leaves, the regression must beat the line to be believed by half."""
LIFE = 10.0
"""Trends are foreseen to last so many times as long as they were watched."""
LEAST_DAMPING = 1.0
"""A span: so an acceleration that was learned does not go on forever."""
HELD_WEIGHT = 0.25
"""Before it is known the slope that comes is the line's: worth a check at which it was off the mean by half of that."""


class Trend(NamedTuple):
    """The slope, from now on: mean slope until `t` = target + (slope − target)·(1 − e^(−damping·t))/(damping·t)."""

    slope: float
    target: float
    damping: float
    loss: float
    """Damping by which what deviates from the target is forgotten: less than `damping` where that is but a limit."""


@inlined
def trend_of(row: Any, config: Config, slope: float, watched: float) -> Trend:
    """Return how a slope will go on; `watched` is for so many seconds."""
    if row.checks == 0:
        damping = 1.0 / (LIFE * max(watched, 1e-9))
        return Trend(slope, 0.0, damping, damping)
    return Trend(slope, row.held * slope + row.drift, max(row.loss, LEAST_DAMPING / config.span), 1.0 * row.loss)


@inlined
def eased(x: float) -> float:
    """Return (1 − e^(−x))/x."""
    return (1.0 - math.exp(-x)) / x if x > 1e-3 else 1.0 - x * (0.5 - x / 6.0)


@inlined
def mean_slope(trend: Trend, ahead: float) -> float:
    """Return the mean slope of the `ahead` seconds to come."""
    return trend.target + (trend.slope - trend.target) * eased(trend.damping * ahead)


@inlined
def slope_at(trend: Trend, ahead: float) -> float:
    """Return the slope `ahead` seconds from now."""
    return trend.target + (trend.slope - trend.target) * math.exp(-trend.damping * ahead)


@inlined
def check(row: Any, config: Config, variance: float) -> None:
    """Once a span hold the forecast noted a span ago against what came, and note the next; `variance` is of noise."""
    if row.mark_age >= config.span:
        _hold_and_note(row, config, variance)


@compiled
def _hold_and_note(row: Any, config: Config, variance: float) -> None:
    passed, near = 1.0 * row.mark_age, noise_of(row, config, variance).here
    if row.watched - passed >= max(config.span, config.settle):  # sooner it is wrong for other reasons
        spans = passed / config.span
        came = (row.level - row.mark_level) / spans
        trend = trend_of(row, config, row.mark_slope / config.span, row.watched - passed)
        wrong = came + (near - row.mark_near) / spans - mean_slope(trend, config.span) * config.span
        _hold(row, came, wrong * wrong - NEAR * variance / (spans * spans))
        _learn_damping(row, config)
    row.mark_age, row.mark_level, row.mark_near, row.mark_slope = 0.0, row.level, near, row.slope * config.span


@inlined
def _hold(row: Any, came: float, missed: float) -> None:
    row.checks = min(row.checks + 1, int(MOST_CHECKS))
    rate = 1.0 / row.checks
    left = 1.0 - rate
    row.missed += rate * (missed - row.missed)
    by_fitted, by_came = row.mark_slope - row.fitted, came - row.came
    row.fitted += rate * by_fitted
    row.came += rate * by_came
    row.fitted_square += rate * (left * by_fitted * by_fitted - row.fitted_square)
    row.came_square += rate * (left * by_came * by_came - row.came_square)
    row.product += rate * (left * by_fitted * by_came - row.product)


@inlined
def _learn_damping(row: Any, config: Config) -> None:
    held, rest = _regressed(row)
    off = row.came - row.fitted
    plain = _variance(row, 1.0) + off * off
    remains = _variance(row, held) + (row.came - held * row.fitted - rest) ** 2
    gain = max(plain - remains, 0.0)
    doubt = MARGIN * max(remains, 0.0) / (row.checks - 2.0) if row.checks >= FEWEST_CHECKS else math.inf
    belief = gain / (gain + doubt) if gain > 0.0 else 0.0
    missed = max(row.missed, 0.0)
    row.slope_error = (
        missed + max(2.0 * belief - 1.0, 0.0) * min(doubt * row.checks / MARGIN - missed, 0.0)
        if belief > 0.0
        else missed
    )
    lost = belief * (1.0 - held) + (1.0 - belief) * (1.0 - eased(config.span / (LIFE * row.watched)))
    loss = _uneased(1.0 - lost)
    whole = 1.0 - eased(max(loss, LEAST_DAMPING))
    row.held = max(1.0 - lost / whole, 0.0)
    row.drift = belief * rest / (whole * config.span)
    row.loss = loss / config.span


@inlined
def _regressed(row: Any) -> tuple[float, float]:
    """Return the share of the line's slope in the one that came, and the rest of it.

    A slope does not tend to one the other way: where that would fit best, as in a series that saturates, it tends to
    none, and the regression is through the origin.
    """
    prior = HELD_WEIGHT * row.fitted * row.fitted / row.checks
    held = _share(row.product + prior, row.fitted_square + prior)
    rest = row.came - held * row.fitted
    if rest * row.came >= 0.0:
        return held, rest
    mean = row.fitted * row.fitted
    return _share(row.product + row.came * row.fitted + prior, row.fitted_square + mean + prior), 0.0


@inlined
def _share(part: float, whole: float) -> float:
    return min(max(part / whole, 0.0), 1.0) if whole > 0.0 else 1.0


@inlined
def _variance(row: Any, held: float) -> float:
    return float(row.came_square - held * (2.0 * row.product - held * row.fitted_square))


@inlined
def _uneased(y: float) -> float:
    """Return about the x of which `eased(x)` is y: within 6 per cent, and at most 10."""
    return 1.0 / y - y if y > 0.1 else 10.0
