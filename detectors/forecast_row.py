"""What `Forecast` remembers of a series, and what its loop needs to know of the configuration.

Values are mirrored so that the limit is above.
"""

from typing import NamedTuple

import numpy as np

from detectors.base import Floats

ROW = np.dtype(
    [
        ("time", "f8"),  # of the last observation
        ("level", "f8"),  # of the line at that time
        ("mark_level", "f8"),  # of the line when a forecast was noted, to be checked a span later
        ("slope", "f4"),
        ("weight", "f4"),  # Σw
        ("age", "f4"),  # Σw·age / Σw
        ("squares", "f4"),  # Σw·(value − line)²
        ("spread", "f4"),  # Σw·(age − mean age)²
        ("watched", "f4"),  # seconds since the first observation
        ("count", "f4"),
        ("near", "f4"),  # mean of the latest errors about the line
        ("near_square", "f4"),  # mean square of that
        ("last", "f4"),  # error at the last observation, or at the first of a run of outliers
        ("rough", "f4"),  # half the mean square of the step from one error to the next
        ("mark_age", "f4"),
        ("mark_near", "f4"),  # how far off the line the values were then
        ("mark_slope", "f4"),  # of the line then; this and the next are for a span, not a second
        ("missed", "f4"),  # mean square of what forecasts of the slope in a span were wrong by
        ("slope_error", "f4"),  # the same of those to come
        ("came", "f4"),  # mean of the slopes that came in a span
        ("fitted", "f4"),  # mean of the line's slopes before it
        ("came_square", "f4"),  # variances and covariance of these two
        ("fitted_square", "f4"),
        ("product", "f4"),
        ("held", "f4"),  # share of the line's slope in the one that it damps to
        ("drift", "f4"),  # the rest of that one
        ("loss", "f4"),  # rate at which slopes go there, per second
        ("peak", "f4"),  # the furthest level from which a clean-up brought the value back
        ("clean_ups", "u2"),  # since the last breach
        ("checks", "u1"),  # how many forecasts were checked
        ("run", "u1"),  # outliers in a row on one side
    ]
)
"""128 bytes: two cache lines; the numbers of 32 bits but the last are three blocks of eight (see `crossing`)."""
WARMUP = 12.0
"""Observations before there is an opinion: fewer leave the spread about a line unknown by more than a quarter."""
OUTLIER = 5.0
"""Standard deviations beyond which an observation is not learned, until three in a row say what it is."""


class Config(NamedTuple):
    """What the loop needs to know of the detector's configuration."""

    sign: float
    limit: float
    within: float
    step: float
    memory: float
    keep: float  # of the weights, after one step
    span: float  # seconds after which a forecast is checked
    quantile: float  # of a normal variable, at the ends of the interval of the time to breach
    daily: bool
    settle: float  # seconds a series is only watched


CONFIG = np.dtype([(name, "f8") for name in Config._fields])
"""The same as the loop reads it: a record in memory, as a tuple would be copied at every call within the loop."""


class Columns(NamedTuple):
    """What the loop writes for each observation."""

    score: Floats
    expected: Floats
    eta: Floats
    soonest: Floats
    latest: Floats
    slope: Floats
