"""Dead letters in an SQLite file of their own."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.embedded import connect, failures, transaction
from engine.errors import ForewarnError
from engine.eventlog.base import DeadLetter, DeadLetters
from engine.ids import derive

_SCHEMA = """
CREATE TABLE IF NOT EXISTS letter (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, reason TEXT NOT NULL, detail TEXT NOT NULL,
    payload BLOB NOT NULL, at REAL NOT NULL, origin TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS letter_reason ON letter (reason);
"""
_COLUMNS = "number, reason, detail, payload, at, origin, id"
_ADD = "INSERT OR IGNORE INTO letter (reason, detail, payload, at, origin, id) VALUES (?, ?, ?, ?, ?, ?)"
_LIST = f"""
SELECT {_COLUMNS} FROM letter WHERE number > :number AND (:reason IS NULL OR reason = :reason)
ORDER BY number LIMIT :limit
"""  # noqa: S608 -- constant
_PAGE = 100


class SqliteDeadLetters(DeadLetters):
    """Dead letters in the file `path`; several processes may have it open."""

    def __init__(self, path: Path | str, *, busy_timeout: float = 10.0) -> None:
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = connect(self._path, busy_timeout=busy_timeout)
        self._lock = threading.Lock()
        for statement in _SCHEMA.split(";"):
            self._write(statement, [()])

    def add(self, letters: Iterable[DeadLetter]) -> None:
        """Keep them, durable on return; one that is kept already stays as it is."""
        named = [with_id(letter) for letter in letters]
        self._write(_ADD, [(one.reason, one.detail, one.payload, one.at, one.origin, one.id) for one in named])

    def list(self, *, reason: str | None = None, after: str = "", limit: int = 100) -> Iterator[DeadLetter]:
        """Yield them in the order they were added; those yielded may be removed meanwhile.

        Raises ForewarnError when `after` is none of them.
        """
        number = self._number(after) if after else 0
        return self._pages(number, reason, limit)

    def get(self, id_: str) -> DeadLetter | None:
        """Return one, or None."""
        rows = self._query(f"SELECT {_COLUMNS} FROM letter WHERE id = ?", (id_,))  # noqa: S608 -- constant
        return DeadLetter(*rows[0][1:]) if rows else None

    def remove(self, ids: Iterable[str]) -> None:
        """Forget those that were re-driven."""
        self._write("DELETE FROM letter WHERE id = ?", [(id_,) for id_ in ids])

    def counts(self) -> dict[str, int]:
        """Return how many there are by reason."""
        return dict(self._query("SELECT reason, count(*) FROM letter GROUP BY reason ORDER BY reason", ()))

    def trim(self, before: float) -> int:
        """Delete those older than epoch second `before`; returns how many."""
        return self._write("DELETE FROM letter WHERE at < ?", [(before,)])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def _pages(self, number: int, reason: str | None, limit: int) -> Iterator[DeadLetter]:
        while limit > 0:
            rows = self._query(_LIST, {"number": number, "reason": reason, "limit": min(limit, _PAGE)})
            yield from (DeadLetter(*row[1:]) for row in rows)
            if len(rows) < min(limit, _PAGE):
                return
            number, limit = rows[-1][0], limit - len(rows)

    def _number(self, id_: str) -> int:
        rows = self._query("SELECT number FROM letter WHERE id = ?", (id_,))
        if not rows:
            raise unknown_letter(id_)
        return int(rows[0][0])

    def _query(self, query: str, values: tuple[object, ...] | dict[str, object]) -> Sequence[Any]:
        with self._lock, failures(self._path):
            return self._connection.execute(query, values).fetchall()

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> int:
        with self._lock, failures(self._path), transaction(self._connection):
            return sum(max(0, self._connection.execute(statement, row).rowcount) for row in rows)


def with_id(letter: DeadLetter) -> DeadLetter:
    """Return it with the id that follows from where it came from, why it is here and what it is."""
    return replace(letter, id=derive("dead", letter.origin, letter.reason, letter.payload.hex()))


def unknown_letter(id_: str) -> ForewarnError:
    """Return the error for a place in the list that is not there."""
    return ForewarnError(f"no dead letter {id_!r}", remedy="it was removed or re-driven: list from the beginning")
