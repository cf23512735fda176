"""Columns of texts without an object for each: places in one buffer of bytes.

>>> names = Texts.of(["eu", None, "us-1", "eu"])
>>> names[2], names.missing().tolist(), names.among(["eu", "ap"]).tolist()
('us-1', [False, True, False, False], [True, False, False, True])
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled
from engine.columnar.hashing import Blob, murmur, same
from engine.columnar.memory import whole

Places = NDArray[np.int64]
Mask = NDArray[np.bool_]
Rows = NDArray[Any] | slice
_U = np.uint64


class Texts:
    """Texts, some of which may be absent, in order. Text i is UTF-8 in ``data[starts[i]:ends[i]]``.

    It is absent where its start is negative. Nothing is ever written to `data`.
    """

    __slots__ = ("_objects", "data", "ends", "starts")
    __hash__ = None  # type: ignore[assignment]  # equal by content, like a list

    def __init__(self, data: Blob, starts: Places, ends: Places) -> None:
        self.data, self.starts, self.ends = data, starts, ends
        self._objects: NDArray[Any] | None = None

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> "Texts":
        """Return the given texts; None is absent."""
        parts = [None if text is None else text.encode("utf-8", "surrogatepass") for text in texts]
        sizes = np.array([0 if part is None else len(part) for part in parts], np.int64)
        ends = np.cumsum(sizes)
        starts = np.where([part is None for part in parts], -1, ends - sizes)
        return cls(np.frombuffer(b"".join(filter(None, parts)), np.uint8), starts.astype(np.int64), ends)

    @classmethod
    def joined(cls, parts: Sequence["Texts"]) -> "Texts":
        """Return all texts of `parts`, one part after the other."""
        shifts = np.cumsum([0, *(part.data.size for part in parts)])
        starts = [
            np.where(part.starts < 0, -1, part.starts + shift) for part, shift in zip(parts, shifts, strict=False)
        ]
        ends = [part.ends + shift for part, shift in zip(parts, shifts, strict=False)]
        data = np.concatenate([part.data for part in parts])
        data.flags.writeable = False
        return cls(data, np.concatenate(starts), np.concatenate(ends))

    def __len__(self) -> int:
        return int(self.starts.size)

    @overload
    def __getitem__(self, at: int | np.integer[Any]) -> str | None: ...
    @overload
    def __getitem__(self, at: Rows) -> "Texts": ...
    def __getitem__(self, at: "int | np.integer[Any] | Rows") -> "str | Texts | None":
        if isinstance(at, int | np.integer):
            start, end = int(self.starts[at]), int(self.ends[at])
            return None if start < 0 else self.data[start:end].tobytes().decode("utf-8", "surrogatepass")
        return Texts(self.data, self.starts[at], self.ends[at])

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Texts | list):
            return self.tolist() == list(other)
        return NotImplemented

    def __repr__(self) -> str:
        return f"Texts.of({self.tolist()!r})"

    def tolist(self) -> list[Any]:
        """Return them as Python's own, None where absent."""
        return list(self.objects().tolist())

    def objects(self) -> NDArray[Any]:
        """Return them as an object array, None where absent; made once, and equal texts are one object."""
        if self._objects is None:
            codes = np.empty(len(self), np.int32)
            firsts = np.empty(len(self), np.int32)
            count = _number(self.data, self.starts, self.ends, codes, firsts)
            distinct = np.full(count + 1, None, object)  # the last one, which the code −1 finds, is that of the absent
            distinct[:count] = [self[first] for first in firsts[:count].tolist()]
            self._objects = distinct[codes]
        return self._objects

    def missing(self) -> Mask:
        """Return where they are absent."""
        return self.starts < 0

    def among(self, options: Collection[str]) -> Mask:
        """Return where a text is one of `options`."""
        mask = np.zeros(len(self), np.bool_)
        for option in options:
            mask |= self._match(option, *_WHOLE)
        return mask

    def start_with(self, head: str) -> Mask:
        """Return where a text begins with `head`."""
        return self._match(head, *_HEAD)

    def end_with(self, tail: str) -> Mask:
        """Return where a text ends with `tail`."""
        return self._match(tail, *_TAIL)

    def _match(self, part: str, at_start: bool, at_end: bool) -> Mask:
        mask = np.empty(len(self), np.bool_)
        literal = np.frombuffer(part.encode("utf-8", "surrogatepass"), np.uint8)
        _match(self.data, self.starts, self.ends, literal, at_start, at_end, mask)
        return mask


_WHOLE, _HEAD, _TAIL = (True, True), (True, False), (False, True)


@compiled
def _match(data: Blob, starts: Places, ends: Places, part: Blob, at_start: bool, at_end: bool, mask: Mask) -> None:
    """Tell which texts are `part`, begin or end with it."""
    every, base, there = at_start and at_end, whole(data.ctypes.data), whole(part.ctypes.data)
    for i in range(starts.size):
        size = ends[i] - starts[i]
        mask[i] = False
        if starts[i] >= 0 and (size == part.size if every else size >= part.size):
            place = starts[i] if at_start else ends[i] - part.size
            mask[i] = same(base + place, there, part.size)


@compiled
def _number(data: Blob, starts: Places, ends: Places, codes: NDArray[np.int32], firsts: NDArray[np.int32]) -> int:
    """Number the different texts in `codes`, −1 where absent; write where each is found first, return how many."""
    room = 16
    while room < 2 * starts.size:
        room *= 2
    slots, count, base = np.full(room, -1, np.int32), 0, whole(data.ctypes.data)
    for i in range(starts.size):
        codes[i] = -1
        if starts[i] < 0:
            continue
        size = ends[i] - starts[i]
        at = whole(murmur(base + starts[i], size)[0] >> _U(8)) & (room - 1)
        while slots[at] >= 0:
            first = firsts[slots[at]]
            if ends[first] - starts[first] == size and same(base + starts[first], base + starts[i], size):
                break
            at = (at + 1) & (room - 1)
        if slots[at] < 0:
            slots[at], firsts[count] = count, i
            count += 1
        codes[i] = slots[at]
    return count
