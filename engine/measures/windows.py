"""Tumbling windows of many series: the compiled loops that add events, and close what is over.

A series is one row of 8-byte words. Three of them (four for gaps) are its head: the number of its oldest open window;
how many windows from there on hold events, and how many empty ones were told since the last that held any; how many
points its history has. Then its open windows in a ring, each a count and what the kind of measure needs.

Inside loops, arrays are handed on one by one: a tuple of arrays costs each call the counting of its references.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled, inlined
from engine.measures import sketches
from engine.measures.history import divide, kept, length, parent, push, start
from engine.measures.pool import MOST, Pool, copied, has_room, release

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


Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


class Plan(NamedTuple):
    """What is measured, and how much there is."""

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
    rooms: int
    """Series that have room for a whole history."""
    known: int = 0
    """How many series there are."""

    @property
    def width(self) -> int:
        """Words of a row."""
        return self.head + self.ring * self.words


class Memory(NamedTuple):
    """What kernels read and write."""

    floats: Floats
    """(series, words of a row)."""
    ints: Ints
    """The same memory, as halves of words."""
    points: Ints
    """See `engine/measures/history.py`."""
    pictured: NDArray[np.float32]
    """The same memory as `points`."""
    pool: Pool
    closed: Floats
    """Where closed windows are written: (room, 4), of each the series, start, value and number of events."""
    size: NDArray[np.int64]
    """One number: how many windows are written there."""


def words_of(kind: int) -> int:
    """Return how many words a window of a kind takes."""
    return _WORDS.get(kind, 2)


@compiled
def add(
    memory: Memory,
    plan: Plan,
    series: Ints,
    time: Floats,
    window: Floats,
    value: Floats,
    done: int,
) -> int:
    """Add events from `done` on, in order; return how far the room in `closed` and the pool reached."""
    floats, ints, points, pictured, pool, closed, size = memory
    plain, free, buffers = plan.kind < QUANTILE, pool.free, pool.values.size
    warm = _warm(ints, plan, series[done:], window[done:])
    for i in range(done, series.size):
        if not _room(closed, size, plan) or (not plain and not has_room(free, buffers)):
            return i
        row = int(series[i])
        if ints[row, _REACH] == 0 and ints[row, _QUIET] == 0:
            floats[row, 0] = window[i] - plan.ring + 1
        elif window[i] >= floats[row, 0] + plan.ring:
            _close(floats, ints, points, pictured, pool, closed, size, plan, row, window[i] - plan.ring + 1, True)
        ahead = int(window[i] - floats[row, 0])
        if (
            ahead >= 0
        ):  # always, but for the rounding of an `every` that no float can hold: then it is late by that much
            at = plan.head + (int(window[i]) % plan.ring) * plan.words
            if plain:
                _count(floats, ints, plan.kind, row, at, time[i], value[i])
            else:
                _keep(floats, ints, pool, plan, row, at, window[i], time[i], value[i])
            ints[row, _REACH] = max(int(ints[row, _REACH]), ahead + 1)
    return series.size if warm else max(series.size, 0)  # what is of no use would not be read


@inlined
def _warm(ints: Ints, plan: Plan, series: Ints, window: Floats) -> int:
    """Read each row once, many of them under way at the same time, for the loop that follows to find in the cache."""
    warm = 0
    for i in range(series.size):
        warm |= ints[series[i], _REACH] | ints[series[i], 2 * (plan.head + (int(window[i]) % plan.ring) * plan.words)]
    return warm


@compiled
def advance(memory: Memory, plan: Plan, until: float, done: int) -> int:
    """Close what lies before window `until`, of series `done` and on; return how far the room in `closed` reached."""
    floats, ints, points, pictured, pool, closed, size = memory
    for row in range(done, plan.known):
        told = plan.zero and 0 < ints[row, _QUIET] <= ZEROS
        if (ints[row, _REACH] > 0 or told) and floats[row, 0] < until:
            if not _room(closed, size, plan):
                return row
            _close(floats, ints, points, pictured, pool, closed, size, plan, row, until, False)
    return plan.known


@compiled
def take(memory: Memory, plan: Plan, theirs: Memory, series: Ints, done: int) -> int:
    """Make series 0 and on what in the memory of `theirs`, which has the same plan, the given `series` are.

    Returns how far, from `done` on, the room in the pool reached.
    """
    floats, ints, pool = memory.floats, memory.ints, memory.pool
    for row in range(done, series.size):
        floats[row] = theirs.floats[series[row]]
        if plan.kind < QUANTILE:
            continue
        for place in range(plan.ring):
            if pool.free[-1] + MOST > pool.values.size:
                return row
            at = plan.head + place * plan.words
            held = min(int(ints[row, 2 * at] if plan.kind == QUANTILE else ints[row, 2 * at + 1]), MOST)
            if held > 0:
                floats[row, at + 1] = copied(pool, theirs.pool, int(floats[row, at + 1]), held)
    return series.size


@compiled
def take_pictures(memory: Memory, plan: Plan, theirs: Memory, known: int, series: Ints) -> None:
    """Do the same with the histories, of which there are `known` in theirs; what there is no room for is lost."""
    for row in range(series.size):
        old, base = int(series[row]), int(memory.floats[row, 0])
        behind, values = kept(theirs.points, theirs.pictured, plan.rooms, known, old, theirs.ints[old, _WRITTEN], base)
        for i in range(values.size):
            push(memory.points, memory.pictured, plan.rooms, plan.known, row, i, base - behind[i], values[i])
        memory.ints[row, _WRITTEN] = values.size


def quiet(memory: Memory, plan: Plan, before: float) -> Ints:
    """Return the series whose windows have all been told, the last of them before epoch second `before`."""
    rows, ints = memory.floats[: plan.known], memory.ints[: plan.known]
    silent = ints[:, _QUIET] > (ZEROS if plan.zero else 0)
    return np.flatnonzero(silent & (ints[:, _REACH] == 0) & (rows[:, 0] * plan.every < before)).astype(np.int32)


def unpicture(memory: Memory, series: Ints) -> None:
    """Take note that the pictures of some series are lost."""
    memory.ints[series, _WRITTEN] = 0


@compiled
def drop(memory: Memory, plan: Plan, series: Ints) -> None:
    """Forget some series with their open windows, whose buffers are given back, and their pictures."""
    floats, ints, points, _, pool, _, _ = memory
    for row in series:
        for place in range(plan.ring):
            at = plan.head + place * plan.words
            count, held = int(ints[row, 2 * at]), int(ints[row, 2 * at + 1])
            if plan.kind >= QUANTILE and count > 0:
                release(pool, int(floats[row, at + 1]), min(count if plan.kind == QUANTILE else held, MOST))
        _clear(floats, row, 0, floats.shape[1])
        first = start(plan.rooms, row)
        for at in range(first, first + length(plan.rooms, row, plan.known)):
            points[at, 0] = points[at, 1] = 0


@compiled
def make_room(memory: Memory, plan: Plan, known: int) -> None:
    """Find room for the history of series `known` and on, which are new."""
    for child in range(known, plan.known):
        old = parent(plan.rooms, child)
        if old >= 0:
            divide(memory.points, plan.rooms, child, memory.ints[old, _WRITTEN])


@inlined
def _room(closed: Floats, size: NDArray[np.int64], plan: Plan) -> bool:
    """Whether one series more can be closed."""
    return bool(size[0] + plan.ring + ZEROS <= len(closed))


@inlined
def _count(floats: Floats, ints: Ints, kind: int, row: int, at: int, time: float, value: float) -> None:
    """Add one event to a window. A count of −1: there were events, none with a value."""
    count = int(ints[row, 2 * at])
    if not np.isfinite(value):
        ints[row, 2 * at] = count or -1
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
    elif kind == LAST and (count == 1 or time >= floats[row, at + 2]):
        floats[row, at + 1], floats[row, at + 2] = value, time


@compiled
def _keep(  # noqa: PLR0913, PLR0917 - see above
    floats: Floats, ints: Ints, pool: Pool, plan: Plan, row: int, at: int, window: float, time: float, value: float
) -> None:
    """Add one event to a window that keeps values: where they stand is in word 1 of it, how many beside its count.

    What is drawn of a window does not depend on the series' number, which is another where a series moved to.
    """
    _count(floats, ints, plan.kind, row, at, time, value)
    if not np.isfinite(value):
        return
    buffer, held = int(floats[row, at + 1]), int(ints[row, 2 * at + 1])
    if plan.kind == QUANTILE:
        buffer = sketches.sample(pool, buffer, ints[row, 2 * at], value, int(window))
    elif plan.kind == DISTINCT:
        buffer, held = sketches.insert(pool, buffer, held, value)
    else:
        buffer, held = sketches.note(pool, buffer, held, time, plan.every / sketches.FINE)
    floats[row, at + 1], ints[row, 2 * at + 1] = buffer, held


@inlined
def _close(  # noqa: PLR0913, PLR0917 - see above
    floats: Floats,
    ints: Ints,
    points: Ints,
    pictured: NDArray[np.float32],
    pool: Pool,
    closed: Floats,
    size: NDArray[np.int64],
    plan: Plan,
    row: int,
    until: float,
    leap: bool,
) -> None:
    """Tell and clear the windows of a series before `until`, in order.

    Where there is nothing more to tell, the oldest open window is the one after the last that was; or, to `leap`,
    `until`. The first does not depend on when it is asked for, so neither does what is remembered.
    """
    base, reach, quiet = floats[row, 0], int(ints[row, _REACH]), int(ints[row, _QUIET])
    while base < until:
        told = plan.zero and 0 < quiet <= ZEROS
        if reach <= 0 and not told:
            base = until if leap else base
            break
        at, value, count = plan.head + (int(base) % plan.ring) * plan.words, 0.0, 0
        if reach > 0 and ints[row, 2 * at] != 0:
            count = max(int(ints[row, 2 * at]), 0)
            if plan.kind < QUANTILE:
                value = _value(floats, ints, plan, row, at)
            elif count > 0:
                value = _kept(floats, ints, pool, plan, row, at)
            told = count >= plan.least and not (plan.kind == GAP and np.isnan(value))
            _clear(floats, row, at, plan.words)
            ints[row, _QUIET] = quiet = 1
        else:
            quiet += told
        if told:
            _tell(closed, size, row, base * plan.every, value, count)
            push(points, pictured, plan.rooms, plan.known, row, ints[row, _WRITTEN], base, value)
            ints[row, _WRITTEN] += 1
        base, reach = base + 1.0, max(reach - 1, 0)
    floats[row, 0], ints[row, _REACH], ints[row, _QUIET] = base, reach, quiet


@inlined
def _clear(floats: Floats, row: int, at: int, words: int) -> None:
    for word in range(at, at + words):
        floats[row, word] = 0.0


@inlined
def _tell(closed: Floats, size: NDArray[np.int64], row: int, time: float, value: float, count: int) -> None:
    at = size[0]
    closed[at, 0], closed[at, 1], closed[at, 3] = row, time, count
    closed[at, 2] = value if np.isfinite(value) else np.nan
    size[0] = at + 1


@inlined
def _value(floats: Floats, ints: Ints, plan: Plan, row: int, at: int) -> float:
    """Return what a window comes to."""
    kind, count = plan.kind, int(ints[row, 2 * at])
    if kind == COUNT:
        return float(count)
    if kind == RATE:
        return count / plan.every
    if kind == RATIO:
        return float(ints[row, 2 * at + 1]) / count
    if kind == MEAN:
        return float(floats[row, at + 1]) / count
    return float(floats[row, at + 1])


@compiled
def _kept(floats: Floats, ints: Ints, pool: Pool, plan: Plan, row: int, at: int) -> float:
    """Return what a window that keeps values comes to, and give back its buffer."""
    buffer, held, count = int(floats[row, at + 1]), int(ints[row, 2 * at + 1]), int(ints[row, 2 * at])
    if plan.kind == QUANTILE:
        held = min(count, MOST)
        value = sketches.quantile(pool, buffer, count, plan.q)
    elif plan.kind == DISTINCT:
        value = sketches.distinct(pool, buffer, held)
    else:
        before = floats[row, HEAD] if ints[row, _QUIET] > 0 else np.nan
        value, floats[row, HEAD] = sketches.gap(pool, buffer, held, before)
    release(pool, buffer, min(held, MOST))
    return value


def written(memory: Memory, series: int) -> int:
    """Return how many windows of a series were told."""
    return int(memory.ints[series, _WRITTEN])
