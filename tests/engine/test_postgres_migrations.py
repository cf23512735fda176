"""Every revision on PostgreSQL: up and down, from nothing and with rows, beside an engine of the version before."""

import ast
import inspect as source_of
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from engine.errors import ConfigError
from engine.store import schema
from engine.store.database import Database
from engine.store.models import Intent
from tests import stores
from tests.brokers.postgres import Postgres

BELOW = dict(zip(schema.revisions(), [*schema.revisions()[1:], "base"], strict=True))
SCRIPTS = {each.revision: each.module for each in ScriptDirectory(str(schema.MIGRATIONS)).walk_revisions()}


@pytest.fixture
def database(postgres: str) -> Iterator[Database]:
    opened = stores.open_anywhere(postgres)
    yield opened
    opened.close()


def to(database: Database, revision: str) -> None:
    with database._changing() as connection:
        schema.upgrade(connection, revision)


def reflected(database: Database) -> list[sa.Table]:
    found = sa.MetaData()
    found.reflect(database._engine)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def sample(table: sa.Table) -> Mapping[str, Any]:
    """Return a row with something in every column that must not be empty."""
    values: dict[type, Any] = {str: "x", float: 1.5, int: 7, bool: True, bytes: b"x", dict: {}, object: {}}
    return {each.name: values[each.type.python_type] for each in table.columns if not each.nullable}


def counts(database: Database) -> dict[str, int]:
    with database.reading() as session:
        return {
            table.name: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in reflected(database)
        }


@pytest.mark.parametrize("revision", schema.revisions())
def test_a_revision_goes_up_and_down_with_rows(database: Database, revision: str) -> None:
    below = BELOW[revision]
    database.downgrade(below)
    with database._engine.begin() as connection:
        for table in reflected(database):
            connection.execute(table.insert(), sample(table))
    before = counts(database)
    to(database, revision)
    after = counts(database)
    assert {name: after[name] for name in before} == before, "no row is lost on the way up"
    database.downgrade(below)
    assert counts(database) == before
    to(database, revision)
    database.upgrade()
    database.check()


def test_down_to_nothing_and_up_again(database: Database) -> None:
    database.downgrade("base")
    assert reflected(database) == []
    assert database.revision() is None
    database.upgrade()
    database.check()


def other(context: object, inspected: object, column: sa.Column[Any], *defaults: object) -> bool | None:
    """Leave the comparison of defaults to Alembic (None), but of JSON, of which PostgreSQL cannot say what is equal."""
    return False if isinstance(column.type, sa.JSON) else None


def test_migrations_and_models_agree(database: Database) -> None:
    with database._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": other})
        assert compare_metadata(context, Intent.metadata) == []


def test_all_texts_are_compared_by_their_bytes(database: Database) -> None:
    texts = [
        column.type for table in reflected(database) for column in table.columns if isinstance(column.type, sa.String)
    ]
    assert len(texts) > 100
    assert {text.collation for text in texts} == {"C"}


def test_of_several_upgrades_at_once_one_does_it(database: Database, postgres: str) -> None:
    database.downgrade(schema.revisions()[3])
    together = threading.Barrier(3)

    def upgrade() -> str | None:
        other = stores.open_anywhere(postgres, check=False)
        together.wait(10)
        try:
            other.upgrade()
            return other.revision()
        finally:
            other.close()

    with ThreadPoolExecutor(3) as pool:
        assert [each.result() for each in [pool.submit(upgrade) for _ in range(3)]] == [schema.revisions()[0]] * 3
    database.check()


def test_what_fails_halfway_leaves_nothing(postgres_server: Postgres) -> None:
    url = postgres_server.create()
    opened = stores.open_anywhere(stores.text(url))
    opened.downgrade("base")
    with opened._engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE token (id TEXT)")  # what the first revision is going to make, late
    with pytest.raises(Exception, match="token"):
        opened.upgrade()
    assert [table.name for table in reflected(opened)] == ["token"]
    opened.close()
    postgres_server.drop(url)


ADDS = {"create_table", "create_index", "bulk_insert", "execute", "f"}
"""Operations that an engine of the version before does not notice."""


def operations(module: ModuleType) -> list[ast.Call]:
    tree = ast.parse(source_of.getsource(module))
    upgrade = next(each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "upgrade")
    return [each for each in ast.walk(upgrade) if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)]


def breaks(call: ast.Call) -> bool:
    """Say whether an operation would break an engine of the version before, or what it writes."""
    assert isinstance(call.func, ast.Attribute)
    owner = call.func.value
    if not (isinstance(owner, ast.Name) and owner.id in {"op", "batch", "table"}):
        return False
    if call.func.attr == "add_column":
        column = next(each for each in call.args if isinstance(each, ast.Call))
        given = {each.arg: each.value for each in column.keywords}
        nullable = given.get("nullable")
        return "server_default" not in given and not (isinstance(nullable, ast.Constant) and nullable.value is True)
    return call.func.attr not in ADDS | {"batch_alter_table"}


@pytest.mark.parametrize("revision", [each for each in schema.revisions() if each > schema.OLDEST] or [schema.OLDEST])
def test_since_then_revisions_only_add(revision: str) -> None:
    """A new column can be empty or has a default at the server; nothing is dropped, renamed or given another type."""
    found = [ast.unparse(call) for call in operations(SCRIPTS[revision]) if breaks(call)]
    assert found == [], "the version before runs beside this one for one release"


def test_an_engine_of_the_version_before_may_be_started_on_a_newer_schema(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.check()  # the comment still names a revision that is known here
    with pytest.raises(ConfigError, match="newer than this version knows"):
        database.upgrade()
    with database._engine.begin() as connection:
        connection.exec_driver_sql("COMMENT ON TABLE alembic_version IS '9998'")
    with pytest.raises(ConfigError, match="newer than this version knows"):
        database.check()


def test_what_would_break_the_version_before_is_seen() -> None:
    """Revision 0012 drops a default at the server, so that rows of the version before would be refused."""
    assert any(breaks(call) for call in operations(SCRIPTS["0012"]))
