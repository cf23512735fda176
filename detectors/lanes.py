"""Many series at a time, side by side, so that the processor takes several of them in one step.

What differs from series to series by its past is done row by row; the arithmetic that is the same for all is done on
*lanes*, arrays of one number of each series, in loops without a branch. Lanes of one width are in one record: the
compiler then knows that none overlaps another. A row is *away* while its series is in the lanes, so that a second
observation of it waits for the first.
"""

from typing import Any

import numpy as np

from detectors.compiled import compiled, inlined

LANES = 64
"""Series at a time: their lanes stay in the nearest cache."""
NIL, HALF, ONE, TWO = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(2.0)
"""Of 32 bits, as arithmetic on such lanes stays such only among its like: twice as many of them are taken in a step."""
AWAY = np.nan
"""The time of a row that is away."""


@inlined
def tell(lane: Any, place: Any, n: int, column: Any) -> None:
    """Write `n` lanes to their places, which rise, in a column."""
    first = place[0]
    if place[n - 1] - first == n - 1:
        for k in range(n):
            column[first + k] = lane[k]
    else:
        for k in range(n):
            column[place[k]] = lane[k]


@compiled
def silence(column: Any) -> None:
    """Let a column tell nothing."""
    for i in range(len(column)):
        column[i] = np.nan
