"""Who is woken, and when: peaks of the summed evidence become episodes, each told once. Compiled, for `Ensemble`.

The age of a peak is how many observations ago the sum was last as high. A peak counts if that is long ago; it is told
two observations later, once, if nothing higher came. That is how people judge a picture too: by what was never as high
for so long.
"""

import math
from typing import Any

from detectors.base import Floats
from detectors.compiled import compiled

STACK = 64
LEAST_AGE, AGE_SHARE, MOST_AGE = 30.0, 0.03, 1000.0
"""A peak counts if the sum was not as high for 30 observations and 3 % of all so far, at most 1,000."""
AGE_WORTH = 2.0
"""What ten times the age adds to the sum."""
USUAL_GAIN, MOST_USUAL = 1 / 500, 20.0
"""The sum's own mean over some 500 observations, each cut at 20, is taken off it: where every value is a record, as on
a ramp or a random walk, records say little."""
DELAY = 2
"""Observations a peak has to stand before it is told."""
WORTH_KEEPING = 0.5

FIELDS: list[Any] = [
    ("usual_sum", "f8"),  # mean of the sums
    ("depth", "i4"),
    ("peak", "i4"),  # 1 + observations since the peak that waits to be told; 0: none does
    ("peak_sum", "f8"),
    ("peak_evidence", "f8"),
    ("peak_value", "f8"),
    ("peak_view", "f8"),
    ("stack_sums", "f4", STACK),  # descending: the sums that nothing since was as high as
    ("stack_counts", "u4", STACK),
]


@compiled
def episode(row: Any, total: float, value: float, view: float, told: Floats) -> None:
    """Take the sum of an observation; write to `told` what is told now: evidence (0: nothing), peak value and view."""
    told[0], told[1], told[2] = 0.0, math.nan, math.nan
    count = int(row.count)
    usual = float(row.usual_sum)
    row.usual_sum += max(USUAL_GAIN, 1.0 / (count + 1.0)) * (min(total, MOST_USUAL) - usual)
    total = max(total - usual, 0.0)
    age = _age(row, total, count)
    row.peak += row.peak > 0
    if total > 0.0 and (row.peak == 0 or total >= row.peak_sum):
        _consider(row, total, value, view, age)
    if row.peak == DELAY + 1:
        told[0], told[1], told[2] = max(row.peak_evidence, 0.0), row.peak_value, row.peak_view
        row.peak = 0


@compiled
def _consider(row: Any, total: float, value: float, view: float, age: float) -> None:
    if age > max(LEAST_AGE, min(AGE_SHARE * row.count, MOST_AGE)):
        row.peak, row.peak_sum, row.peak_value, row.peak_view = 1, total, value, view
        row.peak_evidence = total + AGE_WORTH * math.log10(age / 100.0)
    elif total > row.peak_sum:
        row.peak = 0


@compiled
def _age(row: Any, total: float, count: int) -> float:
    """Return how long ago the sum was last as high, and put this one in its place."""
    depth = int(row.depth)
    while depth > 0 and row.stack_sums[depth - 1] < total:
        depth -= 1
    age = count - row.stack_counts[depth - 1] if depth > 0 else count + 1
    if total >= WORTH_KEEPING:
        depth = min(depth, STACK - 1)  # the smallest makes room: no peak of any size is measured by it
        row.stack_sums[depth] = total
        row.stack_counts[depth] = count
        depth += 1
    row.depth = depth
    return float(age)
