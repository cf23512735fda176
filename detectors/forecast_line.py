"""The line that is fitted to the recent past of a series, and how sure it is.

It is discounted least squares (Brown, "Smoothing, Forecasting and Prediction", 1963), kept as the line itself and the
moments of the observations' ages, and brought up to date by recursion, so that irregular steps and gaps are exact and
nothing cancels.
"""

import math
from typing import Any, NamedTuple

from detectors.compiled import inlined
from detectors.forecast_row import Config

DISCOUNT = 2.0
"""Weights fall with e^(−2·age/memory): their mean age is that of a plain window of the memory's length."""
RELATIVE_FLOOR = 1e-6
"""Least spread, relative to the level: some ten roundings of a 32-bit number."""
MOST_SQUARES = 1e38
"""What a 32-bit number holds."""
NEAR = 1 / 16
"""Rate of the mean of the latest errors: where the values are now, off the line."""
ALONE = NEAR / (2.0 - NEAR)
"""Variance of that mean, of independent errors of variance 1."""
ERROR_RATE = 1 / 1024
"""Memory of the errors' mean squares."""


class Line(NamedTuple):
    """The fit at one moment: where the value is, how it moves, and the variances of both and of the values about it."""

    level: float
    slope: float
    level_variance: float
    slope_variance: float
    variance: float


@inlined
def kept(config: Config, ahead: float) -> float:
    """Return what is left of a weight `ahead` seconds later."""
    return config.keep if ahead == config.step else math.exp(-DISCOUNT * ahead / config.memory)


@inlined
def free_of(count: float, weight: float) -> float:
    """Return the worth of the weights, in observations."""
    return min(count, 2.0 * weight)


@inlined
def variance_of(squares: float, weight: float, free: float, least: float) -> float:
    """Return the variance of the values about the line, of which `least` is the least standard deviation."""
    return squares * free / (weight * max(free - 2.0, 1.0)) + least * least


@inlined
def least_of(level: float, config: Config) -> float:
    """Return the least standard deviation at a level."""
    return RELATIVE_FLOOR * (abs(level) + abs(config.limit))


@inlined
def fit(row: Any, config: Config, ahead: float) -> Line:
    """Return the line as seen `ahead` seconds after the last observation; the variances are those of white noise."""
    level, slope, weight = row.level + row.slope * ahead, 1.0 * row.slope, 1.0 * row.weight
    free = free_of(row.count, weight)
    variance = variance_of(row.squares, weight, free, least_of(level, config))
    level_variance, slope_variance = sure_of(variance, free, weight, row.age + ahead, row.spread, config.step)
    return Line(level, slope, level_variance, slope_variance, variance)


@inlined
def sure_of(variance: float, free: float, weight: float, age: float, spread: float, step: float) -> tuple[float, float]:
    """Return the variances of level and slope of a line whose values are of that age, and age spread, in the mean."""
    known, share = spread > 0.0, weight / free
    slope = variance * share * share / spread if known else variance / (step * step)
    return variance / free + (slope * age * age / share if known else 0.0), slope


@inlined
def age(row: Any, ahead: float, keep: float) -> None:
    """Move the line on by `ahead` seconds without a value."""
    row.level += row.slope * ahead
    row.weight *= keep
    row.spread *= keep
    row.squares *= keep
    row.age += ahead


class Moments(NamedTuple):
    """What a value made of the moments, and of the line: its error goes into level and slope with these weights."""

    weight: float
    age: float
    squares: float
    spread: float
    by_level: float
    by_slope: float


@inlined
def moved(row: Moments, error: float, ahead: float, keep: float) -> Moments:
    """Return the moments `ahead` seconds later, with a value that is off the line by `error`."""
    before, age = keep * row.weight, row.age + ahead
    share = 1.0 / (before + 1.0)
    left = before * share
    spread = keep * row.spread + age * age * left
    age *= left
    by_slope = age / spread if spread > 0.0 else 0.0
    by_level = share + age * by_slope
    squares = min(keep * row.squares + error * error * (1.0 - by_level), MOST_SQUARES)
    return Moments(before + 1.0, age, squares, spread, by_level, by_slope)


@inlined
def take(row: Any, error: float, ahead: float, keep: float) -> None:
    """Move the line on by `ahead` seconds and take in a value that is off it by `error`."""
    new = moved(Moments(row.weight, row.age, row.squares, row.spread, 0.0, 0.0), error, ahead, keep)
    row.level += row.slope * ahead + new.by_level * error
    row.slope += new.by_slope * error
    row.weight, row.age, row.squares, row.spread = new.weight, new.age, new.squares, new.spread
    row.count += 1.0


@inlined
def rate_of(count: float) -> float:
    """Return the weight of an error in what tells fast noise from slow."""
    return max(1.0 / count, ERROR_RATE)


@inlined
def note(row: Any, error: float) -> None:
    """Take the error into the mean of the latest, and into what tells fast noise from slow."""
    row.near += NEAR * (error - row.near)
    rate = rate_of(row.count)
    row.near_square += rate * (row.near * row.near - row.near_square)
    if row.run == 0:
        step = error - row.last
        row.rough += rate * (0.5 * step * step - row.rough)
    row.last = error


class Noise(NamedTuple):
    """What the values do about the line."""

    fast: float
    """Variance of what is independent from one observation to the next."""
    slow: float
    """Variance of what is not."""
    worth: float
    """How many independent errors one observation is worth."""
    here: float
    """How far off the line the values are for now, as far as that is no chance; a rhythm that is left is none."""


@inlined
def noise_of(row: Any, config: Config, variance: float) -> Noise:
    """Tell fast noise from slow.

    Steps between neighbours tell the fast (von Neumann, Annals of Mathematical Statistics 12, 1941). Means of the
    latest errors vary less than errors by a known share if these are independent: what they vary more is slow.
    """
    fast = min(row.rough, variance)
    slow = max(row.near_square - ALONE * fast, 0.0)
    worth = min(max(ALONE * variance / row.near_square, ALONE), 1.0) if row.near_square > 0.0 else 1.0
    return Noise(fast, slow, worth, 0.0 if config.daily else (1.0 - worth) * row.near)
