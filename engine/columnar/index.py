"""Series keys to series numbers: a compiled hash table that grows by one small segment at a time.

Extendible hashing (Fagin, Nievergelt, Pippenger, Strong, ACM TODS 4(3), 1979): the first bits of a key's hash choose a
segment of 1,024 slots, the next ones a place in it. A full segment is split in two, so growth never rehashes more than
that. A slot keeps 32 bits of the hash; the key itself is compared before a number is returned.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Growing
from detectors.compiled import compiled, inlined
from engine.columnar.hashing import Blob, blob, murmur, same, split
from engine.columnar.memory import whole
from engine.columnar.texts import Texts

SEGMENT = 1024
"""Slots in a segment."""
FULL = 896
"""Keys in a segment before it is split."""
DEEPEST = 16
"""Bits of the hash that choose a segment, at most; beyond, full segments are chained."""
Places = NDArray[np.int64]
_U = np.uint64
_SPARE = 64


class Table(NamedTuple):
    """What the kernels work on."""

    keys: Blob
    """The bytes of all keys, one after the other."""
    ends: NDArray[np.int64]
    """Where key i ends is ``ends[i + 1]``; it begins at ``ends[i]``."""
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
    counts: NDArray[np.int64]
    """Keys, segments, bits that the directory uses."""


class SeriesIndex:
    """Numbers series in the order in which their keys appear.

    Keys hold no line break; at most 2**31 − 2 of them. Two keys never share a number, whatever their hashes.

    >>> index = SeriesIndex()
    >>> index.lookup(["account/acme", "account/b", "account/acme"])
    array([0, 1, 0], dtype=int32)
    >>> index.find("account/b"), index.find("account/c"), index.key(0)
    (1, -1, 'account/acme')
    """

    def __init__(self) -> None:
        self._keys = Growing(np.uint8)
        self._ends = Growing(np.int64)
        self._slots = Growing(np.uint64, SEGMENT)
        self._directory = Growing(np.int32)
        self._about = Growing(np.int32, 3)
        self._counts = np.array([0, 1, 0], np.int64)
        self._directory.reserve(1 << DEEPEST)
        self._slots.reserve(1)

    def __len__(self) -> int:
        return int(self._counts[0])

    @property
    def nbytes(self) -> int:
        """Bytes of memory in use."""
        segments = int(self._counts[1]) * (SEGMENT * 8 + 12)
        return int(self._ends.array[len(self)]) + (len(self) + 1) * 8 + segments + (4 << int(self._counts[2]))

    def lookup(self, keys: Texts | list[str]) -> NDArray[np.int32]:
        """Return the number of each key; a new key gets the next one. Raises ValueError if a key holds a line break.

        Keys in `Texts` are all present; whoever made them answers for what they hold.
        """
        if isinstance(keys, Texts):
            return self._lookup(keys.data, keys.starts, keys.ends)
        data = blob("\n".join(keys))
        ends = np.empty(len(keys), np.int64)
        if keys and split(data, ends) != len(keys):
            raise ValueError(f"a series key holds a line break: {next(k for k in keys if chr(10) in k)!r}")
        return self._lookup(data, _after(ends, 1), ends)

    def find(self, key: str) -> int:
        """Return the key's number, −1 if it has none."""
        data = blob(key)
        return int(_find(self._table(), data, 0, data.size, murmur(data.ctypes.data, data.size)[0] >> _U(32)))

    def key(self, number: int) -> str:
        """Return the key of a series. Raises IndexError if there is no such series."""
        if not 0 <= number < len(self):
            raise IndexError(f"there is no series {number}: there are {len(self)}")
        start, end = self._ends.array[number], self._ends.array[number + 1]
        return self._keys.array[start:end].tobytes().decode("utf-8", "surrogatepass")

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the keys, as arrays that stay true until the next call of `lookup` or `load`."""
        count = len(self)
        return {"keys": self._keys.array[: self._ends.array[count]], "ends": self._ends.array[1 : count + 1]}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a `state`; what was known before is forgotten."""
        self.__init__()  # type: ignore[misc]  # as new: a subclass would have to define its own load
        ends = np.asarray(state["ends"], np.int64)
        keys = np.asarray(state["keys"], np.uint8).view()
        keys.flags.writeable = False  # as `lookup` has it: one compiled kernel serves both
        self._lookup(keys, _after(ends, 0), ends)

    def _lookup(self, data: Blob, starts: Places, ends: Places) -> NDArray[np.int32]:
        """Look up the keys ``data[starts[i]:ends[i]]``."""
        numbers, tags = np.empty(ends.size, np.int32), np.empty(ends.size, np.uint32)
        missing = _lookup(self._table(), data, starts, ends, tags, numbers)
        if missing:
            self._keys.reserve(int(self._ends.array[len(self)]) + int((ends - starts)[numbers < 0].sum()))
            self._ends.reserve(len(self) + missing + 1)
        done = 0 if missing else ends.size
        while done < ends.size:
            segments = int(self._counts[1]) + _SPARE
            self._slots.reserve(segments)
            self._about.reserve(segments)
            done = _insert(self._table(), data, starts, ends, tags, numbers, done)
        return numbers

    def _table(self) -> Table:
        about = self._about.array
        return Table(
            self._keys.array,
            self._ends.array,
            self._slots.array,
            self._directory.array,
            about[:, 0],
            about[:, 1],
            about[:, 2],
            self._counts,
        )


def _after(ends: Places, gap: int) -> Places:
    """Return where texts start that have `gap` bytes between them."""
    starts = np.empty(ends.size, np.int64)
    starts[:1] = 0
    starts[1:] = ends[:-1] + gap
    return starts


@inlined
def _segment(directory: NDArray[np.int32], bits: int, tag: np.uint64) -> int:
    return int(directory[tag >> _U(32 - bits)])


@compiled
def _find(table: Table, data: Blob, start: int, end: int, tag: np.uint64) -> int:
    """Return the number of the key ``data[start:end]`` whose hash begins with `tag`; −1 if it is not there."""
    keys, ends, slots, directory, _, _, chained, counts = table
    segment, base, known = _segment(directory, counts[2], tag), whole(data.ctypes.data), whole(keys.ctypes.data)
    while True:
        place = tag & _U(SEGMENT - 1)
        for _ in range(SEGMENT):
            slot = slots[segment, place]
            if slot == _U(0):
                return -1
            if slot >> _U(32) == tag:
                number = int(slot & _U(0xFFFFFFFF)) - 1
                at = ends[number]
                if ends[number + 1] - at == end - start and same(known + at, base + start, end - start):
                    return number
            place = (place + _U(1)) & _U(SEGMENT - 1)
        segment = chained[segment]
        if segment == 0:
            return -1


@compiled
def _lookup(
    table: Table,
    data: Blob,
    starts: Places,
    stops: Places,
    tags: NDArray[np.uint32],
    numbers: NDArray[np.int32],
) -> int:
    """Number the keys that are known, −1 for the others, and count these. Each pass has many reads under way."""
    keys, ends, slots, directory, _, _, _, counts = table
    bits, missing, base, known = counts[2], 0, whole(data.ctypes.data), whole(keys.ctypes.data)
    for i in range(stops.size):
        tags[i] = murmur(base + starts[i], stops[i] - starts[i])[0] >> _U(32)
    for i in range(stops.size):
        numbers[i] = _probe(slots, _segment(directory, bits, _U(tags[i])), _U(tags[i]))
    for i in range(stops.size):
        number = int(numbers[i])
        if number >= 0:
            at, size = ends[number], stops[i] - starts[i]
            if ends[number + 1] - at != size or not same(known + at, base + starts[i], size):
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


@compiled
def _insert(
    table: Table,
    data: Blob,
    starts: Places,
    ends: Places,
    tags: NDArray[np.uint32],
    numbers: NDArray[np.int32],
    done: int,
) -> int:
    """Number what `_lookup` left open, from key `done` on, in order; return how far the spare segments reached."""
    for i in range(done, ends.size):
        if numbers[i] >= 0:
            continue
        if table.counts[1] + DEEPEST + 1 >= min(table.filled.size, len(table.slots)):
            return i
        numbers[i] = _find(table, data, starts[i], ends[i], _U(tags[i]))
        if numbers[i] < 0:
            numbers[i] = _append(table, data, starts[i], ends[i], _U(tags[i]))
    return ends.size


@compiled
def _append(table: Table, data: Blob, start: int, end: int, tag: np.uint64) -> int:
    """Add a key that is not there; return its number."""
    number = int(table.counts[0])
    first = table.ends[number]
    table.keys[first : first + end - start] = data[start:end]
    table.ends[number + 1] = first + end - start
    table.counts[0] += 1
    segment = _roomy(table, tag)
    _put(table, segment, (tag << _U(32)) | _U(number + 1))
    return number


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
    segment = _segment(table.directory, table.counts[2], tag)
    while table.filled[segment] >= FULL and table.depth[segment] < DEEPEST:
        _split(table, tag)
        segment = _segment(table.directory, table.counts[2], tag)
    while table.filled[segment] >= SEGMENT:
        if table.chained[segment] == 0:
            table.chained[segment] = table.counts[1]
            table.counts[1] += 1
        segment = int(table.chained[segment])
    return segment


@compiled
def _split(table: Table, tag: np.uint64) -> None:
    """Share the segment of `tag` between it and a new one, by the next bit of the hash."""
    old, new = _segment(table.directory, table.counts[2], tag), int(table.counts[1])
    table.counts[1] += 1
    if table.depth[old] == table.counts[2]:
        _double(table)
    table.depth[old] += 1
    table.depth[new] = table.depth[old]
    width = 1 << int(table.counts[2] - table.depth[old])
    first = (int(tag >> _U(32 - table.counts[2])) // (2 * width)) * 2 * width
    table.directory[first + width : first + 2 * width] = new
    slots = table.slots[old].copy()
    table.slots[old] = _U(0)
    table.filled[old] = 0
    for slot in slots:
        if slot != _U(0):
            _put(table, _segment(table.directory, table.counts[2], slot >> _U(32)), slot)


@compiled
def _double(table: Table) -> None:
    """Let the directory look at one more bit."""
    for i in range((1 << int(table.counts[2])) - 1, -1, -1):
        table.directory[2 * i] = table.directory[2 * i + 1] = table.directory[i]
    table.counts[2] += 1
