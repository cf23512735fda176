"""The compiled loop of `Seasonal`: one row of state a series, one pass over the observations."""

import math
from typing import Any

import numpy as np

from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled, inlined
from detectors.lanes import LANES, tell
from detectors.prefetch import AHEAD, fetch
from detectors.seasonal_lanes import LEAN, WIDE, gather, put_back, put_rest, send_away, take_out
from detectors.seasonal_learning import judge, learn
from detectors.seasonal_rhythm import hour_of
from detectors.seasonal_row import CONFIG, ROW, Columns, Config
from detectors.tails_kernel import begin_tails

LATEST = 1e12  # seconds: year 33,658; times beyond are none
CEILING = 1e30
"""Values beyond are taken as this, so that their squares fit a 32-bit number's range when scaled."""


def lanes() -> tuple[Bytes, Bytes]:
    """Return the memory that a run works in."""
    return np.zeros(WIDE.itemsize, np.uint8), np.zeros(LEAN.itemsize, np.uint8)


@compiled
def run(
    state: Bytes, settings: Floats, batch: tuple[Ints, Floats, Floats], columns: Any, work: Any, learning: bool
) -> None:
    """Score each observation and, if `learning`, take it in before the next.

    `state` is the rows' bytes, `settings` a `Config` as numbers, `columns` a `Columns` as a plain tuple, `work` what
    `lanes` returns: to recognise records and named tuples takes numba up to milliseconds a call. Observations wait in
    the lanes until these are full or one of a series comes that waits already.
    """
    rows, config, out = state.view(ROW), settings.view(CONFIG)[0], Columns(*columns)
    wide, lean = work[0].view(WIDE)[0], work[1].view(LEAN)[0]
    series, time, value = batch
    seen, hour, k = np.nan, hour_of(config, 0.0), 0
    count = series.shape[0]
    for i in range(count):
        fetch(rows, series[min(i + AHEAD, count - 1)])
        t, y, s = time[i], min(max(value[i], -CEILING), CEILING), series[i]
        if not (abs(t) < LATEST and math.isfinite(value[i])):
            _tell_nothing(out, i)
            continue
        if t != seen:
            seen, hour = t, hour_of(config, t)
        row = rows[s]
        if k == LANES or math.isnan(row.time):
            _finish(rows, config, wide, lean, k, out, learning)
            k = 0
        if row.count > 0:
            wide.series[k], wide.place[k] = s, i
            gather(row, config, hour, t, y, wide, lean, k)
            if learning:
                send_away(row, config, hour, t, wide, lean, k)
            k += 1
            continue
        _tell_nothing(out, i)
        if learning:
            _begin(row, config, t, y)
    _finish(rows, config, wide, lean, k, out, learning)


@inlined
def _tell_nothing(out: Columns, i: int) -> None:
    out.score[i] = out.expected[i] = np.nan
    out.low[i], out.high[i] = -np.inf, np.inf


@compiled
def _begin(row: Any, config: Config, t: float, y: float) -> None:
    row.time, row.level, row.count = t, y, 1.0
    row.slope = y if config.daily else 0.0
    begin_tails(row)


@compiled
def _finish(rows: Any, config: Config, wide: Any, lean: Any, n: int, out: Columns, learning: bool) -> None:
    """Judge what waits in `n` lanes and, if `learning`, learn it."""
    if n == 0:
        return
    take_out(rows, wide.series, n, lean)
    judge(config, wide, lean, n)
    _tell(config, wide, lean, n, out)
    if learning:
        learn(config, wide, lean, n)
        put_back(rows, wide.series, n, lean)
        for k in range(n):
            put_rest(rows[wide.series[k]], config, wide, lean, k)


@inlined
def _tell(config: Config, wide: Any, lean: Any, n: int, out: Columns) -> None:
    warmup, down, up = config.warmup, config.down > 0.0, config.up > 0.0
    for k in range(n):
        known = lean.count[k] >= warmup
        wide.score[k], wide.expected[k] = wide.score[k] if known else np.nan, wide.expected[k] if known else np.nan
        wide.low[k] = wide.low[k] if known & down else -np.inf
        wide.high[k] = wide.high[k] if known & up else np.inf
    tell(wide.score, wide.place, n, out.score)
    tell(wide.expected, wide.place, n, out.expected)
    tell(wide.low, wide.place, n, out.low)
    tell(wide.high, wide.place, n, out.high)
