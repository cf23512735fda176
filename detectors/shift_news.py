"""What there is to tell of a shift, and how the level follows one that is beyond doubt."""

from typing import Any, NamedTuple

import numpy as np

from detectors.adwin_kernel import Split, clear
from detectors.compiled import compiled
from detectors.shift_row import MOST, SURE, Config

ADOPT_TAIL = 10.0**-9.5
"""A level is adopted at this tail: beyond the kind's raise score and all that verdicts can add to it …"""
ADOPT_RUN = 16
"""… and when so many observations tell where the new level is (to a quarter unit)."""
HELD_SCORE = 0.9995
"""Of a shift that is still news: neither calm nor a breach."""


class Moment(NamedTuple):
    """An observation as the series sees it."""

    time: float
    ahead: float
    """Seconds since the last."""
    expected: float
    unit: float


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


@compiled
def news_of(row: Any, window: Any, config: Config, now: Moment, split: Split, odds: float) -> News:
    """Tell of a shift, new or still news; move the level when it is beyond doubt. `split` has the side and the tail of
    the sums too.
    """
    move, sure = _move_of(row, config, split), odds >= SURE
    returning = row.held > 0.0 and row.back * split.side > 0.0 and abs(move.by) < 1.5 * abs(row.back)
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
    elif split.tail <= ADOPT_TAIL and move.recent >= ADOPT_RUN:
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
