"""A log, a store of blobs, a database, a group and a provider that are shared by processes, and fail as told."""

import io
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from sqlmodel import Session

from engine.blobs.base import Blobs, Missing
from engine.clock import Clock
from engine.errors import Retryable
from engine.eventlog.base import Append, Batch
from engine.eventlog.membership import Membership
from engine.eventlog.memory import MemoryLog
from engine.store.database import Database
from outreach.base import Message, Outcome, Receipt
from outreach.channels.memory import MemoryChannel
from tests.simulation.trouble import Killed, Trouble


class UnsteadyLog(MemoryLog):
    """Loses answers, writes only a part, and hands events out in batches of any size."""

    def __init__(self, trouble: Trouble, *, clock: Clock, partitions: int) -> None:
        super().__init__(clock=clock, partitions=partitions)
        self._trouble = trouble
        self.group = Group(partitions)

    def append(self, batches: Iterable[Append]) -> list[int]:
        """Write all, a part, or nothing; say so or not."""
        new = list(batches)
        self._trouble.moment("append")
        if len(new) > 1 and self._trouble.may("append in part"):
            super().append(new[: self._trouble.dice.randrange(1, len(new))])
            raise Retryable("the connection was lost", place="log", remedy="try again")
        offsets = super().append(new)
        self._trouble.moment("append, written")
        return offsets

    def read(self, partition: int, offset: int, limit: int) -> list[Batch]:
        """Return some of what there is, cut anywhere."""
        self._trouble.moment("read")
        found = super().read(partition, offset, limit)
        if not self._trouble.on or not found:
            return found
        first, *rest = found[: self._trouble.dice.randrange(1, len(found) + 1)]
        cut = first.offset + self._trouble.dice.randrange(1, first.count + 1)
        return [first.until(cut)] if cut < first.after else [first, *rest]

    def join(self, group: str, name: str, *, session: float = 45.0) -> Membership:
        """Return a place in the one group there is."""
        return Place(self, name, self._trouble)


class Group:
    """Whose each partition is, as the brokers see it, and whose it is going to be."""

    def __init__(self, partitions: int) -> None:
        self.owner: dict[int, str] = dict.fromkeys(range(partitions), "")
        self.wanted: dict[int, str] = dict(self.owner)

    def share_out(self, wanted: dict[int, str], *, living: Collection[str]) -> None:
        """Give partitions to others: in good order by those that live, at once where the owner is gone."""
        self.wanted = wanted
        for partition, owner in self.owner.items():
            if owner not in living:
                self.owner[partition] = wanted[partition]


class Place(Membership):
    """One worker's place. Cut off, it goes on with what it had, though others have it."""

    def __init__(self, log: UnsteadyLog, name: str, trouble: Trouble) -> None:
        self.name = name
        self.cut_off = False
        self._log, self._trouble = log, trouble
        self._last: set[int] = set()

    def settle(self, give_back: Callable[[Collection[int]], None]) -> Collection[int]:
        """Give back what others are to have, and return what is ours."""
        if self.cut_off:
            return self._last
        group = self._log.group
        leaving = {each for each in self._of(group.owner) if group.wanted[each] != self.name}
        if leaving:
            give_back(leaving)
        self._trouble.moment("settle")
        for partition in leaving:
            group.owner[partition] = group.wanted[partition]
        self._last = self._of(group.owner)
        return self._last

    def commit(self, partition: int, offset: int) -> None:
        """Remember it in the log."""
        self._trouble.moment("commit")
        self._log.commit("pipeline", partition, offset)

    def close(self) -> None:
        """Leave at once."""

    def _of(self, owner: dict[int, str]) -> set[int]:
        return {partition for partition, name in owner.items() if name == self.name}


class UnsteadyBlobs(Blobs):
    """Is full at times, and may be damaged."""

    def __init__(self, trouble: Trouble) -> None:
        self.kept: dict[str, bytes] = {}
        self._trouble = trouble

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with `prefix`."""
        self._trouble.moment("list blobs")
        return sorted(name for name in self.kept if name.startswith(prefix))

    def write(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        """Write all or nothing."""
        whole = b"".join(parts)
        self._trouble.moment("write blob")
        if self._trouble.may("full"):
            raise Retryable("no space left", place=name, remedy="free some space")
        self.kept[name] = whole
        self._trouble.moment("write blob, written")

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a blob."""
        self._trouble.moment("open blob")
        if name not in self.kept:
            raise Missing("there is none", place=name)
        return io.BytesIO(self.kept[name])

    def delete(self, name: str) -> None:
        """Delete a blob."""
        self._trouble.moment("delete blob")
        self.kept.pop(name, None)

    def place(self, name: str = "") -> str:
        """Return its name."""
        return f"memory/{name}"

    def damage(self, name: str) -> None:
        """Turn a bit of one over."""
        data = bytearray(self.kept[name])
        data[self._trouble.dice.randrange(len(data))] ^= 1 << self._trouble.dice.randrange(8)
        self.kept[name] = bytes(data)


class UnsteadyDatabase(Database):
    """One that several processes share: transactions fail, or are made and nobody says so."""

    trouble = Trouble(0, rate=0.0)

    @classmethod
    def emptied(cls, path: Path, empty: Path, before: "UnsteadyDatabase | None") -> "UnsteadyDatabase":
        """Return one in the file `path` as it is in `empty`; the one before knows its statements already."""
        if before is not None:
            before.close()
        shutil.copyfile(empty, path)
        database = before or cls.open(path, synchronous="OFF", check=False)
        assert isinstance(database, cls)
        database.several = True
        return database

    @contextmanager
    def transaction(self, *, shared: bool = False) -> Iterator[Session]:
        """As ever, with a moment before and one after."""
        self.trouble.moment("transaction")
        with super().transaction(shared=shared) as session:
            yield session
            self.trouble.moment("transaction, before its commit")
        self.trouble.moment("transaction, after its commit")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """As ever."""
        self.trouble.moment("query")
        with super().reading() as session:
            yield session


class UnsteadyProvider(MemoryChannel.like(MemoryChannel)):  # type: ignore[misc]  # a class made at run time
    """Takes messages, and may not say so."""

    kind, address = "email", "email"

    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble

    def send(self, message: Message) -> Receipt:
        """Take it, and say so or not."""
        if self._trouble.may("killed before a message left"):
            raise Killed
        if self._trouble.may("provider away"):
            return Receipt(Outcome.RETRY, "away")
        receipt: Receipt = super().send(message)
        if self._trouble.may("killed when a message had left"):
            raise Killed
        if self._trouble.may("no answer"):
            return Receipt(Outcome.UNKNOWN, "no answer")
        return receipt
