"""The database's schema: which revision it has, and how it comes to another. The revisions are in `migrations/`."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from engine.errors import ConfigError
from engine.store import postgres

OLDEST = "0016"
"""The newest revision of the release before: its engines may run on this release's schema, on PostgreSQL, as revisions
only add to it. Moved on with every release."""
MIGRATIONS = Path(__file__).parent / "migrations"


def current(connection: Connection) -> str | None:
    """Return the revision the database has; None if it was never given a schema."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def revisions() -> tuple[str, ...]:
    """Return all revisions this version knows, the newest first."""
    return tuple(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())


def check(connection: Connection, place: str, *, exactly: bool = False) -> None:
    """Raise ConfigError unless the schema is the one this version was written for, or a later one it can work on.

    `exactly`: nor then.
    """
    found, known = current(connection), revisions()
    if found == known[0] or (not exactly and found not in known and postgres.fits(connection, known)):
        return
    if found is not None and found not in known:
        cause = f"the schema ({found}) is newer than this version knows ({known[0]})"
        raise ConfigError(cause, place=place, remedy="install the version that wrote it, or a later one")
    cause = f"the schema is {found or 'missing'}, this version needs {known[0]}"
    raise ConfigError(cause, place=place, remedy="stop the engine and run `forewarn db upgrade`")


def upgrade(connection: Connection, to: str = "head") -> None:
    """Bring the schema to revision `to`, within the transaction that `connection` is in."""
    command.upgrade(_config(connection), to)
    if connection.dialect.name == "postgresql":
        postgres.by_bytes(connection)
        postgres.note(connection, OLDEST)


def downgrade(connection: Connection, to: str) -> None:
    """Bring the schema back to revision `to` (`base`: nothing left), within the transaction `connection` is in."""
    command.downgrade(_config(connection), to)


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
