"""An adaptive window in a row of fixed size: does some older part of it have another mean than the newer one?

ADWIN2's exponential histogram (Bifet and Gavaldà, "Learning from time-changing data with adaptive windowing", SDM 2007)
with two buckets of each size, of 1, 2, 4 … 2048 observations. Its test is that of a normal mean with the known variance
of the noise, over all splits between buckets.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from detectors.compiled import compiled, inlined

SIZES = 12
"""Sizes of buckets: the window is of 8,190 observations at most; the oldest bucket of a full one is let go."""
WINDOW = np.dtype([("sums", "f4", 2 * SIZES), ("filled", "u1", SIZES)])
"""Sums of the values in each bucket, the newer of each size first; how many of each size there are. 108 bytes."""
LEAST_PART = 8
"""Observations on either side of a split: fewer tell no mean of cut values that is nearly normal."""
ROOT_HALF = math.sqrt(0.5)


class Split(NamedTuple):
    """The split of the window that is the least probable without a change."""

    side: int
    """1: the newer part is higher; −1: lower."""
    tail: float
    """Probability of one such in all splits, of a series without a change; at most 1."""
    after: float
    """Mean of the newer part."""
    recent: int
    """Observations in it."""


@inlined
def clear(window: Any) -> None:
    """Make the window empty."""
    for j in range(SIZES):
        window.filled[j] = 0


@compiled
def insert(window: Any, x: float) -> None:
    """Add an observation: a third bucket of a size makes the two older ones into one of the next size."""
    carry = x
    for j in range(SIZES):
        newer, older = window.sums[2 * j], window.sums[2 * j + 1]
        window.sums[2 * j] = carry
        if window.filled[j] < 2 or j == SIZES - 1:
            window.sums[2 * j + 1] = newer
            window.filled[j] = min(window.filled[j] + 1, 2)
            return
        window.filled[j] = 1
        carry = newer + older


@inlined
def _whole(window: Any) -> tuple[float, float]:
    number, total = 0.0, 0.0
    for j in range(SIZES):
        for k in range(window.filled[j]):
            number += float(1 << j)
            total += window.sums[2 * j + k]
    return number, total


@compiled
def split_of(window: Any, x: float, unit: float, variance: float, skew: float) -> Split:
    """Return the least probable split with `x` as the newest observation.

    `variance`, in squared units, is that of long sums; `skew` the third moment, in cubed ones.
    The exponent of a skewed mean is less than that of a normal one, as in Bernstein's inequality: z² / (1 + γz / 3√n).
    """
    number, total = _whole(window)
    number, total = number + 1.0, total + x
    recent, part, splits = 1.0, x, 0
    best, best_recent, best_part = 0.0, 1.0, x
    for j in range(SIZES):
        for k in range(window.filled[j]):
            if recent >= LEAST_PART and number - recent >= LEAST_PART:
                splits += 1
                gap = part * number - total * recent  # n·recent·(n − recent)·variance: its variance
                far = gap * gap / (recent * (number - recent) * number)
                if far > best:
                    best, best_recent, best_part = far, recent, part
            recent += float(1 << j)
            part += window.sums[2 * j + k]
    if splits == 0:
        return Split(1, 1.0, x, 1)
    side = 1 if best_part * number > total * best_recent else -1
    far = best / variance / (unit * unit)
    heavy = max(side * skew, 0.0) * math.sqrt(far / best_recent / variance) / (3.0 * variance)
    tail = min(math.erfc(math.sqrt(far / (1.0 + heavy)) * ROOT_HALF) * splits, 1.0)
    return Split(side, tail, best_part / best_recent, int(best_recent))
