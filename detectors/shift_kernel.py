"""The compiled loop of `Shift`: one row of state a series, one pass over the observations."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.adwin_kernel import WINDOW, clear
from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled, inlined
from detectors.hours import hour_doubt, hour_effect
from detectors.lanes import AWAY, LANES, NIL, ONE, silence, tell
from detectors.prefetch import AHEAD, fetch
from detectors.shift_lanes import LEAN, WIDE, gather, put_back, put_rest, take_out
from detectors.shift_learning import begin, learn, learn_hour, measure
from detectors.shift_news import find_news, move, split, tell_move
from detectors.shift_row import CONFIG, ROW, Columns, Config
from detectors.shift_spread import learn_spread, ratio_of
from detectors.shift_sums import judge, sum_up, weigh

DOUBT = np.float32(math.log(100.0))
"""Log odds from which nothing is learned, as the level may have moved."""
LATEST, CEILING = 1e12, 1e30
"""Times and values beyond are none."""


@compiled
def run(
    state: tuple[Bytes, NDArray[np.float32], NDArray[np.float32], Bytes],
    settings: Floats,
    batch: tuple[Ints, Floats, Floats],
    columns: Any,
    work: tuple[Bytes, Bytes],
    learning: bool,
) -> bool:
    """Score each observation and, if `learning`, take it in before the next.

    Plain arguments as in `seasonal_kernel`; `work` is what `lanes` returns. Returns whether the columns of news were
    written.
    """
    rows, profiles, spreads, windows = state[0].view(ROW), state[1], state[2], state[3].view(WINDOW)
    tables = (rows, profiles, spreads, windows)
    config, out = settings.view(CONFIG)[0], Columns(*columns)
    wide, lean = work[0].view(WIDE)[0], work[1].view(LEAN)[0]
    lean.ratio[:] = ONE
    series, time, value = batch
    count, k = series.shape[0], 0
    for i in range(count):
        fetch(rows, series[min(i + AHEAD, count - 1)])
        t, y, s = time[i], min(max(value[i], -CEILING), CEILING), series[i]
        if not (abs(t) < LATEST and math.isfinite(value[i])):
            _tell_nothing(out, i)
            continue
        row = rows[s]
        if k == LANES or math.isnan(row.time):
            _finish(tables, config, wide, lean, k, out, learning)
            k = 0
        if row.count > 0 and t - row.time <= config.forget:
            wide.series[k], wide.place[k] = s, i
            if config.daily:
                wide.effect[k], lean.ratio[k] = _rhythm(profiles, spreads, s, row, config, t)
            gather(row, t, y - wide.effect[k], wide, lean, k)
            if learning:
                row.time = AWAY
            k += 1
            continue
        _tell_nothing(out, i)
        if learning:
            begin(row, t, y)
            if config.adwin:
                clear(windows[s])
    _finish(tables, config, wide, lean, k, out, learning)
    return bool(wide.told > 0.0)


@inlined
def _tell_nothing(out: Columns, i: int) -> None:
    out.score[i] = out.expected[i] = np.nan
    out.low[i], out.high[i] = -np.inf, np.inf


def lanes() -> tuple[Bytes, Bytes]:
    """Return the memory that a run works in."""
    return np.zeros(WIDE.itemsize, np.uint8), np.zeros(LEAN.itemsize, np.uint8)


@compiled
def _rhythm(profiles: Any, spreads: Any, s: int, row: Any, config: Config, t: float) -> tuple[float, float]:
    """Return the effect of the hour, and how many times the day's its unit is."""
    effect = hour_effect(profiles[s], config.step, t)
    return effect, ratio_of(spreads[s], row, effect, hour_doubt(profiles[s], config.step, t))


@compiled
def _finish(tables: Any, config: Config, wide: Any, lean: Any, n: int, out: Columns, learning: bool) -> None:
    """Judge what waits in `n` lanes, and take it in."""
    rows, profiles, spreads, windows = tables
    if n == 0:
        return
    take_out(rows, wide.series, n, lean)
    measure(config, wide, lean, n)
    weigh(config, lean, n)
    sum_up(config, lean, n)
    judge(config, lean, n)
    news = tell_move(config, lean, n)
    if config.adwin:
        for k in range(n):
            if lean.count[k] >= config.warmup:
                split(windows[wide.series[k]], config, lean, k, learning)
    _score(config, wide, lean, n)
    if news or config.adwin:
        _tell_news(windows, config, wide, lean, n, out, learning)
    _tell(wide, n, out)
    if not learning:
        return
    learn(config, wide, lean, n)
    put_back(rows, wide.series, n, lean)
    for k in range(n):
        s = wide.series[k]
        put_rest(rows[s], wide, lean, k)
        if config.daily and lean.taught[k] > 0.0:
            learn_spread(spreads[s], rows[s], config, wide.effect[k], abs(lean.cut[k]))
            learn_hour(profiles[s], rows[s], config, wide.now[k], lean.cut[k])


@inlined
def _score(config: Config, wide: Any, lean: Any, n: int) -> None:
    """Score, and note where the level is where it was, for all that is known."""
    up, down, below, above, warmup = (
        1.0 * config.up,
        1.0 * config.down,
        config.below,
        config.above,
        np.float32(config.warmup),
    )
    for k in range(n):
        known, expected, unit = lean.count[k] >= warmup, wide.level[k] + wide.effect[k], lean.unit[k]
        score = (up if lean.side[k] > NIL else down) * (1.0 - lean.tail[k])
        wide.score[k], wide.expected[k] = score if known else np.nan, expected if known else np.nan
        wide.low[k] = expected - below * unit if known else -np.inf
        wide.high[k] = expected + above * unit if known else np.inf
        lean.taught[k] = ONE if (lean.odds[k] < DOUBT) | (not known) else NIL


@inlined
def _tell_news(windows: Any, config: Config, wide: Any, lean: Any, n: int, out: Columns, learning: bool) -> None:
    """Tell what there is to tell of shifts, and move levels."""
    if wide.told == 0.0:
        silence(out.began)
        silence(out.before)
        silence(out.after)
        silence(out.size)
        wide.told = 1.0
    find_news(wide, lean, n, np.float32(config.warmup))
    tell(wide.began, wide.place, n, out.began)
    tell(wide.before, wide.place, n, out.before)
    tell(wide.after, wide.place, n, out.after)
    tell(wide.size, wide.place, n, out.size)
    for k in range(n):
        if lean.moves[k] != 0.0:
            move(windows[wide.series[k] if config.adwin else 0], config, wide, lean, k, learning)


@inlined
def _tell(wide: Any, n: int, out: Columns) -> None:
    tell(wide.score, wide.place, n, out.score)
    tell(wide.expected, wide.place, n, out.expected)
    tell(wide.low, wide.place, n, out.low)
    tell(wide.high, wide.place, n, out.high)
