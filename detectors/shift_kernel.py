"""The compiled loop of `Shift`: one row of state a series, one pass over the observations."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.adwin_kernel import WINDOW, Split, clear, insert, split_of
from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled, inlined
from detectors.hours import hour_doubt, hour_effect
from detectors.shift_learning import begin, learn, learn_hour, unit_of
from detectors.shift_row import CONFIG, CUT, MOST, ROW, SURE, Columns, Config
from detectors.shift_spread import learn_spread, ratio_of
from detectors.shift_sums import Verdict, judge, noise_of, sum_up

DOUBT = math.log(100.0)
"""Log odds from which nothing is learned, as the level may have moved."""
ADOPT_TAIL = 10.0**-9.5
"""A level is adopted at this tail: beyond the kind's raise score and all that verdicts can add to it …"""
ADOPT_RUN = 16
"""… and when so many observations tell where the new level is (to a quarter unit)."""
HELD_SCORE = 0.9995
"""Of a shift that is still news: neither calm nor a breach."""
LATEST, CEILING = 1e12, 1e30
"""Times and values beyond are none."""


class Moment(NamedTuple):
    """An observation as the series sees it."""

    time: float
    ahead: float
    """Seconds since the last."""
    expected: float
    unit: float
    error: float
    """The residual."""
    x: float
    usual: float
    """The unit of the day, at no hour in particular."""


class Move(NamedTuple):
    """Where the level would be now."""

    by: float
    since: float
    """Seconds."""
    recent: int
    """Observations since."""


class News(NamedTuple):
    """What there is to tell of a shift, and what becomes of the score for it."""

    most: float
    least: float
    began: float
    before: float
    after: float
    size: float


class Told(NamedTuple):
    """What is told of an observation, and whether it may be learned from."""

    score: float
    expected: float
    low: float
    high: float
    began: float
    before: float
    after: float
    size: float
    calm: bool


NO_NEWS = News(1.0, 0.0, np.nan, np.nan, np.nan, np.nan)
SILENT = Told(np.nan, np.nan, -np.inf, np.inf, np.nan, np.nan, np.nan, np.nan, True)


@compiled
def run(
    state: Bytes,
    profiles: NDArray[np.float32],
    spreads: NDArray[np.float32],
    windows: Bytes,
    settings: Floats,
    batch: tuple[Ints, Floats, Floats],
    columns: Any,
    learning: bool,
) -> None:
    """Score each observation and, if `learning`, take it in before the next; else that is done to a copy of the row.

    Plain arguments as in `seasonal_kernel`.
    """
    rows, views, config, out = state.view(ROW), windows.view(WINDOW), settings.view(CONFIG)[0], Columns(*columns)
    series, time, value = batch
    row_copy, window_copy = np.zeros(1, ROW), np.zeros(1, WINDOW)
    for i in range(series.shape[0]):
        t, y, s, told = time[i], min(max(value[i], -CEILING), CEILING), series[i], SILENT
        if abs(t) < LATEST and math.isfinite(value[i]):
            row = rows[s] if learning else _copied(rows, s, row_copy)
            window = window_copy[0]
            if config.adwin:
                window = views[s] if learning else _copied(views, s, window_copy)
            ahead = max(t - row.time, 0.0)
            if row.count == 0 or ahead > config.forget:
                begin(row, t, y)
                clear(window)
            else:
                effect, ratio = 0.0, 1.0
                if config.daily:
                    effect = hour_effect(profiles[s], config.step, t)
                    ratio = ratio_of(spreads[s], row, effect, hour_doubt(profiles[s], config.step, t))
                error, unit = y - row.level - effect, unit_of(row, config, ratio)
                now = Moment(t, ahead, row.level + effect, unit, error, min(max(error / unit, -CUT), CUT), unit / ratio)
                row.time += ahead
                if row.count >= config.warmup:
                    told = _look(row, window, config, now)
                if told.calm:
                    learn(row, config, y - effect, error, unit, now.x, ratio)
                    if config.daily and learning:
                        learn_spread(spreads[s], row, config, effect, abs(now.x) * unit)
                        learn_hour(profiles[s], row, config, t, now.x * unit)
        out.score[i], out.expected[i], out.low[i], out.high[i] = told.score, told.expected, told.low, told.high
        out.began[i], out.before[i], out.after[i], out.size[i] = told.began, told.before, told.after, told.size


@inlined
def _copied(rows: Any, s: int, copy: Any) -> Any:
    copy[0] = rows[s]
    return copy[0]


@inlined
def _look(row: Any, window: Any, config: Config, now: Moment) -> Told:
    noise = noise_of(row, config)
    sum_up(row, config, noise, now.x, now.error, now.ahead)
    verdict, split = judge(row, config, noise), Split(1, 1.0, 0.0, 0)
    if config.adwin:
        split = split_of(window, now.x * now.usual, now.usual, noise.variance, 1.0 * row.skew)
        verdict = Verdict(split.side, split.tail, -math.log(max(split.tail, 1e-300)))
        insert(window, now.x * now.usual)
    news = NO_NEWS
    if verdict.odds >= SURE or row.held > 0.0:
        news = _news(row, window, config, now, verdict, split)
    watched = config.up if verdict.side > 0 else config.down
    score = max(news.most * watched * (1.0 - verdict.tail), news.least)
    low, high = now.expected - config.below * now.unit, now.expected + config.above * now.unit
    calm = verdict.odds < DOUBT
    return Told(score, now.expected, low, high, news.began, news.before, news.after, news.size, calm)


@compiled
def _news(row: Any, window: Any, config: Config, now: Moment, verdict: Verdict, split: Split) -> News:
    """Tell of a shift, new or still news; move the level when it is beyond doubt."""
    move, sure = _move_of(row, config, split), verdict.odds >= SURE
    returning = row.held > 0.0 and row.back * verdict.side > 0.0 and abs(move.by) < 1.5 * abs(row.back)
    returned = returning and sure and abs(move.by) > 0.5 * abs(row.back)
    row.held = max(row.held - now.ahead, 0.0)
    most, least, began, before, after = 0.0 if returning else 1.0, 0.0, np.nan, np.nan, np.nan
    if sure and not returning:
        began, before, after = now.time - move.since, now.expected, now.expected + move.by
    if row.held > 0.0 and not returned:
        least = HELD_SCORE
        if not sure or returning:
            before, after = now.expected + row.back, now.expected
    if returned:
        _set_level(row, window, row.back if move.recent < ADOPT_RUN else move.by, max(row.age + 0, move.recent))
        row.held = row.back = 0.0
    elif verdict.tail <= ADOPT_TAIL and move.recent >= ADOPT_RUN:
        row.back, row.held = -move.by, config.adopt
        _set_level(row, window, move.by, move.recent)
    return News(most, least, began, before, after, (after - before) / now.unit)


@compiled
def _move_of(row: Any, config: Config, split: Split) -> Move:
    """Return the move that the run tells, which is not cut; else, of a slow drift, the window."""
    by, since, recent = split.after, split.recent * config.step, split.recent
    if not config.adwin or (row.run * split.side > 0 and max(row.up, row.down) >= config.high):
        recent = abs(row.run) + 0  # of 64 bits, as the split's
        by, since = row.total / max(recent, 1), 1.0 * row.since
    return Move(by, since, recent)


@compiled
def _set_level(row: Any, window: Any, by: float, age: int) -> None:
    row.level += by
    clear(window)
    row.age = min(age, MOST)
    row.up = row.down = row.total = row.since = 0.0
    row.run = 0
