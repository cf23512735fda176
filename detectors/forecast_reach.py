"""When the line of a series reaches the limit: how probable it is by some time, and by when it is so probable.

The rhythm of the day may reach the limit before the line does: then it is searched from hour to hour.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from detectors.compiled import compiled, inlined
from detectors.forecast_damping import mean_slope, slope_at
from detectors.forecast_row import Config
from detectors.forecast_way import Way, normal, spread_at, z_at
from detectors.hours import hour_effect

QUICK = 8
CLOSE = 1e-3
"""A time to breach is found to about a per mille, mostly in two to four rounds; else by halving."""
HALVINGS = 40
"""So many at most: what is that near is now."""
HOUR, DAY = 3600.0, 86400.0


class Etas(NamedTuple):
    """Times to breach in seconds; NaN where none is foreseen."""

    soonest: float
    median: float
    latest: float


NEVER = Etas(np.nan, np.nan, np.nan)


@inlined
def best_by(way: Way, horizon: float) -> float:
    """Return when until the horizon z is highest, to a factor of two: at the end, but for slopes that are damped."""
    best, most = horizon, z_at(way, horizon, 0.0)
    if way.trend.damping * horizon < 1.0 or way.gap <= 0.0 or way.trend.slope <= 0.0:
        return best
    t, before = 2.0 * way.gap / way.trend.slope, -np.inf
    while t < horizon:
        z = z_at(way, t, 0.0)
        if z < before:
            break
        if z > most:
            best, most = t, z
        t, before = 2.0 * t, z
    return best


@compiled
def etas(config: Config, way: Way, horizon: float) -> Etas:
    """Return when until the horizon a breach is as probable as a half, and as at the ends of the interval."""
    horizon = best_by(way, horizon)
    end = z_at(way, horizon, 0.0)
    if end < -config.quantile:
        return NEVER
    latest = _time(way, config.quantile, horizon) if end >= config.quantile else np.nan
    median = _time(way, 0.0, horizon) if end >= 0.0 else np.nan
    return Etas(_time(way, -config.quantile, horizon), median, latest)


@inlined
def _time(way: Way, z: float, horizon: float) -> float:
    """Return when z is reached: the root of slope·t − gap = z·√(here + spread·t²), slope and spread being those of the
    last round's t; NaN if not within the horizon.
    """
    if -way.gap >= z * math.sqrt(way.here):
        return 0.0
    slope = way.trend.slope
    t = min(way.gap / slope, horizon) if slope > 0.0 and way.gap > 0.0 else horizon
    for _ in range(QUICK):
        mean = mean_slope(way.trend, t)
        before, t = t, _root(way, mean, z, spread_at(way, mean, t))
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
    for _ in range(HALVINGS):
        if high - low <= CLOSE * high:
            break
        t = 0.5 * (low + high)
        low, high = (low, t) if z_at(way, t, 0.0) >= z else (t, high)
    return high


@inlined
def _root(way: Way, slope: float, z: float, spread: float) -> float:
    if z == 0.0:
        return way.gap / slope if slope > 0.0 else np.inf
    square, ahead = slope * slope - z * z * spread, slope * way.gap
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


@inlined
def peak_of(profile: Any) -> float:
    """Return the most that an hour adds."""
    peak = profile[0]
    for j in range(1, 24):
        peak = max(peak, profile[j])
    return float(peak)


@compiled
def rhythmic_etas(way: Way, profile: Any, config: Config, t: float, horizon: float) -> Etas:
    """Return the times to breach with the rhythm of the day; days whose peak cannot reach the limit are passed."""
    peak = peak_of(profile)
    soonest, median, latest = np.nan, np.nan, np.nan
    best, ahead = -np.inf, 0.0
    while best < config.quantile and ahead < horizon:
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
    rise = max(slope_at(way.trend, ahead), slope_at(way.trend, ahead + DAY), 0.0)
    far = mean_slope(way.trend, ahead) * ahead + rise * DAY + peak - way.gap
    at = ahead if far > 0.0 else ahead + DAY
    return far / math.sqrt(way.here + spread_at(way, mean_slope(way.trend, at), at) * at * at)


@inlined
def _crossing(known: float, z: float, before: float, now: float, ahead: float) -> float:
    """Return when in the hour that ends at `ahead` z was passed; what is known already, if anything."""
    if not math.isnan(known) or now < z:
        return known
    return ahead - HOUR * (normal(now) - normal(z)) / (normal(now) - normal(before))
