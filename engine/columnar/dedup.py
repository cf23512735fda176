"""Events that were there before: a compiled memory of the last identities."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Growing
from detectors.compiled import compiled, inlined
from engine.columnar.hashing import Blob, blob, murmur, split
from engine.columnar.memory import whole

_U = np.uint64
Words = NDArray[np.uint64]
FEWEST, GROWTH = 1_000, 8
"""Identities that there is room for at first, and how many times as many when that is full."""


class Dedup:
    """Tells the first occurrence of an identity (source, id) from its repetitions.

    An identity is a repetition if it is among the last `window` different ones that were admitted. Identities are
    known by a hash of 128 bits: at a window of a million two different ones are taken for one with a probability of
    about 1e-33 an event. Takes 32 bytes of memory for each identity that was admitted, at most 34 MB for a million:
    what holds them grows until it has the window.

    >>> dedup = Dedup(window=2)
    >>> dedup.admit(["app 1", "app 2", "app 1", "app 3", "app 1"])
    array([ True,  True, False,  True,  True])
    """

    def __init__(self, window: int = 1_000_000) -> None:
        if not 0 < window < 2**31:
            raise ValueError(f"a window of {window} identities: 1 to 2147483647 are possible")
        self.window = window
        self._ring = Growing(np.uint64, 2)
        self._slots: Words = np.zeros(_capacity(FEWEST), np.uint64)
        self._admitted = 0

    def admit(self, identities: Words | bytes | list[str]) -> NDArray[np.bool_]:
        """Return for each identity whether it is new, and remember it.

        `identities` are their hashes, or what `hashes_of` takes.
        """
        return self._admit(identities if isinstance(identities, np.ndarray) else hashes_of(identities))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what is remembered, as arrays that stay true until the next call of another method."""
        kept = min(self._admitted, self.window)
        return {"ring": self._ring.array[:kept], "admitted": np.array([self._admitted], np.int64)}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a `state` of the same window. Raises ValueError if it holds more than this window."""
        ring, admitted = np.asarray(state["ring"], np.uint64), int(state["admitted"][0])
        if len(ring) != min(admitted, self.window):
            raise ValueError(f"the saved window has {len(ring)} identities of {admitted}, this one holds {self.window}")
        self._ring.fill(ring)
        self._admitted = admitted
        self._build(_capacity(len(ring)))

    def _admit(self, hashes: Words) -> NDArray[np.bool_]:
        mask = np.empty(len(hashes), np.bool_)
        self._make_room(min(self._admitted + len(hashes), self.window))
        self._admitted = _admit(hashes, self._ring.array, self.window, self._slots, self._admitted, mask)
        return mask

    def _make_room(self, count: int) -> None:
        """Have room for so many identities."""
        self._ring.reserve(count)
        if _capacity(count) > len(self._slots):
            self._build(_capacity(min(GROWTH * count, self.window)))

    def _build(self, size: int) -> None:
        """Make a table of so many slots, and put there what is remembered."""
        slots = Growing(np.uint64)
        slots.reserve(size)
        self._slots = slots.array[:size]
        _rebuild(self._slots, self._ring.array[: min(self._admitted, self.window)])


def hashes_of(identities: bytes | list[str]) -> Words:
    """Return the hashes of texts without a line break, or of their UTF-8 bytes joined by line breaks, as (n, 2) words.

    Raises ValueError if a text holds a line break.
    """
    if isinstance(identities, bytes):
        data, count = np.frombuffer(identities, np.uint8), identities.count(b"\n") + 1 if identities else 0
    else:
        data, count = blob("\n".join(identities)), len(identities)
    ends = np.empty(count, np.int64)
    if count and split(data, ends) != count:
        raise ValueError(f"an identity holds a line break: {next(i for i in identities if chr(10) in str(i))!r}")
    return _hashes(data, ends)


def _capacity(window: int) -> int:
    """Slots of the table: a power of two, at most two thirds of them ever in use."""
    return 1 << (max(window, FEWEST) * 3 // 2).bit_length()


@compiled
def _hashes(data: Blob, ends: NDArray[np.int64]) -> Words:
    hashes = np.empty((ends.size, 2), np.uint64)
    base, start = whole(data.ctypes.data), 0
    for i in range(ends.size):
        hashes[i, 0], hashes[i, 1] = murmur(base + start, ends[i] - start)
        start = ends[i] + 1
    return hashes


@inlined
def _home(slot: np.uint64, slots: Words) -> np.uint64:
    """Where a slot's content, or a hash, wants to stand: by the first 32 bits, which a slot keeps."""
    return (slot >> _U(32)) & _U(slots.size - 1)


@inlined
def _row(slot: np.uint64) -> int:
    return int(slot & _U(0xFFFFFFFF)) - 1


@inlined
def _free(slots: Words, at: np.uint64) -> np.uint64:
    """Return the first free place from `at` on."""
    while slots[at] != _U(0):
        at = (at + _U(1)) & _U(slots.size - 1)
    return at


@inlined
def _known(first: np.uint64, second: np.uint64, ring: Words, slots: Words) -> bool:
    at = _home(first, slots)
    while slots[at] != _U(0):
        if slots[at] >> _U(32) == first >> _U(32):
            row = _row(slots[at])
            if ring[row, 0] == first and ring[row, 1] == second:
                return True
        at = (at + _U(1)) & _U(slots.size - 1)
    return False


@inlined
def _put(first: np.uint64, row: int, slots: Words) -> None:
    slots[_free(slots, _home(first, slots))] = (first >> _U(32) << _U(32)) | _U(row + 1)


@compiled
def _admit(hashes: Words, ring: Words, window: int, slots: Words, admitted: int, mask: NDArray[np.bool_]) -> int:
    """Fill `mask`; return how many were ever admitted. A slot is 32 bits of the hash above the ring's row + 1.

    The ring has `window` rows, or as many as can be needed now.
    """
    warm, row = _U(0), admitted % window
    for i in range(len(hashes)):  # many reads of memory under way at once, for the loop below to find in the cache
        warm |= slots[_home(hashes[i, 0], slots)]
        if admitted + i >= window:
            warm |= slots[_home(ring[row, 0], slots)]
            row = row + 1 if row + 1 < window else 0
    row = admitted % window
    for i in range(len(hashes)):
        first, second = hashes[i, 0], hashes[i, 1]
        mask[i] = not _known(first, second, ring, slots)
        if mask[i]:
            if admitted >= window:
                _forget(ring[row, 0], row, slots)
            ring[row, 0], ring[row, 1] = first, second
            _put(first, row, slots)
            admitted += 1
            row = row + 1 if row + 1 < window else 0
    return admitted if warm else max(admitted, 0)


@compiled
def _rebuild(slots: Words, ring: Words) -> None:
    for row in range(len(ring)):
        _put(ring[row, 0], row, slots)


@inlined
def _forget(first: np.uint64, row: int, slots: Words) -> None:
    """Free the slot of a ring's row, and move back what stands after it because of it (Knuth 6.4, algorithm R)."""
    last = _U(slots.size - 1)
    gap = _home(first, slots)
    while _row(slots[gap]) != row:
        gap = (gap + _U(1)) & last
    at = (gap + _U(1)) & last
    while slots[at] != _U(0):
        if (at - _home(slots[at], slots)) & last >= (at - gap) & last:
            slots[gap] = slots[at]
            gap = at
        at = (at + _U(1)) & last
    slots[gap] = _U(0)
