import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import select

from engine.errors import ConfigError, ForewarnError, Retryable
from engine.store.database import Database, insert_ignore, upsert
from engine.store.models import Change, Entity, Progress, Suppression

BOTH_STORES = True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "forewarn.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = Database.open(path)
    yield opened
    opened.close()


def suppression(address: str, reason: str = "bounce") -> Suppression:
    return Suppression(address=address, channel="email", reason=reason, at=1.0)


def write(database: Database, *addresses: str) -> None:
    with database.transaction() as session:
        for address in addresses:
            session.add(suppression(address))
            session.flush()


def reasons(database: Database) -> dict[str, str]:
    with database.reading() as session:
        return {row.address: row.reason for row in session.exec(select(Suppression))}


def test_a_new_file_gets_its_tables_and_is_there_after_reopening(database: Database, path: Path) -> None:
    with database.transaction() as session:
        session.add(suppression("a@example.com"))
    database.close()
    again = Database.open(str(path), create=False)
    assert reasons(again) == {"a@example.com": "bounce"}
    again.close()


def test_a_url_is_taken_as_well(path: Path) -> None:
    path.parent.mkdir()
    opened = Database.open(f"sqlite:///{path}")
    opened.check()
    assert opened.place == str(path)
    opened.close()


@pytest.mark.usefixtures("sqlite_only")
def test_commits_are_durable_and_foreign_keys_hold(database: Database) -> None:
    with database.transaction() as session:
        pragmas = [
            session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "journal_mode", "foreign_keys")
        ]
    assert pragmas == [2, "wal", 1]


def test_nothing_is_written_when_an_exception_leaves_the_transaction(database: Database) -> None:
    def write_and_fail() -> None:
        with database.transaction() as session:
            session.add(suppression("a@example.com"))
            session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        write_and_fail()
    assert reasons(database) == {}


def test_a_violated_constraint_stays_what_it_is(database: Database) -> None:
    with database.transaction() as session:
        session.add(suppression("a@example.com"))
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(suppression("a@example.com"))


def test_objects_can_be_used_after_the_transaction(database: Database) -> None:
    with database.transaction() as session:
        row = suppression("a@example.com")
        session.add(row)
    assert row.reason == "bounce"


def test_reading_sees_one_state_while_another_writes(database: Database) -> None:
    with database.reading() as session:
        assert session.exec(select(Suppression)).all() == []
        with database.transaction() as writing:
            writing.add(suppression("a@example.com"))
        assert session.exec(select(Suppression)).all() == []
    assert len(reasons(database)) == 1


def test_changes_made_while_reading_are_dropped(database: Database) -> None:
    with database.reading() as session:
        session.add(suppression("a@example.com"))
        session.flush()
    assert reasons(database) == {}


def test_read_then_write_in_eight_threads_loses_no_update(database: Database) -> None:
    with database.transaction() as session:
        session.add(Progress(group="g", partition=0, offset=0, watermark=0.0))

    def work() -> None:
        for _ in range(10):
            with database.transaction() as session:
                row = session.get_one(Progress, ("g", 0))
                row.offset += 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert session.get_one(Progress, ("g", 0)).offset == 80


def test_a_transaction_inside_a_transaction_is_refused(database: Database) -> None:
    with database.transaction(), pytest.raises(RuntimeError, match="inside"), database.transaction():
        pass
    with database.transaction() as session:
        session.add(suppression("free@again"))


@pytest.mark.usefixtures("sqlite_only")
def test_a_lock_held_elsewhere_is_retryable(path: Path) -> None:
    database = Database.open(path, busy_timeout=0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Retryable, match=r"forewarn\.db: locked by another process; try again"):
        write(database, "a@example.com")
    other.execute("ROLLBACK")
    write(database, "a@example.com")
    assert len(reasons(database)) == 1
    other.close()
    database.close()


@pytest.mark.usefixtures("sqlite_only")
def test_a_long_transaction_of_another_thread_is_retryable(path: Path) -> None:
    database = Database.open(path, busy_timeout=0.01)
    raised: list[Exception] = []

    def write() -> None:
        try:
            with database.transaction():
                pass
        except Retryable as error:
            raised.append(error)

    with database.transaction():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert "long transaction" in str(raised[0])
    database.close()


@pytest.mark.usefixtures("sqlite_only")
def test_a_full_disk_is_retryable_and_leaves_nothing_half_written(database: Database) -> None:
    with database.transaction() as session:
        pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()
        session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # the pool has this one only
    with pytest.raises(Retryable, match=r"no space left to write; free some"):
        write(database, "small@example.com", "large@example.com" * 100_000)
    assert reasons(database) == {}


@pytest.mark.usefixtures("sqlite_only")
def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is a text, and long enough to be looked at. " * 40)
    with pytest.raises(ForewarnError, match=r"forewarn\.db: the file is damaged.*restore it from a backup") as raised:
        Database.open(path)
    assert not isinstance(raised.value, Retryable)


def test_a_database_that_is_not_there_is_not_made_unasked(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no database; run `forewarn db upgrade`"):
        Database.open(path, create=False)
    assert not path.exists()


@pytest.mark.usefixtures("sqlite_only")
@pytest.mark.parametrize("where", ["sqlite://", ":memory:", "mysql://root:secret@localhost/x"])
def test_what_cannot_work_is_refused(where: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Database.open(where)
    assert "secret" not in str(raised.value)


def test_insert_ignore_keeps_what_is_there_and_counts_what_is_new(database: Database) -> None:
    rows = [suppression("a@example.com"), suppression("b@example.com")]
    with database.transaction() as session:
        assert insert_ignore(session, Suppression, rows) == 2
    with database.transaction() as session:
        later = [suppression("b@example.com", "complaint"), suppression("c@example.com")]
        assert insert_ignore(session, Suppression, later) == 1
        assert insert_ignore(session, Suppression, []) == 0
    assert reasons(database) == dict.fromkeys(["a@example.com", "b@example.com", "c@example.com"], "bounce")


def test_plain_mappings_are_filled_with_the_models_defaults(database: Database) -> None:
    row = {"id": "account/acme", "kind": "account", "updated_at": 1.0, "attributes": {"plan": "pro"}}
    with database.transaction() as session:
        insert_ignore(session, Entity, [row | {"roles": [], "prefers": []}])
    with database.reading() as session:
        found = session.get_one(Entity, "account/acme")
    assert (found.locale, found.deleted, found.attributes) == ("", False, {"plan": "pro"})


def test_json_takes_what_numpy_computes_and_nothing_a_program_made_up(database: Database) -> None:
    evidence = {"value": np.float64(0.5), "count": np.int64(2), "low": float("nan"), "points": [1e-300, None]}
    row = {"id": "x", "kind": "asset", "updated_at": 1.0, "roles": [], "prefers": []}
    with database.transaction() as session:
        insert_ignore(session, Entity, [row | {"attributes": evidence}])
    with database.reading() as session:
        found = session.get_one(Entity, "x").attributes
    assert found == {"value": 0.5, "count": 2, "low": None, "points": [1e-300, None]}
    with pytest.raises((StatementError, TypeError), match="object is no JSON"), database.transaction() as session:
        insert_ignore(session, Entity, [row | {"id": "y", "attributes": {"a": object()}}])


def test_upsert_overwrites_only_what_is_given(database: Database) -> None:
    keys = ["address", "channel"]
    with database.transaction() as session:
        upsert(session, Suppression, [suppression("a@example.com")], keys)
        change = {"address": "a@example.com", "channel": "email", "reason": "complaint", "at": 2.0}
        upsert(session, Suppression, [change], keys)
        upsert(session, Suppression, [], keys)
    with database.reading() as session:
        (row,) = session.exec(select(Suppression)).all()
    assert (row.reason, row.at) == ("complaint", 2.0)


def test_upsert_of_keys_alone_keeps_the_row(database: Database) -> None:
    with database.transaction() as session:
        session.add(Change(id="c1", of="i1", at=1.0, who="ann", what="opened"))
        upsert(session, Change, [{"id": "c1", "of": "i1", "at": 2.0, "who": "bob", "what": "note"}], ["id"])
    with database.reading() as session:
        assert session.get_one(Change, "c1").who == "bob"


@pytest.mark.usefixtures("sqlite_only")
def test_a_place_is_its_path(database: Database, path: Path) -> None:
    assert database.place == str(path)


@pytest.mark.usefixtures("sqlite_only")
def test_two_processes_may_make_it_at_once(path: Path) -> None:
    program = "import sys; from engine.store.database import Database; Database.open(sys.argv[1]).check()"
    command = [sys.executable, "-c", program, str(path)]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    errors = [child.communicate()[1].decode() for child in children]
    assert [child.returncode for child in children] == [0, 0], errors


def test_statements_are_ordinary_sql(database: Database) -> None:
    with database.reading() as session:
        assert session.connection().execute(text("SELECT count(*) FROM intent")).scalar() == 0
