"""A town: processes with a role each over a real broker and a real PostgreSQL, a provider, and one clock."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import httpx
from sqlalchemy import text

from engine.blobs.folder import Folder
from engine.dispatching.leases import LEASE
from engine.errors import Retryable
from engine.eventlog.brokers import Brokers
from engine.eventlog.kafka import KafkaLog
from engine.eventlog.kafka_letters import KafkaDeadLetters
from engine.snapshots import Snapshots
from engine.store.database import Database
from tests import stores
from tests.brokers.postgres import Postgres, running
from tests.faults.house import prepared
from tests.outages.clock import SharedClock
from tests.outages.kafka import Kafka
from tests.outages.life import CONFIG, MAIN, PARTITIONS, SLACK, START
from tests.outages.process import Process
from tests.outages.provider import Provider
from tests.outages.state import Models, State, models_of, rows_of
from tests.outages.stem import Stem
from tests.outages.watch import Watch

PATIENCE = 120.0
"""Seconds in which a town on a slow machine comes to where it should."""
LOOK = 0.1
"""Seconds between two looks at it."""
SESSION = 3
"""Seconds after which a worker that is not heard of loses its partitions."""
PAUSE = 1.5
"""Seconds between two times that we let time pass: jobs are looked for each second."""
STUCK = 20.0
"""Seconds after which the living may be taken for dead that hold the same: longer than any provider takes."""
TOPIC = "town"
NAMES = ("worker-0", "worker-1", "dispatch-0", "dispatch-1", "schedule-0", "schedule-1", "web-0")
RESERVE = ("worker-2", "worker-3")


class Town:
    """Processes by their names (`worker-0`), all of which run. Use it as a context manager.

    Raises Missing where broker or database cannot be run here.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str] = NAMES,
        reserve: Sequence[str] = RESERVE,
        *,
        before: Path | None = None,
    ) -> None:
        """`names` run from the start; `reserve` when they are wanted. All are of the version `before`, if given."""
        self._before = before
        self.folder, self._names, self._reserve = folder, [*names, *reserve], reserve
        self._opened = ExitStack()
        self.provider = Provider(lambda name, what: self.processes[name].moment(what))
        self.clock = SharedClock(folder / "clock")
        self.clock.set(START)
        self.processes: dict[str, Process] = {}
        self._passed = self._busy_since = 0.0
        self._busy: set[str] = set()

    def __enter__(self) -> "Town":
        with ExitStack() as stack:
            self._build(stack)
            self._opened = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def _build(self, stack: ExitStack) -> None:
        self.broker = Kafka(self.folder, len(self._names))
        stack.callback(self.broker.stop)
        self.server: Postgres = stack.enter_context(running())
        self._url = self.server.create()
        self.now = self.first = stack.enter_context(Stem(self.folder / "stem"))
        if self._before is not None:
            self.first = stack.enter_context(Stem(self.folder / "stem-before", self._before))
        stack.enter_context(self.provider)
        (self.folder / "links.txt").write_text("a secret of more than thirty-two characters")
        port = self._url.port or 5432
        for name, door in zip(self._names, self.broker.doors, strict=True):
            made = Process(name, self.first, self.folder / "clock", self.folder, door, port)
            stack.callback(made.close)
            self.processes[name] = made
            self._write(made)
        self.database = stack.enter_context(closing(self._opened_database()))
        self.broker.open([each.kafka.port for each in self.processes.values()])
        if self._before is not None:
            self._make_topics()
        self.snapshots = stack.enter_context(Watch(self.folder / "shared" / "snapshots", self.of("worker")))
        for each in self.processes.values():
            each.wanted = each.name not in self._reserve
        self.tend()

    def _make_topics(self) -> None:
        """Make what the version before would: it takes a topic that was made a moment ago for one of no partitions."""
        for name, partitions in ((TOPIC, PARTITIONS), (f"{TOPIC}.signals", 1)):
            KafkaLog(Brokers([f"127.0.0.1:{self.broker.port}"]), name, partitions=partitions).close()

    def _opened_database(self) -> Database:
        """Return the database, with the tables of the version that is run first."""
        if self._before is not None:
            upgrade(self._before, next(iter(self.processes.values())))
        return Database.open(stores.text(self._url), check=self._before is None)

    def _write(self, process: Process) -> None:
        """Write a process' configuration, which differs from the others' by where it is to go."""
        url = stores.text(self._url.set(port=process.postgres.port))
        kafka = f"{{kafka: ['127.0.0.1:{process.kafka.port}'], topic: {TOPIC}, replicas: 1, session: {SESSION}}}"
        main = f"{MAIN}store: {{url: '{url}'}}\nlog: {kafka}\nlink_secret: {{file: '{self.folder / 'links.txt'}'}}\n"
        main += f"snapshots: {{url: 'file://{self.folder / 'shared'}'}}\n"
        slack = SLACK.format(url=f"{self.provider.url}/{process.name}")
        files = {"config/forewarn.yaml": main, "config/channels.yaml": f"slack: {{{slack}}}\n"}
        prepared(process.config.parent, **{**CONFIG, **files})

    # -- what goes on

    def of(self, role: str) -> list[Process]:
        """Return the processes of a role."""
        return [each for each in self.processes.values() if each.role == role]

    def tend(self) -> None:
        """Start again what was killed. Raises AssertionError where a process ended by itself."""
        for each in self.processes.values():
            each.tend()

    def settle(self) -> None:
        """Let run who is to run, and nobody else."""
        for each in self.processes.values():
            each.wanted = each.name not in self._reserve
            if not each.wanted:
                each.ask_to_stop()
        self.until(lambda: all(bool(each.pid) == each.wanted for each in self.processes.values()), "some do not stop")

    def hand_in(self, lines: Sequence[bytes], now: float) -> None:
        """Hand events in by any way in, again and again until it is said that they are in the log."""
        self.clock.set(now)
        payload = b"\n".join(lines)
        self.until(
            lambda: any(_posted(each, payload) for each in self.of("web")),
            lambda: f"the events were not taken\n{self.said('web')}",
        )

    def until(self, true: Callable[[], bool], what: str | Callable[[], str]) -> None:
        """Look after the town until something holds. Raises AssertionError with `what` where it does not in time."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.tend()
            with suppress(Retryable):  # a server may be away
                if true():
                    return
            if time.monotonic() > deadline:
                raise AssertionError(what if isinstance(what, str) else what())
            time.sleep(LOOK)

    def pass_(self) -> None:
        """Let time pass while something waits in the outbox that nobody is at; never so much that the living seem dead.

        What a dead dispatcher had is free again when it was seen to have it for `LEASE` seconds, by two looks at least.
        """
        if time.monotonic() < self._passed + PAUSE:
            return
        with self.database.reading() as session:
            waiting = {row.id: row.by for row in session.execute(text(_WAITING))}
        busy = {id_ for id_, by in waiting.items() if self._lives(by)}
        if busy != self._busy:
            self._busy, self._busy_since = busy, time.monotonic()
        if waiting and (not busy or time.monotonic() > self._busy_since + STUCK):
            self._passed = time.monotonic()
            self.clock.set(self.clock.elapsed() + LEASE / 2)

    def _lives(self, by: str) -> bool:
        found = re.search(r":(\d+):", by)
        return found is not None and int(found[1]) in {each.pid for each in self.processes.values()}

    # -- what is there

    def state(self) -> State:
        """Return all that is to be as if nothing had gone wrong."""
        return {**rows_of(self.database), "arrived": self.provider.arrived()}

    def dead(self) -> Counter[str]:
        """Return how many dead letters there are, by their reason."""
        found: Counter[str] = Counter()

        def read() -> bool:
            brokers = Brokers([f"127.0.0.1:{self.broker.port}"])
            with closing(KafkaDeadLetters(brokers, f"{TOPIC}.dead", replicas=1)) as letters:
                found.update(letters.counts())
            return True

        self.until(read, "the dead letters cannot be read")
        return found

    def models(self) -> Models:
        """Return what the newest snapshot of each partition holds of models."""
        kept = Snapshots(Folder(self.folder / "shared" / "snapshots"))
        found = {number: kept.latest(number) for number in range(PARTITIONS)}
        return {number: models_of(each.arrays) for number, each in found.items() if each is not None}

    def said(self, *roles: str) -> str:
        """Return the end of what processes said, of these roles or of all."""
        every = [each for each in self.processes.values() if each.role in roles or not roles]
        return "\n".join(f"{each.name} died {dict(each.deaths)}:\n{each.tail()}" for each in every)

    def deaths(self) -> Iterator[tuple[str, str, int]]:
        """Yield at which moments processes of each role were killed, and how often."""
        for role in sorted({each.role for each in self.processes.values()}):
            total = sum((each.deaths for each in self.of(role)), Counter[str]())
            yield from ((role, what, times) for what, times in sorted(total.items()))


def upgrade(code: Path, process: Process) -> None:
    """Bring the database to the schema of the version in `code`, as its command does."""
    command = [
        sys.executable,
        "-c",
        "from engine.cli import main; main()",
        "db",
        "upgrade",
        "--config",
        str(process.config),
    ]
    subprocess.run(command, check=True, capture_output=True, cwd=code, env={**os.environ, "PYTHONPATH": str(code)})


_WAITING = """
SELECT id, CASE WHEN status IN ('claimed', 'sending') THEN claimed_by ELSE '' END AS by FROM intent
WHERE status IN ('pending', 'claimed', 'sending', 'unknown')
"""


def _posted(process: Process, payload: bytes) -> bool:
    """Post events; returns whether it was said that they are taken."""
    address = process.address()
    if not process.pid or address is None:
        return False
    try:
        answer = httpx.post(
            f"{address}/v1/events", content=payload, headers={"content-type": "application/x-ndjson"}, timeout=15.0
        )
    except httpx.TransportError:
        return False
    return answer.status_code == 202
