"""The contract of an event log and of its dead letters. `tests/contracts/test_eventlog.py` holds every one to it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from engine.errors import Permanent


class Append(NamedTuple):
    """Events to write to one partition: one JSON object a line, lines joined by a newline, none at the end."""

    partition: int
    payload: bytes
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here


class Batch(NamedTuple):
    """Consecutive events of one partition. Offsets count events: `offset` is the first's, `offset + count` the next."""

    partition: int
    offset: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    appended_at: float
    """Epoch seconds at which it was written: the present, for those who ask whether an event is from the future."""
    payload: bytes


class EventLog(ABC):
    """An ordered, durable, partitioned record of events. Safe to use from several threads."""

    partitions: int

    @abstractmethod
    def append(self, batches: Iterable[Append]) -> list[int]:
        """Write all or nothing; durable (fsynced) on return. Returns the offset of each batch's first event.

        Raises Retryable (disk full, locked) when nothing was written.
        """

    @abstractmethod
    def read(self, partition: int, offset: int, limit: int) -> list[Batch]:
        """Return up to about `limit` events from `offset` on, in order; the first batch starts exactly at `offset`.

        Empty at the end. An offset before `begin` reads from `begin`. Batches are never merged and only the first is
        cut, so what is returned can exceed `limit` by less than one batch.
        """

    @abstractmethod
    def begin(self, partition: int) -> int:
        """Return the first offset that is kept."""

    @abstractmethod
    def end(self, partition: int) -> int:
        """Return the offset the next event will get."""

    @abstractmethod
    def commit(self, group: str, partition: int, offset: int) -> None:
        """Remember that `group` has dealt with all before `offset`."""

    @abstractmethod
    def committed(self, group: str, partition: int) -> int | None:
        """Return what `group` committed last; None if it never did."""

    @abstractmethod
    def trim(self, before: float) -> int:
        """Delete whole batches appended before epoch second `before` and dealt with by every group that ever committed.

        Returns how many events went.
        """

    def rewrite(self, change: Callable[[bytes, int], bytes]) -> int:
        """Put `change(event, offset)` in the place of every event; returns how many are others now.

        One must stay one, as offsets count events. Raises Permanent where a log cannot be changed.
        """
        raise Permanent("this event log cannot be changed", remedy="what is in it goes with its retention")

    @abstractmethod
    def wait(self, timeout: float) -> None:
        """Block until something was appended since the last call, or for `timeout` seconds."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and threads."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Bytes that could not be taken as an event, and why."""

    reason: str
    """A short code: malformed, oversized, future, unknown-type, late, unkeyed …"""
    detail: str
    """Place and cause, e.g. ``data.status: expected `float`, got `str` ``."""
    payload: bytes
    at: float
    origin: str = ""
    """Where it came from: `http`, a file's name and line, `log:0:1234`."""
    id: str = ""
    """Given by `add`, derived from origin, reason and payload: adding the same twice keeps one."""


class DeadLetters(ABC):
    """Where nothing is dropped in silence."""

    @abstractmethod
    def add(self, letters: Iterable[DeadLetter]) -> None:
        """Keep them, durable on return."""

    @abstractmethod
    def list(self, *, reason: str | None = None, after: str = "", limit: int = 100) -> Iterator[DeadLetter]:
        """Yield them, the oldest first, from the one after id `after` on."""

    @abstractmethod
    def get(self, id_: str) -> DeadLetter | None:
        """Return one, or None."""

    @abstractmethod
    def remove(self, ids: Iterable[str]) -> None:
        """Forget those that were re-driven."""

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """Return how many there are by reason."""

    @abstractmethod
    def trim(self, before: float) -> int:
        """Delete those older than epoch second `before`; returns how many."""

    def close(self) -> None:
        """Let go of files."""
