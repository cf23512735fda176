"""What `Ensemble` keeps of one series: the last values, the step between them, and what its views learn. Compiled."""

from typing import Any

import numpy as np

from detectors.compiled import compiled

DAY = 86400.0
LATEST = 1e12  # seconds; times beyond are none
CEILING = 1e17
"""Values beyond are taken as this: squares of differences then fit a 32-bit number."""
PAST = 6000
"""Values the shape is compared with: three weeks of 5-minute windows."""
KEPT = 7168
"""Room for values: the past, and some to move it only now and then."""
SHAPE_WINDOW = 12
STEPS = 64
"""Steps in time the median is taken of."""
SLOTS = 48
"""Half-hours of a day."""

FIELDS: list[Any] = [
    ("first", "f8"),  # the first value: all others are kept relative to it, so that 32 bits suffice
    ("time", "f8"),
    ("step", "f8"),  # median seconds between observations; 0 until known
    ("day", "i4"),  # observations a day has
    ("steps_seen", "u4"),
    ("count", "u4"),
    ("fill", "i4"),  # values in `past`
    ("level", "f8"),
    ("scale", "f8"),  # a robust standard deviation about it
    ("width", "f8"),  # mean distance from it, outliers included
    ("sums", "f8", 2),  # of the last eighth and quarter of a day
    ("last", "f8"),
    ("run", "i4"),  # values just before the last that are the same
    ("run_before", "i4"),  # of the run before
    ("steps", "f4", STEPS),
    ("slot_residuals", "f8", SHAPE_WINDOW),
    ("slots", "f4", (2 * SLOTS, 5)),  # visits, mean, steps seen, mean step, its mean square
    ("past", "f4", KEPT),
]


@compiled
def begin(row: Any, value: float) -> None:
    """Start a series with its first value."""
    row.first, row.level, row.day = value, value, 1440


@compiled
def learn_step(row: Any, time: float) -> None:
    """Take the time of an observation: the step is the median of the last 64, followed if it changes by half."""
    ahead = time - row.time
    if row.count > 0 and 0.0 < ahead < 1e9:
        seen = int(row.steps_seen)
        row.steps[seen % STEPS] = ahead
        row.steps_seen = min(seen + 1, 4_000_000_000)
        seen += 1
        if (seen & (seen - 1)) == 0 or seen % STEPS == 0:
            _settle_step(row, float(np.median(row.steps[: min(seen, STEPS)])))
    row.time = max(row.time, time) if row.count > 0 else time


@compiled
def _settle_step(row: Any, step: float) -> None:
    if row.step > 0.0 and 0.67 < step / row.step < 1.5:
        return
    row.step = step
    row.day = int(min(max(DAY / step, 2.0), 20160.0))
    for which in range(2):
        row.sums[which] = total(row, 0, window(row, which))


@compiled
def window(row: Any, which: int) -> int:
    """Return how many values an eighth (0) or a quarter (1) of a day has; at least 6."""
    return int(max(row.day // (8 - 4 * which), 6))


@compiled
def push(row: Any, value: float) -> None:
    """Add a value, relative to the first, to the past."""
    if row.fill == KEPT:
        kept = PAST + SHAPE_WINDOW
        for j in range(kept):
            row.past[j] = row.past[KEPT - kept + j]
        row.fill = kept
    row.past[row.fill] = value
    row.fill += 1


@compiled
def total(row: Any, start: int, length: int) -> float:
    """Return the sum of `length` values up to `start` before the last; of fewer if there are no more."""
    found = 0.0
    end = row.fill - start
    for j in range(max(end - length, 0), end):
        found += row.past[j]
    return found
