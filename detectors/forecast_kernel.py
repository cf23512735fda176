"""The compiled loop of `Forecast`: a line fitted to the recent past of each series, and how sure it is.

The line is discounted least squares (Brown, "Smoothing, Forecasting and Prediction", 1963), kept as weighted sums with
the ages of the observations, so that irregular steps and gaps are exact. Every constant stands here with its reason.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled, inlined
from detectors.forecast_outlook import HORIZON, Line, Way, by_noise, crossing, normal, odds, way_of, when

ROW = np.dtype(
    [
        ("time", "f8"),  # of the last observation
        ("origin", "f8"),  # what values are relative to
        ("weight", "f8", 3),  # Σw, Σw·age, Σw·age²
        ("moment", "f8", 3),  # Σw·v, Σw·age·v, Σw·v²
        ("mark_level", "f8"),  # of the forecast that was noted, to be checked a span later
        ("peak", "f8"),  # the furthest level from which a clean-up brought the value back
        ("mark_slope", "f4"),
        ("mark_age", "f4"),  # seconds since it was noted
        ("age", "f4"),  # seconds since the first observation
        ("slope_error", "f4"),  # root mean square of what such forecasts were wrong by, per second
        ("checks", "f4"),  # how many
        ("first_error", "f4"),  # of a run of outliers
        ("count", "f4"),
        ("last", "f4"),  # error about the line at the last observation
        ("error", "f4"),  # root mean square of the errors
        ("correlation", "f4"),  # of neighbouring errors
        ("clean_ups", "u2"),  # since the last breach
        ("run", "u2"),  # outliers in a row on one side
        ("spare", "u4"),
    ]
)
"""128 bytes: two cache lines, of which the first holds the line."""
RHYTHM = np.dtype([("profile", "f4", 24), ("visits", "f4", 24)])
"""The effect of each hour of the day, and how often it was visited: of those that are asked to learn it only."""

DISCOUNT = 2.0
"""Weights fall with e^(−2·age/memory): their mean age is that of a plain window of the memory's length."""
WARMUP = 12.0
"""Observations before there is an opinion: fewer leave the spread about a line unknown by more than a quarter."""
OUTLIER = 5.0
"""Standard deviations beyond which an observation is not learned, until three in a row say what it is."""
SETTLED = 0.3
"""Three outliers within this share of one another are a jump: the past moves along, slope and spread are kept.
Else the slope changed: the past is forgotten but for `REMAINS`."""
REMAINS = 0.2
SLOPE_DOUBT, DOUBT_WEIGHT = 0.25, 0.5
"""Before forecasts were checked a slope is taken to be off by a quarter, a doubt that weighs half a check."""
MOST_CHECKS = 12.0
"""Memory of the checks, in checks."""
RELATIVE_FLOOR = 1e-6
"""Least spread, relative to the level: some ten roundings of a 32-bit number."""
PAIR_MEMORY = 256.0
"""Memory of the autocorrelation, in observations: its standard error is then 0.04."""
VISITS = 14.0
"""An hour's effect is the mean over two weeks."""
LATEST, CEILING = 1e12, 1e30
"""Times and values beyond are none."""
LONGEST_GAP = 3.0
"""After a gap of so many memories a series starts afresh."""
MOST_CLEAN_UPS = 60_000


class Config(NamedTuple):
    """What the loop needs to know of the detector's configuration. Values are mirrored so that the limit is above."""

    sign: float
    limit: float
    within: float
    step: float
    memory: float
    keep: float
    """What is left of a weight after a step."""
    span: float
    """Seconds after which a forecast is checked."""
    tail: float
    """Probability below the interval of the time to breach, and above."""
    soonest: float
    """The odds of that probability."""
    daily: bool
    settle: float
    """Seconds a series is only watched."""


CONFIG = np.dtype([(name, "f8") for name in Config._fields])
"""The same as the loop reads it: a record in memory, as a tuple would be copied at every call within the loop."""


class Columns(NamedTuple):
    """What the loop writes for each observation."""

    score: Floats
    expected: Floats
    eta: Floats
    soonest: Floats
    latest: Floats
    slope: Floats


class Sums(NamedTuple):
    """The sums of a row, as they are at a later moment."""

    w0: float
    w1: float
    w2: float
    m0: float
    m1: float
    m2: float


@compiled
def run(
    state: Bytes,
    rhythms: NDArray[Any],
    settings: Floats,
    batch: tuple[Ints, Floats, Floats],
    columns: Any,
    learn: bool,
) -> None:
    """Score each observation and, if `learn`, take it in before the next; plain arguments as in `seasonal_kernel`.

    `rhythms` are the bytes of one `RHYTHM` a series, of a single one where the day has no rhythm.
    """
    rows, config, out, hours = state.view(ROW), settings.view(CONFIG)[0], Columns(*columns), rhythms.view(RHYTHM)
    series, time, value = batch
    for i in range(series.shape[0]):
        out.score[i] = out.expected[i] = out.slope[i] = np.nan
        out.eta[i] = out.soonest[i] = out.latest[i] = np.nan
        t, y = time[i], config.sign * min(max(value[i], -CEILING), CEILING)
        if not (abs(t) < LATEST and math.isfinite(value[i])):
            continue
        row, rhythm = rows[series[i]], hours[series[i] if config.daily else 0]
        ahead = max(t - row.time, 0.0)
        if row.count == 0 or ahead > LONGEST_GAP * config.memory:
            if learn:
                _begin(row, t, y)
            continue
        sums = _aged(row, config, ahead)
        line = _fit(row, config, sums)
        effect = _effect(rhythm, config, t) if config.daily else 0.0
        if row.count >= WARMUP and row.age + ahead >= config.settle:
            _tell(row, rhythm, config, out, i, t, y, line)
            out.expected[i] = config.sign * (line.level + effect)
        if learn:
            _age(row, sums, ahead)
            if _learn(row, config, y, y - line.level - effect, effect, line) and config.daily:
                _learn_hour(rhythm, config, t, y - line.level - effect)


@compiled
def _begin(row: Any, t: float, y: float) -> None:
    """Start afresh; what was learned of the hours and of clean-ups is kept."""
    row.time, row.origin, row.mark_level = t, y, y
    row.age = row.mark_age = row.mark_slope = row.slope_error = row.checks = 0.0
    row.last = row.error = row.correlation = 0.0
    row.run = 0
    for j in range(3):
        row.weight[j] = row.moment[j] = 0.0
    row.weight[0] = row.count = 1.0


@inlined
def _aged(row: Any, config: Any, ahead: float) -> Sums:
    """Return the sums as they are `ahead` seconds later."""
    keep = config.keep if ahead == config.step else math.exp(-DISCOUNT * ahead / config.memory)
    w0, w1, m0, m1 = row.weight[0], row.weight[1], row.moment[0], row.moment[1]
    second = w1 + ahead * w0
    return Sums(
        keep * w0,
        keep * second,
        keep * (row.weight[2] + ahead * (w1 + second)),
        keep * m0,
        keep * (m1 + ahead * m0),
        keep * row.moment[2],
    )


@inlined
def _age(row: Any, sums: Sums, ahead: float) -> None:
    row.weight[0], row.weight[1], row.weight[2] = sums.w0, sums.w1, sums.w2
    row.moment[0], row.moment[1], row.moment[2] = sums.m0, sums.m1, sums.m2
    row.time += ahead
    row.age += ahead
    row.mark_age += ahead


@inlined
def _fit(row: Any, config: Any, sums: Sums) -> Line:
    """Fit the line to the row's observations, of which `sums` are the sums at this moment."""
    w0, w1, w2, m0, m1, square = sums
    spread = w2 - w1 * w1 / w0
    slope = (w1 * m0 / w0 - m1) / spread if spread > 1e-9 * w2 and row.count > 2.0 else 0.0
    level = (m0 + slope * w1) / w0
    free = min(row.count, 2.0 * row.weight[0])  # worth of the weights, in observations
    least = RELATIVE_FLOOR * (abs(row.origin + level) + abs(config.limit))
    variance = max((square - level * m0 + slope * m1) / w0, 0.0) * free / max(free - 2.0, 1.0) + least * least
    slope_variance, level_variance = variance / (config.step * config.step), variance
    if spread > 0:
        slope_variance = variance * (w0 / free) * (w0 / free) / spread
        level_variance = variance / free * (1.0 + w1 * w1 / w0 / spread)
    checked = row.checks * (row.slope_error * row.slope_error) + DOUBT_WEIGHT * (SLOPE_DOUBT * slope) ** 2
    checked /= row.checks + DOUBT_WEIGHT
    related = min(max(row.correlation, 0.0), 0.999)
    independence = (1.0 - related) / (1.0 + related)
    return Line(row.origin + level, slope, level_variance, slope_variance, checked, variance, independence)


@compiled
def _effect(rhythm: Any, config: Any, t: float) -> float:
    """Return the effect of the time of day, linear between the middles of the hours if windows are shorter."""
    if config.step >= 3600.0:
        return float(rhythm.profile[math.floor(t) // 3600 % 24])
    hours = (t + 0.5 * config.step) / 3600.0 - 0.5
    hour = math.floor(hours)
    part = hours - hour
    here, there = float(rhythm.profile[hour % 24]), float(rhythm.profile[(hour + 1) % 24])
    return float((1.0 - part) * here + part * there)


@inlined
def _tell(row: Any, rhythm: Any, config: Any, out: Columns, i: int, t: float, y: float, line: Line) -> None:
    out.slope[i] = config.sign * line.slope
    if y >= config.limit:
        out.score[i], out.eta[i], out.soonest[i], out.latest[i] = 1.0, 0.0, 0.0, 0.0
        return
    way = way_of(line, config.limit, config.step, config.span)
    if config.daily:
        trend = _tell_by_hour(rhythm, config, out, i, t, way)
        noise = by_noise(line, config.limit - _effect(rhythm, config, t), config.within / config.step)
    else:
        trend = normal(odds(way, config.within, 0.0))
        noise = by_noise(line, config.limit, config.within / config.step)
        _tell_etas(config, out, i, way)
    score = 1.0 - (1.0 - trend) * (1.0 - noise)
    if row.clean_ups > 0:  # rule of succession: so many times it went this way and was brought back
        beyond = max(y - row.peak, 0.0) / (config.limit - min(row.peak, y))
        score = min(score, beyond + (1.0 - beyond) / (row.clean_ups + 2.0))
    out.score[i] = score


@inlined
def _tell_etas(config: Any, out: Columns, i: int, way: Way) -> None:
    """Find the times to breach; what is not within the horizon at lower odds is not at higher ones."""
    horizon = HORIZON * config.within
    out.soonest[i] = when(way, config.soonest, horizon)
    if not math.isnan(out.soonest[i]):
        out.eta[i] = when(way, 0.0, horizon)
        if not math.isnan(out.eta[i]):
            out.latest[i] = when(way, -config.soonest, horizon)


@compiled
def _tell_by_hour(rhythm: Any, config: Any, out: Columns, i: int, t: float, way: Way) -> float:
    """Find the times to breach from hour to hour, as the day's rhythm may reach the limit before its line does.

    Returns the probability that it is reached in time.
    """
    chance, ahead, in_time = 0.0, 0.0, 0.0
    while ahead < config.within or (chance < 1.0 - config.tail and ahead < HORIZON * config.within):
        if ahead < config.within < ahead + 3600.0:
            last = odds(way, config.within, _effect(rhythm, config, t + config.within))
            in_time = max(chance, normal(last))
        ahead += 3600.0
        now = max(chance, normal(odds(way, ahead, _effect(rhythm, config, t + ahead))))
        out.soonest[i] = crossing(out.soonest[i], config.tail, chance, now, ahead)
        out.eta[i] = crossing(out.eta[i], 0.5, chance, now, ahead)
        out.latest[i] = crossing(out.latest[i], 1.0 - config.tail, chance, now, ahead)
        chance = now
        if ahead <= config.within:
            in_time = chance
    return in_time


@inlined
def _learn(row: Any, config: Any, y: float, error: float, effect: float, line: Line) -> bool:
    """Take a value in; False if it is an outlier, and is not."""
    if y >= config.limit:
        row.clean_ups = 0
    if row.count >= WARMUP and error * error > OUTLIER * OUTLIER * line.variance:
        _learn_outlier(row, error, line)
        if row.run > 0:
            return False
    else:
        row.run = 0
    v = y - effect - row.origin
    row.weight[0] += 1.0
    row.moment[0] += v
    row.moment[2] += v * v
    row.count += 1.0
    _learn_pair(row, error)
    _check(row, config, line)
    return True


@inlined
def _learn_pair(row: Any, error: float) -> None:
    rate = 1.0 / min(row.count, PAIR_MEMORY)
    before = row.error * float(row.error)
    square = before + rate * (error * error - before)
    if square > 0.0:
        row.correlation = ((1.0 - rate) * row.correlation * before + rate * error * row.last) / square
    row.error = math.sqrt(square)
    row.last = error


@compiled
def _learn_hour(rhythm: Any, config: Any, t: float, error: float) -> None:
    slot, share = math.floor(t) // 3600 % 24, min(config.step / 3600.0, 1.0)
    rhythm.visits[slot] = min(rhythm.visits[slot] + share, VISITS)
    rhythm.profile[slot] += share / (rhythm.visits[slot] + 1.0) * error


@compiled
def _learn_outlier(row: Any, error: float, line: Line) -> None:
    """Count outliers on one side; the third in a row tells a jump from a new slope, and ends the run."""
    if row.run == 0 or error * row.first_error < 0:
        row.first_error, row.run = error, 1
        return
    row.run += 1
    if row.run < 3:
        return
    row.run = 0
    if abs(error - row.first_error) > SETTLED * abs(row.first_error):
        for j in range(3):
            row.weight[j] *= REMAINS
            row.moment[j] *= REMAINS
        row.count = max(REMAINS * row.count, WARMUP)
        return
    if error < 0:
        row.peak = max(row.peak, line.level) if row.clean_ups > 0 else line.level
        row.clean_ups = min(row.clean_ups + 1, MOST_CLEAN_UPS)
    row.moment[2] += error * (2.0 * row.moment[0] + error * row.weight[0])
    row.moment[1] += error * row.weight[1]
    row.moment[0] += error * row.weight[0]
    row.mark_level += error


@inlined
def _check(row: Any, config: Any, line: Line) -> None:
    """Hold the forecast noted a span ago against what came, and note the next."""
    passed = float(row.mark_age)
    known = row.age - passed >= config.span  # a slope of less past is wrong for other reasons
    if known and passed < config.span:
        return
    if known:
        wrong = (line.level - row.mark_level) / passed - row.mark_slope
        wrong = max(wrong * wrong - 2.0 * line.level_variance / (passed * passed), 0.0)
        row.checks = min(row.checks + 1.0, MOST_CHECKS)
        before = row.slope_error * float(row.slope_error)
        row.slope_error = math.sqrt(before + (wrong - before) / row.checks)
    row.mark_age, row.mark_level, row.mark_slope = 0.0, line.level, line.slope
