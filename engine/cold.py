"""Where series that have gone quiet are kept until something comes of them again: an SQLite file for each partition.

A series' record says at which offset of the log it *left* memory and, once it is so, at which it came *back*; it is
never changed otherwise. So a file that is ahead of the snapshot a partition is restored from can be turned back: what
left after the snapshot's offset is in the snapshot, and what came back after it is still away. A record is deleted when
the series came back before the oldest snapshot that could be restored.

Leaving is durable before the series is dropped from memory. That it came back is noted in memory, and written with the
next series that leave or with the next snapshot: after a crash before that, the replay brings it back once more.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.columnar.filter import Filter
from engine.columnar.hashing import murmur
from engine.embedded import connect, failures, transaction
from engine.errors import ForewarnError, Retryable

Words = NDArray[np.uint64]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS text (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS series (
    number INTEGER PRIMARY KEY, watch INTEGER NOT NULL, key BLOB NOT NULL, hash INTEGER NOT NULL, gone INTEGER NOT NULL,
    back INTEGER, mark INTEGER NOT NULL, layout INTEGER NOT NULL, state BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS series_hash ON series (hash, watch) WHERE back IS NULL;
CREATE INDEX IF NOT EXISTS series_gone ON series (gone);
CREATE INDEX IF NOT EXISTS series_mark ON series (watch, mark) WHERE back IS NULL;
CREATE INDEX IF NOT EXISTS series_back ON series (back) WHERE back IS NOT NULL;
"""
_PUT = "INSERT INTO series (watch, key, hash, gone, mark, layout, state) VALUES (?, ?, ?, ?, ?, ?, ?)"
_OF = "series.hash = ? AND series.watch = ? AND series.key = ? AND series.back IS NULL"
_TAKE = f"""
SELECT layout.text, series.mark, series.state FROM series JOIN text AS layout ON layout.number = series.layout
WHERE {_OF}
"""  # noqa: S608 -- constant
_AWAY = """
SELECT watch.text, series.key, series.hash, series.mark, layout.text, series.state FROM series
JOIN text AS watch ON watch.number = series.watch JOIN text AS layout ON layout.number = series.layout
WHERE series.back IS NULL ORDER BY series.number
"""
_BACK = f"UPDATE series SET back = ? WHERE {_OF}"  # noqa: S608 -- constant
_ERASE = "DELETE FROM series WHERE instr('|' || CAST(key AS TEXT) || '|', ?) > 0"
_ROOM = 10_000
_SIGN = 1 << 63


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


class ColdStore:
    """The series of one partition that are away. Not to be used by several threads at once."""

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        """Raises ForewarnError when the file cannot be used."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = connect(path, busy_timeout=10.0, synchronous=synchronous)
        with failures(path):
            self._connection.executescript(_SCHEMA)
            self._connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
        self._back: dict[tuple[int, bytes], int] = {}
        self.offset = 0
        """The offset of the log after the events under way: what leaves or comes back does so there."""
        self._fill()

    def __len__(self) -> int:
        """Return how many series are away."""
        with failures(self._path):
            row = self._connection.execute("SELECT count(*) FROM series WHERE back IS NULL").fetchone()
        return int(row[0]) - len(self._back)

    def put(self, watch: str, leaving: Leaving) -> None:
        """Keep series; durable on return, all of them or none. Raises Retryable when the disk is full."""
        with failures(self._path), transaction(self._connection):
            self._write_back()
            ours, layout = self._named(watch), self._named(leaving.layout)
            rows = zip(leaving.keys, leaving.hashes.tolist(), leaving.states, strict=True)
            self._connection.executemany(
                _PUT,
                (
                    (ours, _bytes(key), hash_ - _SIGN, self.offset, leaving.mark, layout, state.data)
                    for key, hash_, state in rows
                ),
            )
        self._back.clear()
        self._known.add(leaving.hashes ^ _salt(ours))
        if self._known.count > 2 * self._known.room:
            self._fill()

    def may_hold(self, watch: str, hashes: Words) -> NDArray[np.bool_]:
        """Return which series may be away, by the hashes of their keys; none of the others is."""
        ours = self._number(watch) if self._known.count else None
        if ours is None:
            return np.zeros(len(hashes), np.bool_)
        return self._known.may_hold(hashes ^ _salt(ours))

    def holds(self, watch: str, key: str) -> bool:
        """Return whether a series is away."""
        return self._find(self._number(watch), key) is not None

    def take(self, watch: str, keys: Iterable[str]) -> list[Away | None]:
        """Return what was kept of some series, None for those that were not away; from now on they are back."""
        ours, found = self._number(watch), list[Away | None]()
        for key in keys:
            found.append(self._find(ours, key))
            if ours is not None and found[-1] is not None:
                self._back[ours, _bytes(key)] = self.offset
        return found

    def flush(self) -> None:
        """Make durable which series came back. Raises Retryable when it cannot be written now."""
        if self._back:
            with failures(self._path), transaction(self._connection):
                self._write_back()
            self._back.clear()

    def rewind(self, offset: int) -> None:
        """Undo what happened after `offset`, from where the log will be replayed."""
        self._back.clear()
        with failures(self._path), transaction(self._connection):
            self._connection.execute("DELETE FROM series WHERE gone > ?", (offset,))
            self._connection.execute("UPDATE series SET back = NULL WHERE back > ?", (offset,))
        self.offset = offset
        self._fill()

    def purge(self, offset: int) -> None:
        """Delete what nobody needs who starts from `offset` or later."""
        with failures(self._path), transaction(self._connection):
            self._connection.execute("DELETE FROM series WHERE back <= ?", (offset,))

    def keep(self, watches: Collection[str]) -> None:
        """Delete the series of all other watches: nobody asks for them any more."""
        with failures(self._path), transaction(self._connection):
            numbers = [self._named(watch) for watch in watches]
            marks = ", ".join("?" * len(numbers))
            self._connection.execute(f"DELETE FROM series WHERE watch NOT IN ({marks})", numbers)  # noqa: S608

    def inherit(self, other: "ColdStore", wanted: Callable[[str], bool]) -> None:
        """Keep what is away in `other` and `wanted`, and nothing else, as from before the log's first event."""
        with failures(self._path), transaction(self._connection):
            self._connection.execute("DELETE FROM series")
            for watch, key, hash_, mark, layout, state in other.away(wanted):
                self._connection.execute(_PUT, (self._named(watch), key, hash_, 0, mark, self._named(layout), state))
        self._back.clear()
        self._fill()

    def away(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes, int, int, str, bytes]]:
        """Yield watch, key, hash, mark, layout and state of each series that is away and `wanted`."""
        self.flush()
        with failures(self._path):
            yield from (row for row in self._connection.execute(_AWAY) if wanted(_text(row[1])))

    def retain(self, wanted: Callable[[str], bool]) -> None:
        """Keep nothing of series that are not `wanted`."""
        self.flush()
        with failures(self._path), transaction(self._connection):
            rows = self._connection.execute("SELECT number, key FROM series").fetchall()
            gone = [(number,) for number, key in rows if not wanted(_text(key))]
            self._connection.executemany("DELETE FROM series WHERE number = ?", gone)
        self._fill()

    def erase(self, subject: str) -> None:
        """Delete the series of which `subject` is a part, of all watches.

        Raises ForewarnError, and never Retryable: in the middle of a batch nothing can be retried.
        """
        part = f"|{subject}|"
        self._back = {at: offset for at, offset in self._back.items() if part not in f"|{_text(at[1])}|"}
        try:
            with failures(self._path), transaction(self._connection):
                self._connection.execute(_ERASE, (part,))
        except Retryable as error:
            raise ForewarnError(error.cause, place=error.place, remedy="start again: the log is replayed") from error

    def least_mark(self, watch: str) -> int | None:
        """Return the least mark of the series of a watch that are away; None if none is.

        Raises Retryable when it cannot be written now which are not.
        """
        self.flush()
        row = self._read("SELECT min(mark) FROM series WHERE back IS NULL AND watch = ?", (self._number(watch),))
        return None if row[0] is None else int(row[0])

    def close(self) -> None:
        """Let go of the file; what was not flushed comes back again in the replay."""
        self._connection.close()

    def _find(self, watch: int | None, key: str) -> Away | None:
        if watch is None or (watch, _bytes(key)) in self._back:
            return None
        row = self._read(_TAKE, (_hash(_bytes(key)), watch, _bytes(key)))
        return None if row is None else Away(*row)

    def _read(self, query: str, values: tuple[object, ...]) -> Any:
        """Return a row. Raises ForewarnError, and never Retryable: in the middle of a batch nothing can be retried."""
        try:
            with failures(self._path):
                return self._connection.execute(query, values).fetchone()
        except Retryable as error:
            raise ForewarnError(error.cause, place=error.place, remedy="start again: the log is replayed") from error

    def _write_back(self) -> None:
        rows = [(offset, _hash(key), watch, key) for (watch, key), offset in self._back.items()]
        self._connection.executemany(_BACK, rows)

    def _number(self, text: str) -> int | None:
        """Return the number that stands for a text, if one does."""
        row = self._read("SELECT number FROM text WHERE text = ?", (text,))
        return None if row is None else int(row[0])

    def _named(self, text: str) -> int:
        """Return the number that stands for a text, from now on."""
        self._connection.execute("INSERT OR IGNORE INTO text (text) VALUES (?)", (text,))
        return self._number(text) or 0

    def _fill(self) -> None:
        """Build the filter anew, with room for twice as many."""
        with failures(self._path):
            rows = self._connection.execute("SELECT watch, hash FROM series WHERE back IS NULL").fetchall()
        kept = np.array(rows, np.int64).reshape(-1, 2)
        self._known = Filter(max(2 * len(kept), _ROOM))
        for watch in np.unique(kept[:, 0]).tolist():
            hashes = kept[kept[:, 0] == watch, 1].view(np.uint64) + np.uint64(_SIGN)
            self._known.add(hashes ^ _salt(watch))


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def _hash(key: bytes) -> int:
    data = np.frombuffer(key, np.uint8)
    return int(murmur(data.ctypes.data, data.size)[0]) - _SIGN


def _salt(watch: int) -> np.uint64:
    """Return what tells the same key under different watches apart."""
    return np.uint64(watch * 0x9E3779B97F4A7C15 % (1 << 64))


class ColdStores:
    """The folder of the partitions' files."""

    def __init__(self, folder: Path, *, synchronous: str = "FULL") -> None:
        self._folder, self._synchronous = folder, synchronous
        self._open: dict[int, ColdStore] = {}

    def of(self, partition: int) -> ColdStore:
        """Return the store of a partition, opened once."""
        if partition not in self._open:
            self._open[partition] = ColdStore(self._folder / f"p{partition:05d}.db", synchronous=self._synchronous)
        return self._open[partition]

    def close(self) -> None:
        """Let go of all files."""
        for store in self._open.values():
            store.close()
        self._open.clear()
