"""How many there are by the dimensions that a cause may lie in: counted in each partition, added up over all."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

Values = tuple[str, ...]
"""Of one subject the value of each dimension; empty: not known."""
Count = tuple[str, Values, int]
"""A kind of subject (`account`, `device`), the values, and how many have these."""
MOST = 4_000
"""Combinations of values that a partition tells; of more it tells each dimension by itself, the most frequent first."""


def values_of(attributes: Mapping[str, object], dimensions: Sequence[str]) -> Values:
    """Return the value of each dimension as text.

    >>> values_of({"region": "eu", "version": 3, "plan": "pro"}, ["region", "version", "service"])
    ('eu', '3', '')
    """
    return tuple("" if (value := attributes.get(name)) is None else str(value) for name in dimensions)


def kind_of(subject: str) -> str:
    """Return what kind of thing a subject is.

    >>> kind_of("device/d-17")
    'device'
    """
    return subject.partition("/")[0]


class Population:
    """What one partition knows of. Memory goes with the combinations of values that there are.

    >>> population = Population(["region"])
    >>> population.move("account/a", {}, {"region": "eu"})
    >>> population.move("account/b", {}, {"region": "eu"})
    >>> population.move("account/b", {"region": "eu"}, {"region": "us"})
    >>> population.told()
    [('account', ('eu',), 1), ('account', ('us',), 1)]
    """

    def __init__(self, dimensions: Sequence[str]) -> None:
        self._dimensions = tuple(dimensions)
        self._counts: Counter[tuple[str, Values]] = Counter()
        self.changed = False
        """Whether there is anything new to tell."""

    def move(self, subject: str, before: Mapping[str, object], after: Mapping[str, object]) -> None:
        """Take note that what is known of a subject is another now."""
        old, new = (values_of(each, self._dimensions) for each in (before, after))
        if old != new:
            kind = kind_of(subject)
            self._add(kind, old, -1)
            self._add(kind, new, 1)
            self.changed = True

    def count(self, known: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        """Count anew, of all subjects and what is known of them."""
        self._counts.clear()
        for subject, attributes in known:
            self._add(kind_of(subject), values_of(attributes, self._dimensions), 1)
        self.changed = bool(self._counts)

    def told(self) -> list[Count]:
        """Return what is told to whoever adds up."""
        if len(self._counts) <= MOST:
            return [(kind, values, count) for (kind, values), count in sorted(self._counts.items())]
        return self._each_by_itself()

    def _each_by_itself(self) -> list[Count]:
        alone: Counter[tuple[str, Values]] = Counter()
        for (kind, values), count in self._counts.items():
            for place, value in enumerate(values):
                if value:
                    alone[kind, tuple(value if at == place else "" for at in range(len(values)))] += count
        return [(kind, values, count) for (kind, values), count in alone.most_common(MOST)]

    def _add(self, kind: str, values: Values, by: int) -> None:
        if any(values):
            self._counts[kind, values] += by
            if not self._counts[kind, values]:
                del self._counts[kind, values]


class Fleet:
    """All partitions' populations together: the latest word of each counts.

    >>> fleet = Fleet()
    >>> fleet.hear(0, [("account", ("eu", "1"), 3)])
    >>> fleet.hear(1, [("account", ("eu", "2"), 1), ("account", ("us", ""), 6)])
    >>> fleet.marked("account", {0: "eu"}), fleet.marked("account", {0: "eu", 1: "2"}), fleet.of("account", 0)
    (4, 1, 10)
    >>> fleet.of("account", 1), fleet.of("account", 1, {0: "us"}), fleet.values
    (4, 0, 4)
    """

    def __init__(self) -> None:
        self._told: dict[int, Sequence[Count]] = {}
        self._counts: Counter[tuple[str, Values]] = Counter()
        self._sums: dict[tuple[str, tuple[tuple[int, str], ...]], int] = {}
        self._known: Counter[tuple[str, int]] = Counter()
        self.values = 0
        """How many values the dimensions have, over all kinds of subjects: so many causes may be looked at."""

    def hear(self, partition: int, counts: Sequence[Count]) -> None:
        """Take the latest word of a partition over."""
        self._told[partition] = counts
        self._sums.clear()
        self._counts.clear()
        self._known.clear()
        for kind, values, count in (each for told in self._told.values() for each in told):
            self._counts[kind, values] += count
            for place, value in enumerate(values):
                if value:
                    self._known[kind, place] += count
        there = {(kind, at, value) for kind, values in self._counts for at, value in enumerate(values) if value}
        self.values = len(there)

    def marked(self, kind: str, values: Mapping[int, str]) -> int:
        """Return how many of a kind have all these values, by the places of the dimensions."""
        key = kind, tuple(sorted(values.items()))
        if key not in self._sums:
            rows = ((own, count) for (of, own), count in self._counts.items() if of == kind)
            self._sums[key] = sum(count for own, count in rows if all(own[at] == each for at, each in values.items()))
        return self._sums[key]

    def of(self, kind: str, place: int, within: Mapping[int, str] | None = None) -> int:
        """Return of how many of a kind, that have these values, the dimension at `place` is known."""
        if not within:
            return self._known[kind, place]
        rows = ((own, count) for (of, own), count in self._counts.items() if of == kind and own[place])
        return sum(count for own, count in rows if all(own[at] == each for at, each in within.items()))
