"""The embedded event log: one SQLite file, one row a batch, one fsync for all who append at the same time."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from engine.clock import Clock
from engine.embedded import DiskFull, connect, failures, transaction
from engine.errors import ForewarnError, Retryable
from engine.eventlog.base import Append, Batch, EventLog
from engine.eventlog.payload import (
    Packed,
    changed_lines,
    check_batch,
    check_growth,
    check_partition,
    damaged,
    pack,
    seal,
    unlike,
    unpack,
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS "partition" (id INTEGER PRIMARY KEY, "begin" INTEGER NOT NULL, "end" INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS batch (
    id INTEGER PRIMARY KEY, "partition" INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
    appended_at REAL NOT NULL, packing INTEGER NOT NULL, crc INTEGER NOT NULL, payload BLOB NOT NULL,
    UNIQUE ("partition", first));
CREATE TABLE IF NOT EXISTS progress (
    "group" TEXT NOT NULL, "partition" INTEGER NOT NULL, "offset" INTEGER NOT NULL,
    PRIMARY KEY ("group", "partition")) WITHOUT ROWID;
"""
_INSERT = (
    'INSERT INTO batch ("partition", first, count, appended_at, packing, crc, payload) VALUES (?, ?, ?, ?, ?, ?, ?)'
)
_ONE = 'SELECT "partition", first, count, appended_at, packing, crc, payload FROM batch WHERE id = ?'
_CHANGE = "UPDATE batch SET packing = ?, crc = ?, payload = ? WHERE id = ?"
_READ = """
SELECT first, count, appended_at, packing, crc, payload FROM batch WHERE "partition" = :partition AND first >= coalesce(
    (SELECT max(first) FROM batch WHERE "partition" = :partition AND first <= :offset), 0) ORDER BY first
"""
_FIRST_KEPT = """
SELECT min(first) FROM batch WHERE "partition" = :partition AND (appended_at >= :before OR first + count > :dealt_with)
"""
_DEALT_WITH = """
SELECT min(coalesce(p."offset", 0)) FROM (SELECT DISTINCT "group" FROM progress) g
LEFT JOIN progress p ON p."group" = g."group" AND p."partition" = :partition
"""
_EVERYTHING = 2**62


class _Row(NamedTuple):
    partition: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    packed: Packed


class _Stored(NamedTuple):
    """A row of `batch` as it is read."""

    first: int
    count: int  # type: ignore[assignment]  # as above
    appended_at: float
    packing: int
    crc: int
    payload: bytes


@dataclass(slots=True, eq=False)
class _Request:
    """One call of `append` on its way to the disk."""

    rows: Sequence[_Row]
    error: ForewarnError | None
    """What `append` raises; None once it is written."""
    offsets: list[int] = field(default_factory=list)
    done: bool = False


class SqliteLog(EventLog):
    """An event log in the file `path`; several processes may have it open.

    `append` is a group commit: whoever gets the write lock writes what all waiting threads brought, with one fsync.
    `busy_timeout` is how many seconds another process' write lock is waited for; `poll` how often, in seconds, `wait`
    looks for what other processes appended.

    Raises ConfigError when the file has another number of partitions: a subject would change its partition.
    """

    def __init__(
        self, path: Path | str, *, clock: Clock, partitions: int = 1, busy_timeout: float = 10.0, poll: float = 0.05
    ) -> None:
        self.partitions = partitions
        self._path = Path(path)
        self._clock = clock
        self._poll = poll
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = connect(self._path, busy_timeout=busy_timeout)
        try:
            self._reader = connect(self._path, busy_timeout=busy_timeout)
        except ForewarnError:
            self._writer.close()
            raise
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._waiting: deque[_Request] = deque()
        self._grown = threading.Condition()
        self._seen = threading.local()
        try:
            self._create()
            self._seen_at_start = self._total()
        except ForewarnError:
            self.close()
            raise

    def append(self, batches: Iterable[Append]) -> list[int]:
        """Write all or nothing, durable on return; calls of several threads share one transaction."""
        interrupted = Retryable("interrupted before it was written", place=str(self._path))
        request = _Request([self._row(batch) for batch in batches], interrupted)
        self._waiting.append(request)
        with self._writing:
            if not request.done:
                self._write_waiting()
        if request.error:
            raise request.error
        with self._grown:
            self._grown.notify_all()
        return request.offsets

    def read(self, partition: int, offset: int, limit: int) -> list[Batch]:
        """Return batches from `offset` on, as the contract says. Raises ForewarnError when stored bytes are damaged."""
        check_partition(partition, self.partitions)
        return [self._batch(partition, offset, row) for row in self._rows(partition, offset, limit)]

    def begin(self, partition: int) -> int:
        """Return the first offset that is kept."""
        check_partition(partition, self.partitions)
        return int(self._one('SELECT "begin" FROM "partition" WHERE id = :p', {"p": partition}))

    def end(self, partition: int) -> int:
        """Return the offset the next event will get."""
        check_partition(partition, self.partitions)
        return int(self._one('SELECT "end" FROM "partition" WHERE id = :p', {"p": partition}))

    def lag(self, partition: int, offset: int) -> int:
        """Return how many events there are from `offset` on."""
        return max(0, self.end(partition) - max(offset, self.begin(partition)))

    def commit(self, group: str, partition: int, offset: int) -> None:
        """Remember, durably, that `group` has dealt with all before `offset`."""
        check_partition(partition, self.partitions)
        with self._writing, failures(self._path), transaction(self._writer):
            self._writer.execute("INSERT OR REPLACE INTO progress VALUES (?, ?, ?)", (group, partition, offset))

    def committed(self, group: str, partition: int) -> int | None:
        """Return what `group` committed last; None if it never did."""
        query = 'SELECT max("offset") FROM progress WHERE "group" = :g AND "partition" = :p'
        offset: int | None = self._one(query, {"g": group, "p": partition})
        return offset

    def trim(self, before: float) -> int:
        """Delete old batches that every group dealt with; always the oldest, so that no hole comes to be."""
        with self._writing, failures(self._path), transaction(self._writer):
            return sum(self._trim_partition(partition, before) for partition in range(self.partitions))

    def rewrite(self, change: Callable[[bytes, int], bytes]) -> int:
        """Change events where they stand, each batch in a transaction; what stood there is overwritten."""
        with self._writing, failures(self._path):
            self._writer.execute("PRAGMA secure_delete = ON")
            ids = [row[0] for row in self._writer.execute("SELECT id FROM batch ORDER BY id").fetchall()]
            changed = sum(self._rewrite(id_, change) for id_ in ids)
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return changed

    def wait(self, timeout: float) -> None:
        """Block until any process appended since the calling thread's last call, or for `timeout` seconds."""
        deadline = time.monotonic() + timeout
        seen = getattr(self._seen, "total", self._seen_at_start)
        with self._grown:
            while (total := self._total()) == seen and (left := deadline - time.monotonic()) > 0:
                self._grown.wait(min(left, self._poll))
        self._seen.total = total

    def grow(self, partitions: int) -> None:
        """Have more partitions; processes that have the file open do not know of them."""
        check_growth(self.partitions, partitions)
        with self._writing, failures(self._path), transaction(self._writer):
            self._add(range(self.partitions, partitions))
        self.partitions = partitions

    def close(self) -> None:
        """Let go of the file. What was being appended is written first."""
        with self._writing, self._reading:
            self._writer.close()
            self._reader.close()

    def _create(self) -> None:
        with failures(self._path), transaction(self._writer):
            for statement in _SCHEMA.split(";"):
                self._writer.execute(statement)
            (found,) = self._writer.execute('SELECT count(*) FROM "partition"').fetchone()
            if not found:
                self._add(range(self.partitions))
        self.partitions = self.partitions or found
        if found not in {0, self.partitions}:
            raise unlike(found, self.partitions, str(self._path))

    def _add(self, partitions: Iterable[int]) -> None:
        self._writer.executemany('INSERT INTO "partition" VALUES (?, 0, 0)', [(each,) for each in partitions])

    def _batch(self, partition: int, offset: int, row: _Stored) -> Batch:
        packed = Packed(row.packing, row.crc, row.payload)
        payload = unpack(packed, partition, row.first, row.count, row.appended_at, str(self._path))
        return Batch(partition, row.first, row.count, row.appended_at, payload).since(offset)

    def _row(self, batch: Append) -> _Row:
        check_batch(batch.partition, batch.payload, batch.count, self.partitions)
        return _Row(batch.partition, batch.count, pack(batch.payload))

    def _write_waiting(self) -> None:
        group = [self._waiting.popleft() for _ in range(len(self._waiting))]
        self._write(group)
        if len(group) > 1 and isinstance(group[0].error, DiskFull):
            for request in group:  # a request too large for the disk must not take the small ones with it
                self._write([request])

    def _write(self, group: list[_Request]) -> None:
        offsets, error = self._try_to_write(group)
        for request, firsts in zip(group, offsets, strict=True):
            request.offsets, request.error, request.done = firsts, error, True

    def _try_to_write(self, group: list[_Request]) -> tuple[list[list[int]], ForewarnError | None]:
        try:
            with failures(self._path), transaction(self._writer):
                return [[self._insert(row) for row in request.rows] for request in group], None
        except ForewarnError as error:
            return [[] for _ in group], error

    def _rewrite(self, id_: int, change: Callable[[bytes, int], bytes]) -> int:
        with transaction(self._writer):
            found = self._writer.execute(_ONE, (id_,)).fetchone()
            if found is None:  # trimmed meanwhile
                return 0
            partition, row = found[0], _Stored(*found[1:])
            packed = Packed(row.packing, row.crc, row.payload)
            place = partition, row.first, row.count, row.appended_at
            payload, changed = changed_lines(unpack(packed, *place, str(self._path)), row.first, change)
            if changed:
                self._writer.execute(_CHANGE, (*seal(pack(payload), *place), id_))
            return changed

    def _insert(self, row: _Row) -> int:
        (after,) = self._writer.execute(
            'UPDATE "partition" SET "end" = "end" + ? WHERE id = ? RETURNING "end"', (row.count, row.partition)
        ).fetchone()
        first, at = int(after) - row.count, self._clock.time()
        packed = seal(row.packed, row.partition, first, row.count, at)
        self._writer.execute(_INSERT, (row.partition, first, row.count, at, *packed))
        return first

    def _rows(self, partition: int, offset: int, limit: int) -> list[_Stored]:
        with self._reading, failures(self._path), transaction(self._reader, "DEFERRED"):
            query = 'SELECT "begin", "end" FROM "partition" WHERE id = ?'
            begin, end = self._reader.execute(query, (partition,)).fetchone()
            start = max(offset, begin)
            rows = self._fetch(partition, start, min(limit, end - start))
        self._check_whole(rows, start, min(limit, end - start))
        return rows

    def _fetch(self, partition: int, start: int, wanted: int) -> list[_Stored]:
        rows: list[_Stored] = []
        cursor = self._reader.execute(_READ, {"partition": partition, "offset": start})
        while wanted > 0 and (found := cursor.fetchone()):
            rows.append(_Stored(*found))
            wanted -= rows[-1].first + rows[-1].count - start
            start = rows[-1].first + rows[-1].count
        cursor.close()
        return rows

    def _check_whole(self, rows: Sequence[_Stored], start: int, wanted: int) -> None:
        """SQLite has no checksums: a damaged page can hide rows. What is missing must not be passed over in silence."""
        expected = start
        for row in rows:
            if max(start, row.first) != expected:
                raise damaged(f"events {expected} to {row.first} are missing", str(self._path))
            expected = row.first + row.count
        if expected < start + wanted:
            raise damaged(f"events from {expected} on are missing", str(self._path))

    def _trim_partition(self, partition: int, before: float) -> int:
        (dealt_with,) = self._writer.execute(_DEALT_WITH, {"partition": partition}).fetchone()
        dealt_with = _EVERYTHING if dealt_with is None else dealt_with
        values = {"partition": partition, "before": before, "dealt_with": dealt_with}
        (kept,) = self._writer.execute(_FIRST_KEPT, values).fetchone()
        gone = {"partition": partition, "kept": _EVERYTHING if kept is None else kept}
        where = 'FROM batch WHERE "partition" = :partition AND first < :kept'
        (events,) = self._writer.execute(f"SELECT coalesce(sum(count), 0) {where}", gone).fetchone()
        self._writer.execute(f"DELETE {where}", gone)
        self._writer.execute('UPDATE "partition" SET "begin" = "begin" + ? WHERE id = ?', (events, partition))
        return int(events)

    def _total(self) -> int:
        """How many events were ever appended: what `wait` watches."""
        return int(self._one('SELECT sum("end") FROM "partition"', {}))

    def _one(self, query: str, values: dict[str, object]) -> Any:
        with self._reading, failures(self._path):
            return self._reader.execute(query, values).fetchone()[0]
