"""The contract of an event log and of its dead letters. `tests/contracts/test_eventlog.py` holds every one to it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.errors import Permanent
from engine.eventlog.lines import drop_lines, first_lines
from engine.eventlog.membership import Membership


class Append(NamedTuple):
    """Events to write to one partition: one JSON object a line, lines joined by a newline, none at the end."""

    partition: int
    payload: bytes
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here


class Batch(NamedTuple):
    r"""Consecutive events of one partition.

    Each event has an offset, higher than that of the one before. How a log is cut into batches means nothing: cut in
    another way, the same events follow.

    >>> batch = Batch(0, 7, 3, 0.0, b"a\nb\nc")
    >>> batch.at(2), batch.after, batch.until(8).payload, batch.since(8).payload
    (9, 10, b'a', b'b\nc')
    """

    partition: int
    offset: int
    """The first event's."""
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    appended_at: float
    """Epoch seconds at which it was written: the present, for those who ask whether an event is from the future."""
    payload: bytes
    offsets: NDArray[np.int64] | None = None
    """Each event's, where they leave numbers out; None: they count on from the first."""
    following: int | None = None
    """The next event's, where numbers are left out before it."""

    @property
    def after(self) -> int:
        """The offset from which on to read what follows."""
        return self.at(self.count - 1) + 1 if self.following is None else self.following

    def at(self, line: int) -> int:
        """Return the offset of an event, by its place in the batch."""
        return self.offset + line if self.offsets is None else int(self.offsets[line])

    def since(self, offset: int) -> "Batch":
        """Return the events from `offset` on, of which there is one at least."""
        cut = self._before(offset)
        return self._part(cut, self.count, drop_lines(self.payload, cut)) if cut else self

    def until(self, offset: int) -> "Batch":
        """Return the events before `offset`, of which there is one at least."""
        cut = self._before(offset)
        return self._part(0, cut, first_lines(self.payload, cut))._replace(following=offset)

    def _before(self, offset: int) -> int:
        """Return how many events come before `offset`."""
        if self.offsets is not None:
            return int(np.searchsorted(self.offsets, offset))
        return min(max(offset - self.offset, 0), self.count)

    def _part(self, start: int, end: int, payload: bytes) -> "Batch":
        offsets = None if self.offsets is None else self.offsets[start:end]
        return self._replace(offset=self.at(start), count=end - start, payload=payload, offsets=offsets)


class EventLog(ABC):
    """An ordered, durable, partitioned record of events. Safe to use from several threads."""

    partitions: int
    """How many there are. Who opens a log and gives 0 finds out."""

    @abstractmethod
    def append(self, batches: Iterable[Append]) -> list[int]:
        """Write durably: on return it survives a crash. Returns the offset of each batch's first event.

        Raises Retryable (disk full, locked, no broker); then nothing was written, or, in a log of several machines,
        some of it may have been. Whoever writes it again need not care: an event is known by its source and id.
        """

    @abstractmethod
    def read(self, partition: int, offset: int, limit: int) -> list[Batch]:
        """Return up to about `limit` events from `offset` on, in order, the first at that offset or the next there is.

        Empty at the end. An offset before `begin` reads from `begin`. Batches are cut only where a read starts, so what
        is returned can exceed `limit` by less than one batch.
        """

    def leave(self, partition: int) -> None:
        """Take note that nothing more is read of a partition, until something is: what was fetched ahead may go."""

    @abstractmethod
    def begin(self, partition: int) -> int:
        """Return the first offset that is kept."""

    @abstractmethod
    def end(self, partition: int) -> int:
        """Return the offset the next event will get."""

    @abstractmethod
    def lag(self, partition: int, offset: int) -> int:
        """Return how many events there are from `offset` on; in a log that counts otherwise, how many entries."""

    def lags(self, offsets: Mapping[int, int]) -> dict[int, int]:
        """Return `lag` of several partitions, each from its offset on."""
        return {partition: self.lag(partition, offset) for partition, offset in offsets.items()}

    def position(self, offset: int) -> int:
        """Return an offset as those who look at the log itself count."""
        return offset

    def records(self) -> dict[str, int]:
        """Return how many records were read since it was opened, by the way they were decoded, if there are several."""
        return {}

    @abstractmethod
    def commit(self, group: str, partition: int, offset: int) -> None:
        """Remember that `group` has dealt with all before `offset`."""

    @abstractmethod
    def committed(self, group: str, partition: int) -> int | None:
        """Return what `group` committed last; None if it never did."""

    def progress(self, group: str) -> dict[int, int]:
        """Return what `group` committed last of each partition; those of which it never did are not there."""
        found = {partition: self.committed(group, partition) for partition in range(self.partitions)}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    @abstractmethod
    def trim(self, before: float) -> int:
        """Delete whole batches appended before epoch second `before` and dealt with by every group that ever committed.

        Returns how many events went; in a log that counts otherwise, how many entries.
        """

    def rewrite(self, change: Callable[[bytes, int], bytes]) -> int:
        """Put `change(event, offset)` in the place of every event; returns how many are others now.

        One must stay one, as offsets count events. Raises Permanent where a log cannot be changed.
        """
        raise Permanent("this event log cannot be changed", remedy="what is in it goes with its retention")

    @abstractmethod
    def grow(self, partitions: int) -> None:
        """Have so many partitions from now on, those that are added empty. Raises ValueError if that is fewer."""

    @abstractmethod
    def wait(self, timeout: float) -> None:
        """Block until something was appended since the last call, or for `timeout` seconds."""

    def join(self, group: str, name: str, *, session: float = 45.0) -> Membership | None:
        """Return a place, called `name`, among those who share the partitions; None: whoever opens the log has all.

        A member that is not heard of for `session` seconds loses its partitions.
        """
        return None

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
