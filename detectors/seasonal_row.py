"""What `Seasonal` remembers of a series, and what its loops need to know of the configuration.

*Unit* means the series' mean absolute residual, `row.scale`, so a normal standard deviation is 1.25 units.
"""

from typing import NamedTuple

import numpy as np

from detectors.base import Floats

ROW = np.dtype(
    [
        ("time", "f8"),  # of the last observation
        ("level", "f8"),
        ("slope", "f4"),  # of the level, per second; in the first day the value that slot means are relative to
        ("scale", "f4"),  # mean absolute residual
        ("count", "f4"),  # observations learned
        ("last", "f4"),  # last residual in units, cut at ±3
        ("covariance", "f4"),  # of neighbouring residuals, so cut
        ("variance", "f4"),
        (
            "tails",
            "f4",
            (2, 3),
        ),  # above and below: a quantile in units, the next decade's width in it, the third's in that
        ("outside", "f4"),  # signed share of the recent past that was beyond the outer quantile
        ("shift", "f4"),  # recent mean residual
        ("hour_sum", "f4"),  # of the residuals of the visit to the present hour
        ("day_sum", "f4"),
        ("quantum", "f4"),  # what 1 in `profile` is worth
        ("hour_count", "i2"),  # observations in the visit to the present hour
        ("day_count", "i2"),
        ("hours", "i2"),  # visits to any hour so far
        ("days", "i2"),
        ("profile", "i2", 31),  # 24 hours of the day, then Monday to Sunday
        ("marks", "u1", 8),  # two bits a slot: was its last visit outside, on which side; the last is a mark only
        ("run", "i2"),  # observations in a row beyond the outer quantile
        ("moved", "f4"),  # by how much the level moved since the day began
    ]
)
"""168 bytes; from `slope` to `day_sum` two blocks of eight numbers (see `crossing`)."""

UNCUT = 8.0
"""Observations before there is a unit to cut at."""
WEEK = 7


class Config(NamedTuple):
    """What the loop needs to know of the detector's configuration; times in seconds, gains for one observation."""

    step: float
    memory: float
    gain: float  # of the level, once learned
    young_gain: float  # the same in the first day
    slope_gain: float
    slope_keep: float
    scale_gain: float
    adopt_gain: float
    shift_gain: float
    share: float  # of the tail probability .1, one side's
    warmup: float
    least: float
    slots: float  # hour slots visited in a day
    daily: bool
    weekly: bool
    up: bool
    down: bool


CONFIG = np.dtype([(name, "f8") for name in Config._fields])
"""The same as the loop reads it: a record in memory, as a tuple would be copied at every call within the loop."""


class Columns(NamedTuple):
    """What the loop writes for each observation."""

    score: Floats
    expected: Floats
    low: Floats
    high: Floats
