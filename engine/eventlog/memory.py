"""An event log and dead letters that live as long as the process: for tests, simulations and backtests."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from engine.clock import Clock
from engine.eventlog.base import Append, Batch, DeadLetter, DeadLetters, EventLog
from engine.eventlog.deadletters import unknown_letter, with_id
from engine.eventlog.payload import changed_lines, check_batch, check_growth, check_partition


class MemoryLog(EventLog):
    """The contract of an event log, but for durability."""

    def __init__(self, *, clock: Clock, partitions: int = 1) -> None:
        self.partitions = partitions
        self._clock = clock
        self._batches: list[list[Batch]] = [[] for _ in range(partitions)]
        self._ends = [0] * partitions
        self._progress: dict[str, dict[int, int]] = {}
        self._changed = threading.Condition()
        self._seen = threading.local()

    def append(self, batches: Iterable[Append]) -> list[int]:
        """Keep all or nothing."""
        new = list(batches)
        for batch in new:
            check_batch(batch.partition, batch.payload, batch.count, self.partitions)
        with self._changed:
            offsets = [self._append(batch) for batch in new]
            self._changed.notify_all()
        return offsets

    def read(self, partition: int, offset: int, limit: int) -> list[Batch]:
        """Return batches from `offset` on, as the contract says."""
        check_partition(partition, self.partitions)
        found: list[Batch] = []
        with self._changed:
            for batch in self._from(partition, offset):
                if sum(one.count for one in found) >= limit:
                    break
                found.append(batch.since(offset))
        return found

    def grow(self, partitions: int) -> None:
        """Have more partitions."""
        check_growth(self.partitions, partitions)
        with self._changed:
            more = partitions - self.partitions
            self._batches += [[] for _ in range(more)]
            self._ends += [0] * more
            self.partitions = partitions

    def begin(self, partition: int) -> int:
        """Return the first offset that is kept."""
        check_partition(partition, self.partitions)
        with self._changed:
            batches = self._batches[partition]
            return batches[0].offset if batches else self._ends[partition]

    def end(self, partition: int) -> int:
        """Return the offset the next event will get."""
        check_partition(partition, self.partitions)
        with self._changed:
            return self._ends[partition]

    def lag(self, partition: int, offset: int) -> int:
        """Return how many events there are from `offset` on."""
        return max(0, self.end(partition) - max(offset, self.begin(partition)))

    def commit(self, group: str, partition: int, offset: int) -> None:
        """Remember that `group` has dealt with all before `offset`."""
        check_partition(partition, self.partitions)
        with self._changed:
            self._progress.setdefault(group, {})[partition] = offset

    def committed(self, group: str, partition: int) -> int | None:
        """Return what `group` committed last; None if it never did."""
        with self._changed:
            return self._progress.get(group, {}).get(partition)

    def trim(self, before: float) -> int:
        """Delete old batches that every group dealt with; always the oldest, so that no hole comes to be."""
        with self._changed:
            return sum(self._trim(partition, before) for partition in range(self.partitions))

    def rewrite(self, change: Callable[[bytes, int], bytes]) -> int:
        """Change events where they stand."""
        with self._changed:
            changed = 0
            for batches in self._batches:
                for place, batch in enumerate(batches):
                    payload, count = changed_lines(batch.payload, batch.offset, change)
                    batches[place], changed = batch._replace(payload=payload), changed + count
            return changed

    def wait(self, timeout: float) -> None:
        """Block until something was appended since the calling thread's last call, or for `timeout` seconds."""
        seen = getattr(self._seen, "total", 0)
        with self._changed:
            self._changed.wait_for(lambda: sum(self._ends) != seen, timeout)
            self._seen.total = sum(self._ends)

    def close(self) -> None:
        """Do nothing: what is in memory goes with the last reference to it."""

    def _append(self, batch: Append) -> int:
        first = self._ends[batch.partition]
        self._ends[batch.partition] += batch.count
        kept = Batch(batch.partition, first, batch.count, self._clock.time(), batch.payload)
        self._batches[batch.partition].append(kept)
        return first

    def _from(self, partition: int, offset: int) -> Iterator[Batch]:
        return (batch for batch in self._batches[partition] if batch.after > offset)

    def _trim(self, partition: int, before: float) -> int:
        dealt_with = min((of.get(partition, 0) for of in self._progress.values()), default=self._ends[partition])
        gone = 0
        batches = self._batches[partition]
        while batches and batches[0].appended_at < before and batches[0].offset + batches[0].count <= dealt_with:
            gone += batches.pop(0).count
        return gone


class MemoryDeadLetters(DeadLetters):
    """The contract of dead letters, but for durability."""

    def __init__(self) -> None:
        self._letters: dict[str, DeadLetter] = {}
        self._lock = threading.Lock()

    def add(self, letters: Iterable[DeadLetter]) -> None:
        """Keep them; one that is kept already stays as it is."""
        with self._lock:
            for letter in map(with_id, letters):
                self._letters.setdefault(letter.id, letter)

    def list(self, *, reason: str | None = None, after: str = "", limit: int = 100) -> Iterator[DeadLetter]:
        """Yield them in the order they were added; those yielded may be removed meanwhile."""
        with self._lock:
            letters = list(self._letters.values())
        if after:
            ids = [letter.id for letter in letters]
            if after not in ids:
                raise unknown_letter(after)
            letters = letters[ids.index(after) + 1 :]
        return islice((letter for letter in letters if reason in {None, letter.reason}), limit)

    def get(self, id_: str) -> DeadLetter | None:
        """Return one, or None."""
        return self._letters.get(id_)

    def remove(self, ids: Iterable[str]) -> None:
        """Forget those that were re-driven."""
        with self._lock:
            for id_ in ids:
                self._letters.pop(id_, None)

    def counts(self) -> dict[str, int]:
        """Return how many there are by reason."""
        with self._lock:
            return dict(sorted(Counter(letter.reason for letter in self._letters.values()).items()))

    def trim(self, before: float) -> int:
        """Delete those older than epoch second `before`; returns how many."""
        with self._lock:
            old = [id_ for id_, letter in self._letters.items() if letter.at < before]
            for id_ in old:
                del self._letters[id_]
        return len(old)
