"""How rare a value of one view is, on either side: the compiled calibration of `Ensemble`.

Of each view there are kept: its largest and its smallest values, exactly, as sorted *heads*; and of all the others an
even sample. The rarest hundredth follows a generalised Pareto distribution fitted to the exceedances of its side
(Pickands, "Statistical inference using extreme order statistics", Annals of Statistics 1975; by moments: Hosking and
Wallis, "Parameter and quantile estimation for the generalized Pareto distribution", Technometrics 1987), the rest its
rank. The fit is renewed whenever a value has joined the head, as a stale tail takes a second outlier for as rare as the
first.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats
from detectors.compiled import compiled

HEAD = 160
"""Largest and smallest values kept: twice what the fit takes, so that few are missing when old ones are forgotten."""
SAMPLE = 512
"""Values in the even sample: 50 lie in the tenth that counts, a standard error of 14 %."""
MEMORY = 10_000
"""Values after which one is forgotten. On NAB 8,000 and 16,000 gave the same, 5,000 one point less."""
FEWEST = 20
"""Values before anything is said."""
LEAST_FIT, FIT_SHARE = 20, 0.01
"""Exceedances a tail is fitted to: one in a hundred, at least 20, at most a quarter of all."""
SHAPE, SHAPE_WEIGHT = 0.25, 10.0
"""The shape before anything is known, and the number of exceedances it counts like."""
GLITCH = 100.0
"""So many times the second largest exceedance, the largest is left out of the fit: one absurd value must not make all
others usual."""
MOST = 12.0
"""Decades: no view alone says more."""

FIELDS: list[Any] = [
    ("heads", "f4", (2, HEAD)),  # descending; those of the low side with their sign turned
    ("born", "u4", (2, HEAD)),  # the count at which each came
    ("held", "i2", 2),
    ("fitted", "i2", 2),  # exceedances the fit was made of; 0: make it anew
    ("fit", "f4", (2, 3)),  # threshold, scale, shape
    ("sorted", "f4", SAMPLE),
    ("ring", "f4", SAMPLE),  # the same in order of time
    ("sampled", "i2"),
    ("place", "i2"),  # of the next in the ring, once it is full
    ("stride", "i2"),  # one value in so many joins the sample
    ("count", "u4"),
    ("least", "f4"),  # scale, where exceedances may all be equal and yet more of it means more
]
TAIL = np.dtype(FIELDS)


@compiled
def rarity(tail: Any, value: float) -> tuple[float, int]:
    """Return −log₁₀ of the probability of anything as extreme on its side, and the side: 0 high, 1 low."""
    known = min(tail.count, MEMORY)
    if known < FEWEST:
        return 0.0, 0
    high, low = _share(tail, 0, value, known), _share(tail, 1, -value, known)
    side = 0 if high <= low else 1
    return min(-math.log10(max(min(high, low), 1e-30)), MOST), side


@compiled
def limit(tail: Any, side: int) -> float:
    """Return the value that one in a hundred exceeds on a side; infinite while little is known."""
    known = min(tail.count, MEMORY)
    place = _taken(known)
    if known < FEWEST or tail.held[side] <= place:
        return np.inf if side == 0 else -np.inf
    return float(tail.heads[side, place]) if side == 0 else -float(tail.heads[side, place])


@compiled
def learn(tail: Any, value: float) -> None:
    """Take a value into the heads and the sample, and forget what is too old."""
    count = int(tail.count)
    if count > MEMORY and count % 64 == 0:
        _forget(tail, 0, count - MEMORY)
        _forget(tail, 1, count - MEMORY)
    _join(tail, 0, value, count)
    _join(tail, 1, -value, count)
    stride = max(int(tail.stride), 1)
    if count % stride == 0:
        _sample(tail, value)
    tail.count = min(count + 1, 4_000_000_000)


@compiled
def _taken(known: int) -> int:
    return int(min(max(int(FIT_SHARE * known), LEAST_FIT), known // 4))


@compiled
def _share(tail: Any, side: int, value: float, known: int) -> float:
    held, taken = int(tail.held[side]), _taken(known)
    heads = tail.heads[side]
    taken = min(taken, held - 1)
    if taken > 0 and value > heads[taken - 1]:
        return _tail_share(tail, side, value, taken, known)
    if held > 0 and (value > heads[held - 1] or held == known):  # of those equal to the last, more may be known
        return (_at_least(heads, held, value) + 1.0) / (known + 1.0)
    return max(_sampled_share(tail, side, value), (held + 1.0) / (known + 1.0))


@compiled
def _tail_share(tail: Any, side: int, value: float, taken: int, known: int) -> float:
    if tail.fitted[side] != taken:
        _fit(tail, side, taken)
    scale, shape = max(float(tail.fit[side, 1]), float(tail.least)), float(tail.fit[side, 2])
    if scale <= 0.0:
        return 0.3 / (known + 1.0)  # all exceedances are equal, and this is above them: it was never seen
    excess = (value - tail.fit[side, 0]) / scale
    beyond = math.exp(-excess) if shape < 1e-6 else (1.0 + shape * excess) ** (-1.0 / shape)
    return taken / (known + 1.0) * beyond


@compiled
def _fit(tail: Any, side: int, taken: int) -> None:
    heads = tail.heads[side]
    threshold = float(heads[taken])
    first = int(heads[0] - threshold > GLITCH * (heads[1] - threshold) > 0.0)
    taken -= first
    total, squares = 0.0, 0.0
    for j in range(first, first + taken):
        excess = heads[j] - threshold
        total += excess
        squares += excess * excess
    mean = total / taken
    variance = squares / taken - mean * mean
    shape = 0.5 * (1.0 - mean * mean / variance) if variance > 0.0 else -1.0
    shape = max((taken * shape + SHAPE_WEIGHT * SHAPE) / (taken + SHAPE_WEIGHT), 0.0)
    tail.fit[side, 0], tail.fit[side, 1], tail.fit[side, 2] = threshold, mean * (1.0 - shape), shape
    tail.fitted[side] = taken + first


@compiled
def _at_least(heads: Any, held: int, value: float) -> int:
    """Return how many of the descending `heads` are `value` or more."""
    low, high = 0, held
    while low < high:
        middle = (low + high) // 2
        if heads[middle] >= value:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _sampled_share(tail: Any, side: int, value: float) -> float:
    number = int(tail.sampled)
    ordered = tail.sorted[:number]
    if side == 0:
        beyond = number - np.searchsorted(ordered, np.float32(value))
    else:
        beyond = np.searchsorted(ordered, np.float32(-value), side="right")
    return (beyond + 1.0) / (number + 1.0)


@compiled
def _join(tail: Any, side: int, value: float, count: int) -> None:
    held, heads, born = int(tail.held[side]), tail.heads[side], tail.born[side]
    if held == HEAD and value <= heads[held - 1]:
        return
    last = min(held, HEAD - 1)
    place = _at_least(heads, last, value)
    for j in range(last, place, -1):
        heads[j] = heads[j - 1]
        born[j] = born[j - 1]
    heads[place] = value
    born[place] = count
    tail.held[side] = last + 1
    tail.fitted[side] = 0


@compiled
def _forget(tail: Any, side: int, oldest: int) -> None:
    held, heads, born = int(tail.held[side]), tail.heads[side], tail.born[side]
    kept = 0
    for j in range(held):
        if born[j] >= oldest:
            heads[kept] = heads[j]
            born[kept] = born[j]
            kept += 1
    if kept < held:
        tail.held[side] = kept
        tail.fitted[side] = 0


@compiled
def _sample(tail: Any, value: float) -> None:
    number = int(tail.sampled)
    if number == SAMPLE and max(int(tail.stride), 1) * SAMPLE < MEMORY:
        _thin(tail)
        number = int(tail.sampled)
    if number < SAMPLE:
        tail.ring[number] = value
        tail.sampled = number + 1
    else:
        place = int(tail.place)
        _drop(tail.sorted, number, tail.ring[place])
        tail.ring[place] = value
        tail.place = (place + 1) % SAMPLE
        number -= 1
    _insert(tail.sorted, number, value)


@compiled
def _thin(tail: Any) -> None:
    """Keep every second value of the sample, and take half as many from now on."""
    half = SAMPLE // 2
    for j in range(half):
        tail.ring[j] = tail.ring[2 * j]
    tail.sorted[:half] = np.sort(tail.ring[:half])
    tail.sampled = half
    tail.stride = 2 * max(int(tail.stride), 1)


@compiled
def _insert(ordered: NDArray[np.float32], number: int, value: float) -> None:
    place = np.searchsorted(ordered[:number], np.float32(value))
    for j in range(number, place, -1):
        ordered[j] = ordered[j - 1]
    ordered[place] = value


@compiled
def _drop(ordered: NDArray[np.float32], number: int, value: float) -> None:
    place = np.searchsorted(ordered[:number], np.float32(value))
    for j in range(place, number - 1):
        ordered[j] = ordered[j + 1]


@compiled
def rarities(tail: NDArray[Any], values: Floats, out: Floats) -> None:
    """Write how rare each of `values` was when it came, in order, to `out`: for one row of `TAIL`."""
    for i in range(values.size):
        out[i] = rarity(tail[0], values[i])[0]
        learn(tail[0], values[i])
