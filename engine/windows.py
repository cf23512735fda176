"""Tumbling windows of many series: the compiled loops that add events, and close what is over.

A series is one row of 8-byte words. Three of them (four for gaps) are its head: the number of its oldest open window;
how many windows from there on hold events, and how many empty ones were told since the last that held any; how many
points its history has. Then its open windows in a ring, each a count and what the kind of measure needs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled
from engine import sketches
from engine.history import History, divide, parent, push
from engine.pool import MOST, Pool, has_room, release

COUNT, RATE, RATIO, SUM, MEAN, MIN, MAX, LAST, QUANTILE, DISTINCT, GAP = range(11)
KINDS = {
    "count": COUNT, "rate": RATE, "ratio": RATIO, "sum": SUM, "mean": MEAN, "min": MIN, "max": MAX,
    "last": LAST, "quantile": QUANTILE, "distinct": DISTINCT, "gap": GAP,
}  # fmt: skip
BUFFERED = {QUANTILE, DISTINCT, GAP}
_WORDS = {COUNT: 1, RATE: 1, RATIO: 1, LAST: 3}
ZEROS = 1_000
"""Empty windows that are told in a row, at most; after them a series is silent until it has events again."""
HEAD = 3
# What the 32-bit halves of words 1 and 2 hold; word 0 is the oldest open window, word 3 a gap's last time.
_REACH, _QUIET, _WRITTEN = 2, 3, 4


class Plan(NamedTuple):
    """What is measured."""

    kind: int
    every: float
    ring: int
    """Windows of a series that can be open at once."""
    words: int
    """Words of a window."""
    head: int
    q: float
    least: int
    """Events a window must have to be told."""
    zero: bool
    """Whether an empty window is a zero."""

    @property
    def width(self) -> int:
        """Words of a row."""
        return self.head + self.ring * self.words


class Rows(NamedTuple):
    """The series' rows, three ways to look at them, and what belongs to them."""

    floats: NDArray[np.float64]
    longs: NDArray[np.int64]
    ints: NDArray[np.int32]
    pool: Pool
    history: History
    known: int
    """How many series there are."""


class Closed(NamedTuple):
    """Where closed windows are written."""

    series: NDArray[np.int32]
    time: NDArray[np.float64]
    value: NDArray[np.float64]
    events: NDArray[np.int32]
    size: NDArray[np.int64]
    """One number: how many there are."""


def words_of(kind: int) -> int:
    """Return how many words a window of a kind takes."""
    return _WORDS.get(kind, 2)


@compiled
def add(
    rows: Rows,
    closed: Closed,
    plan: Plan,
    series: NDArray[np.int32],
    time: NDArray[np.float64],
    window: NDArray[np.int64],
    value: NDArray[np.float64],
    done: int,
) -> int:
    """Add events from `done` on, in order; return how far the room in `closed` and the pool reached."""
    longs, ints, pool = rows.longs, rows.ints, rows.pool
    for i in range(done, series.size):
        if not _room(closed, plan) or not has_room(pool):
            return i
        row, number = int(series[i]), int(window[i])
        base, reach = longs[row, 0], int(ints[row, _REACH])
        if reach == 0 and ints[row, _QUIET] == 0:
            longs[row, 0] = base = number - plan.ring + 1
        elif number >= base + plan.ring:
            _close(rows, closed, plan, row, number - plan.ring + 1)
            base, reach = longs[row, 0], int(ints[row, _REACH])
        if number >= base:  # always, but for a rounding of `every` that no float can hold: then it is too late by it
            at = plan.head + (number % plan.ring) * plan.words
            _absorb(rows, plan, row, at, time[i], value[i])
            ints[row, _REACH] = max(reach, number - base + 1)
    return series.size


@compiled
def advance(rows: Rows, closed: Closed, plan: Plan, until: int, done: int) -> int:
    """Close what lies before window `until`, of series `done` and on; return how far the room in `closed` reached."""
    longs, ints = rows.longs, rows.ints
    for row in range(done, rows.known):
        told = plan.zero and 0 < ints[row, _QUIET] <= ZEROS
        if (ints[row, _REACH] > 0 or told) and longs[row, 0] < until:
            if not _room(closed, plan):
                return row
            _close(rows, closed, plan, row, until)
    return rows.known


@compiled
def make_room(rows: Rows, known: int) -> None:
    """Find room for the history of series `known` and on, which are new."""
    for child in range(known, rows.known):
        old = parent(rows.history.rooms, child)
        if old >= 0:
            divide(rows.history, child, rows.ints[old, _WRITTEN])


@compiled
def _room(closed: Closed, plan: Plan) -> bool:
    """Whether one series more can be closed."""
    return bool(closed.size[0] + plan.ring + ZEROS <= closed.series.size)


@compiled
def _absorb(rows: Rows, plan: Plan, row: int, at: int, time: float, value: float) -> None:
    """Add one event to a window. A count of −1: there were events, none with a value."""
    floats, ints = rows.floats, rows.ints
    count, kind = ints[row, 2 * at], plan.kind
    if not np.isfinite(value):
        if count == 0:
            ints[row, 2 * at] = -1
        return
    count = max(count, 0) + 1
    ints[row, 2 * at] = count
    if kind == RATIO:
        ints[row, 2 * at + 1] += value != 0.0
    elif SUM <= kind <= MEAN:
        floats[row, at + 1] += value
    elif kind == MIN:
        floats[row, at + 1] = value if count == 1 else min(floats[row, at + 1], value)
    elif kind == MAX:
        floats[row, at + 1] = value if count == 1 else max(floats[row, at + 1], value)
    elif kind == LAST:
        if count == 1 or time >= floats[row, at + 2]:
            floats[row, at + 1], floats[row, at + 2] = value, time
    elif kind >= QUANTILE:
        _buffer(rows, plan, row, at, time, value)


@compiled
def _buffer(rows: Rows, plan: Plan, row: int, at: int, time: float, value: float) -> None:
    """Add one event to a window that keeps values: where they stand is in word 1 of it, how many beside its count."""
    longs, ints, pool = rows.longs, rows.ints, rows.pool
    buffer, held = longs[row, at + 1], ints[row, 2 * at + 1]
    if plan.kind == QUANTILE:
        buffer = sketches.sample(pool, buffer, ints[row, 2 * at], value, row)
    elif plan.kind == DISTINCT:
        buffer, held = sketches.insert(pool, buffer, held, value)
    else:
        buffer, held = sketches.note(pool, buffer, held, time, plan.every / sketches.FINE)
    longs[row, at + 1], ints[row, 2 * at + 1] = buffer, held


@compiled
def _close(rows: Rows, closed: Closed, plan: Plan, row: int, until: int) -> None:
    """Tell and clear the windows of a series before `until`, in order."""
    ints = rows.ints
    base, reach, quiet = rows.longs[row, 0], int(ints[row, _REACH]), int(ints[row, _QUIET])
    while base < until:
        told = plan.zero and 0 < quiet <= ZEROS
        if reach <= 0 and not told:
            base = until
            break
        at = plan.head + (base % plan.ring) * plan.words
        if reach > 0 and ints[row, 2 * at] != 0:
            _settle(rows, closed, plan, row, at, base)
            ints[row, _QUIET] = quiet = 1
        elif told:
            _tell(rows, closed, plan, row, base, 0.0, 0)
            quiet += 1
        base, reach = base + 1, max(reach - 1, 0)
    rows.longs[row, 0], ints[row, _REACH], ints[row, _QUIET] = base, reach, quiet


@compiled
def _settle(rows: Rows, closed: Closed, plan: Plan, row: int, at: int, window: int) -> None:
    """Tell a window that had events, if it had enough, and clear it."""
    count = int(rows.ints[row, 2 * at])
    if count > 0:
        value = _value(rows, plan, row, at, count)
        if count >= plan.least and not (plan.kind == GAP and np.isnan(value)):
            _tell(rows, closed, plan, row, window, value, count)
    rows.floats[row, at : at + plan.words] = 0.0


@compiled
def _tell(rows: Rows, closed: Closed, plan: Plan, row: int, window: int, value: float, count: int) -> None:
    """Write down one closed window."""
    size = closed.size[0]
    value = value if np.isfinite(value) else np.nan
    closed.series[size], closed.time[size] = row, window * plan.every
    closed.value[size], closed.events[size] = value, count
    closed.size[0] = size + 1
    push(rows.history, row, rows.known, rows.ints[row, _WRITTEN], window, value)
    rows.ints[row, _WRITTEN] += 1


@compiled
def _value(rows: Rows, plan: Plan, row: int, at: int, count: int) -> float:
    """Return what a window comes to, and give back its buffer."""
    kind = plan.kind
    if kind == COUNT:
        return float(count)
    if kind == RATE:
        return count / plan.every
    if kind == RATIO:
        return float(rows.ints[row, 2 * at + 1]) / count
    if kind == MEAN:
        return float(rows.floats[row, at + 1]) / count
    if kind < QUANTILE:
        return float(rows.floats[row, at + 1])
    return _buffered(rows, plan, row, at, count)


@compiled
def _buffered(rows: Rows, plan: Plan, row: int, at: int, count: int) -> float:
    buffer, held = int(rows.longs[row, at + 1]), int(rows.ints[row, 2 * at + 1])
    if plan.kind == QUANTILE:
        held = min(count, MOST)
        value = sketches.quantile(rows.pool, buffer, count, plan.q)
    elif plan.kind == DISTINCT:
        value = sketches.distinct(rows.pool, buffer, held)
    else:
        before = rows.floats[row, HEAD] if rows.ints[row, _QUIET] > 0 else np.nan
        value, rows.floats[row, HEAD] = sketches.gap(rows.pool, buffer, held, before)
    release(rows.pool, buffer, min(held, MOST))
    return value


def written(rows: Rows, series: int) -> int:
    """Return how many windows of a series were told."""
    return int(rows.ints[series, _WRITTEN])
