"""The compiled loop of `Forecast`: one row of state a series, one pass over the observations."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled, inlined
from detectors.forecast_lanes import LEAN, WIDE, foresee, gather, learn, put_back, take_out
from detectors.forecast_damping import check
from detectors.forecast_line import Line, age, fit, kept, note, take
from detectors.forecast_reach import NEVER, Etas, best_by, etas, highest, peak_of, rhythmic_etas
from detectors.forecast_row import CONFIG, OUTLIER, ROW, WARMUP, Columns, Config
from detectors.forecast_way import by_noise, horizon_of, is_far, normal, way_of, z_at
from detectors.hours import hour_effect
from detectors.lanes import AWAY, LANES
from detectors.prefetch import AHEAD, fetch

SETTLED = 0.3
"""Three outliers within this share of one another are a jump: the past moves along, slope and spread are kept.
Else the slope changed: the past is forgotten but for `REMAINS`."""
REMAINS = 0.2
EARLY = 4.0  # observations before the hours are learned
VISITS = 14.0
"""An hour's effect is the mean over two weeks."""
EARLY_DAYS = 6.0
APART = 0.05
"""Three first values of which two are within this share of their distance from the third: in noise one in fourteen."""
MOST_CLEAN_UPS = 60_000
LATEST, CEILING = 1e12, 1e18
"""Times and values beyond are none."""
LONGEST_GAP = 3.0
"""After a gap of so many memories a series starts afresh."""


class Seen(NamedTuple):
    """An observation as the series sees it."""

    time: float
    ahead: float
    """Seconds since the last."""
    value: float
    effect: float
    """Of the hour."""


def lanes() -> tuple[Bytes, Bytes, Bytes]:
    """Return the memory that a run works in: the lanes, and room for copies of as many rows."""
    sizes = (WIDE.itemsize, LEAN.itemsize, LANES * ROW.itemsize)
    return np.zeros(sizes[0], np.uint8), np.zeros(sizes[1], np.uint8), np.empty(sizes[2], np.uint8)


@compiled
def run(
    state: tuple[Bytes, NDArray[np.float32]],
    settings: Floats,
    batch: tuple[Ints, Floats, Floats],
    columns: Any,
    work: tuple[Bytes, Bytes, Bytes],
    learning: bool,
) -> None:
    """Score each observation and, if `learning`, take it in before the next; plain as in `seasonal_kernel`.

    `work` is what `lanes` returns; nothing is told where the columns are not written.
    """
    rows, profiles = state[0].view(ROW), state[1]
    config, out = settings.view(CONFIG)[0], Columns(*columns)
    tables = (rows, profiles, work[2].view(ROW))
    wide, lean = work[0].view(WIDE)[0], work[1].view(LEAN)[0]
    series, time, value = batch
    count, k = series.shape[0], 0
    for i in range(count):
        fetch(rows, series[min(i + AHEAD, count - 1)])
        t, y, s = time[i], config.sign * min(max(value[i], -CEILING), CEILING), series[i]
        if not (abs(t) < LATEST and math.isfinite(value[i])):
            continue
        row = rows[s]
        if k == LANES or math.isnan(row.time):
            _finish(tables, config, wide, lean, k, out, learning)
            k = 0
        ahead = max(t - row.time, 0.0)
        if row.count == 0 or ahead > LONGEST_GAP * config.memory:
            if learning:
                _begin(row, t, y)
            continue
        if config.daily:
            wide.now[k], wide.effect[k], wide.peak[k] = t, hour_effect(profiles[s], config.step, t), peak_of(profiles[s])
        if row.count == 2.0 and _began_apart(row, y - wide.effect[k]):
            if learning:
                _begin(row, t, y)
            continue
        wide.series[k], wide.place[k] = s, i
        gather(row, kept(config, ahead), ahead, y, wide, k)
        if learning:
            row.time = AWAY
        k += 1
    _finish(tables, config, wide, lean, k, out, learning)


@compiled
def _finish(tables: Any, config: Config, wide: Any, lean: Any, n: int, out: Columns, learning: bool) -> None:
    """Tell of what waits in `n` lanes and, if `learning`, take it in."""
    rows, profiles, copies = tables
    if n == 0:
        return
    take_out(rows, wide, lean, n)
    foresee(config, wide, lean, n)
    _tell(config, wide, lean, n, out)
    for k in range(n):
        s = wide.series[k]
        if wide.near[k] > 0.0:
            if wide.ready[k] > 0.0:
                _tell_near(rows[s], profiles, s, config, wide, k, out)
            if learning and wide.value[k] >= config.limit:
                rows[s].clean_ups = 0
        if learning and wide.alone[k] > 0.0:
            wide.error[k] = _learn_alone(rows[s], config, wide, k)
            copies[k] = rows[s]
    if not learning:
        return
    learn(wide, lean, n)
    put_back(rows, wide, lean, n)
    for k in range(n):
        s = wide.series[k]
        row = rows[s]
        if wide.alone[k] > 0.0:
            rows[s] = copies[k]
        else:
            row.level = wide.level[k]
            check(row, config, wide.variance[k])
        row.time = wide.time[k]
        if config.daily and not math.isnan(wide.error[k]) and row.count > EARLY:
            _learn_hour(profiles[s], row, config, wide.now[k], wide.error[k])


@inlined
def _tell(config: Config, wide: Any, lean: Any, n: int, out: Columns) -> None:
    """Tell what is the same for all whose limit is far: that there will be no breach."""
    for k in range(n):
        i, ready = wide.place[k], wide.ready[k] > 0.0
        out.score[i] = 0.0 if ready else np.nan
        out.expected[i] = config.sign * (wide.level[k] + wide.effect[k]) if ready else np.nan
        out.slope[i] = config.sign * lean.slope[k] if ready else np.nan


@compiled
def _tell_near(row: Any, profiles: Any, s: int, config: Config, wide: Any, k: int, out: Columns) -> None:
    """Tell how probable a breach is, and when it will be."""
    line = fit(row, config, wide.ahead[k])
    seen = Seen(wide.now[k], wide.ahead[k], wide.value[k], wide.effect[k])
    if config.daily:
        score, when = _foresee_day(row, profiles, s, config, seen, line)
    else:
        score, when = _foresee(row, config, seen, line)
    i = wide.place[k]
    out.score[i], out.soonest[i], out.eta[i], out.latest[i] = score, when.soonest, when.median, when.latest


@inlined
def _learn_alone(row: Any, config: Config, wide: Any, k: int) -> float:
    """Take in a value that is an outlier, or came after one; return what it was off the line by, NaN if not taken in."""
    seen = Seen(wide.now[k], wide.ahead[k], wide.value[k], wide.effect[k])
    return _learn(row, config, seen, wide.keep[k], fit(row, config, seen.ahead))


@compiled
def _begin(row: Any, t: float, y: float) -> None:
    """Start afresh; what was learned of the hours and of clean-ups is kept."""
    row.time, row.level, row.mark_level = t, y, 0.0
    row.slope = row.age = row.squares = row.spread = row.watched = 0.0
    row.near = row.near_square = row.last = row.rough = 0.0
    row.mark_age = row.mark_near = row.mark_slope = row.missed = row.slope_error = 0.0
    row.came = row.fitted = row.came_square = row.fitted_square = row.product = 0.0
    row.held = row.drift = row.loss = 0.0
    row.weight = row.count = 1.0
    row.checks = row.run = 0


@inlined
def _began_apart(row: Any, y: float) -> bool:
    """Return whether the second and third values are so much nearer to each other that the first was an outlier."""
    return bool(row.count == 2.0 and abs(y - row.level) < APART * abs(row.slope * row.watched))


@inlined
def _foresee(row: Any, config: Config, seen: Seen, line: Line) -> tuple[float, Etas]:
    """Foresee without a rhythm of the day."""
    if seen.value >= config.limit:
        return 1.0, Etas(0.0, 0.0, 0.0)
    if is_far(row, config, line, 0.0):
        return 0.0, NEVER
    way, horizon = way_of(row, config, line), horizon_of(row, config)
    trend = normal(z_at(way, best_by(way, config.within), 0.0))
    return _weighed(row, config, seen, line, trend), etas(config, way, horizon)


@compiled
def _foresee_day(row: Any, profiles: Any, s: int, config: Config, seen: Seen, line: Line) -> tuple[float, Etas]:
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


@inlined
def _learn(row: Any, config: Config, seen: Seen, keep: float, line: Line) -> float:
    error = seen.value - seen.effect - line.level
    row.watched += seen.ahead
    row.mark_age += seen.ahead
    if row.count >= WARMUP and error * error > OUTLIER * OUTLIER * line.variance:
        error = _learn_outlier(row, error, line)
        if math.isnan(error):
            age(row, seen.ahead, keep)
            return np.nan
    take(row, error, seen.ahead, keep)
    note(row, error)
    row.run = 0
    check(row, config, line.variance)
    return error


@inlined
def _learn_hour(profile: Any, row: Any, config: Config, t: float, error: float) -> None:
    """Take the error into the mean of its hour's visits; at first, when the line still follows the rhythm, it is halved
    at each, so that what that taught is soon gone.
    """
    days = math.floor(row.watched / 86400.0)
    visits = 1.0 if days < EARLY_DAYS else min(days - EARLY_DAYS + 2.0, VISITS)
    profile[math.floor(t) // 3600 % 24] += min(config.step / 3600.0, 1.0) / (visits + 1.0) * error


@compiled
def _learn_outlier(row: Any, error: float, line: Line) -> float:
    """Count outliers on one side; the third in a row tells a jump from a new slope.

    Returns the error that is left to be learned; NaN if none is, as the value is no more than an outlier.
    """
    if row.run == 0 or error * row.last < 0:
        row.last, row.run = error, 1
    else:
        row.run += 1
    if row.run < 3:
        return np.nan
    if abs(error - row.last) > SETTLED * abs(row.last):
        row.weight *= REMAINS
        row.spread *= REMAINS
        row.squares *= REMAINS
        row.count = max(REMAINS * row.count, WARMUP)
        return error
    if error < 0:
        row.peak = max(row.peak, line.level) if row.clean_ups > 0 else line.level
        row.clean_ups = min(row.clean_ups + 1, MOST_CLEAN_UPS)
    row.level += error
    row.mark_level += error
    return 0.0
