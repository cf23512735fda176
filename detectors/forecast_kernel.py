"""The compiled loop of `Forecast`: one row of state a series, one pass over the observations."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled, inlined
from detectors.forecast_damping import check
from detectors.forecast_lanes import LEAN, WIDE, foresee, gather, learn, put_back, take_out
from detectors.forecast_line import Line, age, fit, kept, note, take
from detectors.forecast_reach import peak_of
from detectors.forecast_row import CONFIG, OUTLIER, ROW, WARMUP, Columns, Config
from detectors.forecast_sight import Seen, foresee_day, foresee_plain
from detectors.hours import hour_effect
from detectors.lanes import AWAY, LANES, silence, tell
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
) -> bool:
    """Score each observation and, if `learning`, take it in before the next; plain as in `seasonal_kernel`.

    `work` is what `lanes` returns. Returns whether the columns of times to a breach were written.
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
            _tell_nothing(out, i)
            continue
        row = rows[s]
        if k == LANES or math.isnan(row.time):
            _finish(tables, config, wide, lean, k, out, learning)
            k = 0
        ahead = max(t - row.time, 0.0)
        if row.count == 0 or ahead > LONGEST_GAP * config.memory:
            _tell_nothing(out, i)
            if learning:
                _begin(row, t, y)
            continue
        if config.daily:
            wide.now[k], wide.effect[k] = t, hour_effect(profiles[s], config.step, t)
            wide.peak[k] = peak_of(profiles[s])
        if row.count == 2.0 and _began_apart(row, y - wide.effect[k]):
            _tell_nothing(out, i)
            if learning:
                _begin(row, t, y)
            continue
        wide.series[k], wide.place[k] = s, i
        gather(row, kept(config, ahead), ahead, y, wide, k)
        if learning:
            row.time = AWAY
        k += 1
    _finish(tables, config, wide, lean, k, out, learning)
    return bool(wide.told > 0.0)


@inlined
def _tell_nothing(out: Columns, i: int) -> None:
    out.score[i] = out.expected[i] = out.slope[i] = np.nan


@compiled
def _finish(tables: Any, config: Config, wide: Any, lean: Any, n: int, out: Columns, learning: bool) -> None:
    """Tell of what waits in `n` lanes and, if `learning`, take it in."""
    rows, profiles, copies = tables
    if n == 0:
        return
    take_out(rows, wide.series, n, lean)
    foresee(config, wide, lean, n)
    _tell(config, wide, lean, n, out)
    for k in range(n):
        s = wide.series[k]
        if wide.near[k] * wide.ready[k] > 0.0:
            _tell_near(rows[s], profiles, s, config, wide, k, out)
    if learning:
        _learn_apart(rows, copies, config, wide, n)
        learn(wide, lean, n)
        put_back(rows, wide.series, n, lean)
        _settle(tables, config, wide, n)


@inlined
def _learn_apart(rows: Any, copies: Any, config: Config, wide: Any, n: int) -> None:
    """Take in what is, or comes after, an outlier: in a copy of the row, as the lanes will be written over it."""
    for k in range(n):
        if wide.near[k] > 0.0 and wide.value[k] >= config.limit:
            rows[wide.series[k]].clean_ups = 0
        if wide.alone[k] > 0.0:
            row = rows[wide.series[k]]
            wide.error[k] = _learn_alone(row, config, wide, k)
            copies[k] = row


@inlined
def _settle(tables: Any, config: Config, wide: Any, n: int) -> None:
    """Write to the rows what is not on lanes of eight; hold forecasts against what came, and learn the hours."""
    rows, profiles, copies = tables
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
    sign = config.sign
    for k in range(n):
        ready = wide.ready[k] > 0.0
        wide.score[k] = 0.0 if ready else np.nan
        wide.expected[k] = sign * (wide.level[k] + wide.effect[k]) if ready else np.nan
        wide.pace[k] = sign * lean.slope[k] if ready else np.nan
    tell(wide.score, wide.place, n, out.score)
    tell(wide.expected, wide.place, n, out.expected)
    tell(wide.pace, wide.place, n, out.slope)


@compiled
def _tell_near(row: Any, profiles: Any, s: int, config: Config, wide: Any, k: int, out: Columns) -> None:
    """Tell how probable a breach is, and when it will be."""
    line = fit(row, config, wide.ahead[k])
    seen = Seen(wide.now[k], wide.ahead[k], wide.value[k], wide.effect[k])
    if config.daily:
        score, when = foresee_day(row, profiles, s, config, seen, line)
    else:
        score, when = foresee_plain(row, config, seen, line)
    if wide.told == 0.0:
        silence(out.soonest)
        silence(out.eta)
        silence(out.latest)
        wide.told = 1.0
    i = wide.place[k]
    out.score[i], out.soonest[i], out.eta[i], out.latest[i] = score, when.soonest, when.median, when.latest


@inlined
def _learn_alone(row: Any, config: Config, wide: Any, k: int) -> float:
    """Take in such a value; return what it was off the line by, NaN if it was not taken in."""
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
