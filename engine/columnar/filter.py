"""A Bloom filter: which hashes are certainly not in a set, at two bytes each.

Source: Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 13(7), 1970; all places from one hash:
Kirsch and Mitzenmacher, "Less hashing, same performance", ESA 2006.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled
from engine.columnar.hashing import mix

Words = NDArray[np.uint64]
BITS, PLACES = 16, 5
"""Bits for each hash, and how many of them it sets: then one in a thousand others is taken for one of the set."""
_U = np.uint64


class Filter:
    """A set of 64-bit hashes that may say of a few others that they are in it, and of none in it that it is not.

    >>> known = Filter(100)
    >>> known.add(np.array([7 << 32, 9 << 32], np.uint64))
    >>> known.may_hold(np.array([7 << 32, 8 << 32], np.uint64)).tolist()
    [True, False]
    """

    def __init__(self, room: int) -> None:
        """Have room for so many hashes; with more it errs more often."""
        self.room, self.count = max(room, 64), 0
        self._words = np.zeros(1 << max((self.room * BITS // 64).bit_length(), 4), np.uint64)

    def add(self, hashes: Words) -> None:
        """Put hashes into the set."""
        self.count += len(hashes)
        _add(self._words, hashes)

    def may_hold(self, hashes: Words) -> NDArray[np.bool_]:
        """Return which of the hashes may be in the set."""
        mask = np.empty(len(hashes), np.bool_)
        _may_hold(self._words, hashes, mask)
        return mask


@compiled
def _add(words: Words, hashes: Words) -> None:
    last = _U(64 * words.size - 1)
    for each in hashes:
        at = mix(each)
        step = (at >> _U(32)) | _U(1)
        for _ in range(PLACES):
            bit = at & last
            words[bit >> _U(6)] |= _U(1) << (bit & _U(63))
            at += step


@compiled
def _may_hold(words: Words, hashes: Words, mask: NDArray[np.bool_]) -> None:
    last = _U(64 * words.size - 1)
    for i in range(hashes.size):
        at = mix(hashes[i])
        step = (at >> _U(32)) | _U(1)
        mask[i] = True
        for _ in range(PLACES):
            bit = at & last
            mask[i] &= words[bit >> _U(6)] >> (bit & _U(63)) & _U(1) == _U(1)
            at += step
