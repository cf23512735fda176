"""Detectors that keep a row of bytes for each group beside that of each series."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.base import Ints, Observations, Scores, State
from detectors.rows import RowDetector


class GroupedDetector(RowDetector):
    """A detector that also keeps a row of `group_row` for each group; a row of zeros is a group never seen."""

    group_row: ClassVar[np.dtype[Any]]
    group_row_before: ClassVar[int] = 0
    """Bytes of a group's row in an earlier version, to whose end was added what is nil there; 0: there was none."""

    def __init__(self) -> None:
        super().__init__()
        self._groups: NDArray[Any] = np.zeros(0, self.group_row)
        self._known = np.zeros(1, np.int64)  # groups learned of; what room there is beyond is no state

    def _run(self, batch: Observations, *, learn: bool) -> Scores:
        group = np.zeros(len(batch.series), np.int32) if batch.group is None else batch.group
        groups = int(group.max(initial=-1)) + 1
        if groups > len(self._groups):
            more = max(groups, 2 * len(self._groups)) - len(self._groups)
            self._groups = np.concatenate([self._groups, np.zeros(more, self.group_row)])
        if learn:
            self._known[0] = max(self._known[0], groups)
        return self._run_grouped(batch, group, learn=learn)

    @abstractmethod
    def _run_grouped(self, batch: Observations, group: Ints, *, learn: bool) -> Scores: ...

    def disband(self, groups: Ints) -> None:
        """Forget the given groups: their rows become as never seen."""
        self._groups[groups[groups < len(self._groups)]] = np.zeros(1, self.group_row)[0]

    def state(self) -> State:
        """Return the rows' bytes, one row a series, and the groups'."""
        groups = self._groups[: self._known[0]].view(np.uint8).reshape(-1, self.group_row.itemsize)
        return {**super().state(), "groups": groups}

    def load(self, state: State) -> None:
        """Take over rows and groups; raises ValueError if they are not ours."""
        groups, size = state.get("groups"), self.group_row.itemsize
        if groups is not None and groups.ndim == 2 and 0 < groups.shape[1] == self.group_row_before:
            groups = np.pad(groups, ((0, 0), (0, size - groups.shape[1])))
        if groups is None or groups.dtype != np.uint8 or groups.ndim != 2 or groups.shape[1] != size:
            raise ValueError(f"the state of {self.kind} has an array `groups` of bytes, {size} a group")
        super().load({name: rows for name, rows in state.items() if name != "groups"})
        self._groups = np.array(groups).reshape(-1).view(self.group_row)
        self._known = np.array([len(self._groups)])
