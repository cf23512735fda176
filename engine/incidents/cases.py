"""Signals as they wait to be explained, and the cases that explain them."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.incidents.causes import Affected, Cause
from engine.incidents.usual import Usual, Value

MOST = 20_000
"""Signals of one detector that are kept of a window, the latest, and of a case, the first."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A signal that a detector raised, as the topic tells of it."""

    id: str
    detector: str
    time: float
    affected: Affected


@dataclass(slots=True)
class Case:
    """Signals with one cause, as far as they have come."""

    id: str
    detector: str
    cause: Cause
    words: str
    began: float
    last: float
    members: list[Raised] = field(default_factory=list)
    detectors: set[str] = field(default_factory=set)
    """Of the members."""
    looked: int = 0
    """How many there were when the cause was looked for last."""
    looks: int = 1

    def takes(self, each: Raised, window: float) -> bool:
        """Return whether a signal belongs to it: of the same cause, and not long after the one before."""
        return abs(each.time - self.last) <= window and self.cause.covers(each.affected)

    def add(self, each: Raised) -> None:
        """Count a signal among it."""
        self.last = max(self.last, each.time)
        self.detectors.add(each.detector)
        if len(self.members) < MOST:
            self.members.append(each)


@dataclass(frozen=True, slots=True)
class Grown:
    """What came of a signal: a case there is now, or that has more members."""

    case: Case
    new: Sequence[Raised]


@dataclass(slots=True)
class Window:
    """What one detector raised lately, and is part of no case."""

    usual: Usual
    since: float
    recent: deque[Raised] = field(default_factory=deque)
    accounts: Counter[str] = field(default_factory=Counter)
    """Of `recent`."""
    number: int = 0
    """Of the window that is being counted."""
    counted: set[str] = field(default_factory=set)
    values: Counter[Value] = field(default_factory=Counter)
    looks: int = 0
    looked: tuple[float, int] = (0.0, 0)
    """When they were looked at last, and how many there were."""

    def add(self, raised: Raised, since: float) -> None:
        """Keep a signal, and none from before `since`."""
        self.recent.append(raised)
        self.accounts[raised.affected.account] += 1
        while len(self.recent) > MOST or self.recent[0].time < since:
            gone = self.recent.popleft().affected.account
            self.accounts[gone] -= 1
            if not self.accounts[gone]:
                del self.accounts[gone]

    def take_out(self, cause: Cause) -> list[Raised]:
        """Return those that a cause covers; they are kept no more."""
        taken = [each for each in self.recent if cause.covers(each.affected)]
        self.recent = deque(each for each in self.recent if not cause.covers(each.affected))
        self.accounts = Counter(each.affected.account for each in self.recent)
        return taken
