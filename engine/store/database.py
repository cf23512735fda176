"""The one relational database. All that differs between SQLite and PostgreSQL is in this file."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    inspect,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel

from engine import embedded
from engine.errors import ConfigError, ForewarnError, Retryable
from engine.store import schema
from engine.store.many import execute_many

_T = TypeVar("_T")
Row = Mapping[str, Any] | SQLModel
_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_RETRYABLE_STATES = {"08": "the connection was lost", "40": "it collided with another transaction"} | {
    "53": "the server is out of space or connections",
    "55": "locked by another transaction",
    "57": "the server is going down or coming up",
}
"""The class of an SQLSTATE → what happened (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""


class Database:
    """Tables behind transactions. Safe to use from several threads; on SQLite one of them writes at a time.

    Every failure that may pass (locked, disk full, connection lost) is raised as Retryable; nothing of that
    transaction was written then.
    """

    def __init__(self, engine: Engine, *, busy_timeout: float) -> None:
        self.place = engine.url.render_as_string(hide_password=True).removeprefix("sqlite:///")
        self._engine = engine
        self._reader = engine.execution_options(begin="DEFERRED")
        self._timeout = busy_timeout
        self._writing = threading.Lock() if engine.dialect.name == "sqlite" else None
        self._owner: int | None = None

    @classmethod
    def open(
        cls,
        where: str | Path,
        *,
        create: bool = True,
        check: bool = True,
        synchronous: str = "FULL",
        busy_timeout: float = 10.0,
    ) -> "Database":
        """Open the SQLite file or database URL `where`; one without tables is given them by the migrations.

        `create=False` refuses a database without tables; `check=False` takes one with an older schema, to upgrade it.
        `synchronous` is SQLite's: FULL survives a power cut, NORMAL may lose the last transactions in one.

        Raises ConfigError for a schema of another version, Retryable or ForewarnError for a file that cannot be used.
        """
        url = _url(where)
        if url.get_backend_name() == "sqlite":
            _prepare_folder(url, create=create)
        database = cls(_engine(url, synchronous, busy_timeout), busy_timeout=busy_timeout)
        try:
            database._prepare_schema(create=create, check=check)
        except ForewarnError:
            database.close()
            raise
        return database

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Yield a session; all that is done in it is written at the end, or nothing is, when an exception leaves it.

        What it read stays true until it is written: on SQLite it holds the write lock from its first statement on.
        """
        with self._alone(), self._failures(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session that sees one state and keeps no writer waiting; changes made in it are dropped."""
        with self._failures(), Session(self._reader, expire_on_commit=False) as session:
            yield session

    def revision(self) -> str | None:
        """Return the revision of the schema; None if there is none yet."""
        return self._on_connection(schema.current)

    def check(self) -> None:
        """Raise ConfigError, naming `forewarn db upgrade`, unless the schema is the one this version needs."""
        self._on_connection(lambda connection: schema.check(connection, self.place))

    def upgrade(self) -> None:
        """Bring the schema to this version's, in one transaction; two that try at once do it once."""
        if (found := self.revision()) is not None and found not in schema.revisions():
            self.check()
        with self._alone(), self._failures(), self._engine.begin() as connection:
            schema.upgrade(connection)

    def downgrade(self, to: str) -> None:
        """Bring the schema back to revision `to`; `base` drops every table."""
        with self._alone(), self._failures(), self._engine.begin() as connection:
            schema.downgrade(connection, to)

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def _prepare_schema(self, *, create: bool, check: bool) -> None:
        if create and self._on_connection(lambda connection: not inspect(connection).get_table_names()):
            self.upgrade()
        elif check:
            self.check()

    def _on_connection(self, ask: Callable[[Connection], _T]) -> _T:
        with self._failures(), self._reader.connect() as connection:
            return ask(connection)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Queue up in this process, where waiting is fair, instead of at the file, where it is a lottery."""
        if self._writing is None:
            yield
            return
        if self._owner == threading.get_ident():
            raise RuntimeError("a transaction inside a transaction: hand the session on instead")
        if not self._writing.acquire(timeout=self._timeout):
            raise Retryable("locked by a long transaction of this process", place=self.place, remedy="try again")
        self._owner = threading.get_ident()
        try:
            yield
        finally:
            self._owner = None
            self._writing.release()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if (ours := _translate(error, self.place)) is None:
                raise
            raise ours from error
        except sqlite3.Error as error:  # while connecting, before SQLAlchemy wraps them
            raise embedded.translate(error, self.place) from error


def insert_all(session: Session, table: type[SQLModel], rows: Sequence[Row]) -> None:
    """Insert rows that are not there yet, in one go; all have the same keys. What is there already is an error."""
    if rows:
        target = _table(table)
        _execute(session, target.insert(), target, rows)


def insert_ignore(session: Session, table: type[SQLModel], rows: Sequence[Row]) -> int:
    """Insert what is not there yet, by any unique key; returns how many rows were new. All rows have the same keys."""
    if not rows:
        return 0
    target = _table(table)
    statement = _insert(session, target).on_conflict_do_nothing()
    return _execute(session, statement, target, rows)


def upsert(session: Session, table: type[SQLModel], rows: Sequence[Row], keys: Sequence[str]) -> None:
    """Insert, or where `keys` (a unique index's columns) are there already, overwrite the other given columns."""
    if not rows:
        return
    target = _table(table)
    given = [values(target, row) for row in rows]
    statement = _upsert(session.connection().dialect.name, table, tuple(given[0]), tuple(keys))
    change_many(session, statement, given)


def change_many(session: Session, statement: Any, rows: Sequence[Mapping[str, Any]]) -> int:
    """Execute a statement that is kept for many rows, its parameters by name; returns how many rows it changed."""
    return execute_many(session, statement, rows, _to_json)


@cache
def _upsert(dialect: str, table: type[SQLModel], names: tuple[str, ...], keys: tuple[str, ...]) -> Any:
    """Return the statement; to make it takes longer than to run it."""
    statement = _INSERTS[dialect](_table(table))
    changes = {name: statement.excluded[name] for name in names if name not in keys}
    if not changes:
        return statement.on_conflict_do_nothing(index_elements=list(keys))
    return statement.on_conflict_do_update(index_elements=list(keys), set_=changes)


def increase(session: Session, table: type[SQLModel], row: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    """Insert a row of numbers, or where `keys` are there already, add its other columns to what is there."""
    statement = _increase(session.connection().dialect.name, table, tuple(row), keys)
    session.connection().execute(statement, row)


@cache
def _increase(dialect: str, table: type[SQLModel], names: tuple[str, ...], keys: tuple[str, ...]) -> Any:
    """Return the statement; to make it takes longer than to run it."""
    target = _table(table)
    statement = _INSERTS[dialect](target).values({name: bindparam(name) for name in names})
    sums = {name: target.c[name] + statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=list(keys), set_=sums)


def unindexed(column: Any) -> ColumnElement[Any]:
    """Return a text column as a value that no index is looked up by.

    SQLite keeps no statistics of its own accord. Where it may choose, it takes a status, which it believes to be rare,
    for the better way to a few hundred rows named by their ids, and reads a million.
    """
    return func.coalesce(column, "")


def values(table: Table, row: Row) -> Mapping[str, Any]:
    """Return a row's columns by name, of a model's instance or as they are."""
    if isinstance(row, SQLModel):
        return {column.name: getattr(row, column.name) for column in table.columns}
    return row


def _execute(session: Session, statement: Any, table: Table, rows: Sequence[Row]) -> int:
    session.flush()  # what was added to the session before comes before
    result: Any = session.connection().execute(statement, [values(table, row) for row in rows])
    return int(result.rowcount)


def _insert(session: Session, table: Table) -> Any:
    """The dialect's own INSERT: SQLAlchemy has no ON CONFLICT common to both."""
    return _INSERTS[session.connection().dialect.name](table)


def _table(model: type[SQLModel]) -> Table:
    table = inspect(model).local_table
    assert isinstance(table, Table)
    return table


def _url(where: str | Path) -> URL:
    url = make_url(where) if isinstance(where, str) and "://" in where else None
    url = url or URL.create("sqlite", database=str(where))
    if url.get_backend_name() not in _INSERTS:
        cause = f"no support for {url.get_backend_name()}"
        raise ConfigError(cause, place=url.render_as_string(), remedy=f"use one of {', '.join(_INSERTS)}")
    return url


def _prepare_folder(url: URL, *, create: bool) -> None:
    if not url.database or url.database == ":memory:":
        raise ConfigError("a database in memory has one connection only", place=str(url), remedy="name a file")
    path = Path(url.database)
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.exists():
        raise ConfigError("there is no database", place=str(path), remedy="run `forewarn db upgrade` to make one")


def _engine(url: URL, synchronous: str, busy_timeout: float) -> Engine:
    json: dict[str, Any] = {"json_serializer": _to_json, "json_deserializer": msgspec.json.decode}
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, **json)
    engine = create_engine(url, connect_args={"timeout": busy_timeout, "check_same_thread": False}, **json)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, record: object) -> None:  # noqa: ARG001 -- SQLAlchemy's signature
        connection.isolation_level = None  # the driver begins nothing by itself: `_begin` does
        embedded.prepare(connection, synchronous, busy_timeout=busy_timeout)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'IMMEDIATE')}")

    return engine


def _to_json(value: object) -> str:
    """Several times as fast as the standard library, and NaN becomes null: PostgreSQL takes nothing else."""
    return _ENCODER.encode(value).decode()


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)


def _translate(error: DBAPIError, place: str) -> ForewarnError | None:
    """Return the error named for its reaction; None for one that is the caller's own, e.g. a violated constraint."""
    if isinstance(error.orig, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return embedded.translate(error.orig, place)
    cause = _RETRYABLE_STATES.get(str(getattr(error.orig, "sqlstate", None) or "")[:2])
    if cause or error.connection_invalidated:
        return Retryable(cause or "the connection was lost", place=place, remedy="try again")
    return None
