"""What `Shift` remembers of a series, and what its loop needs to know of the configuration.

*Unit* means the series' standard deviation about its level; x is a residual in units, cut.
"""

import math
from typing import NamedTuple

import numpy as np

from detectors.base import Floats

ROW = np.dtype(
    [
        ("time", "f8"),  # of the last observation
        ("level", "f8"),
        ("scale", "f4"),  # mean absolute residual; from here on a block of eight
        ("variance", "f4"),  # of x
        ("covariance", "f4"),  # of neighbouring x
        ("skew", "f4"),  # mean of x³
        ("up", "f4"),  # the cumulative sums
        ("down", "f4"),
        ("total", "f4"),  # of the residuals since the higher sum left zero
        ("since", "f4"),  # seconds since it did
        ("back", "f4"),  # from the level to the one before the last shift
        ("held", "f4"),  # seconds for which the last shift is still news
        ("count", "u2"),  # observations learned
        ("age", "u2"),  # observations since the level was set
        ("run", "i2"),  # observations since the higher sum left zero; negative if that is `down`
        ("last", "i2"),  # the last x, in quanta
    ]
)
"""64 bytes: one cache line."""

DEVIATION = np.float32(math.sqrt(math.pi / 2.0))  # a normal standard deviation in mean absolute residuals
CUT = np.float32(3.0)
"""Units at which a residual is cut: a single outlier then moves a sum by a sixth of what raises at most."""
UNCUT = np.float32(8)
"""Observations before there is a unit to cut at."""
GUARD = np.float32(2.0)
"""Standard errors of the level that are added to the allowance: a level of few observations is no measure."""
SURE = np.float32(math.log(1000.0))
"""Log odds from which a shift, or the return from one, is taken as such: the run is told, and what ends it watched."""
LEARNED = np.float32(256.0)  # observations after which the unit is learned at its least weight
MOST = np.float32(65000)  # observations counted
QUANTUM = np.float32(4096.0)  # of `last`, in a unit


class Config(NamedTuple):
    """What the loop needs to know of the detector's configuration; gains for one observation."""

    step: float
    allowance: float  # half the size of the shift that is sought, in units
    keep: float  # of a sum, from one observation to the next
    gain: float  # least weight of an observation in the level
    scale_gain: float
    least: float  # smallest unit
    above: float  # units from the level to the ends of the band; infinite where nothing is sought
    below: float
    guard: float  # what is added to the allowance of a level that is settled, in roots of the variance
    settled: float  # observations that such a level is worth
    high: float  # sum at which the log odds of a shift are `SURE`, for a variance of 1
    four: float  # four allowances
    tilt: float  # 8/3 of one
    warmup: float
    day: float  # observations in a day
    begin: float  # observations before the noise is learned: what is still to be learned of the level is none
    forget: float  # seconds of silence after which a series starts afresh
    adopt: float
    daily: bool
    adwin: bool
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
    began: Floats
    before: Floats
    after: Floats
    size: Floats
