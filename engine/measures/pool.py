"""Buffers of numbers, taken from one pool and given back: 8, 32, 128 or 512 values each.

A buffer is known by where it begins. Its size follows from how much it holds: it moves to the next size when it is
full, so a window of few events takes little, and no window takes more than `MOST` values.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled

MOST = 512
_SMALLEST = 8
_CLASSES = 4


class Pool(NamedTuple):
    """What kernels work on."""

    values: NDArray[np.float64]
    links: NDArray[np.int64]
    """The same memory: the first word of a free buffer is where the next free one of its size begins."""
    free: NDArray[np.int64]
    """Where the first free buffer of each size begins (−1: none); last, where the unused rest begins."""


def none_free() -> NDArray[np.int64]:
    """Return `Pool.free` of an unused pool."""
    return np.array([-1] * _CLASSES + [0], np.int64)


@compiled
def has_room(free: NDArray[np.int64], values: int) -> bool:
    """Whether a buffer of any size can be taken from a pool of so many values."""
    return bool(free[_CLASSES] + MOST <= values)


@compiled
def _take(pool: Pool, size: int) -> int:
    at = pool.free[size]
    if at >= 0:
        pool.free[size] = pool.links[at]
    else:
        at = pool.free[_CLASSES]
        pool.free[_CLASSES] += _SMALLEST << (2 * size)
    return int(at)


@compiled
def _give(pool: Pool, at: int, size: int) -> None:
    pool.links[at] = pool.free[size]
    pool.free[size] = at


@compiled
def _size(held: int) -> int:
    """Return the class of a buffer that holds so many, at least one."""
    size = 0
    while _SMALLEST << (2 * size) < held:
        size += 1
    return size


@compiled
def release(pool: Pool, at: int, held: int) -> None:
    """Give back a buffer that holds `held` values."""
    if held > 0:
        _give(pool, at, _size(held))


@compiled
def roomy(pool: Pool, at: int, held: int) -> int:
    """Return where a buffer with room for one more than `held`, less than MOST, stands: the same, or a larger one."""
    if held == 0:
        return _take(pool, 0)
    size = _size(held)
    if held < _SMALLEST << (2 * size):
        return at
    new = _take(pool, size + 1)
    pool.values[new : new + held] = pool.values[at : at + held]
    _give(pool, at, size)
    return new


@compiled
def copied(pool: Pool, other: Pool, at: int, held: int) -> int:
    """Return where a copy stands of what begins `at` a place of another pool, and holds `held` values."""
    size = _size(held)
    new = _take(pool, size)
    length = _SMALLEST << (2 * size)
    pool.values[new : new + length] = other.values[at : at + length]
    return new
