"""A topic with more in it than a worker can hold, for ten minutes: what it takes meanwhile, and how it catches up.

Producers that are quicker than the engine are, to the engine, a topic with more in it than it can take. So a worker on
one core waits while `--backlog` events are written, works them off, and so on for `--seconds`. `growth` is the most
memory it took in the last four fifths of the time over the most in the first fifth, when what it keeps of past events
has come to its size: 1 where nothing piles up. `catch_up_events_per_s` is how many events a second it takes of a
backlog, by the clock. The series stay the same, so what models take does not grow.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

if sys.path[0] == str(Path(__file__).parent):
    del sys.path[0]  # a script's own folder comes first, and a benchmark in it is called as a package of ours

from tests.benchmarks.cluster.ground import (
    SECRET,
    SPAN,
    appends,
    configured,
    database,
    fill,
    homes,
    main_of,
    opened,
    started,
    tell,
    topic_of,
)
from tests.benchmarks.cluster.worker import Done, Worker, shared, workers
from tests.benchmarks.million import Fleet
from tests.brokers.postgres import Postgres, running

LOOK = 0.5
"""Seconds between two looks at the worker."""


class Asked(NamedTuple):
    """How much there is."""

    series: int
    partitions: int
    seconds: float
    backlog: int


class Seen(NamedTuple):
    """A look at the worker."""

    at: float
    resident: int


def resident(pid: int) -> int:
    """Return how many bytes of memory a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def watched(worker: Worker, began: float, seen: list[Seen]) -> Done:
    """Look at the worker until it has worked off what there is."""
    worker.start()
    while not worker.ready(LOOK):
        seen.append(Seen(time.monotonic() - began, resident(worker.pid)))
    return worker.done()


def measure(server: str, postgres: Postgres, asked: Asked, core: int) -> dict[str, float]:
    """Let a worker work off a backlog again and again."""
    topic, fleet = topic_of("backpressure"), Fleet(asked.series, SPAN / 5)
    home = homes(asked.series, asked.partitions)
    each = max(1, asked.backlog // asked.series)
    seen, done = list[Seen](), list[Done]()
    with (
        tempfile.TemporaryDirectory() as folder,
        database(postgres) as url,
        opened(server, topic, partitions=asked.partitions) as log,
    ):
        config = Path(folder) / "config"
        configured(config, main=main_of(server, topic, url, asked.partitions))
        with workers(config, [core]) as (worker,):
            shared([worker], asked.partitions)
            began = time.monotonic()
            while not done or time.monotonic() - began < asked.seconds:
                worker.hold()
                rounds = range(len(done) * each, (len(done) + 1) * each)
                fill(log, appends(fleet, rounds, home, 1_000 * asked.partitions))
                done.append(watched(worker, began, seen))
    return _told(seen, done, began)


def _told(seen: list[Seen], done: list[Done], began: float) -> dict[str, float]:
    seconds = done[-1].ended - began
    first = [each.resident for each in seen if each.at < seconds / 5] or [seen[0].resident]
    later = [each.resident for each in seen if each.at >= seconds / 5]
    return {
        "growth": max(later) / max(first),
        "resident_mb": max(later) / 1e6,
        "catch_up_events_per_s": statistics.median(
            each.events / (each.ended - each.began) for each in done[1:] or done
        ),
        "backlogs": len(done),
        "events": sum(each.events for each in done),
        "seconds": seconds,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--backlog", type=int, default=4_000_000)
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--partitions", type=int, default=4)
    given = parser.parse_args()
    os.environ["SECRET"] = SECRET
    core = min(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as broker, running() as postgres:
        asked = Asked(given.series, given.partitions, given.seconds, given.backlog)
        result: dict[str, Any] = {"broker": broker.name, **measure(broker.server, postgres, asked, core)}
    tell(result, as_json=given.json)


if __name__ == "__main__":
    main()
