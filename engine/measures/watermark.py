"""How far event time has come, although events arrive out of order."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

IDLE = 60.0
"""A tick is taken to say that all up to this long ago has arrived, unless events have been seen to take longer."""
FORGET = 0.999
"""How slowly a long delay of arrival is forgotten, a batch: half in 700 batches."""


class Watermark:
    """The newest event time less the allowed lateness; what ends before it is closed.

    >>> mark = Watermark(60.0)
    >>> mark.floor(np.array([100.0, 300.0, 200.0]), arrived=300.0)
    array([-inf,  40., 240.])
    >>> mark.value
    240.0
    """

    def __init__(self, lateness: float) -> None:
        self._lateness = lateness
        self._newest = -np.inf
        self._delay = 0.0

    @property
    def value(self) -> float:
        """Return the watermark in epoch seconds; −inf before the first event."""
        return float(self._newest - self._lateness)

    def floor(self, times: NDArray[np.float64], arrived: float) -> NDArray[np.float64]:
        """Return the watermark as it stood before each event of a run, and move on past the run."""
        if not len(times):
            return times
        newest = np.maximum.accumulate(np.concatenate(([self._newest], times)))
        self._newest = float(newest[-1])
        self._delay = max(self._delay * FORGET, arrived - self._newest)
        floor: NDArray[np.float64] = newest[:-1] - self._lateness
        return floor

    def tick(self, time: float) -> None:
        """Move on although no event came, but not past events that may still be under way."""
        if np.isfinite(self._newest):
            self._newest = max(self._newest, time - max(IDLE, self._delay))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what is remembered."""
        return {"watermark": np.array([self._newest, self._delay])}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take a state over."""
        if state:
            self._newest, self._delay = (float(each) for each in state["watermark"])
