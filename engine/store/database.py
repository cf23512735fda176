"""The one relational database: SQLite, or PostgreSQL where several processes share it (`engine.store.postgres`)."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
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
    Float,
    String,
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
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session, SQLModel

from engine import embedded
from engine.errors import ConfigError, ForewarnError, Retryable
from engine.store import postgres, schema
from engine.store.many import execute_many
from engine.store.postgres import Collided

_T = TypeVar("_T")
Row = Mapping[str, Any] | SQLModel
_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
TRIES = 5
"""How often a transaction that can be repeated is tried while it collides with others."""
NUL = b"\\u0000"
"""As JSON has it; PostgreSQL takes it in no text."""


class Database:
    """Tables behind transactions. Safe to use from several threads; on SQLite one of them writes at a time.

    Every failure that may pass (locked, disk full, connection lost) is raised as Retryable; nothing of that
    transaction was written then. Only where the connection is lost during the commit itself is that not known: what is
    done again finds what is there by its key.
    """

    def __init__(self, engine: Engine, *, busy_timeout: float) -> None:
        self.place = engine.url.render_as_string(hide_password=True).removeprefix("sqlite:///")
        self.several = engine.dialect.name != "sqlite"
        """Whether several processes may do the same work on it."""
        self._engine = engine
        seeing_one_state = {"isolation_level": "REPEATABLE READ"} if self.several else {"begin": "DEFERRED"}
        self._reader = engine.execution_options(**seeing_one_state)
        self._timeout = busy_timeout
        self._writing = None if self.several else threading.Lock()
        self._inside = threading.local()
        self._lines: list[postgres.Line] = []

    @classmethod
    def open(
        cls,
        where: str | Path,
        *,
        create: bool = True,
        check: bool = True,
        synchronous: str = "FULL",
        busy_timeout: float = 10.0,
        pool: int = 10,
    ) -> "Database":
        """Open the SQLite file or database URL `where`; one without tables is given them by the migrations.

        `create=False` refuses a database without tables; `check=False` takes one with an older schema, to upgrade it.
        `synchronous` is SQLite's: FULL survives a power cut, NORMAL may lose the last transactions in one. `pool` is
        PostgreSQL's: so many connections at most.

        Raises ConfigError for a schema of another version, Retryable or ForewarnError for a file that cannot be used.
        """
        url = _url(where)
        if url.get_backend_name() == "sqlite":
            _prepare_folder(url, create=create)
            engine = _embedded(url, synchronous, busy_timeout)
        else:
            engine = postgres.engine(url, _JSON, pool=pool, timeout=busy_timeout)
        database = cls(engine, busy_timeout=busy_timeout)
        try:
            database._prepare_schema(create=create, check=check)
        except ForewarnError:
            database.close()
            raise
        return database

    @contextmanager
    def transaction(self, *, shared: bool = False) -> Iterator[Session]:
        """Yield a session; all that is done in it is written at the end, or nothing is, when an exception leaves it.

        What it read stays true until it is written: nobody else writes meanwhile. `shared` lets others write that are
        `shared` too, where the database can: for what is safe beside them (`engine.store.postgres`).
        """
        with (
            self._alone(),
            self._failures(),
            Session(self._engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            if self.several:
                postgres.enter(session.connection(), shared=shared)
            yield session

    def repeat(self, work: Callable[[Session], _T], *, shared: bool = False) -> _T:
        """Do `work` in a transaction and return what it returns; where it collides with another, do it again.

        Raises Collided if it does so each time.
        """
        for _ in range(TRIES - 1):
            with suppress(Collided), self.transaction(shared=shared) as session:
                return work(session)
        with self.transaction(shared=shared) as session:
            return work(session)

    def checkpoint(self) -> None:
        """Let no older copy of what was changed stay in SQLite's write-ahead log, as far as nobody reads it now."""
        if not self.several:
            with self._alone(), embedded.failures(self.place), closing(self._engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

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
            self._on_connection(lambda connection: schema.check(connection, self.place, exactly=True))
        with self._changing() as connection:
            schema.upgrade(connection)

    def downgrade(self, to: str) -> None:
        """Bring the schema back to revision `to`; `base` drops every table."""
        with self._changing() as connection:
            schema.downgrade(connection, to)

    def pool(self) -> tuple[int, int] | None:
        """Return how many connections there may be, and how many are in use; None on SQLite."""
        pool = self._engine.pool
        return (pool.size(), pool.checkedout()) if self.several and isinstance(pool, QueuePool) else None

    def line(self) -> postgres.Line:
        """Return a connection of its own, outside of the pool. Raises Retryable where there is none to be had now."""
        line = postgres.Line(self._engine, self.place)
        self._lines = [*(each for each in self._lines if not each.closed), line]
        return line

    def close(self) -> None:
        """Let go of all connections."""
        for line in self._lines:
            line.close()
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
    def _changing(self) -> Iterator[Connection]:
        """Yield a connection to change the schema on, in one transaction, one process at a time."""
        with self._alone(), self._failures(), self._engine.begin() as connection:
            if self.several:
                postgres.change(connection)
            yield connection

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Queue up in this process, where waiting is fair, instead of at the file, where it is a lottery."""
        if getattr(self._inside, "now", False):
            raise RuntimeError("a transaction inside a transaction: hand the session on instead")
        if self._writing is not None and not self._writing.acquire(timeout=self._timeout):
            raise Retryable("locked by a long transaction of this process", place=self.place, remedy="try again")
        self._inside.now = True
        try:
            yield
        finally:
            self._inside.now = False
            if self._writing is not None:
                self._writing.release()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if (ours := _translate(error, self.place)) is None:
                raise
            raise ours from error
        except NoneFree as error:
            cause = "all connections are in use"
            raise Retryable(cause, place=self.place, remedy="try again; `store.pool` says how many") from error
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


def lock(session: Session, name: str) -> None:
    """Let no other transaction hold the lock of this name until this one ends; on SQLite none is beside it anyway."""
    if session.connection().dialect.name != "sqlite":
        postgres.lock(session.connection(), name)


class by_bytes(FunctionElement[str]):  # noqa: N801 -- it is written like a function of SQL
    """A text that is compared by its bytes, as columns are: where a query puts one beside them."""

    inherit_cache = True
    type = String()


@compiles(by_bytes)
def _by_bytes(element: by_bytes, compiler: Any, **given: Any) -> str:
    return str(compiler.process(element.clauses, **given))


@compiles(by_bytes, "postgresql")
def _by_bytes_on_postgres(element: by_bytes, compiler: Any, **given: Any) -> str:
    return f'({compiler.process(element.clauses, **given)} COLLATE "C")'


def unindexed(column: Any) -> ColumnElement[Any]:
    """Return a column of texts or times as a value that no index is looked up by.

    SQLite keeps no statistics of its own accord. Where it may choose, it takes a status, which it believes to be rare,
    for the better way to a few hundred rows named by their ids, and reads a million.
    """
    return func.coalesce(column, 0.0 if isinstance(column.type, Float) else "")


def values(table: Table, row: Row) -> Mapping[str, Any]:
    """Return a row's columns by name, of a model's instance or as they are."""
    if isinstance(row, SQLModel):
        return {column.name: getattr(row, column.name) for column in table.columns}
    return row


def _execute(session: Session, statement: Any, table: Table, rows: Sequence[Row]) -> int:
    session.flush()  # what was added to the session before comes before
    given = [values(table, row) for row in rows]
    result: Any = session.connection().execute(statement, given, execution_options={"preserve_rowcount": True})
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
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername=postgres.DRIVER)
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


def _embedded(url: URL, synchronous: str, busy_timeout: float) -> Engine:
    engine = create_engine(url, connect_args={"timeout": busy_timeout, "check_same_thread": False}, **_JSON)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, record: object) -> None:  # noqa: ARG001 -- SQLAlchemy's signature
        connection.isolation_level = None  # the driver begins nothing by itself: `_begin` does
        embedded.prepare(connection, synchronous, busy_timeout=busy_timeout)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'IMMEDIATE')}")

    return engine


def _to_json(value: object) -> str:
    """Several times as fast as the standard library; NaN becomes null, and NUL in texts U+FFFD: PostgreSQL has none."""
    written = _ENCODER.encode(value)
    if NUL in written:
        written = _ENCODER.encode(_without_nul(msgspec.json.decode(written)))
    return written.decode()


def _without_nul(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case list():
            return [_without_nul(each) for each in value]
        case dict():
            return {_without_nul(name): _without_nul(each) for name, each in value.items()}
        case _:
            return value


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
_JSON: Mapping[str, Any] = {"json_serializer": _to_json, "json_deserializer": msgspec.json.decode}


def _translate(error: DBAPIError, place: str) -> ForewarnError | None:
    """Return the error named for its reaction; None for one that is the caller's own, e.g. a violated constraint."""
    if isinstance(error.orig, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        return embedded.translate(error.orig, place)
    return postgres.translate(error, place)
