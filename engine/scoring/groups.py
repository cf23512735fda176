"""Which group each series is in: the cohort its customer belongs to, or what its key begins with."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Ints
from engine.columnar.arrays import Growing
from engine.columnar.index import SeriesIndex
from engine.measures.keys import Owner, escape, split_key, subject_of

Describe = Callable[[str], Mapping[str, object]]
"""From a subject to its attributes."""


class Groups(ABC):
    """Numbers groups from 0, in the order in which they appear; 4 bytes a series, and a key for each group."""

    def __init__(self) -> None:
        self.index = SeriesIndex()
        self._group = Growing(np.int32)
        self._known = 0

    def extend(self, series: SeriesIndex) -> None:
        """Find the group of series that are new."""
        if len(series) > self._known:
            self._group.reserve(len(series))
            for number in range(self._known, len(series)):
                self._assign(number, series.key(number))
            self._known = len(series)

    def of(self, series: Ints) -> Ints:
        """Return the group of each series."""
        groups: Ints = self._group.array[series]
        return groups

    def renew(self, subject: str, series: SeriesIndex) -> None:
        """Find the groups of the series of `subject` anew: more is known of it."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that is remembered."""
        keys = {f"index.{name}": array for name, array in self.index.state().items()}
        return {**keys, "group": self._group.array[: self._known]}

    def load(self, state: Mapping[str, NDArray[Any]], series: SeriesIndex) -> None:
        """Take over a state, for the series it was saved with."""
        self.index.load({name: state[f"index.{name}"] for name in self.index.state()})
        self._known = len(state["group"])
        self._group.fill(state["group"])
        for number in range(self._known):
            self._remember(number, series.key(number))

    @abstractmethod
    def _key(self, series: str) -> str:
        """Return the key of the group that a series, by its key, is in."""

    def _remember(self, number: int, key: str) -> None:
        """Note that series `number` exists."""

    def _assign(self, number: int, key: str) -> None:
        self._group.array[number] = self.index.lookup([self._key(key)])[0]
        self._remember(number, key)


class Prefixes(Groups):
    """A series belongs to what its key begins with: `account/acme|code=E7` to `account/acme`.

    >>> series, groups = SeriesIndex(), Prefixes()
    >>> numbers = series.lookup(["account/a|code=1", "account/b|code=1", "account/a|code=2"])
    >>> groups.extend(series)
    >>> groups.of(numbers).tolist()
    [0, 1, 0]
    """

    def _key(self, series: str) -> str:
        return "|".join(escape(split_key(series)[:-1]))


class Cohorts(Groups):
    """A series belongs to the cohort of its customer: those that agree in some attributes.

    An attribute of the subject itself comes before that of its account; one that nobody knows is empty.

    >>> plans = {"account/a": {"plan": "pro"}, "account/b": {"plan": "free"}, "account/c": {"plan": "pro"}}
    >>> series, groups = SeriesIndex(), Cohorts(["plan"], lambda subject: plans.get(subject, {}), lambda subject: None)
    >>> numbers = series.lookup(["account/a", "account/b", "account/c"])
    >>> groups.extend(series)
    >>> groups.of(numbers).tolist()
    [0, 1, 0]
    >>> plans["account/c"] = {"plan": "free"}
    >>> groups.renew("account/c", series)
    >>> groups.of(numbers).tolist()
    [0, 1, 1]
    """

    def __init__(self, attributes: list[str], describe: Describe, owner: Owner) -> None:
        super().__init__()
        self._attributes, self._describe, self._owner = attributes, describe, owner
        self._touching = _Links()

    def renew(self, subject: str, series: SeriesIndex) -> None:
        """Find the cohort anew of every series that is of `subject` or of what belongs to it."""
        for number in self._touching.of(subject):
            self._assign(number, series.key(number))

    def _key(self, series: str) -> str:
        known: dict[str, object] = {}
        for each in reversed(self._chain(series)):
            known.update(self._describe(each))
        return "|".join(escape([f"{name}={_shown(known.get(name))}" for name in self._attributes]))

    def _remember(self, number: int, key: str) -> None:
        self._touching.add(self._chain(key), number)

    def _chain(self, series: str) -> list[str]:
        """Return the subject of a series and the account it belongs to, where that is another."""
        subject = subject_of(series)
        return list(dict.fromkeys([subject, self._owner(subject) or subject]))


class _Links:
    """From subjects to series: lists, linked in two arrays, as a million of Python's own would take too much."""

    def __init__(self) -> None:
        self._subjects = SeriesIndex()
        self._head = Growing(np.int32)
        self._nodes = Growing(np.int32, 2)
        self._count = 1  # node 0 stands for the end of a list
        self._last = Growing(np.int32, 2)

    def add(self, chain: list[str], series: int) -> None:
        """Note that `series` is of each of at most two subjects; what was noted of it last is not noted again."""
        self._last.reserve(series + 1)
        for place, at in enumerate(self._subjects.lookup(chain).tolist()):
            if self._last.array[series, place] != at + 1:
                self._last.array[series, place] = at + 1
                self._link(at, series)

    def _link(self, at: int, series: int) -> None:
        self._head.reserve(at + 1)
        self._nodes.reserve(self._count + 1)
        self._nodes.array[self._count] = series, self._head.array[at]
        self._head.array[at] = self._count
        self._count += 1

    def of(self, subject: str) -> list[int]:
        """Return the series of `subject`, each once."""
        at, numbers = self._subjects.find(subject), []
        node = int(self._head.array[at]) if at >= 0 else 0
        while node:
            numbers.append(int(self._nodes.array[node, 0]))
            node = int(self._nodes.array[node, 1])
        return sorted(set(numbers))


def _shown(value: object) -> str:
    return "" if value is None else str(value)
