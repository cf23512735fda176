"""A cluster as it is run: processes with a role each, on Kafka and PostgreSQL; one of them is killed."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
from sqlmodel import SQLModel, select

from engine.app import intake
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.storage import Storage
from engine.store.database import Database
from engine.store.models import Issue, Progress, Ticket
from tests.brokers.broker import Broker
from tests.faults.house import FILES, START, call, opened, people, prepared

TOPICS = itertools.count()
MAIN, PLAYBOOK = "config/forewarn.yaml", "config/playbooks/errors.yaml"
ACCOUNTS = [f"account/a{number}" for number in range(40)]
PATIENCE = 90.0
"""Seconds in which a cluster on a slow machine comes to where it should."""
DEATH = {"noida-db": signal.SIGTERM}
"""How a worker ends: noida-db goes on counting a member that is not heard of any more, so there it takes its leave."""
COMMAND = "from engine.cli import main; main()"
TICKETS = """
name: errors
when: {detector: errors}
steps:
  - ticket: {queue: tier-2, template: all/agent}
limits: {blast_radius: {max: 1000}}
"""


def cluster_of(folder: Path, broker: Broker, database: str, **changed: str) -> Path:
    """Write a configuration for a cluster, and return its folder."""
    secret = folder / "links.txt"
    secret.write_text("a secret of more than thirty-two characters")
    topic = f"cluster-{os.getpid()}-{next(TOPICS)}"
    log = f"{{kafka: ['{broker.server}'], topic: {topic}, replicas: 1, session: 6}}"
    text = FILES[MAIN].replace("events: {", "events: {partitions: 4, ")
    text += f"store: {{url: '{database}'}}\nlog: {log}\nlink_secret: {{file: '{secret}'}}\nsnapshot_every: 1s\n"
    return prepared(folder, **{MAIN: text, PLAYBOOK: TICKETS, **changed}) / "config"


@contextmanager
def process(role: str, config: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run one role."""
    log = (config.parent / f"{role}-{next(TOPICS)}.log").open("wb")
    given = [sys.executable, "-c", COMMAND, role, "--config", str(config), "--port", "0"]
    with log, subprocess.Popen(given, stdout=log, stderr=log) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.send_signal(signal.SIGTERM)
                try:
                    started.wait(30)
                except subprocess.TimeoutExpired:
                    started.kill()


def hand_in(config: Path, minute: int, *, failed: bool) -> None:
    """Let each account call a few times in a minute, and time pass it."""
    loaded = load_or_raise(config)
    now = START + 60.0 * minute
    with closing(Storage.embedded(loaded, FakeClock(now + 60.0))) as storage:
        way_in = intake(loaded, storage, FakeClock(now + 60.0))
        way_in.accept(b"\n".join(calls(minute, failed=failed)), "test")


def calls(minute: int, *, failed: bool) -> list[bytes]:
    now = START + 60.0 * minute
    return [call(each, now + n, f"{each}-{minute}-{n}", failed=failed) for each in ACCOUNTS for n in range(3)]


def rows(database: Database, table: type[SQLModel]) -> list[SQLModel]:
    with database.reading() as session:
        return list(session.exec(select(table)).all())


def until(true: Callable[[], bool]) -> bool:
    """Look again and again until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not (held := true()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return held


def issues(found: list[SQLModel]) -> list[tuple[str, str, str]]:
    return sorted((each.id, each.subject, each.status) for each in found if isinstance(each, Issue))


def alone(folder: Path) -> list[tuple[str, str, str]]:
    """Return the issues that one process makes of the same events."""
    folder.mkdir()
    with opened(prepared(folder, **{PLAYBOOK: TICKETS})) as house:
        house.hand_in(*people())
        for minute, failed in ((0, False), (1, True), (2, True), (3, False), (4, False)):
            house.clock.set(START + 60.0 * minute + 60.0)
            house.hand_in(*calls(minute, failed=failed))
        return issues(list(house.rows(Issue)))


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost_or_doubled(
    tmp_path: Path, broker: Broker, postgres: str
) -> None:
    (tmp_path / "cluster").mkdir()
    config = cluster_of(tmp_path / "cluster", broker, postgres)
    expected = alone(tmp_path / "alone")
    assert len(expected) == len(ACCOUNTS)
    with closing(Database.open(postgres)) as database, process("dispatch", config), process("worker", config) as first:

        def holders() -> set[str]:
            return {each.holder for each in rows(database, Progress) if isinstance(each, Progress)}

        assert until(lambda: len(rows(database, Progress)) == 4)
        hand_in(config, 0, failed=False)
        hand_in(config, 1, failed=True)
        with process("worker", config):
            assert until(lambda: len(holders()) == 2)
            first.send_signal(DEATH.get(broker.name, signal.SIGKILL))
            hand_in(config, 2, failed=True)
            assert until(lambda: len(holders()) == 1)
            for minute in (3, 4):
                hand_in(config, minute, failed=False)
            assert until(lambda: issues(rows(database, Issue)) == expected)
            assert until(lambda: len(rows(database, Ticket)) == len(ACCOUNTS))
        assert {each.epoch for each in rows(database, Progress) if isinstance(each, Progress)} != {1}
        assert len({each.issue for each in rows(database, Ticket) if isinstance(each, Ticket)}) == len(ACCOUNTS)


def told(config: Path, role: str, path: str) -> httpx.Response | None:
    """Return what the one process of a role answers; None where it does not listen yet."""
    (log,) = config.parent.glob(f"{role}-*.log")
    found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
    with suppress(httpx.TransportError):
        return httpx.get(f"{found[0]}{path}") if found else None
    return None


def figures(config: Path, role: str) -> dict[str, float]:
    answer = told(config, role, "/metrics")
    assert answer is not None
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if line.startswith("forewarn_")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_each_role_tells_how_it_stands(tmp_path: Path, broker: Broker, postgres: str) -> None:
    config = cluster_of(tmp_path, broker, postgres)

    def ready(role: str) -> bool:
        answer = told(config, role, "/readyz")
        return answer is not None and answer.status_code == 200

    with process("worker", config), process("schedule", config):
        assert until(lambda: ready("worker") and ready("schedule"))
        assert until(lambda: figures(config, "worker")["forewarn_partitions_held"] == 4)
        hand_in(config, 0, failed=False)
        assert until(lambda: figures(config, "worker")["forewarn_lag_events"] == 0)
        worker = figures(config, "worker")
        assert worker["forewarn_rebalances_total"] >= 1
        assert sum(worker[f'forewarn_log_records_total{{path="{path}"}}'] for path in ("whole", "object")) > 0
        assert worker["forewarn_leader"] == 0
        assert "forewarn_outbox_due" not in worker
        assert until(lambda: 'forewarn_snapshot_bytes{partition="0"}' in figures(config, "worker"))
        assert until(lambda: figures(config, "schedule")["forewarn_leader"] == 1)
        unread = {f'forewarn_log_unread{{partition="{number}"}}' for number in range(4)}
        assert until(lambda: unread <= figures(config, "schedule").keys())
        leader = figures(config, "schedule")
        assert leader["forewarn_outbox_due"] == 0
        assert "forewarn_lag_events" not in leader
