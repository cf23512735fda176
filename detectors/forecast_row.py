"""What `Forecast` remembers of a series, and what its loop needs to know of the configuration.

Values are mirrored so that the limit is above.
"""

from typing import NamedTuple

import numpy as np

from detectors.base import Floats

ROW = np.dtype(
    [
        ("first", "f8"),  # time of the first observation
        ("time", "f8"),  # of the last
        ("origin", "f8"),  # what values are relative to
        ("weight", "f8", 3),  # Σw, Σw·age, Σw·age²
        ("moment", "f8", 3),  # Σw·v, Σw·age·v, Σw·v²
        ("mark_age", "f4"),  # seconds since a forecast was noted, to be checked a span later
        ("mark_level", "f4"),  # relative to the origin
        ("mark_slope", "f4"),
        ("slope_error", "f4"),  # mean square of what such forecasts were wrong by, per second
        ("checks", "f4"),  # how many
        ("first_error", "f4"),  # of a run of outliers
        ("peak", "f4"),  # the furthest level from which a clean-up brought the value back
        ("clean_ups", "f4"),  # since the last breach
        ("count", "f4"),
        ("run", "f4"),  # outliers in a row on one side
        ("last", "f4"),  # error about the line at the last observation
        ("covariance", "f4"),  # of neighbouring errors
        ("square", "f4"),  # mean square of the errors
        ("spare", "f4"),
    ]
)
"""128 bytes: two cache lines."""


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
