"""From the bytes of a payload to columns in one pass: the compiled loops.

A line that is a plain event of a known type is read here: its envelope, and of its `data` the fields that are needed.
All else, whatever is wrong or unusual with it, is left over for somebody slower, as the place of its line. What is read
here is what `engine/events/reader.py` would have read. Places are addresses, see `engine/columnar/memory.py`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled, inlined
from engine.columnar.hashing import Blob, murmur
from engine.columnar.memory import byte, load, store, whole
from engine.columnar.times import parse
from engine.events import members as m
from engine.events import names as n
from engine.events.names import Names, find
from engine.events.tokens import CLOSE_OBJECT, COLON, COMMA, OPEN_OBJECT, white

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
JOINT = 1_024
"""Bytes of room for a source and an id together."""
_U = np.uint64
_SEPARATOR = 0x1F


class Found(NamedTuple):
    """What is written of each event that is read; and `left`, of each line left over."""

    line: NDArray[np.int32]
    type: NDArray[np.int32]
    time: Floats
    starts: Ints
    """Where the subject starts."""
    ends: Ints
    hashes: Words
    """(events, 2): of source, 0x1F and id."""
    left: Ints
    """(lines, 3): number, start, end."""


class Counts(NamedTuple):
    """How much there was."""

    read: int
    left: int
    lines: int
    tidy: bool
    """Whether there was nothing beside objects, one a line, but for white space at the end."""


@compiled
def line_breaks(data: Blob, size: int) -> int:
    """Return how many line breaks there are in ``data[:size]``."""
    count = 0
    for i in range(size):
        count += data[i] == 10
    return count


@compiled
def scan(
    data: Blob, size: int, arrived: float, limit: float, longest: int, names: Names, fields: Words, found: Found
) -> Counts:
    """Read the events of ``data[:size]``, after which a `PAD` follows; no later than `limit`, lines up to `longest`.

    An event without a time has that of its arrival, `arrived`. `fields` has a row of words for each field of the type
    that has most of them: numbers as float64, conditions as 1.0 and 0.0, absent ones NaN; of a text, the place as
    ``start << 32 | end``, −1 if it is absent.
    """
    lines, types, times, starts, ends, hashes, left = found
    state, joint = np.empty(m.WORDS, np.int64), np.zeros(JOINT, np.uint8)
    base, context, side = whole(data.ctypes.data), whole(state.ctypes.data), whole(joint.ctypes.data)
    state[m.TABLE], state[m.LAST], state[m.BLANK] = (
        names.table.ctypes.data,
        len(names.table) - 1,
        names.blank.ctypes.data,
    )
    state[m.FIELDS], state[m.WIDTH], state[m.BASE] = names.fields.ctypes.data, names.blank.shape[1], base
    state[m.OUT], state[m.COUNT] = fields.ctypes.data, fields.shape[1] * 8
    while size > 0 and (data[size - 1] == 10 or data[size - 1] == 13 or data[size - 1] == 32 or data[size - 1] == 9):
        size -= 1
    count, rest, line, tidy, start, last = 0, 0, 0, size > 0, base, base + size
    while start < last:
        begin = white(start)
        state[m.ROW] = count * 8
        state[m.TYPE : m.STACK] = -1
        end = _event(begin, context)
        if end >= 0:
            stop = min(white(end), last)
            tidy = tidy and begin == start and stop in (end, last)
            end = stop if (stop == last or byte(stop) == 10) and stop - begin <= longest else -1
        if end >= 0:
            at = state[m.TIME]
            times[count] = arrived if at < 0 else parse(at, state[m.TIME + 1])
            size = _identity(context, side) if times[count] <= limit else 0
            if size > 0:
                hashes[count, 0], hashes[count, 1] = murmur(side, size)
                lines[count], types[count] = line, state[m.TYPE]
                starts[count], ends[count] = state[m.SUBJECT] - base, state[m.SUBJECT + 1] - base
                count += 1
            else:
                end = -1
        if end < 0:
            end = start
            while end < last and byte(end) != 10:
                end += 1
            left[rest, 0], left[rest, 1], left[rest, 2] = line, start - base, end - base
            tidy = tidy and byte(start) == OPEN_OBJECT and byte(end - 1) == CLOSE_OBJECT
            rest += 1
        start = end + 1
        line += 1
    joint[0] = 0  # until here its address is in use
    return Counts(count, rest, line, tidy)


@inlined
def _identity(state: int, joint: int) -> int:
    """Write source, 0x1F and id side by side; return their size, 0 if one is missing or they are long."""
    source, id_ = load(state + 8 * m.SOURCE), load(state + 8 * m.ID)
    of_source, of_id = load(state + 8 * m.SOURCE + 8) - source, load(state + 8 * m.ID + 8) - id_
    if source < 0 or id_ < 0 or load(state + 8 * m.SUBJECT) < 0 or of_source + of_id > JOINT - 16:
        return 0
    for i in range(0, of_source, 8):
        store(joint + i, load(source + i))
    store(joint + of_source, _SEPARATOR)
    for i in range(0, of_id, 8):
        store(joint + of_source + 1 + i, load(id_ + i))
    return of_source + 1 + of_id


@inlined
def _event(at: int, state: int) -> int:
    """Read one event; return the place after it, −1 if it is left over."""
    if byte(at) != OPEN_OBJECT:
        return -1
    end = _object(at + 1, n.ENVELOPE, state)
    kind, first = load(state + 8 * m.TYPE), load(state + 8 * m.DATA)
    if end < 0 or kind < 0:
        return -1
    if first >= 0 and _object(first, n.FIRST + kind, state) < 0:
        return -1
    return end


@compiled
def _object(at: int, node: int, state: int) -> int:  # noqa: C901, PLR0912 - a loop, no recursion
    """Read an object whose brace was read, and what is needed of it and within; return the place after it."""
    depth, seen, bare, stack = 0, 0, True, state + 8 * m.STACK
    table, last = load(state + 8 * m.TABLE), load(state + 8 * m.LAST)
    while True:
        at = white(at)
        empty = bare and byte(at) == CLOSE_OBJECT
        if not empty:
            start = at + 1
            stop = m.plain(at)
            if stop < 0:
                return -1
            at = white(stop + 1)
            if byte(at) != COLON:
                return -1
            at = white(at + 1)
            code = find(table, last, node, start, stop)
            action, child = code & 15, code >> 12
            if code != 0:
                bit = 1 << ((code >> 4) & 63)
                if seen & bit:
                    return -1  # of keys that are there twice the last counts: that is for somebody else
                seen |= bit
            if action == n.DATA and byte(at) == OPEN_OBJECT:
                kind = load(state + 8 * m.TYPE)
                if kind >= 0:
                    action, child = n.BRANCH, n.FIRST + kind
            if action == n.BRANCH and byte(at) == OPEN_OBJECT:
                store(stack + 8 * depth, node)
                node, bare = child, True
                depth += 1
                at += 1
                continue
            at = m.value(at, action, child, state)
            if at < 0:
                return -1
        bare = False
        while True:
            at = white(at)
            if byte(at) == COMMA and not empty:
                at += 1
                break
            if byte(at) != CLOSE_OBJECT:
                return -1
            at, depth, empty = at + 1, depth - 1, False
            if depth < 0:
                return at
            node = load(stack + 8 * depth)
