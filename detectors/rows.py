"""Detectors whose state is a row of bytes a series, in arrays that a compiled loop works on."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from detectors.arrays import Growing
from detectors.base import Bytes, Detector, Ints, Observations, Scores, State


class RowDetector(Detector):
    """A detector that keeps a row of `row` for each series; a row of zeros is a series never seen."""

    movable: ClassVar[bool] = True
    row: ClassVar[np.dtype[Any]]

    def __init__(self, **more: np.dtype[Any]) -> None:
        """Keep a row of each of `more` beside it, for what only some settings need."""
        kept = {"rows": self.row, **more}
        self._tables = {name: Growing(np.uint8, dtype.itemsize) for name, dtype in kept.items()}

    @property
    def _rows(self) -> Bytes:
        """The bytes of all rows, one after the other; there may be more than series."""
        return self._table("rows")

    def _table(self, name: str) -> Bytes:
        return self._tables[name].array.reshape(-1)

    def _grow(self, size: int) -> None:
        for table in self._tables.values():
            table.reserve(size)
            table.array[self.size : size] = 0  # so that pages are there when windows of many series close at once

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
        for table in self._tables.values():
            table.array[series] = 0

    def rows(self, series: Ints) -> State:
        """Return the bytes of some rows."""
        return {name: table.array[series] for name, table in self._tables.items()}

    def put(self, series: Ints, rows: State) -> None:
        """Overwrite some rows."""
        for name, table in self._tables.items():
            table.array[series] = rows[name]

    def state(self) -> State:
        """Return the rows' bytes, one row a series."""
        return {name: table.array[: self.size] for name, table in self._tables.items()}

    def load(self, state: State) -> None:
        """Take over rows; raises ValueError if they are not ours."""
        if state.keys() != self._tables.keys():
            ours = ", ".join(f"{name} ({table.row[0]} a series)" for name, table in self._tables.items())
            raise ValueError(
                f"the state of {self.kind} has {ours} with these settings, not {', '.join(state) or 'nothing'}"
            )
        for name, table in self._tables.items():
            rows = state[name]
            if rows.dtype != np.uint8 or rows.ndim != 2 or rows.shape[1:] != table.row:
                raise ValueError(f"the state of {self.kind} has `{name}`, an array of bytes, {table.row[0]} a series")
        if len({len(state[name]) for name in self._tables}) > 1:
            raise ValueError(f"the state of {self.kind} has more rows of one array than of another")
        for name in self._tables:
            self._tables[name] = _filled(self._tables[name], state[name])
        self.size = len(state["rows"])


def _filled(like: Growing, rows: Bytes) -> Growing:
    table = Growing(like.dtype, *like.row)
    table.fill(rows)
    return table
