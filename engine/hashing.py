"""MurmurHash3 (x64, 128 bits): a hash of bytes that is the same on every machine and in every release.

Source: Austin Appleby, `MurmurHash3.cpp`, https://github.com/aappleby/smhasher (public domain).
"""

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled

Blob = NDArray[np.uint8]
NEWLINE = 10
_U = np.uint64
_C1, _C2 = _U(0x87C37B91114253D5), _U(0x4CF5AD432745937F)
_M1, _M2 = _U(0xFF51AFD7ED558CCD), _U(0xC4CEB9FE1A85EC53)
_ALL = _U(0xFFFFFFFFFFFFFFFF)
_N1, _N2, _FIVE = _U(0x52DCE729), _U(0x38495AB5), _U(5)


def blob(text: str) -> Blob:
    """Return the UTF-8 bytes of `text` (lone surrogates included), not to be written to."""
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


@compiled
def word(data: Blob, at: np.uint64) -> np.uint64:
    """Return the eight bytes from `at` on as a little-endian number (one load, once compiled)."""
    value = _U(0)
    for i in range(8):
        value |= _U(data[at + _U(i)]) << _U(8 * i)
    return value


@compiled
def partial(data: Blob, at: np.uint64, count: np.uint64) -> np.uint64:
    """Return `count` bytes, at most 8, as a little-endian number."""
    if at + _U(8) <= _U(data.size):
        return word(data, at) & (_ALL >> (_U(64) - _U(8) * count)) if count > _U(0) else _U(0)
    value = _U(0)
    for i in range(count):
        value |= _U(data[at + _U(i)]) << _U(8 * i)
    return value


@compiled
def same(one: Blob, here: int, other: Blob, there: int, size: int) -> bool:
    """Whether `size` bytes from `here` and from `there` on are the same."""
    left, right, last = _U(here), _U(there), _U(here + size)
    while left + _U(8) <= last:
        if word(one, left) != word(other, right):
            return False
        left += _U(8)
        right += _U(8)
    return bool(partial(one, left, last - left) == partial(other, right, last - left))


@compiled
def _turn(value: np.uint64, by: int) -> np.uint64:
    return (value << _U(by)) | (value >> _U(64 - by))


@compiled
def mix(value: np.uint64) -> np.uint64:
    """Return `value` with every bit depending on all (the finisher of MurmurHash3)."""
    value = (value ^ (value >> _U(33))) * _M1
    value = (value ^ (value >> _U(33))) * _M2
    return value ^ (value >> _U(33))


@compiled
def murmur(data: Blob, start: int, end: int) -> tuple[np.uint64, np.uint64]:
    """Return both halves of the hash of ``data[start:end]``, seed 0.

    >>> "%016x%016x" % murmur(blob("hello"), 0, 5)
    'cbd8a7b341bd9b025b1e906a48ae1d19'
    """
    at, size = _U(start), _U(end - start)
    h1, h2 = _U(0), _U(0)
    for _ in range(size >> _U(4)):
        h1 ^= _turn(word(data, at) * _C1, 31) * _C2
        h1 = (_turn(h1, 27) + h2) * _FIVE + _N1
        h2 ^= _turn(word(data, at + _U(8)) * _C2, 33) * _C1
        h2 = (_turn(h2, 31) + h1) * _FIVE + _N2
        at += _U(16)
    left = size & _U(15)
    if left > _U(8):
        h2 ^= _turn(partial(data, at + _U(8), left - _U(8)) * _C2, 33) * _C1
        left = _U(8)
    if left > _U(0):
        h1 ^= _turn(partial(data, at, left) * _C1, 31) * _C2
    h1, h2 = h1 ^ size, h2 ^ size
    h1 += h2
    h2 += h1
    h1, h2 = mix(h1), mix(h2)
    h1 += h2
    return h1, h2 + h1


@compiled
def split(data: Blob, ends: NDArray[np.int64]) -> int:
    """Write where each newline-separated part of `data` ends; return the number of parts, `ends` holding the first."""
    parts, room = 0, ends.size
    for i in range(data.size):
        if data[i] == NEWLINE:
            if parts < room:
                ends[parts] = i
            parts += 1
    if parts < room:
        ends[parts] = data.size
    return parts + 1
