"""What `Forecast` foresees of a series whose limit may be in reach: how probable a breach is, and when it will be."""

from typing import Any, NamedTuple

from detectors.compiled import compiled, inlined
from detectors.forecast_line import Line
from detectors.forecast_reach import NEVER, Etas, best_by, etas, highest, peak_of, rhythmic_etas
from detectors.forecast_row import Config
from detectors.forecast_way import by_noise, horizon_of, is_far, normal, way_of, z_at


class Seen(NamedTuple):
    """An observation as the series sees it."""

    time: float
    ahead: float
    """Seconds since the last."""
    value: float
    effect: float
    """Of the hour."""


@inlined
def foresee_plain(row: Any, config: Config, seen: Seen, line: Line) -> tuple[float, Etas]:
    """Foresee without a rhythm of the day."""
    if seen.value >= config.limit:
        return 1.0, Etas(0.0, 0.0, 0.0)
    if is_far(row, config, line, 0.0):
        return 0.0, NEVER
    way, horizon = way_of(row, config, line), horizon_of(row, config)
    trend = normal(z_at(way, best_by(way, config.within), 0.0))
    return _weighed(row, config, seen, line, trend), etas(config, way, horizon)


@compiled
def foresee_day(row: Any, profiles: Any, s: int, config: Config, seen: Seen, line: Line) -> tuple[float, Etas]:
    """Foresee with the rhythm of the day (apart, as handing on an array takes time)."""
    if seen.value >= config.limit:
        return 1.0, Etas(0.0, 0.0, 0.0)
    if is_far(row, config, line, peak_of(profiles[s])):
        return 0.0, NEVER
    way, horizon = way_of(row, config, line), horizon_of(row, config)
    trend = normal(highest(way, profiles[s], config, seen.time, config.within))
    return _weighed(row, config, seen, line, trend), rhythmic_etas(way, profiles[s], config, seen.time, horizon)


@inlined
def _weighed(row: Any, config: Config, seen: Seen, line: Line, trend: float) -> float:
    """Return the score: a breach by the trend or by noise, unless clean-ups came before."""
    score = 1.0 - (1.0 - trend) * (1.0 - by_noise(row, config, line, seen.effect))
    if row.clean_ups == 0:
        return score
    # rule of succession: so many times it went this way and was brought back
    beyond = max(seen.value - row.peak, 0.0) / (config.limit - min(row.peak, seen.value))
    return float(min(score, beyond + (1.0 - beyond) / (row.clean_ups + 2.0)))
