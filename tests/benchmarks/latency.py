"""From an event to an intent in the outbox, at half of what a worker can take: the median and the 99th percentile.

A worker of a cluster (Apache Kafka, a PostgreSQL that waits for its disk) watches a fleet under `seasonal`, a minute at
a time. First it works off a full topic: events per second by the clock, its maximum. Then half as many a second come in
as they happen, with some alarms among them, each of another account: a threshold on the second's highest, a playbook
with a ticket. An alarm's window is over with the first event a second (`lateness`) after its end; from the moment of
that event to the moment PostgreSQL committed the intent is what is told (`pg_xact_commit_timestamp`). Producers write
every `TICK`, and what they wait is counted, too. Once a minute the windows of the whole fleet close at once. By the
clock: whatever else wants the machine's cores makes it longer.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

if sys.path[0] == str(Path(__file__).parent):
    del sys.path[0]  # a script's own folder comes first, and a benchmark in it is called as a package of ours

import numpy as np
import psycopg
from sqlalchemy import make_url

from engine.eventlog.base import Append
from engine.eventlog.kafka import KafkaLog
from tests.benchmarks.cluster.ground import (
    SECRET,
    SPAN,
    appends,
    database,
    fill,
    homes,
    main_of,
    opened,
    started,
    tell,
    topic_of,
)
from tests.benchmarks.cluster.worker import Worker, settled, shared, until, workers
from tests.benchmarks.million import START, Fleet, Reports, lines
from tests.brokers.postgres import Postgres, plain, running
from tests.faults.house import prepared

TICK = 0.02
ALARMS = 20
"""A second."""
LEARN = 5.0
"""Seconds at first that are not counted: what a process does for the first time takes longer."""
FULL = 15
"""Rounds of the fleet that make the topic full."""
ALARM = """
name: errors
about: An alarm.
watch: {event: device.alarm, by: account, measure: {max: level}, every: 1s}
model: {kind: threshold, above: 0.5}
raise: {for: 1 of 1}
"""
USUAL = """
name: usual
about: What each customer reports is as usual for it.
watch: {event: device.reading, by: account, measure: {mean: value}, every: 1m}
model: {kind: seasonal}
"""
PLAYBOOK = """
name: errors
when: {detector: errors}
steps:
  - ticket: {queue: tier-2, template: all/agent}
limits: {blast_radius: {max: 1000000}}
"""


class Asked(NamedTuple):
    """How much there is."""

    series: int
    seconds: float
    most: int
    """Events a second that are made at most: the producer has one core."""


class Live:
    """What comes in as it happens: the fleet's reports at a steady rate, and alarms of others."""

    def __init__(self, series: int, rate: float, after: float) -> None:
        """`after` is the event time that has been reached."""
        self._fleet, self._rate, self._after = Fleet(series, SPAN), rate, after
        self._reports = self._fleet.reports(0)
        self._count = self._alarmed = 0
        self.alarms: dict[str, float] = {}
        """When each account's alarm window is over, as seconds since the beginning."""

    def tick(self, begin: float, end: float) -> Append:
        """Return what happens between two moments, seconds since the beginning."""
        more = int(end * self._rate) - self._count
        row = np.arange(self._count, self._count + more) % self._fleet.series
        times = np.linspace(self._after + begin, self._after + end, more, endpoint=False, dtype=np.float64)
        ids = 500_000_000_000 + self._count + np.arange(more)
        parts = [lines(Reports(ids, times, self._reports.who[row], self._reports.values[row]))] if more else []
        parts += self._alarms(end)
        self._count += more
        return Append(0, b"\n".join(parts), more + len(parts) - bool(more))

    def _alarms(self, end: float) -> Iterator[bytes]:
        """Yield the alarms that are due by now."""
        while self._alarmed < int(end * ALARMS):
            account = f"account/alarm-{self._alarmed:06d}"
            self._alarmed += 1
            self.alarms[account] = np.floor(end) + 2.0
            event = {"id": account, "source": "/live", "type": "device.alarm", "subject": account, "data": {"level": 1}}
            at = np.datetime64(round(1000 * (self._after + end)), "ms")
            yield json.dumps({"specversion": "1.0", **event, "time": f"{at}Z"}).encode()


def play(log: KafkaLog, live: Live, seconds: float) -> float:
    """Write what happens when it happens; returns the epoch second at which it began."""
    began, done = time.time(), 0.0
    while done < seconds:
        now = time.time() - began
        if now < done + TICK:
            time.sleep(done + TICK - now)
        log.append([live.tick(done, done + TICK)])  # a tick that is behind is written at once, with its own times
        done += TICK
    return began


def intents(url: str) -> dict[str, float]:
    """Return when PostgreSQL committed the intent of each account, as epoch seconds."""
    found = "SELECT account, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM intent WHERE account IS NOT NULL"
    with psycopg.connect(plain(make_url(url))) as connection:
        return {account: float(at) for account, at in connection.execute(found).fetchall()}


def most_of(log: KafkaLog, worker: Worker, fleet: Fleet) -> float:
    """Return how many events a second the worker takes off a full topic, by the clock."""
    worker.hold()
    fill(log, appends(fleet, range(FULL, 2 * FULL), homes(fleet.series, 1), 10_000))
    worker.start()
    done = worker.done()
    return done.events / (done.ended - done.began)


def measure(server: str, postgres: Postgres, asked: Asked, core: int) -> dict[str, float]:
    """Measure the maximum, then the latency at half of it."""
    topic, fleet = topic_of("latency"), Fleet(asked.series, SPAN / 5)
    with (
        tempfile.TemporaryDirectory() as folder,
        database(postgres) as url,
        opened(server, topic) as log,
    ):
        main = main_of(server, topic, url, 1).replace("events: {", "events: {lateness: 1s, ")
        files = {"config/forewarn.yaml": f"sender: {{company: Acme}}\n{main}", "config/detectors/errors.yaml": ALARM}
        more = {"config/detectors/usual.yaml": USUAL, "config/playbooks/errors.yaml": PLAYBOOK}
        config = prepared(Path(folder), **files, **more) / "config"
        with workers(config, [core]) as (worker,):
            shared([worker], 1)
            fill(log, appends(fleet, range(FULL), homes(asked.series, 1), 10_000))
            settled([worker], 1)
            most = most_of(log, worker, fleet)
            rate = min(most / 2, asked.most)
            live = Live(asked.series, rate, START + SPAN * np.ceil(2 * FULL * fleet.every / SPAN + 1.0))
            began = play(log, live, LEARN + asked.seconds)
            due = {account: over for account, over in live.alarms.items() if LEARN < over < LEARN + asked.seconds}
            committed = until(lambda: intents(url), lambda found: found.keys() >= due.keys())
    waits = 1000.0 * np.array([committed[account] - began - over for account, over in due.items()])
    p50, p99 = np.percentile(waits, (50, 99))
    return {
        "p99_ms": float(p99),
        "p50_ms": float(p50),
        "worst_ms": float(waits.max()),
        "intents": len(waits),
        "most_events_per_s": most,
        "events_per_s": rate,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--most", type=int, default=300_000, help="events a second that the producer can make")
    asked = parser.parse_args()
    os.environ["SECRET"] = SECRET
    core = min(os.sched_getaffinity(0))
    durable = {"fsync": "on", "full_page_writes": "on", "track_commit_timestamp": "on"}
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as broker, running(**durable) as postgres:
        given = Asked(asked.series, asked.seconds, asked.most)
        result: dict[str, Any] = {"broker": broker.name, **measure(broker.server, postgres, given, core)}
    tell(result, as_json=asked.json)


if __name__ == "__main__":
    main()
