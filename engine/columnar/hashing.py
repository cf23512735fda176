"""MurmurHash3 (x64, 128 bits): a hash of bytes that is the same on every machine and in every release.

Source: Austin Appleby, `MurmurHash3.cpp`, https://github.com/aappleby/smhasher (public domain).
"""

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled, inlined
from engine.columnar.memory import byte, half, word

Blob = NDArray[np.uint8]
NEWLINE = 10
_U = np.uint64
_C1, _C2 = _U(0x87C37B91114253D5), _U(0x4CF5AD432745937F)
_M1, _M2 = _U(0xFF51AFD7ED558CCD), _U(0xC4CEB9FE1A85EC53)
_N1, _N2, _FIVE = _U(0x52DCE729), _U(0x38495AB5), _U(5)


def blob(text: str) -> Blob:
    """Return the UTF-8 bytes of `text` (lone surrogates included), not to be written to."""
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


@inlined
def _few(at: int, count: int) -> np.uint64:
    """Return 1 to 7 bytes as a little-endian number, reading no other."""
    if count >= 4:
        return half(at) | (half(at + count - 4) << _U(8 * (count - 4)))
    middle, last = count >> 1, count - 1
    return _U(byte(at)) | (_U(byte(at + middle)) << _U(8 * middle)) | (_U(byte(at + last)) << _U(8 * last))


@inlined
def same(one: int, other: int, size: int) -> bool:
    """Whether `size` bytes at two addresses are the same."""
    if size >= 8:
        differ = word(one + size - 8) ^ word(other + size - 8)
        for i in range(0, size - 8, 8):
            differ |= word(one + i) ^ word(other + i)
        return bool(differ == _U(0))
    return bool(size == 0 or _few(one, size) == _few(other, size))


@inlined
def _turn(value: np.uint64, by: int) -> np.uint64:
    return (value << _U(by)) | (value >> _U(64 - by))


@inlined
def mix(value: np.uint64) -> np.uint64:
    """Return `value` with every bit depending on all (the finisher of MurmurHash3)."""
    value = (value ^ (value >> _U(33))) * _M1
    value = (value ^ (value >> _U(33))) * _M2
    return value ^ (value >> _U(33))


@compiled
def murmur(at: int, size: int) -> tuple[np.uint64, np.uint64]:
    """Return both halves of the hash of `size` bytes at an address, seed 0. No other byte is read.

    >>> text = blob("hello")  # an address is good for as long as what is there is held
    >>> "%016x%016x" % murmur(text.ctypes.data, 5)
    'cbd8a7b341bd9b025b1e906a48ae1d19'
    """
    h1, h2, end = _U(0), _U(0), at + size
    while at + 16 <= end:
        h1 ^= _turn(word(at) * _C1, 31) * _C2
        h1 = (_turn(h1, 27) + h2) * _FIVE + _N1
        h2 ^= _turn(word(at + 8) * _C2, 33) * _C1
        h2 = (_turn(h2, 31) + h1) * _FIVE + _N2
        at += 16
    left = end - at
    if left > 8:
        h2 ^= _turn((word(end - 8) >> _U(128 - 8 * left)) * _C2, 33) * _C1
        h1 ^= _turn(word(at) * _C1, 31) * _C2
    elif left > 0:
        rest = _few(at, left) if size < 8 else word(end - 8) >> _U(64 - 8 * left)
        h1 ^= _turn(rest * _C1, 31) * _C2
    h1, h2 = h1 ^ _U(size), h2 ^ _U(size)
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
