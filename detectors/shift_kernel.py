"""The compiled loop of `Shift`: one row of state a series, one pass over the observations."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.adwin_kernel import WINDOW, Split, clear, insert, split_of
from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled, inlined
from detectors.hours import hour_doubt, hour_effect
from detectors.lanes import AWAY, LANES
from detectors.prefetch import AHEAD, fetch
from detectors.shift_lanes import WIDE, judge, weigh
from detectors.shift_learning import begin, learn, learn_hour, unit_of
from detectors.shift_news import Moment, news_of
from detectors.shift_row import CONFIG, ROW, SURE, Columns, Config
from detectors.shift_spread import learn_spread, ratio_of
from detectors.shift_sums import Noise, sum_up

DOUBT = math.log(100.0)
"""Log odds from which nothing is learned, as the level may have moved."""
LATEST, CEILING = 1e12, 1e30
"""Times and values beyond are none."""


@compiled
def run(
    state: tuple[Bytes, NDArray[np.float32], NDArray[np.float32], Bytes],
    settings: Floats,
    batch: tuple[Ints, Floats, Floats],
    columns: Any,
    work: tuple[Bytes, Bytes, Bytes],
    learning: bool,
) -> None:
    """Score each observation and, if `learning`, take it in before the next; else that is done to copies of the rows.

    Plain arguments as in `seasonal_kernel`; `work` is what `lanes` returns.
    """
    rows, profiles, spreads, windows = state[0].view(ROW), state[1], state[2], state[3].view(WINDOW)
    tables = (rows, profiles, spreads, windows, work[1].view(ROW), work[2].view(WINDOW))
    config, out, wide = settings.view(CONFIG)[0], Columns(*columns), work[0].view(WIDE)[0]
    series, time, value = batch
    count, k = series.shape[0], 0
    for i in range(count):
        fetch(rows, series[min(i + AHEAD, count - 1)])
        t, y, s = time[i], min(max(value[i], -CEILING), CEILING), series[i]
        _tell_nothing(out, i)
        if not (abs(t) < LATEST and math.isfinite(value[i])):
            continue
        row = rows[s]
        if k == LANES or math.isnan(row.time):
            _finish(tables, config, wide, k, out, learning)
            k = 0
        if row.count > 0 and t - row.time <= config.forget:
            wide.series[k], wide.place[k] = s, i
            effect, ratio = 0.0, 1.0
            if config.daily:
                effect, ratio = _rhythm(profiles, spreads, s, row, config, t)
            _gather(row, config, effect, ratio, t, y, wide, k)
            if learning:
                row.time = AWAY
            k += 1
        elif learning:
            begin(row, t, y)
            if config.adwin:
                clear(windows[s])
    _finish(tables, config, wide, k, out, learning)


def lanes() -> tuple[Bytes, Bytes, Bytes]:
    """Return the memory that a run works in: the lanes, and room for copies of as many rows and windows."""
    sizes = (WIDE.itemsize, LANES * ROW.itemsize, LANES * WINDOW.itemsize)
    return np.empty(sizes[0], np.uint8), np.empty(sizes[1], np.uint8), np.empty(sizes[2], np.uint8)


@inlined
def _tell_nothing(out: Columns, i: int) -> None:
    out.score[i] = out.expected[i] = out.began[i] = out.before[i] = out.after[i] = out.size[i] = np.nan
    out.low[i], out.high[i] = -np.inf, np.inf


@compiled
def _rhythm(profiles: Any, spreads: Any, s: int, row: Any, config: Config, t: float) -> tuple[float, float]:
    """Return the effect of the hour, and how many times the day's its unit is."""
    effect = hour_effect(profiles[s], config.step, t)
    return effect, ratio_of(spreads[s], row, effect, hour_doubt(profiles[s], config.step, t))


@inlined
def _gather(row: Any, config: Config, effect: float, ratio: float, t: float, y: float, wide: Any, k: int) -> None:
    """Put what is needed of a row in lane `k`."""
    ahead = max(t - row.time, 0.0)
    wide.now[k], wide.time[k], wide.ahead[k] = t, row.time + ahead, ahead
    wide.value[k], wide.effect[k], wide.ratio[k], wide.expected[k] = y - effect, effect, ratio, row.level + effect
    wide.error[k], wide.unit[k] = y - row.level - effect, unit_of(row, config, ratio)
    wide.age[k], wide.variance[k], wide.covariance[k] = row.age, row.variance, row.covariance


@compiled
def _finish(tables: Any, config: Config, wide: Any, n: int, out: Columns, learning: bool) -> None:
    """Judge what waits in `n` lanes, and take it in."""
    rows, profiles, spreads, windows, row_copies, window_copies = tables
    weigh(config, wide, n)
    for k in range(n):
        s = wide.series[k]
        if not learning:
            row_copies[k] = rows[s]
            if config.adwin:
                window_copies[k] = windows[s]
        row = rows[s] if learning else row_copies[k]
        row.time = wide.time[k]
        if row.count >= config.warmup:
            noise = Noise(wide.variance[k], wide.allowance[k])
            sum_up(row, config, noise, wide.x[k], wide.error[k], wide.ahead[k])
        wide.lead[k], wide.side[k] = max(row.up, row.down), 1.0 if row.up >= row.down else -1.0
        wide.skew[k] = max(wide.side[k] * float(row.skew), 0.0)
    judge(config, wide, n)
    for k in range(n):
        s = wide.series[k]
        row = rows[s] if learning else row_copies[k]
        window = window_copies[k]
        if config.adwin and learning:
            window = windows[s]
        if row.count < config.warmup or _look(row, window, config, wide, k, out):
            learn(row, config, wide.value[k], wide.error[k], wide.unit[k], wide.x[k], wide.ratio[k])
            if config.daily and learning:
                _learn_day(profiles[s], spreads[s], row, config, wide, k)


@inlined
def _learn_day(profile: Any, spread: Any, row: Any, config: Config, wide: Any, k: int) -> None:
    cut = wide.x[k] * wide.unit[k]
    learn_spread(spread, row, config, wide.effect[k], abs(cut))
    learn_hour(profile, row, config, wide.now[k], cut)


@inlined
def _look(row: Any, window: Any, config: Config, wide: Any, k: int, out: Columns) -> bool:
    """Tell what there is to tell; return whether the level is where it was, for all that is known."""
    i, unit, x = wide.place[k], wide.unit[k], wide.x[k]
    split, odds = Split(int(wide.side[k]), wide.tail[k], 0.0, 0), wide.odds[k]
    if config.adwin:
        usual = unit / wide.ratio[k]
        split = split_of(window, x * usual, usual, wide.variance[k], 1.0 * row.skew)
        odds = -math.log(max(split.tail, 1e-300))
        insert(window, x * usual)
    most, least = 1.0 * (config.up if split.side > 0 else config.down), 0.0
    if odds >= SURE or row.held > 0.0:
        news = news_of(row, window, config, Moment(wide.now[k], wide.ahead[k], wide.expected[k], unit), split, odds)
        most, least = most * news.most, news.least
        out.began[i], out.before[i], out.after[i], out.size[i] = news.began, news.before, news.after, news.size
    out.score[i], out.expected[i] = max(most * (1.0 - split.tail), least), wide.expected[k]
    out.low[i], out.high[i] = wide.expected[k] - config.below * unit, wide.expected[k] + config.above * unit
    return bool(odds < DOUBT)
