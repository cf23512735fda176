"""How far event time has come, although events arrive out of order."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

IDLE = 60.0
"""A tick is taken to say that all up to this long ago has arrived, unless events have been seen to take longer."""
REMEMBER = 600.0
"""A delay is remembered for as many seconds of arrivals at least, and twice as many at most."""


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
        self._delay, self._before = 0.0, 0.0
        self._span = -np.inf
        """Which span of `REMEMBER` seconds the latest arrival fell into; delays are of that span and the one before."""

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
        self._wait(arrived, arrived - float(newest[1]))
        floor: NDArray[np.float64] = newest[:-1] - self._lateness
        return floor

    def _wait(self, arrived: float, delay: float) -> None:
        """Remember how long an event took to arrive; one that came out of order, by the newest before it."""
        span = arrived // REMEMBER
        if span > self._span:
            self._before = self._delay if span == self._span + 1.0 else 0.0
            self._span, self._delay = span, 0.0
        self._delay = max(self._delay, delay)

    def tick(self, time: float) -> None:
        """Move on although no event came, but not past events that may still be under way."""
        if np.isfinite(self._newest):
            self._newest = max(self._newest, time - max(IDLE, self._delay, self._before))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what is remembered."""
        return {"watermark": np.array([self._newest, self._span, self._delay, self._before])}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take a state over."""
        if state:
            self._newest, self._span, self._delay, self._before = (float(each) for each in state["watermark"])
