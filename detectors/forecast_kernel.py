"""The compiled loop of `Forecast`: a line fitted to the recent past of each series, and how sure it is.

The line is discounted least squares (Brown, "Smoothing, Forecasting and Prediction", 1963), kept as weighted sums with
the ages of the observations, so that irregular steps and gaps are exact. Every constant stands here with its reason.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled

ROW = np.dtype(
    [
        ("first", "f8"),  # time of the first observation
        ("time", "f8"),  # of the last
        ("origin", "f8"),  # what values are relative to
        ("weight", "f8", 3),  # Σw, Σw·age, Σw·age²
        ("moment", "f8", 3),  # Σw·v, Σw·age·v, Σw·v²
        ("mark_time", "f8"),  # when a forecast was noted, to be checked a span later
        ("mark_level", "f8"),
        ("mark_slope", "f8"),
        ("slope_error", "f8"),  # mean square of what such forecasts were wrong by, per second
        ("checks", "f8"),  # how many
        ("first_error", "f8"),  # of a run of outliers
        ("peak", "f8"),  # the furthest level from which a clean-up brought the value back
        ("clean_ups", "f8"),  # since the last breach
        ("count", "f8"),
        ("run", "f8"),  # outliers in a row on one side
        ("last", "f8"),  # error about the line at the last observation
        ("covariance", "f8"),  # of neighbouring errors
        ("square", "f8"),  # mean square of the errors
        ("profile", "f4", 24),  # effect of the hour of the day
        ("visits", "f4", 24),
    ]
)

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
MOST_GROWTH = 4.0
"""Slopes wander, so a checked error grows with the horizon: for a random walk of the slope and a fit that lags by a
span, as a third of the horizon and that span do. Up to so many times: a farther breach must stay the more probable."""
MOST_CHECKS = 12.0
"""Memory of the checks, in checks."""
HORIZON = 10.0
"""Times to breach are told up to so many times `within`."""
RELATIVE_FLOOR = 1e-6
"""Least spread, relative to the level: some ten roundings of a 32-bit number."""
PAIR_RATE = 1 / 256
"""Memory of the autocorrelation: its standard error is then 0.04."""
VISITS = 14.0
"""An hour's effect is the mean over two weeks."""
LATEST, CEILING = 1e12, 1e30
"""Times and values beyond are none."""
LONGEST_GAP = 3.0
"""After a gap of so many memories a series starts afresh."""
LONGEST_APPROACH = 1e4
"""Most windows that noise is given to reach the limit before the line does."""
APPROACH_SPREAD = 0.6
"""Spread of that margin, in standard deviations of the noise: half the way from its 16 to its 84 % point."""
ROOT_HALF = math.sqrt(0.5)
HALVINGS = 40
"""Bisections of a time to breach: a trillionth of the horizon."""


class Config(NamedTuple):
    """What the loop needs to know of the detector's configuration. Values are mirrored so that the limit is above."""

    sign: float
    limit: float
    within: float
    step: float
    memory: float
    span: float
    """Seconds after which a forecast is checked."""
    tail: float
    """Probability below the interval of the time to breach, and above."""
    daily: bool
    settle: float
    """Seconds a series is only watched."""


class Columns(NamedTuple):
    """What the loop writes for each observation."""

    score: Floats
    expected: Floats
    eta: Floats
    soonest: Floats
    latest: Floats
    slope: Floats


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


@compiled
def run(
    state: Bytes, settings: tuple[Any, ...], series: Ints, time: Floats, value: Floats, columns: Any, learn: bool
) -> None:
    """Score each observation and, if `learn`, take it in before the next; plain tuples as in `seasonal_kernel`."""
    rows, config, out = state.view(ROW), Config(*settings), Columns(*columns)
    for i in range(series.shape[0]):
        out.score[i] = out.expected[i] = out.slope[i] = np.nan
        out.eta[i] = out.soonest[i] = out.latest[i] = np.nan
        t, y = time[i], config.sign * min(max(value[i], -CEILING), CEILING)
        if not (abs(t) < LATEST and math.isfinite(value[i])):
            continue
        row = rows[series[i]]
        ahead = max(t - row.time, 0.0)
        if row.count == 0 or ahead > LONGEST_GAP * config.memory:
            if learn:
                _begin(row, t, y)
            continue
        line = _fit(row, config, ahead)
        expected = line.level + _effect(row, config, t)
        if row.count >= WARMUP and t - row.first >= config.settle:
            _tell(row, config, out, i, t, y, line)
            out.expected[i] = config.sign * expected
        if learn:
            _age(row, ahead, config.memory)
            row.time += ahead
            _learn(row, config, t, y, y - expected, line)


@compiled
def _begin(row: Any, t: float, y: float) -> None:
    """Start afresh; what was learned of the hours and of clean-ups is kept."""
    row.first = row.time = row.mark_time = t
    row.origin = row.mark_level = y
    row.mark_slope = row.slope_error = row.checks = row.run = 0.0
    row.last = row.covariance = row.square = 0.0
    for j in range(3):
        row.weight[j] = row.moment[j] = 0.0
    row.weight[0] = row.count = 1.0


@compiled
def _aged(sums: Any, ahead: float, memory: float) -> tuple[float, float, float]:
    """Return Σw, Σw·age, Σw·age² (of `weight`) as they are `ahead` seconds later; of `moment` the first two alike."""
    keep = math.exp(-DISCOUNT * ahead / memory)
    second = sums[1] + ahead * sums[0]
    return keep * sums[0], keep * second, keep * (sums[2] + ahead * (sums[1] + second))


@compiled
def _age(row: Any, ahead: float, memory: float) -> None:
    square = row.moment[2] * math.exp(-DISCOUNT * ahead / memory)
    row.weight[0], row.weight[1], row.weight[2] = _aged(row.weight, ahead, memory)
    row.moment[0], row.moment[1], row.moment[2] = _aged(row.moment, ahead, memory)
    row.moment[2] = square


@compiled
def _fit(row: Any, config: Config, ahead: float) -> Line:
    """Fit the line as seen `ahead` seconds after the last observation."""
    w0, w1, w2 = _aged(row.weight, ahead, config.memory)
    m0, m1, _ = _aged(row.moment, ahead, config.memory)
    square = row.moment[2] * math.exp(-DISCOUNT * ahead / config.memory)
    spread = w2 - w1 * w1 / w0
    slope = (w1 * m0 / w0 - m1) / spread if spread > 1e-9 * w2 and row.count > 2.0 else 0.0
    level = (m0 + slope * w1) / w0
    free = min(
        row.count, 2.0 * w0 * math.exp(DISCOUNT * ahead / config.memory)
    )  # worth of the weights, in observations
    least = (RELATIVE_FLOOR * (abs(row.origin + level) + abs(config.limit))) ** 2
    variance = max((square - level * m0 + slope * m1) / w0, 0.0) * free / max(free - 2.0, 1.0) + least
    slope_variance = variance * (w0 / free) ** 2 / spread if spread > 0 else variance / config.step**2
    level_variance = variance / free * (1.0 + w1 * w1 / w0 / spread) if spread > 0 else variance
    checked = row.checks * row.slope_error + DOUBT_WEIGHT * (SLOPE_DOUBT * slope) ** 2
    checked /= row.checks + DOUBT_WEIGHT
    return Line(row.origin + level, slope, level_variance, slope_variance, checked, variance, _independence(row))


@compiled
def _independence(row: Any) -> float:
    covariance = min(max(row.covariance, 0.0), 0.999 * row.square)
    return (row.square - covariance) / (row.square + covariance) if row.square > 0 else 1.0


@compiled
def _effect(row: Any, config: Config, t: float) -> float:
    """Return the effect of the time of day, linear between the middles of the hours if windows are shorter."""
    if not config.daily:
        return 0.0
    if config.step >= 3600.0:
        return float(row.profile[math.floor(t) // 3600 % 24])
    hours = (t + 0.5 * config.step) / 3600.0 - 0.5
    hour = math.floor(hours)
    part = hours - hour
    return (1.0 - part) * float(row.profile[hour % 24]) + part * float(row.profile[(hour + 1) % 24])


@compiled
def _tell(row: Any, config: Config, out: Columns, i: int, t: float, y: float, line: Line) -> None:
    out.slope[i] = config.sign * line.slope
    if y >= config.limit:
        out.score[i], out.eta[i], out.soonest[i], out.latest[i] = 1.0, 0.0, 0.0, 0.0
        return
    trend = _by_trend(row, config, t, config.within, line)
    score = 1.0 - (1.0 - trend) * (1.0 - _by_noise(row, config, t, line))
    if row.clean_ups > 0:  # rule of succession: so many times it went this way and was brought back
        beyond = max(y - row.peak, 0.0) / (config.limit - min(row.peak, y))
        score = min(score, beyond + (1.0 - beyond) / (row.clean_ups + 2.0))
    out.score[i] = score
    if config.daily:
        _scan_etas(row, config, out, i, t, line)
    else:
        out.soonest[i] = _eta(config, line, config.tail)
        out.eta[i] = _eta(config, line, 0.5)
        out.latest[i] = _eta(config, line, 1.0 - config.tail)


@compiled
def _by_trend(row: Any, config: Config, t: float, horizon: float, line: Line) -> float:
    """Return the probability that the line, with the noise about it, has reached the limit within `horizon`."""
    if not config.daily:
        return _reached(config, line, horizon, 0.0)
    chance, ahead = 0.0, 0.0
    while chance < 1.0 and ahead < horizon:  # from hour to hour, as the day's rhythm may reach it before its line does
        ahead = min(ahead + 3600.0, horizon)
        chance = max(chance, _reached(config, line, ahead, _effect(row, config, t + ahead)))
    return chance


@compiled
def _reached(config: Config, line: Line, ahead: float, effect: float) -> float:
    noise = math.sqrt(line.variance)
    near = noise / max(line.slope * config.step, noise / LONGEST_APPROACH)  # windows in which noise could do the rest
    near *= line.independence
    margin = noise * _margin(near)
    growth = min((3.0 + ahead / config.span) / 4.0, MOST_GROWTH)
    slope_variance = max(line.slope_variance, line.checked_variance * growth)
    error = math.sqrt(line.level_variance + slope_variance * ahead * ahead + (APPROACH_SPREAD * noise) ** 2)
    return _normal((line.level + line.slope * ahead + effect - config.limit + margin) / error)


@compiled
def _margin(near: float) -> float:
    """Return the distance, in standard deviations, at which a line that needs `near` windows for one of them is half
    as likely as not to have had a value beyond the limit: a fit to φ(a) − a·(1 − Φ(a)) = ln 2 / near, within 0.1.
    """
    decades = math.log10(max(near, 0.1))
    return max(-0.4 + decades * (1.7 - 0.21 * decades), -2.0)


@compiled
def _by_noise(row: Any, config: Config, t: float, line: Line) -> float:
    """Return the probability that noise about the present line alone goes beyond the limit within `within`."""
    gap = config.limit - line.level - _effect(row, config, t)
    each = 1.0 - _normal(gap / math.sqrt(line.variance + line.level_variance))
    return 1.0 - math.exp(-each * line.independence * config.within / config.step)


@compiled
def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z * ROOT_HALF)


@compiled
def _eta(config: Config, line: Line, share: float) -> float:
    """Return the seconds after which a breach is as probable as `share`; NaN if not within the horizon."""
    low, high = 0.0, HORIZON * config.within
    if _reached(config, line, high, 0.0) < share:
        return np.nan
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if _reached(config, line, middle, 0.0) < share:
            low = middle
        else:
            high = middle
    return high


@compiled
def _scan_etas(row: Any, config: Config, out: Columns, i: int, t: float, line: Line) -> None:
    """Find the times to breach from hour to hour."""
    chance, ahead = 0.0, 0.0
    while chance < 1.0 - config.tail and ahead < HORIZON * config.within:
        ahead += 3600.0
        now = max(chance, _reached(config, line, ahead, _effect(row, config, t + ahead)))
        out.soonest[i] = _crossing(out.soonest[i], config.tail, chance, now, ahead)
        out.eta[i] = _crossing(out.eta[i], 0.5, chance, now, ahead)
        out.latest[i] = _crossing(out.latest[i], 1.0 - config.tail, chance, now, ahead)
        chance = now


@compiled
def _crossing(known: float, share: float, before: float, now: float, ahead: float) -> float:
    """Return when in the hour that ends at `ahead` the chance passed `share`; what is known already, if anything."""
    if not math.isnan(known) or now < share:
        return known
    return ahead - 3600.0 * (now - share) / (now - before)


@compiled
def _learn(row: Any, config: Config, t: float, y: float, error: float, line: Line) -> None:
    if y >= config.limit:
        row.clean_ups = 0.0
    if row.count >= WARMUP and abs(error) > OUTLIER * math.sqrt(line.variance):
        _learn_outlier(row, error, line)
        if row.run > 0:
            return
    else:
        row.run = 0.0
    v = y - _effect(row, config, t) - row.origin
    row.weight[0] += 1.0
    row.moment[0] += v
    row.moment[2] += v * v
    row.count += 1.0
    rate = max(1.0 / row.count, PAIR_RATE)
    row.square += rate * (error * error - row.square)
    row.covariance += rate * (error * row.last - row.covariance)
    row.last = error
    if config.daily:
        slot = math.floor(t) // 3600 % 24
        row.visits[slot] = min(row.visits[slot] + min(config.step / 3600.0, 1.0), VISITS)
        row.profile[slot] += min(config.step / 3600.0, 1.0) / (row.visits[slot] + 1.0) * error
    _check(row, config, line)


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


@compiled
def _check(row: Any, config: Config, line: Line) -> None:
    """Hold the forecast noted a span ago against what came, and note the next."""
    passed = row.time - row.mark_time
    known = row.mark_time - row.first >= config.span  # a slope of less past is wrong for other reasons
    if known and passed < config.span:
        return
    if known:
        wrong = (line.level - row.mark_level) / passed - row.mark_slope
        wrong = max(wrong * wrong - 2.0 * line.level_variance / (passed * passed), 0.0)
        row.checks = min(row.checks + 1.0, MOST_CHECKS)
        row.slope_error += (wrong - row.slope_error) / row.checks
    row.mark_time, row.mark_level, row.mark_slope = row.time, line.level, line.slope
