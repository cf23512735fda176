"""Arrays that grow in place: memory is reserved by address and taken by page, so growth copies nothing."""

import math
import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LARGE = 8 << 20
"""Bytes from which on large pages are asked for."""


class Growing:
    """A zero-filled array whose first axis grows. Pages that were never written take no memory.

    `array` is replaced by `reserve`: take it anew for each call of a kernel. Where the system can move a mapping
    (Linux), growth costs a system call; elsewhere, or while somebody holds a view of the array, its content is copied.

    >>> rows = Growing(np.float64, 2)
    >>> rows.reserve(3)
    >>> rows.array.shape >= (3, 2), float(rows.array[2, 1])
    (True, 0.0)
    """

    def __init__(self, dtype: DTypeLike, *row: int) -> None:
        self.dtype, self.row = np.dtype(dtype), row
        self.row_bytes = self.dtype.itemsize * math.prod(row)
        self._memory = _pages(mmap.PAGESIZE)
        self._view()

    def reserve(self, rows: int) -> None:
        """Make room for at least `rows` rows; new ones are zero."""
        if rows <= len(self.array):
            return
        size = max(rows * self.row_bytes, 2 * len(self._memory))
        size += -size % mmap.PAGESIZE
        del self.array
        self._memory = _resized(self._memory, size)
        _large(self._memory)
        self._view()

    def fill(self, rows: NDArray[Any]) -> None:
        """Take over saved rows, at the beginning. Raises ValueError if their shape or type does not fit."""
        if rows.dtype != self.dtype or rows.shape[1:] != self.row:
            raise ValueError(
                f"saved rows are {rows.dtype}{rows.shape[1:]}, not {self.dtype}{self.row}: "
                "the snapshot was made with another configuration"
            )
        self.reserve(len(rows))
        self.array[: len(rows)] = rows

    def __deepcopy__(self, memo: object) -> "Growing":
        other = Growing(self.dtype, *self.row)
        other.reserve(len(self.array))
        other.array[: len(self.array)] = self.array
        return other

    def _view(self) -> None:
        count = len(self._memory) // self.row_bytes
        flat = np.frombuffer(self._memory, self.dtype, count * math.prod(self.row))
        self.array: NDArray[Any] = flat.reshape((count, *self.row))


def _pages(size: int) -> mmap.mmap:
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _large(memory: mmap.mmap) -> None:
    """Ask for large pages, where there are any: random reads of many series then miss the page tables less."""
    if len(memory) >= LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)


def _resized(memory: mmap.mmap, size: int) -> mmap.mmap:
    try:
        memory.resize(size)
    except (BufferError, SystemError):  # a view is held, or this system cannot move a mapping
        larger = _pages(size)
        larger[: len(memory)] = memory[:]
        return larger
    return memory
