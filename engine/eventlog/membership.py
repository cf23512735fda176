"""Who of several processes works on which partitions of a log."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection


class Membership(ABC):
    """One process' place in a group that shares out the partitions of a log. Used from one thread."""

    name: str
    """What tells this process from the others of its group."""
    joined: bool = True
    """Whether the group has said what is ours, be that nothing."""
    rebalances: int = 0
    """How often it has."""

    @abstractmethod
    def settle(self, give_back: Callable[[Collection[int]], None]) -> Collection[int]:
        """Return the partitions that are ours now.

        Those that go to others in good order are handed to `give_back` first, while they are still ours: what is
        remembered of them can be written down. Those that were taken from us meanwhile are just not there any more.
        """

    @abstractmethod
    def commit(self, partition: int, offset: int) -> None:
        """Remember that the group has dealt with all of a partition before `offset`."""

    @abstractmethod
    def close(self) -> None:
        """Leave the group. Hand back what is held with `settle` before, or others start from an older snapshot."""
