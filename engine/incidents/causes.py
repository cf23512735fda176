"""What those who are affected have in common, more than chance makes likely."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from engine.incidents.chance import drawn
from engine.incidents.population import Fleet, Values

ACCOUNT = "account"
SURE = 0.01
"""How unlikely, over all values that are looked at, what is in common must be by chance to be called the cause."""
COVERS = 0.8
"""A second thing in common has to hold for this share of those who share the first."""


@dataclass(frozen=True, slots=True)
class Affected:
    """An account that is affected, by one of its subjects or itself, with what is known of both."""

    account: str
    subject: str
    of: Values = ()
    """Of the account."""
    own: Values = ()
    """Of the subject, where that is another."""

    def holders(self) -> Iterator[tuple[str, str, Values]]:
        """Yield kind, name and values of whoever has any."""
        if any(self.of):
            yield ACCOUNT, self.account, self.of
        if any(self.own):
            yield self.subject.partition("/")[0], self.subject, self.own


@dataclass(frozen=True, slots=True)
class Cause:
    """What they have in common: values of dimensions, by place, of subjects of one kind. Without any: nothing known."""

    kind: str = ""
    values: tuple[tuple[int, str], ...] = ()

    def covers(self, each: Affected) -> bool:
        """Return whether somebody has it in common with the others.

        >>> Cause("account", ((0, "eu"),)).covers(Affected("account/a", "account/a", ("eu", "2")))
        True
        """
        if not self.values:
            return True
        return any(
            kind == self.kind and all(values[at] == value for at, value in self.values)
            for kind, _, values in each.holders()
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cause, and how many there are of it: of those affected, and of all."""

    cause: Cause
    seen: int
    draws: int
    marked: int
    of: int
    share: float
    """With which share it is to be expected among those affected."""
    accounts: int = 0
    """How many accounts have it in common."""

    @property
    def chance(self) -> float:
        """How likely so many are if those affected were drawn at random."""
        return drawn(self.seen, self.draws, ceil(self.share * self.of), self.of)

    @property
    def lift(self) -> float:
        """How many times as frequent it is as is to be expected."""
        return self.seen / (self.draws * self.share)


@dataclass(slots=True)
class _Kind:
    """Those affected of one kind: each once."""

    units: dict[str, Values] = field(default_factory=dict)
    accounts: dict[tuple[int, str], set[str]] = field(default_factory=lambda: defaultdict(set))


Share = Callable[[tuple[str, int, str], float], float]
"""From a value and its share of the population to the share to be expected (`engine.incidents.usual`)."""


class Search:
    """Looks over those affected at one moment."""

    def __init__(self, affected: Iterable[Affected], fleet: Fleet, share: Share, at_least: int) -> None:
        self._fleet, self._share, self._at_least = fleet, share, at_least
        self._kinds: Mapping[str, _Kind] = defaultdict(_Kind)
        for each in affected:
            for kind, name, values in each.holders():
                found = self._kinds[kind]
                found.units[name] = values
                for at, value in enumerate(values):
                    if value:
                        found.accounts[at, value].add(each.account)

    def singles(self) -> list[Candidate]:
        """Return every value that enough accounts have in common, the least likely first."""
        found = [each for kind, group in self._kinds.items() for each in self._values(kind, group)]
        return sorted(found, key=lambda each: (each.chance, -each.seen, each.cause.kind, each.cause.values))

    def _values(self, kind: str, group: _Kind) -> Iterator[Candidate]:
        seen = Counter((at, value) for values in group.units.values() for at, value in enumerate(values) if value)
        draws = Counter(at for values in group.units.values() for at, value in enumerate(values) if value)
        for (at, value), count in seen.items():
            accounts = len(group.accounts[at, value])
            marked, of = self._fleet.marked(kind, {at: value}), self._fleet.of(kind, at)
            if accounts >= self._at_least and marked:
                share = self._share((kind, at, value), marked / of)
                yield Candidate(Cause(kind, ((at, value),)), count, draws[at], marked, of, share, accounts)

    def narrowed(self, first: Candidate, sure: float) -> Candidate:
        """Return the conjunction of a single cause with a second, where that explains significantly more; or itself."""
        (at, value), group = first.cause.values[0], self._kinds[first.cause.kind]
        inside = {name: values for name, values in group.units.items() if values[at] == value}
        best = min(self._seconds(first, inside), key=lambda each: (each.chance, each.cause.values), default=None)
        if best is None or best.chance * self._fleet.values > sure:
            return first
        return best

    def _seconds(self, first: Candidate, inside: Mapping[str, Values]) -> Iterator[Candidate]:
        kind, (one,) = first.cause.kind, first.cause.values
        seen = Counter(
            (at, value) for values in inside.values() for at, value in enumerate(values) if value and at != one[0]
        )
        for two, count in seen.items():
            marked = self._fleet.marked(kind, dict([one, two]))
            of = self._fleet.of(kind, two[0], dict([one]))
            if count >= max(self._at_least, COVERS * len(inside)) and marked >= count and of:
                cause = Cause(kind, tuple(sorted([one, two])))
                yield Candidate(cause, count, len(inside), marked, of, marked / of, count)


def worded(candidate: Candidate, dimensions: Sequence[str]) -> str:
    """Return a cause in words.

    >>> cause = Cause("account", ((0, "eu-west"),))
    >>> worded(Candidate(cause, 14, 16, 30, 100, 0.3), ["region"])
    'region eu-west: 14 of 16 affected accounts, where 30 of all 100 are'
    """
    named = " and ".join(f"{dimensions[at]} {value}" for at, value in candidate.cause.values)
    numbers = f"{candidate.seen} of {candidate.draws} affected {candidate.cause.kind}s"
    return f"{named}: {numbers}, where {candidate.marked} of all {candidate.of} are"
