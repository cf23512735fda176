"""Series that are away in an SQLite file for each partition."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.cold.base import Away, ColdStore, ColdStores, Kept, Leaving, Wanted, hash_of, signed, to_bytes, to_text
from engine.embedded import connect, failures, transaction

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
_LOOK = f"""
SELECT layout.text, series.mark, series.state FROM series JOIN text AS layout ON layout.number = series.layout
WHERE {_OF}
"""  # noqa: S608 -- constant
_AWAY = """
SELECT watch.text, series.key, series.hash, series.mark, layout.text, series.state FROM series
JOIN text AS watch ON watch.number = series.watch JOIN text AS layout ON layout.number = series.layout
WHERE series.back IS NULL ORDER BY series.number
"""
_HASHES = """
SELECT watch.text, series.hash FROM series JOIN text AS watch ON watch.number = series.watch WHERE series.back IS NULL
"""
_BACK = f"UPDATE series SET back = ? WHERE {_OF}"  # noqa: S608 -- constant
_ERASE = "DELETE FROM series WHERE instr(CAST('|' || CAST(key AS TEXT) || '|' AS BLOB), ?) > 0"


class FileStore(ColdStore):
    """The series of one partition that are away, in a file of its own."""

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        """Raises ForewarnError when the file cannot be used."""
        super().__init__()
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = connect(path, busy_timeout=10.0, synchronous=synchronous)
        with failures(path):
            self._connection.executescript(_SCHEMA)
            self._connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten

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

    def close(self) -> None:
        """Let go of the file; what was not flushed comes back again in the replay."""
        self._connection.close()

    def _put(self, watch: str, leaving: Leaving) -> None:
        with failures(self._path), transaction(self._connection):
            self._write_back()
            ours, layout = self._named(watch), self._named(leaving.layout)
            rows = zip(map(to_bytes, leaving.keys), signed(leaving.hashes), leaving.states, strict=True)
            self._connection.executemany(
                _PUT, ((ours, key, hash_, self.offset, leaving.mark, layout, state.data) for key, hash_, state in rows)
            )

    def _look(self, watch: str, keys: Sequence[bytes]) -> Mapping[bytes, Away]:
        ours = self._number(watch)
        rows = ((key, self._row(_LOOK, (hash_of(key), ours, key))) for key in keys if ours is not None)
        return {key: Away(*row) for key, row in rows if row is not None}

    def _hashes(self) -> Iterator[tuple[str, NDArray[np.int64]]]:
        with failures(self._path):
            rows = self._connection.execute(_HASHES).fetchall()
        by_watch: dict[str, list[int]] = {}
        for watch, hash_ in rows:
            by_watch.setdefault(watch, []).append(hash_)
        yield from ((watch, np.array(hashes, np.int64)) for watch, hashes in by_watch.items())

    def _flush(self) -> None:
        with failures(self._path), transaction(self._connection):
            self._write_back()

    def _rewind(self, offset: int) -> None:
        with failures(self._path), transaction(self._connection):
            self._connection.execute("DELETE FROM series WHERE gone > ?", (offset,))
            self._connection.execute("UPDATE series SET back = NULL WHERE back > ?", (offset,))

    def _erase(self, part: bytes) -> None:
        with failures(self._path), transaction(self._connection):
            self._connection.execute(_ERASE, (part,))

    def _least_mark(self, watch: str) -> int | None:
        row = self._row("SELECT min(mark) FROM series WHERE back IS NULL AND watch = ?", (self._number(watch),))
        return None if row[0] is None else int(row[0])

    def _replace(self, kept: Iterator[Kept]) -> None:
        with failures(self._path), transaction(self._connection):
            self._connection.execute("DELETE FROM series")
            for watch, key, hash_, mark, layout, state in kept:
                self._connection.execute(_PUT, (self._named(watch), key, hash_, 0, mark, self._named(layout), state))

    def _retain(self, wanted: Wanted) -> None:
        with failures(self._path), transaction(self._connection):
            rows = self._connection.execute("SELECT number, key FROM series").fetchall()
            gone = [(number,) for number, key in rows if not wanted(to_text(key))]
            self._connection.executemany("DELETE FROM series WHERE number = ?", gone)

    def _away(self) -> Iterator[Kept]:
        with failures(self._path):
            yield from (Kept(*row) for row in self._connection.execute(_AWAY))

    def _count(self) -> int:
        return int(self._row("SELECT count(*) FROM series WHERE back IS NULL", ())[0])

    def _row(self, query: str, values: tuple[object, ...]) -> Any:
        with failures(self._path):
            return self._connection.execute(query, values).fetchone()

    def _write_back(self) -> None:
        rows = [(offset, hash_of(key), self._number(watch), key) for (watch, key), offset in self._back.items()]
        self._connection.executemany(_BACK, rows)

    def _number(self, text: str) -> int | None:
        """Return the number that stands for a text, if one does."""
        row = self._row("SELECT number FROM text WHERE text = ?", (text,))
        return None if row is None else int(row[0])

    def _named(self, text: str) -> int:
        """Return the number that stands for a text, from now on."""
        self._connection.execute("INSERT OR IGNORE INTO text (text) VALUES (?)", (text,))
        return self._number(text) or 0


class Files(ColdStores):
    """The folder of the partitions' files."""

    def __init__(self, folder: Path, *, synchronous: str = "FULL") -> None:
        super().__init__()
        self._folder, self._synchronous = folder, synchronous

    def _opened(self, partition: int) -> FileStore:
        return FileStore(self._folder / f"p{partition:05d}.db", synchronous=self._synchronous)
