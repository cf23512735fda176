"""The series of one partition that are away, wherever they are kept.

A series' record says at which offset of the log it *left* memory and, once it is so, at which it came *back*; it is
never changed otherwise. So a store that is ahead of the snapshot a partition is restored from can be turned back: what
left after the snapshot's offset is in the snapshot, and what came back after it is still away. A record is deleted when
the series came back before the oldest snapshot that could be restored.

Leaving is durable before the series is dropped from memory. That it came back is noted in memory, and written with the
next series that leave or with the next snapshot: after a crash before that, the replay brings it back once more.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.columnar.filter import Filter
from engine.columnar.hashing import blob, murmur
from engine.errors import ForewarnError, Retryable

Words = NDArray[np.uint64]
Wanted = Callable[[str], bool]
_ROOM = 10_000
_SIGN = 1 << 63


class Torn(ForewarnError):
    """The store cannot be asked now, in the middle of a batch, of which nothing can be tried again.

    Its partition starts again from its snapshot.
    """


class Leaving(NamedTuple):
    """Series that leave."""

    keys: Sequence[str]
    hashes: Words
    layout: str
    """What the bytes of their states mean: only the one who wrote them knows."""
    states: NDArray[np.uint8]
    """(series, bytes)."""
    mark: int = 0
    """A number that is returned with them, and never falls."""


class Away(NamedTuple):
    """A series that was away."""

    layout: str
    mark: int
    state: bytes


class Kept(NamedTuple):
    """A series that is away, as one store hands it on to another."""

    watch: str
    key: bytes
    hash: int
    mark: int
    layout: str
    state: bytes


class ColdStore(ABC):
    """The series of one partition that are away. Not to be used by several threads at once."""

    def __init__(self) -> None:
        self._back: dict[tuple[str, bytes], int] = {}
        """Who came back, by watch and key, and at which offset, as far as that is not durable."""
        self._filter: Filter | None = None
        self.offset = 0
        """The offset of the log after the events under way: what leaves or comes back does so there."""
        self.epoch: Callable[[], int] = int
        """Which time it is that somebody has the partition, as far as its owner knows."""

    # -- while events are processed -----------------------------------------------------------------------------------

    def put(self, watch: str, leaving: Leaving) -> None:
        """Keep series; durable on return, all of them or none. Raises Retryable when that cannot be done now."""
        self._put(watch, leaving)
        self._back.clear()
        if self._filter is not None:
            self._filter.add(leaving.hashes ^ _salt(watch))
            if self._filter.count > 2 * self._filter.room:
                self._filter = None

    def may_hold(self, watch: str, hashes: Words) -> NDArray[np.bool_]:
        """Return which series may be away, by the hashes of their keys; none of the others is. Raises Torn."""
        with _midway():
            known = self._known()
        return known.may_hold(hashes ^ _salt(watch)) if known.count else np.zeros(len(hashes), np.bool_)

    def holds(self, watch: str, key: str) -> bool:
        """Return whether a series is away. Raises Torn."""
        return self._away_of(watch, [to_bytes(key)]) != {}

    def take(self, watch: str, keys: Iterable[str]) -> list[Away | None]:
        """Return what was kept of some series, None for those that were not away; from now on they are back.

        Raises Torn.
        """
        asked = [to_bytes(key) for key in keys]
        found = self._away_of(watch, asked)
        self._back |= {(watch, key): self.offset for key in found}
        return [found.get(key) for key in asked]

    def erase(self, subject: str) -> None:
        """Delete the series of which `subject` is a part, of all watches. Raises Torn."""
        part = b"|%b|" % to_bytes(subject)
        self._back = {at: offset for at, offset in self._back.items() if part not in b"|%b|" % at[1]}
        with _midway():
            self._erase(part)

    def least_mark(self, watch: str) -> int | None:
        """Return the least mark of the series of a watch that are away; None if none is.

        Raises Retryable when it cannot be written now which are not.
        """
        self.flush()
        return self._least_mark(watch)

    # -- with snapshots -----------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Make durable which series came back. Raises Retryable when it cannot be written now."""
        if self._back:
            self._flush()
            self._back.clear()

    def rewind(self, offset: int) -> None:
        """Undo what happened after `offset`, from where the log will be replayed."""
        self._back.clear()
        self._filter = None
        self._rewind(offset)
        self.offset = offset

    @abstractmethod
    def purge(self, offset: int) -> None:
        """Delete what nobody needs who starts from `offset` or later."""

    @abstractmethod
    def keep(self, watches: Collection[str]) -> None:
        """Delete the series of all other watches: nobody asks for them any more."""

    # -- for other partitions -----------------------------------------------------------------------------------------

    def inherit(self, other: "ColdStore", wanted: Wanted) -> None:
        """Keep what is away in `other` and `wanted`, and nothing else, as from before the log's first event."""
        self._back.clear()
        self._filter = None
        self._replace(other.away(wanted))

    def retain(self, wanted: Wanted) -> None:
        """Keep nothing of series that are not `wanted`."""
        self.flush()
        self._filter = None
        self._retain(wanted)

    def away(self, wanted: Wanted) -> Iterator[Kept]:
        """Yield each series that is away and `wanted`."""
        self.flush()
        return (each for each in self._away() if wanted(to_text(each.key)))

    def __len__(self) -> int:
        """Return how many series are away."""
        return self._count() - len(self._back)

    @abstractmethod
    def close(self) -> None:
        """Let go of the store; what was not flushed comes back again in the replay."""

    # -- what each store does in its way ------------------------------------------------------------------------------

    @abstractmethod
    def _put(self, watch: str, leaving: Leaving) -> None:
        """Write in one transaction who came back, and what leaves at `offset`."""

    @abstractmethod
    def _look(self, watch: str, keys: Sequence[bytes]) -> Mapping[bytes, Away]:
        """Return those of `keys` that are away as far as is written, as they left last."""

    @abstractmethod
    def _hashes(self) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """Yield watches and hashes, signed, of all that is away."""

    @abstractmethod
    def _flush(self) -> None:
        """Write who came back."""

    @abstractmethod
    def _rewind(self, offset: int) -> None:
        """Delete what left after `offset`, and let be away who came back after it."""

    @abstractmethod
    def _erase(self, part: bytes) -> None:
        """Delete the series whose keys, in bars, hold `part`."""

    @abstractmethod
    def _least_mark(self, watch: str) -> int | None:
        """Return the least mark of a watch's series that are away."""

    @abstractmethod
    def _replace(self, kept: Iterator[Kept]) -> None:
        """Keep these series, as having left at offset 0, and no others."""

    @abstractmethod
    def _retain(self, wanted: Wanted) -> None:
        """Delete the series that are not wanted."""

    @abstractmethod
    def _away(self) -> Iterator[Kept]:
        """Yield all that is away."""

    @abstractmethod
    def _count(self) -> int:
        """Return how many are away as far as is written."""

    def _away_of(self, watch: str, keys: Sequence[bytes]) -> Mapping[bytes, Away]:
        asked = [key for key in keys if (watch, key) not in self._back]
        with _midway():
            return self._look(watch, asked) if asked else {}

    def _known(self) -> Filter:
        """Return the filter of all hashes, built with room for twice as many."""
        if self._filter is None:
            found = [(_salt(watch), hashes.view(np.uint64) + np.uint64(_SIGN)) for watch, hashes in self._hashes()]
            self._filter = Filter(max(2 * sum(len(hashes) for _, hashes in found), _ROOM))
            for salt, hashes in found:
                self._filter.add(hashes ^ salt)
        return self._filter


class ColdStores(ABC):
    """The stores of all partitions."""

    def __init__(self) -> None:
        self._open: dict[int, ColdStore] = {}

    def of(self, partition: int) -> ColdStore:
        """Return the store of a partition, opened once."""
        if partition not in self._open:
            self._open[partition] = self._opened(partition)
        return self._open[partition]

    @abstractmethod
    def _opened(self, partition: int) -> ColdStore:
        """Open the store of a partition."""

    def close(self) -> None:
        """Let go of all of them."""
        for store in self._open.values():
            store.close()
        self._open.clear()


def to_bytes(key: str) -> bytes:
    """Return a key as it is kept; lone surrogates, which no database takes in a text, stay what they are."""
    return key.encode("utf-8", "surrogatepass")


def to_text(key: bytes) -> str:
    """Return a key as it was."""
    return key.decode("utf-8", "surrogatepass")


def signed(hashes: Words) -> list[int]:
    """Return hashes as databases take them: their numbers have a sign."""
    return [each - _SIGN for each in hashes.tolist()]


def hash_of(key: bytes) -> int:
    """Return the hash of a key, signed."""
    data = np.frombuffer(key, np.uint8)
    return int(murmur(data.ctypes.data, data.size)[0]) - _SIGN


def _salt(watch: str) -> np.uint64:
    """Return what tells the same key under different watches apart."""
    text = blob(watch)
    return np.uint64(murmur(text.ctypes.data, text.size)[0])


@contextmanager
def _midway() -> Iterator[None]:
    try:
        yield
    except Retryable as error:
        raise Torn(error.cause, place=error.place, remedy="the partition starts again from its snapshot") from error
