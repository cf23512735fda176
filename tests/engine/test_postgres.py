"""What only PostgreSQL does: many writers at once, connections that are lost, texts and numbers it does not take."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from types import ModuleType

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DataError
from sqlmodel import Session, col, select

from engine.embedded import DiskFull
from engine.errors import ConfigError, Retryable
from engine.store import postgres as dialect
from engine.store import schema
from engine.store.database import Database, insert_ignore, lock
from engine.store.models import Entity, Intent, Progress, ReceiptRow, SignalRow, Suppression
from engine.store.postgres import Collided
from tests import stores
from tests.brokers.postgres import Postgres

NOWHERE = "postgresql://ann:hunter2@127.0.0.1:1/forewarn"


@pytest.fixture
def database(postgres: str) -> Iterator[Database]:
    opened = stores.open_anywhere(postgres, pool=4)
    yield opened
    opened.close()


@pytest.fixture
def impatient(postgres: str) -> Iterator[Database]:
    """The same, as another process has it that waits for nothing."""
    opened = stores.open_anywhere(postgres, pool=1, busy_timeout=0.05)
    yield opened
    opened.close()


def suppression(address: str) -> Suppression:
    return Suppression(address=address, channel="email", reason="bounce", at=1.0)


def addresses(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.exec(select(Suppression.address).order_by(col(Suppression.address))))


def elsewhere(work: Callable[[], object]) -> Exception | None:
    """Do `work` in another thread; returns what it raised."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).exception()  # type: ignore[return-value]  # nothing raises more than an Exception


def write(database: Database, address: str, *, shared: bool) -> None:
    with database.transaction(shared=shared) as session:
        session.add(suppression(address))


@pytest.mark.parametrize("shared", [False, True])
def test_who_writes_alone_has_nobody_beside_it(database: Database, impatient: Database, shared: bool) -> None:
    with database.transaction() as session:
        session.add(suppression("a"))
        error = elsewhere(lambda: write(impatient, "b", shared=shared))
    assert isinstance(error, Retryable)
    assert "locked by another transaction" in str(error)
    assert addresses(database) == ["a"]


def test_who_shares_waits_for_nobody_that_does_and_keeps_out_who_would_be_alone(
    database: Database, impatient: Database
) -> None:
    with database.transaction(shared=True) as session:
        session.add(suppression("a"))
        assert elsewhere(lambda: write(impatient, "b", shared=True)) is None
        assert isinstance(elsewhere(lambda: write(impatient, "c", shared=False)), Retryable)
    assert addresses(database) == ["a", "b"]


def test_of_those_that_share_one_has_a_lock_with_a_name(database: Database, impatient: Database) -> None:
    def take(name: str) -> None:
        with impatient.transaction(shared=True) as session:
            lock(session, name)

    with database.transaction(shared=True) as session:
        lock(session, "prepare")
        assert isinstance(elsewhere(lambda: take("prepare")), Retryable)
        assert elsewhere(lambda: take("another")) is None
    assert elsewhere(lambda: take("prepare")) is None


def test_whoever_waited_sees_what_was_written_meanwhile(database: Database) -> None:
    with database.transaction() as session:
        session.add(Progress(group="g", partition=0, offset=0, watermark=0.0))

    def work() -> None:
        for _ in range(10):
            with database.transaction() as session:
                session.get_one(Progress, ("g", 0)).offset += 1

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result()
    with database.reading() as session:
        assert session.get_one(Progress, ("g", 0)).offset == 40


def test_two_that_stand_in_each_others_way_are_both_done(database: Database) -> None:
    with database.transaction() as session:
        session.add_all([suppression("a"), suppression("b")])
    both = threading.Barrier(2)
    tries: list[str] = []

    def work(first: str, second: str) -> Callable[[Session], None]:
        def change(session: Session) -> None:
            tries.append(first)
            session.get_one(Suppression, (first, "email"), with_for_update=True).reason += first
            session.flush()
            if len(tries) <= 2:
                both.wait(10)
            session.get_one(Suppression, (second, "email"), with_for_update=True).reason += first

        return change

    with ThreadPoolExecutor(2) as pool:
        pair = [pool.submit(database.repeat, work(*order), shared=True) for order in (("a", "b"), ("b", "a"))]
        for done in pair:
            done.result()
    assert len(tries) > 2, "one of them gave way, and began anew"
    with database.reading() as session:
        reasons = [row.reason for row in session.exec(select(Suppression))]
    assert [sorted(reason) for reason in reasons] == [sorted("bounceab")] * 2


def test_what_collides_each_time_is_told(database: Database) -> None:
    tries: list[int] = []

    def collide(session: Session) -> None:
        tries.append(1)
        raise Collided("it collided")

    with pytest.raises(Collided):
        database.repeat(collide)
    assert len(tries) == 5


def test_a_transaction_inside_a_transaction_is_refused(database: Database) -> None:
    with database.transaction(shared=True), pytest.raises(RuntimeError, match="inside"), database.transaction():
        pass


def test_a_connection_that_was_cut_is_made_anew(database: Database, postgres_server: Postgres, postgres: str) -> None:
    def cut_off() -> None:
        with database.transaction() as session:
            session.add(suppression("a"))
            postgres_server.cut(make_url(postgres))

    with pytest.raises(Retryable):
        cut_off()
    assert addresses(database) == []
    write(database, "b", shared=True)
    assert addresses(database) == ["b"]


def test_no_more_connections_than_allowed(impatient: Database) -> None:
    with impatient.reading() as session:
        session.execute(text("SELECT 1"))
        error = elsewhere(lambda: addresses(impatient))
    assert isinstance(error, Retryable)
    assert "all connections are in use; try again; `store.pool`" in str(error)
    assert addresses(impatient) == []


def test_what_takes_too_long_is_ended(database: Database) -> None:
    endless = "SET LOCAL statement_timeout = 1; SELECT count(*) FROM generate_series(1, 100000000)"
    with pytest.raises(Retryable, match="took too long"), database.transaction() as session:
        session.connection().exec_driver_sql(endless)


def test_a_transaction_that_waits_for_us_is_ended(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "IDLE", 123.0)
    opened = stores.open_anywhere(postgres)
    with opened.reading() as session:
        names = ("idle_in_transaction_session_timeout", "lock_timeout", "application_name")
        assert [session.scalar(text(f"SHOW {name}")) for name in names] == ["123s", "10s", "forewarn"]
    opened.close()


@pytest.mark.parametrize("shared", [True, False])
def test_who_hangs_in_a_transaction_that_writes_keeps_nobody_waiting(
    database: Database, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is stopped, or cut off, while it holds locks: the server ends its transaction."""
    monkeypatch.setattr(dialect, "HANGS", 0.1)

    def hang() -> None:
        with database.transaction(shared=shared) as session:
            session.add(suppression("a"))
            session.flush()
            assert elsewhere(lambda: write(database, "b", shared=False)) is None

    with pytest.raises(Retryable):
        hang()
    assert addresses(database) == ["b"]


def test_a_server_that_is_not_there_may_come_back_and_its_password_is_not_told() -> None:
    with pytest.raises(Retryable, match="cannot be reached") as raised:
        stores.open_anywhere(NOWHERE, busy_timeout=0.1)
    assert "hunter2" not in str(raised.value)


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ModuleType:
        if name == "psycopg":
            raise ModuleNotFoundError(name)
        return import_module(name)

    monkeypatch.setattr(dialect, "import_module", missing)
    with pytest.raises(ConfigError, match=r"pip install 'forewarn\[postgres\]'") as raised:
        stores.open_anywhere(NOWHERE)
    assert "hunter2" not in str(raised.value)


def test_a_text_with_nul_is_kept_without(database: Database) -> None:
    row = Entity(
        id="account/a\0b", kind="account", name="\0", updated_at=1.0, attributes={"a\0": ["\0", {"b": "\\u0000"}]}
    )
    with database.transaction() as session:
        session.add(row)
    with database.reading() as session:
        found = session.exec(select(Entity).where(Entity.id == "account/a\0b")).one()
    assert (found.id, found.name) == ("account/a\ufffdb", "\ufffd")
    assert found.attributes == {"a\ufffd": ["\ufffd", {"b": "\\u0000"}]}


def test_numbers_come_back_as_they_are_on_sqlite(database: Database) -> None:
    signals = [
        SignalRow(id=name, issue="", detector="d", series="s", state="raised", at=1.0, seen_at=1e300, score=score)
        for name, score in (("nan", float("nan")), ("inf", float("inf")), ("third", 1 / 3))
    ]
    with database.transaction() as session:
        session.add_all(signals)
        session.add(Progress(group="g", partition=0, offset=2**62, watermark=float("-inf")))
    with database.reading() as session:
        scores = {row.id: row.score for row in session.exec(select(SignalRow))}
        progress = session.get_one(Progress, ("g", 0))
        known = session.exec(select(SignalRow.id).where(col(SignalRow.score) <= float("inf"))).all()
    assert scores == {"nan": None, "inf": float("inf"), "third": 1 / 3}
    assert (progress.offset, progress.watermark) == (2**62, float("-inf"))
    assert sorted(known) == ["inf", "third"]


def test_json_comes_back_as_it_was_written(database: Database) -> None:
    given = {
        "tiny": 5e-324,
        "huge": 1.7976931348623157e308,
        "third": 1 / 3,
        "whole": 3.0,
        "big": 2**60,
        "none": None,
        "a": -0.0,
    }
    row = ReceiptRow(id="r", intent="i", at=0.0, kind="attempt", outcome="accepted", raw={"a": [given]})
    with database.transaction() as session:
        session.add(row)
    with database.reading() as session:
        found = session.get_one(ReceiptRow, "r").raw
    assert found == {"a": [given]}
    assert list(found["a"][0]) == list(given), "keys keep their order"


def test_texts_are_ordered_by_their_bytes_whatever_the_servers_locale(database: Database) -> None:
    names = ["b", "a", "B", "_", "é", "a-b", "ab", "a b"]
    with database.transaction() as session:
        insert_ignore(session, Suppression, [suppression(name) for name in names])
    assert addresses(database) == sorted(names)


def test_a_full_disk_at_the_server_is_told_as_one_here(database: Database) -> None:
    full = "DO $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$"
    with pytest.raises(DiskFull), database.transaction() as session:
        session.execute(text(full))


def test_what_is_our_mistake_is_no_failure_that_passes(database: Database) -> None:
    with pytest.raises(DataError), database.transaction() as session:
        session.execute(text("SELECT 1/0"))


def test_several_that_open_an_empty_database_make_its_tables_once(postgres_server: Postgres) -> None:
    url = postgres_server.create()
    together = threading.Barrier(4)

    def first() -> str | None:
        together.wait(10)
        opened = stores.open_anywhere(stores.text(url))
        try:
            return opened.revision()
        finally:
            opened.close()

    with ThreadPoolExecutor(4) as pool:
        found = [done.result() for done in [pool.submit(first) for _ in range(4)]]
    postgres_server.drop(url)
    assert found == [schema.revisions()[0]] * 4


def test_a_claim_passes_over_what_another_is_taking(database: Database, impatient: Database) -> None:
    from engine.store import outbox  # noqa: PLC0415 -- beside its use

    rows = [
        Intent(
            id=name, kind="message", issue="i", playbook="p", step="s", occasion="opened",
            status="pending", due_at=0.0, created_at=0.0,
        )
        for name in "ab"
    ]  # fmt: skip
    with database.transaction() as session:
        outbox.add(session, rows)
    taken: list[list[str]] = []

    def other() -> None:
        with impatient.transaction(shared=True) as session:
            taken.append([row.id for row in outbox.claim(session, ["a", "b"], "other", 1.0)])

    with database.transaction(shared=True) as session:
        assert [row.id for row in outbox.claim(session, ["a"], "one", 1.0)] == ["a"]
        assert elsewhere(other) is None
    assert taken == [["b"]]
