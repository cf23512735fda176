"""What the embedded log does when its file, its disk or its process fails."""

import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.clock import FakeClock
from engine.errors import ConfigError, ForewarnError, Retryable
from engine.eventlog.base import Append
from engine.eventlog.sqlite import SqliteLog

CLOCK = FakeClock(1_700_000_000.0)
NOISE = random.Random(7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def log(path: Path) -> Iterator[SqliteLog]:
    opened = SqliteLog(path, clock=CLOCK, busy_timeout=0.01)
    yield opened
    opened.close()


def incompressible(size: int) -> Append:
    return Append(0, NOISE.randbytes(size).replace(b"\n", b"\r"), 1)


def limit_pages(log: SqliteLog, more: int) -> None:
    (pages,) = log._writer.execute("PRAGMA page_count").fetchone()
    log._writer.execute(f"PRAGMA max_page_count = {pages + more}")


def test_acknowledged_writes_are_synced(log: SqliteLog) -> None:
    settings = [log._writer.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
    assert settings == [2, "wal"]


def test_payloads_are_compressed_when_it_pays(log: SqliteLog) -> None:
    log.append([Append(0, b'{"status": 200}' * 1000, 1), incompressible(15_000), Append(0, b"{}", 1)])
    stored = log._writer.execute("SELECT packing, length(payload) FROM batch ORDER BY first").fetchall()
    assert stored[0][0] == 1
    assert stored[0][1] < 1000
    assert stored[1:] == [(0, 15_000), (0, 2)]


def test_a_full_disk_is_retryable_and_nothing_is_half_written(log: SqliteLog) -> None:
    log.append([Append(0, b"{}", 1)])
    limit_pages(log, 4)
    with pytest.raises(Retryable, match=r"log\.db: no space left to write; free some space"):
        log.append([Append(0, b"{}", 1), incompressible(100_000)])
    assert (log.end(0), len(log.read(0, 0, 10))) == (1, 1)
    assert log.append([Append(0, b"{}", 1)]) == [1]
    limit_pages(log, 1000)
    assert log.append([incompressible(100_000)]) == [2]


def test_one_that_does_not_fit_takes_no_other_of_its_group_with_it(log: SqliteLog) -> None:
    limit_pages(log, 4)
    appends = {"large": incompressible(100_000), "small": Append(0, b"{}", 1)}
    results: dict[str, object] = {}

    def work(name: str) -> None:
        try:
            results[name] = log.append([appends[name]])
        except Retryable as error:
            results[name] = error.cause

    threads = [threading.Thread(target=work, args=(name,)) for name in appends]
    with log._writing:  # both are waiting when the first of them gets to write
        for thread in threads:
            thread.start()
        while len(log._waiting) < 2:
            pass
    for thread in threads:
        thread.join()
    assert results == {"large": "no space left to write", "small": [0]}


def test_those_who_wait_are_written_in_one_transaction(log: SqliteLog) -> None:
    begun: list[str] = []
    log._writer.set_trace_callback(lambda sql: begun.append(sql) if sql.startswith("BEGIN") else None)
    threads = [threading.Thread(target=log.append, args=([Append(0, b"{}", 1)],)) for _ in range(8)]
    with log._writing:
        for thread in threads:
            thread.start()
        while len(log._waiting) < 8:
            pass
    for thread in threads:
        thread.join()
    assert (len(begun), log.end(0)) == (1, 8)


def test_a_writer_that_is_interrupted_tells_those_it_wrote_for(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[BaseException] = []

    def interrupted(row: object) -> int:
        raise KeyboardInterrupt

    def work() -> None:
        try:
            log.append([Append(0, b"{}", 1)])
        except (KeyboardInterrupt, Retryable) as error:
            raised.append(error)

    monkeypatch.setattr(log, "_insert", interrupted)
    threads = [threading.Thread(target=work) for _ in range(2)]
    with log._writing:
        for thread in threads:
            thread.start()
        while len(log._waiting) < 2:
            pass
    for thread in threads:
        thread.join()
    assert sorted(type(error).__name__ for error in raised) == ["KeyboardInterrupt", "Retryable"]
    assert log.end(0) == 0
    monkeypatch.undo()
    assert log.append([Append(0, b"{}", 1)]) == [0]


def test_a_lock_held_by_another_process_is_retryable(log: SqliteLog, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Retryable, match=r"log\.db: locked by another process; try again"):
        log.append([Append(0, b"{}", 1)])
    assert (log.read(0, 0, 10), log.end(0)) == ([], 0)  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    assert log.append([Append(0, b"{}", 1)]) == [0]


def test_a_file_that_is_no_log_is_named(path: Path) -> None:
    path.write_bytes(b"this is a text, and long enough to be looked at. " * 100)
    with pytest.raises(ForewarnError, match=r"log\.db: the file is damaged") as raised:
        SqliteLog(path, clock=CLOCK)
    assert not isinstance(raised.value, Retryable)


def test_a_page_that_was_overwritten_is_an_error_and_never_other_events(log: SqliteLog, path: Path) -> None:
    payload = incompressible(30_000)
    log.append([payload, payload])
    log.close()
    whole = bytearray(path.read_bytes())
    places = list(range(0, len(whole), 997))
    for place in places:
        damaged = bytearray(whole)
        damaged[place : place + 8] = bytes(byte ^ 0x55 for byte in whole[place : place + 8])
        path.write_bytes(damaged)
        assert events_or_error(path) in [[payload.payload] * 2, "named"], place


def events_or_error(path: Path) -> list[bytes] | str:
    try:
        with closing(SqliteLog(path, clock=CLOCK)) as opened:
            return [one.payload for one in opened.read(0, 0, 10)]
    except ForewarnError as error:
        return "named" if "log.db" in str(error) else f"not named: {error}"


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.db").mkdir()
    with pytest.raises(ForewarnError, match=r"log\.db: cannot be used: .*; check folder and permissions"):
        SqliteLog(tmp_path / "log.db", clock=CLOCK)


def test_another_number_of_partitions_is_refused(log: SqliteLog, path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"log\.db: the event log has 1 partitions, not 4; set .*partitions: 1.*forewarn repartition"
    ):
        SqliteLog(path, clock=CLOCK, partitions=4)


def test_a_closed_log_says_so(log: SqliteLog) -> None:
    log.close()
    with pytest.raises(ForewarnError, match=r"log\.db: .*closed"):
        log.append([Append(0, b"{}", 1)])


APPENDER = """
import sys, threading
from engine.clock import SystemClock
from engine.eventlog.base import Append
from engine.eventlog.sqlite import SqliteLog
log = SqliteLog(sys.argv[1], clock=SystemClock())
tell = threading.Lock()
def work(worker):
    for number in range(int(sys.argv[3])):
        line = b'{"who": "%s-%d", "n": %d}' % (sys.argv[2].encode(), worker, number)
        (offset,) = log.append([Append(0, line + b"\\n" + line, 2)])
        with tell:
            print(offset, line.decode(), flush=True)
for worker in range(4):
    threading.Thread(target=work, args=(worker,)).start()
"""


def appender(path: Path, name: str, count: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", APPENDER, str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def told(output: bytes) -> dict[int, bytes]:
    """Return offset → line of all that was acknowledged; a last line that is cut off was not."""
    pairs = (line.split(b" ", 1) for line in output.split(b"\n")[:-1])
    return {int(offset): line for offset, line in pairs}


@pytest.mark.parametrize("acknowledged", [1, 7, 50])
def test_what_was_acknowledged_survives_a_killed_process(path: Path, acknowledged: int) -> None:
    with appender(path, "a", 1_000_000) as child:
        assert child.stdout is not None
        output = b"".join(child.stdout.readline() for _ in range(acknowledged))
        child.send_signal(signal.SIGKILL)
        output += child.stdout.read()
    log = SqliteLog(path, clock=CLOCK)
    found = {one.offset: one.payload for one in log.read(0, 0, 10_000_000)}
    log.close()
    assert list(found) == list(range(0, 2 * len(found), 2))
    for offset, line in told(output).items():
        assert found[offset] == line + b"\n" + line


def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    """Switching to the write-ahead log is the one thing SQLite's own time-out does not wait for."""
    failed: list[ForewarnError] = []

    def work(path: Path, start: threading.Barrier) -> None:
        start.wait()
        try:
            SqliteLog(path, clock=CLOCK).close()
        except ForewarnError as error:
            failed.append(error)

    for turn in range(10):
        start = threading.Barrier(4)
        threads = [threading.Thread(target=work, args=(tmp_path / f"{turn}.db", start)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failed


def test_two_processes_append_to_one_file_without_a_gap(path: Path) -> None:
    children = [appender(path, name, 25) for name in ("a", "b")]
    acknowledged = [told(child.communicate()[0]) for child in children]
    log = SqliteLog(path, clock=CLOCK)
    found = {one.offset: one.payload.split(b"\n")[0] for one in log.read(0, 0, 1_000_000)}
    log.close()
    assert found == acknowledged[0] | acknowledged[1]
    assert list(found) == list(range(0, 400, 2))
