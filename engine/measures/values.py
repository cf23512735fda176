"""Columns as the numbers that compiled loops take."""

from itertools import compress

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled
from engine.columnar.columns import Column
from engine.columnar.hashing import Blob, mix, murmur
from engine.columnar.memory import whole

Floats = NDArray[np.float64]
_U = np.uint64


def numbers(column: Column) -> Floats:
    """Return numbers and conditions (1, 0) as float64; absent ones as NaN.

    >>> numbers(np.array([True, None], object))
    array([ 1., nan])
    """
    if column.dtype != object:
        return column.astype(np.float64, copy=False)
    return np.array([np.nan if value is None else float(value) for value in column.tolist()], np.float64)


def unit_hashes(column: Column) -> Floats:
    """Return for equal values the same, for different ones another number in [0, 1) of 53 bits; NaN where absent.

    >>> eu, us, again, absent = unit_hashes(np.array(["eu", "us", "eu", None], object))
    >>> bool(eu == again != us), bool(np.isnan(absent))
    (True, True)
    """
    if column.dtype == object:
        return _of_texts(column)
    plain = column.astype(np.float64) + 0.0  # −0 becomes 0
    return np.where(np.isfinite(plain), _of_words(plain.view(np.uint64)), np.nan)


def _of_texts(column: Column) -> Floats:
    values = column.tolist()
    present = [value is not None for value in values]
    texts = [str(value).encode("utf-8", "surrogatepass") for value in compress(values, present)]
    data, ends = np.frombuffer(b"".join(texts), np.uint8), np.cumsum([len(text) for text in texts], dtype=np.int64)
    hashes = np.full(len(values), np.nan)
    hashes[np.array(present, np.bool_)] = _of_parts(data, ends)
    return hashes


@compiled
def _unit(word: np.uint64) -> float:
    return float(word >> _U(11)) * 2.0**-53


@compiled
def _of_words(words: NDArray[np.uint64]) -> Floats:
    hashes = np.empty(words.size)
    for i in range(words.size):
        hashes[i] = _unit(mix(words[i] + _U(0x9E3779B97F4A7C15)))
    return hashes


@compiled
def _of_parts(data: Blob, ends: NDArray[np.int64]) -> Floats:
    hashes, start, base = np.empty(ends.size), 0, whole(data.ctypes.data)
    for i in range(ends.size):
        hashes[i] = _unit(murmur(base + start, ends[i] - start)[0])
        start = ends[i]
    return hashes
