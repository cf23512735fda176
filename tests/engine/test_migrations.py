import sqlite3
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from engine.errors import ConfigError
from engine.store import schema
from engine.store.database import Database
from engine.store.models import Intent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "forewarn.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = Database.open(path)
    yield opened
    opened.close()


def tables(path: Path) -> set[str]:
    engine = create_engine(f"sqlite:///{path}")
    names = set(inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    return names


def set_revision(path: Path, revision: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()


def test_migrations_and_models_agree(database: Database, path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Intent.metadata) == []
    engine.dispose()


def shape(path: Path) -> dict[str, object]:
    """Return all that a database says of its tables: columns, keys, constraints and indexes."""
    engine = create_engine(f"sqlite:///{path}")
    seen = inspect(engine)
    told = {
        table: (
            sorted((each["name"], str(each["type"]), each["nullable"]) for each in seen.get_columns(table)),
            seen.get_pk_constraint(table)["constrained_columns"],
            sorted(each["column_names"] for each in seen.get_unique_constraints(table)),
            sorted((str(each["name"]), each["column_names"], each["unique"]) for each in seen.get_indexes(table)),
        )
        for table in seen.get_table_names()
    }
    engine.dispose()
    return dict(told)


def test_the_migrated_schema_is_that_of_the_models(database: Database, path: Path, tmp_path: Path) -> None:
    made = tmp_path / "models.db"
    engine = create_engine(f"sqlite:///{made}")
    Intent.metadata.create_all(engine)
    engine.dispose()
    migrated, modelled = shape(path), shape(made)
    assert migrated.pop("alembic_version")
    assert migrated == modelled


def test_every_revision_goes_up_and_down(database: Database, path: Path) -> None:
    for revision, below in zip(schema.revisions(), [*schema.revisions()[1:], "base"], strict=True):
        assert database.revision() == revision
        before = tables(path)
        database.downgrade(below)
        with database._engine.begin() as connection:
            schema.upgrade(connection, revision)
        assert tables(path) == before
        database.downgrade(below)
    assert tables(path) == set()
    assert database.revision() is None
    database.upgrade()
    database.check()
    assert tables(path) == set(Intent.metadata.tables)


def test_upgrading_what_is_up_to_date_changes_nothing(database: Database) -> None:
    database.upgrade()
    assert database.revision() == schema.revisions()[0]


def test_an_interrupted_upgrade_leaves_nothing(database: Database, path: Path) -> None:
    database.downgrade("base")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE token (id TEXT)")  # what the first revision is going to make, late
    connection.close()
    with pytest.raises(Exception, match="token"):
        database.upgrade()
    assert tables(path) == {"token"}


def test_a_file_with_other_tables_is_not_ours(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE letter (id TEXT)")
    connection.close()
    with pytest.raises(ConfigError, match=r"forewarn\.db: the schema is missing.*`forewarn db upgrade`"):
        Database.open(path)


def test_an_old_schema_names_the_command_that_helps(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = schema.revisions()[0]
    monkeypatch.setattr(schema, "revisions", lambda: ("9999", newest))
    with pytest.raises(ConfigError, match=rf"the schema is {newest}, this version needs 9999; .*`forewarn db upgrade`"):
        Database.open(path)
    Database.open(path, check=False).close()


def test_a_newer_schema_is_refused_and_never_upgraded(database: Database, path: Path) -> None:
    set_revision(path, "9999")
    with pytest.raises(
        ConfigError, match=rf"\(9999\) is newer than this version knows \({schema.revisions()[0]}\); install"
    ):
        Database.open(path)
    opened = Database.open(path, check=False)
    with pytest.raises(ConfigError, match="newer"):
        opened.upgrade()
    opened.close()


def test_the_environment_can_be_imported_outside_alembic() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from engine.store.migrations import env  # noqa: PLC0415 -- the import is what is tested

    assert env.__doc__


def test_the_revisions_are_where_the_package_is() -> None:
    files = {path.name for path in schema.MIGRATIONS.rglob("*") if path.is_file()}
    assert {"env.py", "script.py.mako", "r0001_first.py"} <= files
