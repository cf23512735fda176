"""Which series are of a subject: of it itself, or of what belongs to it."""

import numpy as np

from detectors.arrays import Growing
from detectors.base import Ints
from engine.columnar.index import SeriesIndex
from engine.measures.keys import Owner, subject_of


class Members:
    """From a subject to its series; found out the first time that somebody asks, and kept from then on.

    Lists, linked in two arrays: a million lists of Python's own would take too much.

    >>> series = SeriesIndex()
    >>> numbers = series.lookup(["device/d1", "account/a", "device/d2"])
    >>> members = Members({"device/d1": "account/a", "device/d2": "account/b"}.get)
    >>> members.of("account/a", series), members.of("device/d2", series)
    ([0, 1], [2])
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._known = 0
        self._subjects = SeriesIndex()
        self._head = Growing(np.int32)
        self._nodes = Growing(np.int32, 3)
        self._count = 1  # node 0 stands for the end of a list
        self._last = Growing(np.int32, 3)
        self._again: set[int] = set()

    def of(self, subject: str, series: SeriesIndex) -> list[int]:
        """Return the numbers of the series of `subject`, each once, in order."""
        for number in [*sorted(self._again), *range(self._known, len(series))]:
            if series.has(number):
                self._again.discard(number)
                self._add(number, series.key(number))
            else:
                self._again.add(number)
        self._known = len(series)
        return self._listed(subject)

    def renew(self, subject: str, series: SeriesIndex) -> None:
        """Take note that `subject` may belong to another account now. What it was of, it stays in the list of."""
        if not self._known:
            return  # nobody has asked yet: there is no list, and a fleet makes itself known by the thousand
        for number in self._listed(subject):
            self._add(number, series.key(number))

    def forget(self, numbers: Ints) -> None:
        """Take note that some numbers are, or will be, those of other series."""
        for number in numbers[numbers < self._known].tolist():
            self._again.add(number)
            self._last.reserve(number + 1)
            self._last.array[number, :2] = 0
            self._last.array[number, 2] += 1

    def chain(self, series: str) -> list[str]:
        """Return the subject of a series, by its key, and the account it belongs to, where that is another."""
        subject = subject_of(series)
        return list(dict.fromkeys([subject, self._owner(subject) or subject]))

    def _add(self, number: int, key: str) -> None:
        """Link a series to each of at most two subjects; what was linked last is not linked again."""
        self._last.reserve(number + 1)
        for place, at in enumerate(self._subjects.lookup(self.chain(key)).tolist()):
            if self._last.array[number, place] != at + 1:
                self._last.array[number, place] = at + 1
                self._link(at, number)

    def _link(self, at: int, number: int) -> None:
        self._head.reserve(at + 1)
        self._nodes.reserve(self._count + 1)
        self._nodes.array[self._count] = number, self._head.array[at], self._last.array[number, 2]
        self._head.array[at] = self._count
        self._count += 1

    def _listed(self, subject: str) -> list[int]:
        at, numbers = self._subjects.find(subject), set()
        node = int(self._head.array[at]) if at >= 0 else 0
        while node:
            number, node, age = self._nodes.array[node].tolist()
            if age == self._last.array[number, 2]:  # else it was of another series then
                numbers.add(number)
        return sorted(numbers)
