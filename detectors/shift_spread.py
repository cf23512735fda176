"""How the noise of a series goes with the rhythm of its day: more at noon than at night, as of counts. For `Shift`.

The mean absolute residual is taken as linear in the effect of the hour; the slope is that of a regression with a
forgetting of some days. Without it a quiet night's unit would be taken for noon's, and each noon's noise for a shift.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes
from detectors.compiled import inlined
from detectors.shift_row import DEVIATION, Config

SPREAD = np.dtype(("f4", 2))
"""Means of the effect times the excess of the absolute residual, and of the effect's square."""
NO_SPREADS = np.zeros((0, 2), np.float32)
DAYS = 4.0
"""Days the means are over: the rhythm itself has changed after more than some."""
LEAST, MOST = 0.3, 4.0
"""Of the unit: what is calmer or wilder than that is nothing to divide by."""


def spreads_of(table: Bytes) -> NDArray[np.float32]:
    """Return the bytes of a table of spreads as numbers, a row of 2 for each series."""
    return table.view(np.float32).reshape(-1, 2)


@inlined
def ratio_of(spread: Any, row: Any, effect: float, doubt: float) -> float:
    """Return the unit at an hour of that effect, which is in doubt by so much, in units of the day's."""
    if spread[1] <= 0.0 or row.scale <= 0.0:
        return 1.0
    ratio = min(max(1.0 + spread[0] / spread[1] * effect / row.scale, LEAST), MOST)
    return math.hypot(ratio, doubt / (DEVIATION * row.scale))


@inlined
def learn_spread(spread: Any, row: Any, config: Config, effect: float, size: float) -> None:
    """Take in an absolute residual at an hour of that effect."""
    rate = max(1.0 / (DAYS * config.day), 1.0 / max(row.count - config.day, 1.0))
    spread[0] += rate * (effect * (size - row.scale) - spread[0])
    spread[1] += rate * (effect * effect - spread[1])
