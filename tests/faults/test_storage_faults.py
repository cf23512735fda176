"""A full disk and a locked database: nothing is lost, it is said what is wrong, and afterwards all goes on."""

import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from engine import serve
from engine.errors import Retryable
from engine.eventlog.sqlite import SqliteLog
from engine.serve import Runner
from engine.store.models import Issue
from outreach.base import Message, Outcome, Receipt
from outreach.channels.email import Email
from outreach.channels.memory import MemoryChannel
from tests.faults.house import START, House, call, opened, people, prepared, tick

PATIENCE = 20.0
"""Seconds after which a thread that should have answered never will."""


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def full_database(house: House) -> Iterator[None]:
    """Let the database have no further page."""
    pool = house.engine.storage.database._engine

    def limit(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite takes it for as many as there are

    def lift(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")

    event.listen(pool, "begin", limit)
    try:
        yield
    finally:
        event.remove(pool, "begin", limit)
        event.listen(pool, "begin", lift)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the database's write lock, as another process may."""
    other = sqlite3.connect(folder / "config" / "var" / "forewarn.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def trouble(house: House) -> bytes:
    """Return a minute of failing calls and the end of it; the clock stands after it."""
    lines = [call("account/acme", START + n, f"c{n}", failed=True) for n in range(3)]
    house.clock.set(START + 180.0)
    return b"\n".join([*lines, tick(START + 180.0), call("account/other", START + 180.0, "later")])


def warned(house: House) -> bool:
    house.hand_in()
    assert [(row.subject, row.status) for row in house.rows(Issue)] == [("account/acme", "open")]
    return [message.to for message in house.email.sent] == ["ann@example.com"]


def test_the_log_cannot_be_written(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        log = house.engine.storage.log
        assert isinstance(log, SqliteLog)
        log._writer.execute("PRAGMA max_page_count = 1")
        noise = b"\n".join(call("account/acme", START, f"{n:x}" * 40) for n in range(4_000))
        with pytest.raises(Retryable, match=r"log\.db: no space left to write; free some space; nothing was written"):
            house.engine.intake.accept(noise, "test")
        assert house.engine.lag() == 0
        log._writer.execute("PRAGMA max_page_count = 1073741823")
        assert house.engine.intake.accept(trouble(house), "test").accepted == 5
        assert warned(house)


def test_the_database_cannot_be_written(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        many = [call(f"account/a{n}", START, f"{n}", failed=True) for n in range(100)]
        house.engine.intake.accept(b"\n".join([*many, trouble(house)]), "test")
        with full_database(house):
            for _ in range(3):
                with pytest.raises(Retryable, match=r"forewarn\.db: no space left to write"):
                    house.engine.step()
        house.hand_in()
        assert len(house.rows(Issue)) == 101, "what was seen while nothing could be written is not lost"
        assert [message.to for message in house.email.sent] == ["ann@example.com"]


def test_no_snapshot_is_written_of_what_is_not_in_the_database(tmp_path: Path) -> None:
    with opened(prepared(tmp_path), busy_timeout=0.01) as house:
        house.hand_in(*people())
        house.engine.intake.accept(trouble(house), "test")
        with locked(tmp_path):
            with pytest.raises(Retryable):
                house.engine.step()
            with pytest.raises(Retryable):
                house.engine.snapshot()
        clock = house.clock
    with opened(tmp_path, clock=clock) as house:
        assert warned(house), "killed here and started again"


def test_a_snapshot_cannot_be_written(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        house.engine.snapshot()
        house.engine.intake.accept(trouble(house), "test")
        house.engine.step()
        with small_files(1000), pytest.raises(Retryable, match="what was there before is untouched"):
            house.engine.snapshot()
        assert warned(house)
        clock, email = house.clock, house.email
        assert [path.suffix for path in (tmp_path / "config/var/snapshots").iterdir()] == [".snapshot"]
    with opened(tmp_path, clock=clock, email=email) as house:
        house.hand_in()
        assert len(email.attempts) == 1


def test_the_database_is_locked_by_another_process(tmp_path: Path) -> None:
    with opened(prepared(tmp_path), busy_timeout=0.01) as house:
        house.hand_in(*people())
        house.engine.intake.accept(trouble(house), "test")
        with locked(tmp_path), pytest.raises(Retryable, match=r"forewarn\.db: locked by another process; try again"):
            house.engine.step()
        assert warned(house)


def test_the_runner_waits_for_a_locked_database_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "BACK_OFF", (0.001,))
    monkeypatch.setattr(serve, "IDLE", 0.001)
    waiting, sent = threading.Event(), threading.Event()

    def send(message: Message) -> Receipt:
        sent.set()
        return Receipt(Outcome.ACCEPTED, provider_id=message.id)

    channel = MemoryChannel.like(Email)(script=send)
    with opened(prepared(tmp_path), email=channel, busy_timeout=0.01) as house:
        house.hand_in(*people())
        step = house.engine.step

        def observed() -> int:
            try:
                return step()
            except Retryable:
                waiting.set()
                raise

        monkeypatch.setattr(house.engine, "step", observed)
        runner = Runner(house.engine)
        runner.start()
        try:
            with locked(tmp_path):
                house.engine.intake.accept(trouble(house), "test")
                assert waiting.wait(PATIENCE)
                waiting.clear()
                assert waiting.wait(PATIENCE), "it tries again"
                assert any("locked by another process" in reason for reason in runner.unready())
            assert sent.wait(PATIENCE)
        finally:
            runner.stop()
        assert warned(house)
