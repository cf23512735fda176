"""The compiled hash table of a series index: it grows by one small segment at a time, and keys can leave it.

Extendible hashing (Fagin, Nievergelt, Pippenger, Strong, ACM TODS 4(3), 1979): the first bits of a key's hash choose a
segment of 1,024 slots, the next ones a place in it. A full segment is split in two, so growth never rehashes more than
that. A slot keeps 32 bits of the hash; the key itself is compared before a number is returned.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled, inlined
from engine.columnar.hashing import Blob, murmur, same
from engine.columnar.memory import whole

SEGMENT = 1024
"""Slots in a segment."""
FULL = 896
"""Keys in a segment before it is split."""
DEEPEST = 16
"""Bits of the hash that choose a segment, at most; beyond, full segments are chained."""
LENGTH = 20
"""Bits of a place that say how long a key is: up to a megabyte, four times the longest line."""
GONE = -1
"""The place of a number that no key has."""
NUMBERS, SEGMENTS, BITS, USED, FREE, FRESH = range(6)
"""What is counted: numbers that were ever given, segments, bits that the directory uses, bytes of keys, numbers to be
given again, and those given to new keys since the count was last set to 0."""
_U = np.uint64
_LONGEST = (1 << LENGTH) - 1


class Table(NamedTuple):
    """What the kernels work on."""

    keys: Blob
    """The bytes of all keys."""
    places: NDArray[np.int64]
    """Where the key of each number stands: ``start << LENGTH | length``, or `GONE`."""
    slots: NDArray[np.uint64]
    """(segments, SEGMENT): the hash's 32 bits above the series number + 1; 0: free."""
    directory: NDArray[np.int32]
    """First bits of the hash → segment."""
    depth: NDArray[np.int32]
    """How many bits all keys of a segment share."""
    filled: NDArray[np.int32]
    """Keys in a segment."""
    chained: NDArray[np.int32]
    """The segment that takes what a full, unsplittable one cannot; 0: none."""
    free: NDArray[np.int32]
    """Numbers of keys that are gone; the last one is given first."""
    fresh: NDArray[np.int32]
    """Numbers that were given to new keys."""
    counts: NDArray[np.int64]


@inlined
def _segment(directory: NDArray[np.int32], bits: int, tag: np.uint64) -> int:
    return int(directory[tag >> _U(32 - bits)])


@inlined
def _tag(at: int, size: int) -> np.uint64:
    return murmur(at, size)[0] >> _U(32)


@compiled
def find(table: Table, data: Blob, start: int, end: int, tag: np.uint64) -> int:
    """Return the number of the key ``data[start:end]`` whose hash begins with `tag`; −1 if it is not there."""
    base, known, size = whole(data.ctypes.data), whole(table.keys.ctypes.data), end - start
    segment = _segment(table.directory, table.counts[BITS], tag)
    while True:
        place = tag & _U(SEGMENT - 1)
        for _ in range(SEGMENT):
            slot = table.slots[segment, place]
            if slot == _U(0):
                return -1
            if slot >> _U(32) == tag:
                number = int(slot & _U(0xFFFFFFFF)) - 1
                at = table.places[number]
                if at & _LONGEST == size and same(known + (at >> LENGTH), base + start, size):
                    return number
            place = (place + _U(1)) & _U(SEGMENT - 1)
        segment = table.chained[segment]
        if segment == 0:
            return -1


@compiled
def lookup(
    table: Table,
    data: Blob,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    tags: NDArray[np.uint32],
    numbers: NDArray[np.int32],
) -> int:
    """Number the keys that are known, −1 for the others, and count these. Each pass has many reads under way."""
    keys, places, slots, directory, _, _, _, _, _, counts = table
    bits, missing, base, known = counts[BITS], 0, whole(data.ctypes.data), whole(keys.ctypes.data)
    for i in range(stops.size):
        tags[i] = _tag(base + starts[i], stops[i] - starts[i])
    for i in range(stops.size):
        numbers[i] = _probe(slots, _segment(directory, bits, _U(tags[i])), _U(tags[i]))
    for i in range(stops.size):
        number = int(numbers[i])
        if number >= 0:
            at, size = places[number], stops[i] - starts[i]
            if at & _LONGEST != size or not same(known + (at >> LENGTH), base + starts[i], size):
                numbers[i] = -1
        missing += numbers[i] < 0
    return missing


@inlined
def _probe(slots: NDArray[np.uint64], segment: int, tag: np.uint64) -> int:
    """Return the first number kept with `tag` in a segment, −1 if there is none."""
    place = tag & _U(SEGMENT - 1)
    for _ in range(SEGMENT):
        slot = slots[segment, place]
        if slot == _U(0):
            return -1
        if slot >> _U(32) == tag:
            return int(slot & _U(0xFFFFFFFF)) - 1
        place = (place + _U(1)) & _U(SEGMENT - 1)
    return -1


@inlined
def _is_cramped(table: Table) -> bool:
    """Whether there may be too few spare segments for one key more."""
    return bool(table.counts[SEGMENTS] + DEEPEST + 1 >= min(table.filled.size, len(table.slots)))


@compiled
def insert(
    table: Table,
    data: Blob,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    tags: NDArray[np.uint32],
    numbers: NDArray[np.int32],
    done: int,
) -> int:
    """Number what `lookup` left open, from key `done` on, in order; return how far the spare segments reached."""
    for i in range(done, ends.size):
        if numbers[i] >= 0:
            continue
        if _is_cramped(table):
            return i
        numbers[i] = find(table, data, starts[i], ends[i], _U(tags[i]))
        if numbers[i] < 0:
            numbers[i] = append(table, data, starts[i], ends[i], _U(tags[i]))
    return ends.size


@compiled
def append(table: Table, data: Blob, start: int, end: int, tag: np.uint64) -> int:
    """Add a key that is not there; return its number: one that is free, else the next."""
    counts = table.counts
    if counts[FREE] > 0:
        counts[FREE] -= 1
        number = int(table.free[counts[FREE]])
    else:
        number = int(counts[NUMBERS])
        counts[NUMBERS] += 1
    first = counts[USED]
    table.keys[first : first + end - start] = data[start:end]
    table.places[number] = first << LENGTH | (end - start)
    counts[USED] = first + end - start
    table.fresh[counts[FRESH]] = number
    counts[FRESH] += 1
    _put(table, _roomy(table, tag), (tag << _U(32)) | _U(number + 1))
    return number


@compiled
def relist(table: Table, done: int) -> int:
    """Put the keys of number `done` and on into slots; return how far the spare segments reached."""
    for number in range(done, table.counts[NUMBERS]):
        if _is_cramped(table):
            return number
        at = table.places[number]
        if at != GONE:
            tag = _tag(whole(table.keys.ctypes.data) + (at >> LENGTH), at & _LONGEST)
            _put(table, _roomy(table, tag), (tag << _U(32)) | _U(number + 1))
    return int(table.counts[NUMBERS])


@compiled
def find_all(
    table: Table, data: Blob, starts: NDArray[np.int64], ends: NDArray[np.int64], numbers: NDArray[np.int32]
) -> None:
    """Write the number of each key ``data[starts[i]:ends[i]]``, −1 for those that are not there."""
    base = whole(data.ctypes.data)
    for i in range(ends.size):
        numbers[i] = find(table, data, starts[i], ends[i], _tag(base + starts[i], ends[i] - starts[i]))


@compiled
def hashes(table: Table, numbers: NDArray[np.int32], result: NDArray[np.uint64]) -> None:
    """Write 64 bits of the hash of each number's key."""
    base = whole(table.keys.ctypes.data)
    for i in range(numbers.size):
        at = table.places[numbers[i]]
        result[i] = murmur(base + (at >> LENGTH), at & _LONGEST)[0]


@compiled
def remove(table: Table, numbers: NDArray[np.int32]) -> int:
    """Take keys out, whose numbers can then be given again; return how many bytes of keys are of no use now."""
    base, dead = whole(table.keys.ctypes.data), 0
    for number in numbers:
        at = table.places[number]
        tag = _tag(base + (at >> LENGTH), at & _LONGEST)
        slot = (tag << _U(32)) | _U(number + 1)
        segment = _segment(table.directory, table.counts[BITS], tag)
        while not _take(table, segment, slot):
            segment = int(table.chained[segment])
        _refill(table, segment)
        table.places[number] = GONE
        table.free[table.counts[FREE]] = number
        table.counts[FREE] += 1
        dead += at & _LONGEST
    return dead


@compiled
def _take(table: Table, segment: int, slot: np.uint64) -> bool:
    """Free a slot of a segment, and move back what stands after it because of it (Knuth 6.4, algorithm R)."""
    last, slots = _U(SEGMENT - 1), table.slots[segment]
    gap, tries = (slot >> _U(32)) & last, 0
    while slots[gap] != slot:
        if slots[gap] == _U(0) or tries == SEGMENT:
            return False
        gap, tries = (gap + _U(1)) & last, tries + 1
    at = (gap + _U(1)) & last
    while slots[at] != _U(0) and at != gap:
        if (at - (slots[at] >> _U(32))) & last >= (at - gap) & last:
            slots[gap] = slots[at]
            slots[at] = _U(0)
            gap = at
        at = (at + _U(1)) & last
    slots[gap] = _U(0)
    table.filled[segment] -= 1
    return True


@compiled
def _refill(table: Table, segment: int) -> None:
    """Move a key from the end of a segment's chain into it: only behind a full segment a search goes on."""
    source, each = segment, int(table.chained[segment])
    while each != 0:
        if table.filled[each] > 0:
            source = each
        each = int(table.chained[each])
    if source == segment:
        return
    place = 0
    while table.slots[source, place] == _U(0):
        place += 1
    slot = table.slots[source, place]
    _take(table, source, slot)
    _put(table, segment, slot)


@compiled
def _put(table: Table, segment: int, slot: np.uint64) -> None:
    place = int(slot >> _U(32)) & (SEGMENT - 1)
    while table.slots[segment, place] != _U(0):
        place = (place + 1) & (SEGMENT - 1)
    table.slots[segment, place] = slot
    table.filled[segment] += 1


@compiled
def _roomy(table: Table, tag: np.uint64) -> int:
    """Return a segment with room for a key of this hash, splitting or chaining where there is none."""
    segment = _segment(table.directory, table.counts[BITS], tag)
    while table.filled[segment] >= FULL and table.depth[segment] < DEEPEST:
        _split(table, tag)
        segment = _segment(table.directory, table.counts[BITS], tag)
    while table.filled[segment] >= SEGMENT:
        if table.chained[segment] == 0:
            table.chained[segment] = table.counts[SEGMENTS]
            table.counts[SEGMENTS] += 1
        segment = int(table.chained[segment])
    return segment


@compiled
def _split(table: Table, tag: np.uint64) -> None:
    """Share the segment of `tag` between it and a new one, by the next bit of the hash."""
    bits = table.counts[BITS]
    old, new = _segment(table.directory, bits, tag), int(table.counts[SEGMENTS])
    table.counts[SEGMENTS] += 1
    if table.depth[old] == bits:
        _double(table)
        bits += 1
    table.depth[old] += 1
    table.depth[new] = table.depth[old]
    width = 1 << int(bits - table.depth[old])
    first = (int(tag >> _U(32 - bits)) // (2 * width)) * 2 * width
    table.directory[first + width : first + 2 * width] = new
    slots = table.slots[old].copy()
    table.slots[old] = _U(0)
    table.filled[old] = 0
    for slot in slots:
        if slot != _U(0):
            _put(table, _segment(table.directory, bits, slot >> _U(32)), slot)


@compiled
def _double(table: Table) -> None:
    """Let the directory look at one more bit."""
    for i in range((1 << int(table.counts[BITS])) - 1, -1, -1):
        table.directory[2 * i] = table.directory[2 * i + 1] = table.directory[i]
    table.counts[BITS] += 1


@compiled
def gather(table: Table, keys: Blob, ends: NDArray[np.int64]) -> int:
    """Write all keys one after the other, in order of their numbers, and where each ends; return their size."""
    size = 0
    for number in range(table.counts[NUMBERS]):
        at = table.places[number]
        if at != GONE:
            start, length = at >> LENGTH, at & _LONGEST
            keys[size : size + length] = table.keys[start : start + length]
            size += length
        ends[number] = size
    return size
