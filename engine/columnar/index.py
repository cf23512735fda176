"""Series keys to series numbers, and back; see `engine/columnar/table.py` for how."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Growing
from engine.columnar import table as kernels
from engine.columnar.hashing import Blob, blob, murmur, split
from engine.columnar.table import BITS, DEEPEST, FREE, FRESH, GONE, LENGTH, NUMBERS, SEGMENT, SEGMENTS, USED, Table
from engine.columnar.texts import Texts

Places = NDArray[np.int64]
Ints = NDArray[np.int32]
_U = np.uint64
_SPARE = 64
_WASTE = 1 << 20
"""Bytes of keys that are gone, at least, before those that are there are moved together."""


class SeriesIndex:
    """Numbers series in the order in which their keys appear; the numbers of keys that left are given again.

    Keys hold no line break; at most 2**31 − 2 of them. Two keys never share a number, whatever their hashes.

    >>> index = SeriesIndex()
    >>> index.lookup(["account/acme", "account/b", "account/acme"])
    array([0, 1, 0], dtype=int32)
    >>> index.find("account/b"), index.find("account/c"), index.key(0)
    (1, -1, 'account/acme')
    >>> index.remove(np.array([0], np.int32))
    >>> index.find("account/acme"), index.lookup(["account/c"]), len(index), index.live
    (-1, array([0], dtype=int32), 2, 2)
    """

    def __init__(self) -> None:
        self._keys = Growing(np.uint8)
        self._places = Growing(np.int64)
        self._slots = Growing(np.uint64, SEGMENT)
        self._directory = Growing(np.int32)
        self._about = Growing(np.int32, 3)
        self._free = Growing(np.int32)
        self._fresh = Growing(np.int32)
        self._counts = np.array([0, 1, 0, 0, 0, 0], np.int64)
        self._dead = 0
        self._directory.reserve(1 << DEEPEST)
        self._slots.reserve(1)

    def __len__(self) -> int:
        """Return how many numbers were ever given: all are below."""
        return int(self._counts[NUMBERS])

    @property
    def live(self) -> int:
        """How many keys there are."""
        return int(self._counts[NUMBERS] - self._counts[FREE])

    @property
    def nbytes(self) -> int:
        """Bytes of memory in use."""
        segments = int(self._counts[SEGMENTS]) * (SEGMENT * 8 + 12)
        kept = int(self._counts[USED] + 8 * self._counts[NUMBERS] + 4 * self._counts[FREE])
        return kept + segments + (4 << int(self._counts[BITS]))

    def lookup(self, keys: Texts | list[str]) -> Ints:
        """Return the number of each key; a new key gets a new one. Raises ValueError if a key holds a line break.

        Keys in `Texts` are all present; whoever made them answers for what they hold.
        """
        self._counts[FRESH] = 0
        if isinstance(keys, Texts):
            return self._lookup(keys.data, keys.starts, keys.ends)
        data = blob("\n".join(keys))
        ends = np.empty(len(keys), np.int64)
        if keys and split(data, ends) != len(keys):
            raise ValueError(f"a series key holds a line break: {next(k for k in keys if chr(10) in k)!r}")
        return self._lookup(data, _after(ends, 1), ends)

    @property
    def fresh(self) -> Ints:
        """The numbers that the last `lookup` gave to new keys."""
        return self._fresh.array[: self._counts[FRESH]].copy()

    def find(self, key: str) -> int:
        """Return the key's number, −1 if it has none."""
        data = blob(key)
        return int(kernels.find(self._table(), data, 0, data.size, murmur(data.ctypes.data, data.size)[0] >> _U(32)))

    def among(self, state: Mapping[str, NDArray[Any]]) -> Ints:
        """Return for each number of a saved `state` the number that its key has here, −1 if it has none."""
        ends = np.asarray(state["ends"], np.int64)
        numbers = np.empty(len(ends), np.int32)
        kernels.find_all(self._table(), np.asarray(state["keys"], np.uint8), _after(ends, 0), ends, numbers)
        return numbers

    def key(self, number: int) -> str:
        """Return the key of a series. Raises IndexError if there is no such series."""
        if not self.has(number):
            raise IndexError(f"there is no series {number}: there are {self.live} below {len(self)}")
        place = int(self._places.array[number])
        start, length = place >> LENGTH, place & ((1 << LENGTH) - 1)
        return self._keys.array[start : start + length].tobytes().decode("utf-8", "surrogatepass")

    def has(self, number: int) -> bool:
        """Return whether a key has this number."""
        return 0 <= number < len(self) and bool(self._places.array[number] != GONE)

    def numbers(self) -> Ints:
        """Return the numbers of all keys."""
        return np.flatnonzero(self._places.array[: len(self)] != GONE).astype(np.int32)

    def hashes(self, numbers: Ints) -> NDArray[np.uint64]:
        """Return 64 bits of the hash of each series' key."""
        result = np.empty(len(numbers), np.uint64)
        kernels.hashes(self._table(), numbers, result)
        return result

    def remove(self, numbers: Ints) -> None:
        """Forget the keys of some series; their numbers are given to keys that come later, the last one first."""
        self._free.reserve(int(self._counts[FREE]) + len(numbers))
        self._dead += kernels.remove(self._table(), numbers)
        if self._dead > max(_WASTE, int(self._counts[USED]) // 2):
            self._take(self.state())

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the keys, as arrays that stay true until the next call of another method."""
        count, keys = len(self), np.empty(int(self._counts[USED]), np.uint8)
        ends = np.empty(count, np.int64)
        size = kernels.gather(self._table(), keys, ends)
        return {"keys": keys[:size], "ends": ends, "free": self._free.array[: self._counts[FREE]]}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a `state`; what was known before is forgotten."""
        self.__init__()  # type: ignore[misc]  # as new: a subclass would have to define its own load
        self._take(state)
        done = 0
        while done < len(self):
            self._spare()
            done = kernels.relist(self._table(), done)

    def _take(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over keys and their numbers; slots are left as they are."""
        ends, free = np.asarray(state["ends"], np.int64), np.asarray(state.get("free", ()), np.int32)
        starts = _after(ends, 0)
        self._keys.fill(np.asarray(state["keys"], np.uint8))
        self._places.fill(starts << LENGTH | (ends - starts))
        self._places.array[free] = GONE
        self._free.fill(free)
        self._counts[[NUMBERS, USED, FREE]] = len(ends), len(state["keys"]), len(free)
        self._dead = 0

    def _lookup(self, data: Blob, starts: Places, ends: Places) -> Ints:
        """Look up the keys ``data[starts[i]:ends[i]]``."""
        numbers, tags = np.empty(ends.size, np.int32), np.empty(ends.size, np.uint32)
        missing = kernels.lookup(self._table(), data, starts, ends, tags, numbers)
        if missing:
            self._keys.reserve(int(self._counts[USED]) + int((ends - starts)[numbers < 0].sum()))
            self._places.reserve(len(self) + missing)
            self._fresh.reserve(missing)
        done = 0 if missing else ends.size
        while done < ends.size:
            self._spare()
            done = kernels.insert(self._table(), data, starts, ends, tags, numbers, done)
        return numbers

    def _spare(self) -> None:
        """Make room for some segments more."""
        segments = int(self._counts[SEGMENTS]) + _SPARE
        self._slots.reserve(segments)
        self._about.reserve(segments)

    def _table(self) -> Table:
        about = self._about.array
        return Table(
            self._keys.array,
            self._places.array,
            self._slots.array,
            self._directory.array,
            about[:, 0],
            about[:, 1],
            about[:, 2],
            self._free.array,
            self._fresh.array,
            self._counts,
        )


def _after(ends: Places, gap: int) -> Places:
    """Return where texts start that have `gap` bytes between them."""
    starts = np.empty(ends.size, np.int64)
    starts[:1] = 0
    starts[1:] = ends[:-1] + gap
    return starts
