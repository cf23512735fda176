"""Detectors whose state is one row of bytes a series, in one array that a compiled loop works on."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from detectors.base import Bytes, Detector, Ints, Observations, Scores, State


class RowDetector(Detector):
    """A detector that keeps a row of `row` for each series; a row of zeros is a series never seen."""

    row: ClassVar[np.dtype[Any]]

    def __init__(self) -> None:
        self._rows: Bytes = np.zeros(0, np.uint8)

    def _grow(self, size: int) -> None:
        rows = np.zeros(size * self.row.itemsize, np.uint8)
        rows[: len(self._rows)] = self._rows
        self._rows = rows

    def update(self, batch: Observations) -> Scores:
        """Score each observation, then learn from it."""
        return self._run(batch, learn=True)

    def score(self, batch: Observations) -> Scores:
        """Score each observation against the rows as they are."""
        return self._run(batch, learn=False)

    @abstractmethod
    def _run(self, batch: Observations, *, learn: bool) -> Scores: ...

    def reset(self, series: Ints) -> None:
        """Make the rows zero."""
        self._rows.reshape(-1, self.row.itemsize)[series] = 0

    def state(self) -> State:
        """Return the rows' bytes, one row a series."""
        return {"rows": self._rows.reshape(-1, self.row.itemsize)}

    def load(self, state: State) -> None:
        """Take over rows; raises ValueError if they are not ours."""
        rows = state.get("rows")
        if rows is None or rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1] != self.row.itemsize:
            raise ValueError(f"the state of {self.kind} is one array `rows` of bytes, {self.row.itemsize} a series")
        self._rows, self.size = np.array(rows).reshape(-1), len(rows)
