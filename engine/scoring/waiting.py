"""What was told and is not due yet: rows that wait until the watermark has passed them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats

ROW = np.dtype(
    [("due", "<f8"), ("order", "<i8"), ("series", "<i4"), ("channel", "<i4"), ("time", "<f8"), ("value", "<f8")]
)


class Waiting:
    """Rows of different sources, given back in order of when they are due, and then of when they were told.

    >>> waiting = Waiting()
    >>> waiting.add(np.array([60.0, 0.0]), np.array([1, 2]), np.array([0, 0]), 0, np.array([1.0, 2.0]))
    >>> waiting.due(30.0)["value"].tolist(), waiting.due(90.0)["value"].tolist()
    ([2.0], [1.0])
    """

    def __init__(self) -> None:
        self._kept: NDArray[Any] = np.zeros(0, ROW)
        self._new: list[NDArray[Any]] = []

    def add(
        self, time: Floats, order: NDArray[np.int64], series: NDArray[np.int32], channel: int, value: Floats
    ) -> None:
        """Let rows wait that are due at their own time (epoch seconds)."""
        rows = np.zeros(len(time), ROW)
        rows["due"] = rows["time"] = time
        rows["order"], rows["series"], rows["channel"], rows["value"] = order, series, channel, value
        self._new.append(rows)

    def add_late(self, row: tuple[float, int, int, int, float], watermark: float) -> None:
        """Let one row (time, order, series, channel, value) wait; one that is late is due now, with its own time."""
        time, order, series, channel, value = row
        self.add(np.array([time]), np.array([order]), np.array([series], np.int32), channel, np.array([value]))
        self._new[-1]["due"] = max(time, after(watermark))

    def due(self, watermark: float) -> NDArray[Any]:
        """Return the rows due up to `watermark`, in order; they wait no more."""
        rows = self.rows()
        due = rows["due"] <= watermark
        self.fill(rows[~due])
        return np.sort(rows[due], order=("due", "order", "series", "channel"))

    def rows(self) -> NDArray[Any]:
        """Return all that wait, as a `ROW` each."""
        return np.concatenate([self._kept, *self._new])

    def fill(self, rows: NDArray[Any]) -> None:
        """Let just these rows wait."""
        self._kept, self._new = rows.copy(), []


def after(moment: float) -> float:
    """Return the moment next to one (seconds).

    >>> after(1.0) > 1.0
    True
    """
    return float(np.nextafter(moment, np.inf))
