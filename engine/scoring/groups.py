"""Which group each series is in: the cohort its customer belongs to, or what its key begins with."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Growing
from detectors.base import Ints
from engine.columnar.index import SeriesIndex
from engine.measures.keys import Owner, escape, split_key
from engine.scoring.members import Members

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
                if series.has(number):
                    self._assign(number, series.key(number))
            self._known = len(series)

    def of(self, series: Ints) -> Ints:
        """Return the group of each series."""
        groups: Ints = self._group.array[series]
        return groups

    def renew(self, subject: str, series: SeriesIndex) -> None:
        """Find the groups of the series of `subject` anew: more is known of it."""

    def forget(self, numbers: Ints) -> None:
        """Take note that some numbers will be those of other series."""

    def erase(self, subject: str) -> Ints:
        """Forget the groups that are of `subject` alone; return their numbers, which are those of others from now on.

        >>> series, groups = SeriesIndex(), Prefixes()
        >>> numbers = series.lookup(["account/a|code=1", "account/b|code=1"])
        >>> groups.extend(series)
        >>> groups.erase("account/b").tolist(), groups.erase("account/b").tolist()
        ([1], [])
        """
        named = self.index.numbers().tolist()
        gone = np.array([each for each in named if subject in split_key(self.index.key(each))], np.int32)
        self.index.remove(gone)
        return gone

    def again(self, numbers: Ints, series: SeriesIndex) -> None:
        """Find the group of series whose numbers were those of others."""
        for number in numbers[numbers < self._known].tolist():
            self._assign(number, series.key(number))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that is remembered."""
        keys = {f"index.{name}": array for name, array in self.index.state().items()}
        return {**keys, "group": self._group.array[: self._known]}

    def only(self, series: Ints) -> dict[str, NDArray[Any]]:
        """Return what `state` would if there were only these series, numbered from 0; groups keep their numbers."""
        return {**self.state(), "group": self._group.array[series]}

    def load(self, state: Mapping[str, NDArray[Any]], series: SeriesIndex) -> None:
        """Take over a state, for the series it was saved with."""
        self.index.load({name: state[f"index.{name}"] for name in self.index.state()})
        self._known = len(state["group"])
        self._group.fill(state["group"])

    @abstractmethod
    def _key(self, series: str) -> str:
        """Return the key of the group that a series, by its key, is in."""

    def _assign(self, number: int, key: str) -> None:
        self._group.array[number] = self.index.lookup([self._key(key)])[0]


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
        self._attributes, self._describe = attributes, describe
        self._members = Members(owner)

    def renew(self, subject: str, series: SeriesIndex) -> None:
        """Find the cohort anew of every series that is of `subject` or of what belongs to it."""
        for number in self._members.of(subject, series):
            self._assign(number, series.key(number))
        self._members.renew(subject, series)

    def forget(self, numbers: Ints) -> None:
        """Take note that some numbers will be those of other series."""
        self._members.forget(numbers)

    def _key(self, series: str) -> str:
        known: dict[str, object] = {}
        for each in reversed(self._members.chain(series)):
            known.update(self._describe(each))
        return "|".join(escape([f"{name}={_shown(known.get(name))}" for name in self._attributes]))


def _shown(value: object) -> str:
    return "" if value is None else str(value)
