"""SQLite files: opened in one way, and failing in one way, wherever the engine keeps something in one."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import ForewarnError, Retryable

_SWITCH_WAIT = 0.005
"""Seconds between two tries to switch a new file to its write-ahead log."""
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FULL = {sqlite3.SQLITE_FULL}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BLOCKED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}


class DiskFull(Retryable):
    """There is no room for what was to be written; something smaller may still fit."""


def connect(path: Path, *, busy_timeout: float, synchronous: str = "FULL") -> sqlite3.Connection:
    """Open `path` in WAL mode for use from any thread, with transactions begun by hand.

    Raises what `translate` makes of SQLite's refusal, e.g. when the file is no database.
    """
    with failures(path):
        connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
        try:
            prepare(connection, synchronous, busy_timeout=busy_timeout)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def prepare(connection: sqlite3.Connection, synchronous: str, *, busy_timeout: float) -> None:
    """Set what each connection needs: write-ahead log, fsync at each commit (FULL), foreign keys.

    32 MB of cache instead of 2: inserting into an index in random order must not read the disk. The log is copied into
    the file at 16 MB instead of 4: pages that are written again and again, as those of indexes are, are copied once.
    """
    _switch_to_wal(connection, time.monotonic() + busy_timeout)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -32768")
    connection.execute("PRAGMA wal_autocheckpoint = 4096")


def _switch_to_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """Two processes that switch a new file at once exclude each other, and SQLite's own time-out does not wait there.

    https://sqlite.org/c3ref/busy_handler.html: a handler is not called where waiting could end in a deadlock.
    """
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_SWITCH_WAIT)
        else:
            return


@contextmanager
def transaction(connection: sqlite3.Connection, mode: str = "IMMEDIATE") -> Iterator[None]:
    """All that is done within is written, or nothing is.

    IMMEDIATE takes the write lock at once, so that it cannot deadlock; DEFERRED is for reading one state.
    """
    connection.execute(f"BEGIN {mode}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back on some errors, e.g. a full disk
            connection.execute("ROLLBACK")
        raise


@contextmanager
def failures(place: object) -> Iterator[None]:
    """Raise SQLite's errors as ours, naming `place`."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, str(place)) from error


def translate(error: sqlite3.Error, place: str) -> ForewarnError:
    """Return the error named for the reaction it calls for (https://sqlite.org/rescode.html).

    >>> translate(sqlite3.ProgrammingError("Cannot operate on a closed database."), "log.db").line()
    'log.db: Cannot operate on a closed database.'
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary code
    if code in _BUSY:
        return Retryable("locked by another process", place=place, remedy="try again once it is done")
    if code in _FULL:
        return DiskFull("no space left to write", place=place, remedy="free some space; nothing was written")
    if code == sqlite3.SQLITE_IOERR:
        return Retryable(f"the disk failed: {error}", place=place, remedy="check disk, quota and limits")
    if code in _CORRUPT:
        return ForewarnError(f"the file is damaged: {error}", place=place, remedy="restore it from a backup")
    if code in _BLOCKED:
        return ForewarnError(f"cannot be used: {error}", place=place, remedy="check folder and permissions")
    return ForewarnError(str(error), place=place)
