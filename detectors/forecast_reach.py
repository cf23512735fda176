"""When the line of a series reaches the limit: how probable it is by some time, and by when it is so probable.

All is said in z: the distance from the limit of what is foreseen, in standard deviations of that; the probability is
Φ(z). The rhythm of the day may reach the limit before the line does: then it is searched from hour to hour.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from detectors.compiled import compiled, inlined
from detectors.forecast_line import Line
from detectors.forecast_row import Config
from detectors.hours import hour_effect

MOST_GROWTH = 4.0
"""Slopes wander, so a checked error grows with the horizon: for a random walk of the slope and a fit that lags by a
span, as a third of the horizon and that span do. Up to so many times: a farther breach must stay the more probable."""
HORIZON = 10.0
"""Times to breach are told up to so many times `within`."""
LONGEST_APPROACH = 1e4
"""Most windows that noise is given to reach the limit before the line does."""
APPROACH_SPREAD = 0.6
"""Spread of that margin, in standard deviations of the noise: half the way from its 16 to its 84 % point."""
LARGEST_MARGIN = 3.05  # at the 10⁴ windows of the longest approach
STEPS = 16
TABLE = np.array(
    [
        [math.erfc(-z / STEPS / math.sqrt(2)) / 2, math.exp(-((z / STEPS) ** 2) / 2) / math.sqrt(2 * math.pi)]
        for z in range(-8 * STEPS, 8 * STEPS + 1)
    ]
)
"""Φ and φ in steps of 1/16: Taylor's three terms between them are right to 2e-7 of Φ's tail, in a tenth of the time."""
QUICK = 8
CLOSE = 1e-4
"""A time to breach is found to a tenth of a per mille, mostly in three or four rounds; else by halving."""
FAR = 7.0
"""Standard deviations that neither a line nor noise goes: 1 − Φ is 1e-12."""
HOUR, DAY = 3600.0, 86400.0


class Way(NamedTuple):
    """The way to the limit, seen from now."""

    gap: float
    """From the line to the limit, less what noise does at the end of it."""
    slope: float
    here: float
    """Variance of the gap now."""
    slope_variance: float
    checked_variance: float
    span: float


class Etas(NamedTuple):
    """Times to breach in seconds; NaN where none is foreseen."""

    soonest: float
    median: float
    latest: float


NEVER = Etas(np.nan, np.nan, np.nan)


@inlined
def way_of(config: Config, line: Line) -> Way:
    """Return the way, from the level without the rhythm of the day."""
    noise = math.sqrt(line.variance)
    near = noise / max(line.slope * config.step, noise / LONGEST_APPROACH)  # windows in which noise could do the rest
    gap = config.limit - line.level - noise * _margin(near * line.independence)
    return _way(config, line, gap)


@inlined
def nearest_way(config: Config, line: Line) -> Way:
    """Return the way as it is at best: what is far by it is far."""
    return _way(config, line, config.limit - line.level - LARGEST_MARGIN * math.sqrt(line.variance))


@inlined
def _way(config: Config, line: Line, gap: float) -> Way:
    here = line.level_variance + APPROACH_SPREAD * APPROACH_SPREAD * line.variance
    return Way(gap, line.slope, here, line.slope_variance, line.checked_variance, config.span)


@inlined
def _margin(near: float) -> float:
    """Return the distance, in standard deviations, at which a line that needs `near` windows for one of them is half
    as likely as not to have had a value beyond the limit: a fit to φ(a) − a·(1 − Φ(a)) = ln 2 / near, within 0.1.
    """
    decades = math.log10(max(near, 0.1))
    return max(-0.4 + decades * (1.7 - 0.21 * decades), -2.0)


@inlined
def _spread(way: Way, ahead: float) -> float:
    """Return the variance of the slope as it matters `ahead` seconds from now."""
    growth = min(0.75 + 0.25 * ahead / way.span, MOST_GROWTH)
    return max(way.slope_variance, way.checked_variance * growth)


@inlined
def z_at(way: Way, ahead: float, effect: float) -> float:
    """Return z for a time, at which the rhythm of the day adds `effect`."""
    return (way.slope * ahead + effect - way.gap) / math.sqrt(way.here + _spread(way, ahead) * ahead * ahead)


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
def by_noise(config: Config, line: Line, effect: float) -> float:
    """Return the probability that noise about the present line alone goes beyond the limit within `within`."""
    z = (config.limit - line.level - effect) / math.sqrt(line.variance + line.level_variance)
    if z > FAR:
        return 0.0
    return 1.0 - math.exp(-normal(-z) * line.independence * config.within / config.step)


@compiled
def etas(config: Config, way: Way) -> Etas:
    """Return when a breach is as probable as a half, and as at the ends of the interval."""
    horizon = HORIZON * config.within
    end = z_at(way, horizon, 0.0)
    if end < -config.quantile:
        return NEVER
    latest = _time(way, config.quantile, horizon) if end >= config.quantile else np.nan
    median = max(way.gap, 0.0) / way.slope if end >= 0.0 and way.slope > 0.0 else np.nan
    return Etas(_time(way, -config.quantile, horizon), 0.0 if way.gap <= 0.0 else median, latest)


@inlined
def _time(way: Way, z: float, horizon: float) -> float:
    """Return when z is reached: the root of slope·t − gap = z·√(here + spread(t)·t²), the spread being that of the last
    round; NaN if not within the horizon.
    """
    if -way.gap >= z * math.sqrt(way.here):
        return 0.0
    t = min(way.gap / way.slope, horizon) if way.slope > 0.0 and way.gap > 0.0 else horizon
    for _ in range(QUICK):
        before, t = t, _root(way, z, _spread(way, t))
        if not t < 2.0 * horizon:
            break
        if abs(t - before) <= CLOSE * t:
            return t if t <= horizon else np.nan
    return _halved(way, z, horizon)


@compiled
def _halved(way: Way, z: float, horizon: float) -> float:
    """Return the same where that does not come near it."""
    low, high = 0.0, horizon
    if z_at(way, high, 0.0) < z:
        return np.nan
    while high - low > CLOSE * high:
        t = 0.5 * (low + high)
        low, high = (low, t) if z_at(way, t, 0.0) >= z else (t, high)
    return high


@inlined
def _root(way: Way, z: float, spread: float) -> float:
    square, ahead = way.slope * way.slope - z * z * spread, way.slope * way.gap
    rest = way.gap * way.gap - z * z * way.here
    under = ahead * ahead - square * rest
    if under < 0.0:
        return np.inf
    if z < 0.0:  # before the line is there: the smaller root, in the form that does not cancel
        below = ahead + math.sqrt(under)
        return rest / below if below > 0.0 else np.inf
    return (ahead + math.sqrt(under)) / square if square > 0.0 else np.inf


@compiled
def highest(way: Way, profile: Any, config: Config, t: float, horizon: float) -> float:
    """Return the highest z within the horizon, from hour to hour."""
    best, ahead = -np.inf, 0.0
    while ahead < horizon:
        ahead = min(ahead + HOUR, horizon)
        best = max(best, z_at(way, ahead, hour_effect(profile, config.step, t + ahead)))
    return best


@compiled
def rhythmic_etas(way: Way, profile: Any, config: Config, t: float) -> Etas:
    """Return the times to breach with the rhythm of the day; days whose peak cannot reach the limit are passed."""
    peak = profile[0]
    for j in range(1, 24):
        peak = max(peak, profile[j])
    soonest, median, latest = np.nan, np.nan, np.nan
    best, ahead = -np.inf, 0.0
    while best < config.quantile and ahead < HORIZON * config.within:
        if ahead % DAY == 0.0 and _most(way, peak, ahead) < max(best, -config.quantile):
            ahead += DAY
            continue
        ahead += HOUR
        now = max(best, z_at(way, ahead, hour_effect(profile, config.step, t + ahead)))
        soonest = _crossing(soonest, -config.quantile, best, now, ahead)
        median = _crossing(median, 0.0, best, now, ahead)
        latest = _crossing(latest, config.quantile, best, now, ahead)
        best = now
    return Etas(soonest, median, latest)


@inlined
def _most(way: Way, peak: float, ahead: float) -> float:
    """Return a bound of z in the day from `ahead` on."""
    far = max(way.slope * ahead, way.slope * (ahead + DAY)) + peak - way.gap
    at = ahead if far > 0.0 else ahead + DAY
    return far / math.sqrt(way.here + _spread(way, at) * at * at)


@inlined
def _crossing(known: float, z: float, before: float, now: float, ahead: float) -> float:
    """Return when in the hour that ends at `ahead` z was passed; what is known already, if anything."""
    if not math.isnan(known) or now < z:
        return known
    return ahead - HOUR * (normal(now) - normal(z)) / (normal(now) - normal(before))
