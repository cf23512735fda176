"""The rhythm of the day as 24 numbers: what the hour adds to a value."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes
from detectors.compiled import compiled

PROFILE = np.dtype(("f4", 24))
NO_PROFILES = np.zeros((0, 24), np.float32)


def profiles_of(table: Bytes) -> NDArray[np.float32]:
    """Return the bytes of a table of profiles as numbers, a row of 24 for each series."""
    return table.view(np.float32).reshape(-1, 24)


@compiled
def hour_effect(profile: Any, step: float, t: float) -> float:
    """Return the effect at `t` (epoch seconds); linear between the middles of the hours if windows are shorter."""
    if step >= 3600.0:
        return float(profile[math.floor(t) // 3600 % 24])
    hours = (t + 0.5 * step) / 3600.0 - 0.5
    hour = math.floor(hours)
    part = hours - hour
    return (1.0 - part) * float(profile[hour % 24]) + part * float(profile[(hour + 1) % 24])


@compiled
def hour_doubt(profile: Any, step: float, t: float) -> float:
    """Return what the effect at `t` may be wrong by, as lines between hours cut off corners: 1/7 of a corner at most.

    A corner in the middle of an hour is 0.135 of the second difference from its own mean; within shifts that is noise
    of one sign for an hour, so twice as much is told.
    """
    if step >= 3600.0:
        return 0.0
    hour = math.floor(t + 0.5 * step) // 3600
    return 0.25 * abs(
        float(profile[(hour - 1) % 24]) - 2.0 * float(profile[hour % 24]) + float(profile[(hour + 1) % 24])
    )
