"""PostgreSQL: connections with limits, locks with names, and failures named for the reaction they call for.

Many processes write here at once. Two kinds of transaction keep what SQLite's one write lock gives:

- *alone*: while it lasts nobody else writes. What it read stays true. People's actions and jobs by the clock.
- *shared*: many at once, for what is done all the time: effects of a partition, preparing and settling messages. Each
  of these is safe beside the others by unique keys, by rows compared and set in one statement, by rows locked before
  they are read, and where several rows bear on each other by a lock with a name (`lock`).

Both are advisory locks that end with the transaction
(https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS). PostgreSQL hands them out in the order
in which they were asked for. A lock is let go after the commit can be seen, and at READ COMMITTED each statement sees
what was committed before it: so whoever gets a lock sees all that was done under it.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from engine.embedded import DiskFull
from engine.errors import ConfigError, ForewarnError, Retryable

DRIVER = "postgresql+psycopg"
SPACE = 0x464F5245
"""First half of all our advisory locks' keys; the second is the lock's."""
WRITERS, LEADER = 0, 1
RECYCLE = 1800
"""Seconds after which a connection is made anew: a proxy or firewall in between may forget it."""
STATEMENT = 60.0
"""Seconds one statement may take."""
IDLE = 300.0
"""Seconds a transaction may wait for us."""
HANGS = 20.0
"""The same of one that writes: others wait for its locks, and for the partition of a worker that was stopped in it."""
DEAD = 5.0
"""Seconds after which either end of a `Line` takes a silent other one for dead."""
_NOTICED = {
    "tcp_user_timeout": round(1000 * DEAD),
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": round(DEAD),
    "options": f"-c statement_timeout={round(1000 * DEAD)} -c tcp_keepalives_idle=1 -c tcp_keepalives_interval=1 "
    f"-c tcp_keepalives_count={round(DEAD)} -c tcp_user_timeout={round(1000 * DEAD)}",
}
_STATES = {
    "25006": "it takes no writes: it is a standby, or was made one",
    "25P03": "a transaction waited for us for too long and was ended",
    "55P03": "locked by another transaction for too long",
    "57014": "a statement took too long and was ended",
}
_CLASSES = {
    "08": "the connection was lost",
    "53": "the server is out of space or connections",
    "55": "locked by another transaction",
    "57": "the server is going down or coming up",
    "58": "the server's system failed",
}
"""An SQLSTATE, or its class → what happened (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""


class Collided(Retryable):
    """Two transactions stood in each other's way, and this one gave way; repeated at once it may succeed."""


def engine(url: URL, json: Mapping[str, Any], *, pool: int, timeout: float) -> Engine:
    """Return an engine with at most `pool` connections; who waits for one, or for a lock, gives up after `timeout` s.

    What the URL's query says of a connection (`?sslmode=verify-full`) goes before what is set here.

    Raises ConfigError where psycopg is not installed.
    """
    try:
        import_module("psycopg")
    except ImportError as error:
        cause, remedy = "PostgreSQL needs psycopg, which is not installed", "pip install 'forewarn[postgres]'"
        raise ConfigError(cause, place=url.render_as_string(), remedy=remedy) from error
    made = create_engine(
        url,
        connect_args={name: value for name, value in _connect(timeout).items() if name not in url.query},
        isolation_level="READ COMMITTED",
        pool_size=pool,
        max_overflow=0,
        pool_timeout=timeout,
        pool_recycle=RECYCLE,
        pool_pre_ping=True,
        **json,
    )
    event.listen(made, "connect", _teach)
    return made


def _connect(timeout: float) -> dict[str, Any]:
    limits = {
        "statement_timeout": STATEMENT,
        "lock_timeout": timeout,
        "idle_in_transaction_session_timeout": IDLE,
    }
    return {
        "application_name": "forewarn",
        "connect_timeout": max(2, round(timeout)),
        "tcp_user_timeout": 30_000,
        "keepalives_idle": 30,
        "options": " ".join(f"-c {name}={max(1, round(1000 * seconds))}" for name, seconds in limits.items()),
    }


def _teach(connection: Any, record: object) -> None:  # noqa: ARG001 -- SQLAlchemy's signature
    """Let a connection write what SQLite can and PostgreSQL cannot: NUL becomes U+FFFD in texts, NaN becomes NULL."""
    from psycopg.types.numeric import FloatDumper  # noqa: PLC0415 -- an extra
    from psycopg.types.string import StrDumper  # noqa: PLC0415

    class Text(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\ufffd"))

    class Number(FloatDumper):
        def dump(self, obj: float) -> Any:
            return None if obj != obj else super().dump(obj)  # noqa: PLR0124 -- NaN is not itself

    connection.adapters.register_dumper(str, Text)
    connection.adapters.register_dumper(float, Number)


def enter(connection: Connection, *, shared: bool) -> None:
    """Wait until this transaction may write: alone, or beside others of its kind. The server ends it if we hang."""
    which = "_shared" if shared else ""
    limit = f"set_config('idle_in_transaction_session_timeout', '{round(1000 * HANGS)}', true)"
    connection.exec_driver_sql(f"SELECT {limit}, pg_advisory_xact_lock{which}({SPACE}, {WRITERS})")


def lock(connection: Connection, name: str) -> None:
    """Wait until no other transaction holds the lock of this name; it is held until this transaction ends."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SPACE}, {key(name)})")


def change(connection: Connection) -> None:
    """Wait until nobody else changes the schema; statements may take as long as they do."""
    lock(connection, "schema")
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")


class Line:
    """A connection that is held on to, for a lock that lasts for as long as it does."""

    def __init__(self, engine: Engine, place: str) -> None:
        """Connect. Raises Retryable where that cannot be done now."""
        self._place = place
        arguments, options = engine.dialect.create_connect_args(engine.url)
        given = {name: value for name, value in {**_connect(DEAD), **_NOTICED}.items() if name not in engine.url.query}
        with self._failures():
            self._connection = engine.dialect.connect(*arguments, **{**options, **given}, autocommit=True)

    def ask(self, statement: str) -> Any:
        """Return the first value of the answer. Raises Retryable where there is none."""
        with self._failures():
            return self._connection.execute(statement).fetchone()[0]

    def alive(self) -> bool:
        """Say whether it is there still."""
        try:
            return bool(self.ask("SELECT true"))
        except Retryable:
            return False

    @property
    def closed(self) -> bool:
        """Whether it was hung up."""
        return bool(self._connection.closed)

    def close(self) -> None:
        """Let go of all locks, and hang up: of that alone a busy server takes note later, and nobody has them."""
        with suppress(Retryable):
            self.ask("SELECT pg_advisory_unlock_all()")
        self._connection.close()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        from psycopg import OperationalError as Failed  # noqa: PLC0415 -- an extra

        try:
            yield
        except Failed as error:
            said = str(error).strip().splitlines()[0]
            raise Retryable(f"it cannot be reached: {said}", place=self._place, remedy="try again") from error


def by_bytes(connection: Connection) -> None:
    """Have all texts compared by their bytes, as on SQLite and in Python, whatever the cluster's locale.

    That is quicker too, and no update of the system's locales breaks an index. JSON stays JSON and does not become
    JSONB: that puts keys in another order and writes 1e17 and -0.0 in another way, and nothing here looks into it by an
    index.
    """
    for table, column in connection.exec_driver_sql(_BY_LOCALE).all():
        connection.exec_driver_sql(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE varchar COLLATE "C"')


_BY_LOCALE = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = current_schema AND table_name <> 'alembic_version'
AND data_type IN ('character varying', 'text') AND collation_name IS DISTINCT FROM 'C'
ORDER BY table_name, ordinal_position
"""


def note(connection: Connection, oldest: str) -> None:
    """Write down beside the schema's revision which one the engines know that may still run on it."""
    connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{oldest}'")


def fits(connection: Connection, known: Sequence[str]) -> bool:
    """Return whether a schema that is newer than all `known` revisions is noted to be good for one of them."""
    if connection.dialect.name != "postgresql":
        return False
    noted = "SELECT obj_description(to_regclass('alembic_version'), 'pg_class')"
    return connection.exec_driver_sql(noted).scalar() in known


def key(name: str) -> int:
    """Return a lock's number: negative, and so never one of those that have a constant.

    >>> key("prepare") < 0
    True
    """
    return -1 - (zlib.crc32(name.encode()) & 0x7FFFFFFF)


def translate(error: DBAPIError, place: str) -> ForewarnError | None:
    """Return the error named for its reaction; None for one that is the caller's own, e.g. a violated constraint."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state.startswith("40"):
        return Collided("it collided with another transaction", place=place, remedy="try again")
    if state == "53100":
        return DiskFull("the server has no space left", place=place, remedy="free some space; nothing was written")
    if cause := _STATES.get(state) or _CLASSES.get(state[:2]):
        return Retryable(cause, place=place, remedy="try again")
    if error.connection_invalidated:
        return Retryable("the connection was lost", place=place, remedy="try again")
    if not state and isinstance(error, OperationalError | InterfaceError):
        said = str(error.orig).strip().splitlines()[0]
        return Retryable(f"it cannot be reached: {said}", place=place, remedy="check address, user and server")
    return None
