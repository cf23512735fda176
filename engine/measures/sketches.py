"""Quantile, distinct count and largest gap of a window, from at most `MOST` values each.

Each takes its buffer from the pool, with the number of values held, and is exact until the buffer is full:

- **quantile** keeps a uniform sample of 512 (algorithm R: J. S. Vitter, Random Sampling with a Reservoir, ACM TOMS
  11(1), 1985), drawn by a hash, so it comes out the same in every replay. Standard error of the rank:
  sqrt(q (1 − q) / 512), 1 percentage point at q = 0.95.
- **distinct** keeps the 512 least hashes (KMV: Bar-Yossef, Jayram, Kumar, Sivakumar, Trevisan, Counting Distinct
  Elements in a Data Stream, RANDOM 2002; estimator of Beyer et al., SIGMOD 2007). Standard error: 1 / sqrt(510), 4.4 %.
- **gap** keeps times and, when full, forgets those between neighbours that are at most 1/128 of the window apart: a
  gap longer than that stays exact, a shorter largest one comes out at most so long.
"""

import numpy as np

from detectors.compiled import compiled
from engine.columnar.hashing import mix
from engine.measures.pool import MOST, Pool, roomy

_U = np.uint64
_GOLDEN = _U(0x9E3779B97F4A7C15)
FINE = 128
"""Parts of a window below which gaps are not told apart once a buffer is full."""


@compiled
def sample(pool: Pool, at: int, count: int, value: float, seed: int) -> int:
    """Add the `count`-th value (from 1) to a uniform sample; return where its buffer stands now."""
    if count <= MOST:
        at = roomy(pool, at, count - 1)
        pool.values[at + count - 1] = value
        return at
    drawn = mix(_U(seed) * _GOLDEN + _U(count)) % _U(count)
    if drawn < _U(MOST):
        pool.values[at + int(drawn)] = value
    return at


@compiled
def quantile(pool: Pool, at: int, count: int, q: float) -> float:
    """Return the q-quantile of the sample, interpolated (type 7 of Hyndman and Fan, 1996, as numpy does). Sorts it."""
    held = min(count, MOST)
    values = pool.values[at : at + held]
    values.sort()
    place = q * (held - 1)
    low = int(place)
    high = min(low + 1, held - 1)
    part = place - low
    return float(values[low] * (1.0 - part) + values[high] * part)


@compiled
def insert(pool: Pool, at: int, held: int, value: float) -> tuple[int, int]:
    """Add a hash in [0, 1) to the least ones; return where they stand and how many: MOST + 1 means some were lost."""
    most = min(held, MOST)
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if pool.values[at + middle] < value:
            low = middle + 1
        else:
            high = middle
    if low < most and pool.values[at + low] == value:
        return at, held
    if most == MOST:
        if low < most:
            _shift(pool, at + low, at + most - 1)
            pool.values[at + low] = value
        return at, MOST + 1
    at = roomy(pool, at, most)
    _shift(pool, at + low, at + most)
    pool.values[at + low] = value
    return at, most + 1


@compiled
def _shift(pool: Pool, first: int, last: int) -> None:
    """Move what is from `first` to before `last` up by one."""
    for i in range(last, first, -1):
        pool.values[i] = pool.values[i - 1]


@compiled
def distinct(pool: Pool, at: int, held: int) -> float:
    """Return how many different hashes were inserted: exact up to MOST, else the KMV estimate."""
    if held <= MOST:
        return float(held)
    return (MOST - 1) / float(pool.values[at + MOST - 1])


@compiled
def note(pool: Pool, at: int, held: int, time: float, fine: float) -> tuple[int, int]:
    """Add the time of an event; return where the times stand and how many they are."""
    if held == MOST:
        held = _thin(pool, at, fine)
    at = roomy(pool, at, held)
    pool.values[at + held] = time
    return at, held + 1


@compiled
def _thin(pool: Pool, at: int, fine: float) -> int:
    """Forget times between neighbours at most `fine` apart, 1/FINE of the window: 2 · FINE + 2 stay at most, and the
    last is repeated to make it so many, for a buffer is known by how much it holds. Returns how many.
    """
    times = pool.values[at : at + MOST]
    times.sort()
    kept = 1
    for i in range(1, MOST - 1):
        if times[i + 1] - times[kept - 1] > fine:
            times[kept] = times[i]
            kept += 1
    times[kept : 2 * FINE + 2] = times[MOST - 1]
    return 2 * FINE + 2


@compiled
def gap(pool: Pool, at: int, held: int, before: float) -> tuple[float, float]:
    """Return the largest gap, from time `before` (NaN: none) on, NaN if there is none; and the latest time. Sorts."""
    times = pool.values[at : at + held]
    times.sort()
    largest, last = np.nan, before
    for time in times:
        if not (time - last <= largest) and not np.isnan(last):
            largest = time - last
        last = time
    return largest, last
