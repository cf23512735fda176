"""The compiled loop of `Forecast`: one row of state a series, one pass over the observations."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled, inlined
from detectors.forecast_line import Line, age, fit, kept
from detectors.forecast_reach import (
    FAR,
    HORIZON,
    NEVER,
    Etas,
    by_noise,
    etas,
    highest,
    nearest_way,
    normal,
    rhythmic_etas,
    way_of,
    z_at,
)
from detectors.forecast_row import CONFIG, ROW, Columns, Config
from detectors.hours import hour_effect

WARMUP = 12.0
"""Observations before there is an opinion: fewer leave the spread about a line unknown by more than a quarter."""
OUTLIER = 5.0
"""Standard deviations beyond which an observation is not learned, until three in a row say what it is."""
SETTLED = 0.3
"""Three outliers within this share of one another are a jump: the past moves along, slope and spread are kept.
Else the slope changed: the past is forgotten but for `REMAINS`."""
REMAINS = 0.2
MOST_CHECKS = 12.0
"""Memory of the checks, in checks."""
PAIR_RATE = 1 / 256
"""Memory of the autocorrelation: its standard error is then 0.04."""
VISITS = 14.0
"""An hour's effect is the mean over two weeks."""
EARLY_DAYS = 6.0
APART = 0.05
"""Three first values of which two are within this share of their distance from the third: in noise one in fourteen."""
LATEST, CEILING = 1e12, 1e30
"""Times and values beyond are none."""
LONGEST_GAP = 3.0
"""After a gap of so many memories a series starts afresh."""


@compiled
def run(
    state: Bytes,
    profiles: NDArray[np.float32],
    settings: Floats,
    batch: tuple[Ints, Floats, Floats],
    columns: Any,
    learning: bool,
) -> None:
    """Score each observation and, if `learning`, take it in before the next; plain as in `seasonal_kernel`."""
    rows, config, out = state.view(ROW), settings.view(CONFIG)[0], Columns(*columns)
    series, time, value = batch
    for i in range(series.shape[0]):
        score = expected = slope = np.nan
        when = NEVER
        t, y, s = time[i], config.sign * min(max(value[i], -CEILING), CEILING), series[i]
        if abs(t) < LATEST and math.isfinite(value[i]):
            row = rows[s]
            ahead = max(t - row.time, 0.0)
            if row.count == 0 or ahead > LONGEST_GAP * config.memory:
                if learning:
                    _begin(row, t, y)
            else:
                keep = kept(config, ahead)
                line = fit(row, config, ahead, keep)
                effect = hour_effect(profiles[s], config.step, t) if config.daily else 0.0
                if row.count >= WARMUP and t - row.first >= config.settle:
                    expected, slope = config.sign * (line.level + effect), config.sign * line.slope
                    score, when = _foresee(row, profiles, s, config, t, y, line, effect)
                if learning and row.count == 2.0 and _began_apart(row, y - effect):
                    _begin(row, t, y)
                elif learning:
                    age(row, ahead, keep)
                    row.time += ahead
                    if (
                        _learn(row, config, y, effect, y - line.level - effect, line)
                        and config.daily
                        and row.count > 3.0
                    ):
                        _learn_hour(profiles[s], row, config, t, y - line.level - effect)
        out.score[i], out.expected[i], out.slope[i] = score, expected, slope
        out.soonest[i], out.eta[i], out.latest[i] = when.soonest, when.median, when.latest


@compiled
def _begin(row: Any, t: float, y: float) -> None:
    """Start afresh; what was learned of the hours and of clean-ups is kept."""
    row.first = row.time = t
    row.origin = y
    row.mark_age = row.mark_level = row.mark_slope = row.slope_error = row.checks = row.run = 0.0
    row.last = row.covariance = row.square = 0.0
    for j in range(3):
        row.weight[j] = row.moment[j] = 0.0
    row.weight[0] = row.count = 1.0


@inlined
def _began_apart(row: Any, y: float) -> bool:
    """Return whether the second and third values are so much nearer to each other that the first was an outlier."""
    second = row.moment[0]
    return bool(abs(y - row.origin - second) < APART * abs(second))


@inlined
def _foresee(
    row: Any, profiles: Any, s: int, config: Config, t: float, y: float, line: Line, effect: float
) -> tuple[float, Etas]:
    if y >= config.limit:
        return 1.0, Etas(0.0, 0.0, 0.0)
    best = nearest_way(config, line)
    far = z_at(best, config.within, 0.0) < -FAR and z_at(best, HORIZON * config.within, 0.0) < -config.quantile
    if far and not config.daily:
        return 0.0, NEVER
    way = way_of(config, line)
    if config.daily:
        profile = profiles[s]
        trend, when = normal(highest(way, profile, config, t, config.within)), rhythmic_etas(way, profile, config, t)
    else:
        trend, when = normal(z_at(way, config.within, 0.0)), etas(config, way)
    score = 1.0 - (1.0 - trend) * (1.0 - by_noise(config, line, effect))
    if row.clean_ups > 0:  # rule of succession: so many times it went this way and was brought back
        beyond = max(y - row.peak, 0.0) / (config.limit - min(row.peak, y))
        score = min(score, beyond + (1.0 - beyond) / (row.clean_ups + 2.0))
    return score, when


@inlined
def _learn(row: Any, config: Config, y: float, effect: float, error: float, line: Line) -> bool:
    """Take in a value; returns whether it was no outlier that is not learned."""
    if y >= config.limit:
        row.clean_ups = 0.0
    if row.count >= WARMUP and error * error > OUTLIER * OUTLIER * line.variance:
        _learn_outlier(row, error, line)
        if row.run > 0:
            return False
    else:
        row.run = 0.0
    v = y - effect - row.origin
    row.weight[0] += 1.0
    row.moment[0] += v
    row.moment[2] += v * v
    row.count += 1.0
    rate = max(1.0 / row.count, PAIR_RATE)
    row.square += rate * (error * error - row.square)
    row.covariance += rate * (error * row.last - row.covariance)
    row.last = error
    _check(row, config, line)
    return True


@inlined
def _learn_hour(profile: Any, row: Any, config: Config, t: float, error: float) -> None:
    """Take the error into the mean of its hour's visits; at first, when the line still follows the rhythm, it is halved
    at each, so that what that taught is soon gone.
    """
    days = math.floor((t - row.first) / 86400.0)
    visits = 1.0 if days < EARLY_DAYS else min(days - EARLY_DAYS + 2.0, VISITS)
    profile[math.floor(t) // 3600 % 24] += min(config.step / 3600.0, 1.0) / (visits + 1.0) * error


@compiled
def _learn_outlier(row: Any, error: float, line: Line) -> None:
    """Count outliers on one side; the third in a row tells a jump from a new slope, and ends the run."""
    if row.run == 0 or error * row.first_error < 0:
        row.first_error, row.run = error, 1.0
        return
    row.run += 1.0
    if row.run < 3:
        return
    row.run = 0.0
    if abs(error - row.first_error) > SETTLED * abs(row.first_error):
        for j in range(3):
            row.weight[j] *= REMAINS
            row.moment[j] *= REMAINS
        row.count = max(REMAINS * row.count, WARMUP)
        return
    if error < 0:
        row.peak = max(row.peak, line.level) if row.clean_ups > 0 else line.level
        row.clean_ups += 1.0
    row.moment[2] += error * (2.0 * row.moment[0] + error * row.weight[0])
    row.moment[1] += error * row.weight[1]
    row.moment[0] += error * row.weight[0]
    row.mark_level += error


@inlined
def _check(row: Any, config: Config, line: Line) -> None:
    """Hold the forecast noted a span ago against what came, and note the next."""
    passed = row.mark_age
    known = row.time - passed - row.first >= max(config.span, config.settle)  # sooner it is wrong for other reasons
    if known and passed < config.span:
        return
    level = line.level - row.origin
    if known:
        wrong = (level - row.mark_level) / passed - row.mark_slope
        wrong = max(wrong * wrong - 2.0 * line.level_variance / (passed * passed), 0.0)
        row.checks = min(row.checks + 1.0, MOST_CHECKS)
        row.slope_error += (wrong - row.slope_error) / row.checks
    row.mark_age, row.mark_level, row.mark_slope = 0.0, level, line.slope
