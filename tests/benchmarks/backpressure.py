"""Producers that are quicker than the engine, for ten minutes: what a worker holds meanwhile, and how it catches up.

A worker on one core; the topic is kept `--ahead` events ahead of it, so that there is always more than it can take.
`growth` is the most memory it took in the last four fifths of the time over the most in the first fifth, when what it
keeps of past events has come to its size: 1 where nothing piles up. `lag_records` is the lag that it told meanwhile,
the median. Then nothing more comes in: `catch_up_s` is how long it took to the end, and `catch_up_events_per_s` how
many events a second that was, by the clock. The series stay the same, so what models take does not grow.
"""

import argparse
import json
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
    topic_of,
)
from tests.benchmarks.cluster.worker import Worker, shared, until, workers
from tests.benchmarks.million import Fleet
from tests.brokers.postgres import Postgres, running

LOOK = 0.5
"""Seconds between two looks at the worker."""


class Asked(NamedTuple):
    """How much there is."""

    series: int
    partitions: int
    seconds: float
    ahead: int


class Seen(NamedTuple):
    """A look at the worker."""

    at: float
    resident: int
    lag: int


def resident(pid: int) -> int:
    """Return how many bytes of memory a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def look(worker: Worker, began: float) -> tuple[Seen, int]:
    """Return how it stands, and how many events it has processed."""
    stand = worker.stand()
    return Seen(time.monotonic() - began, resident(worker.pid), stand.lag), stand.events


def measure(server: str, postgres: Postgres, asked: Asked, core: int) -> dict[str, float]:
    """Keep a worker behind for a time, then let it catch up."""
    topic, fleet = topic_of("backpressure"), Fleet(asked.series, SPAN / 5)
    home, rounds, written = homes(asked.series, asked.partitions), 0, 0
    seen: list[Seen] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        database(postgres) as url,
        opened(server, topic, partitions=asked.partitions) as log,
    ):
        config = Path(folder) / "config"
        configured(config, main=main_of(server, topic, url, asked.partitions))
        with workers(config, [core]) as (worker,):
            shared([worker], asked.partitions)
            began, processed = time.monotonic(), 0
            while True:
                while written - processed < asked.ahead:
                    written += fill(log, appends(fleet, [rounds], home, 1_000 * asked.partitions))
                    rounds += 1
                now, processed = look(worker, began)
                seen.append(now)
                if now.at > asked.seconds and written - processed > asked.ahead / 2:
                    break
                time.sleep(LOOK)
            left, stopped = written - processed, time.monotonic()
            until(worker.stand, lambda stand: stand.events >= written)
            took = time.monotonic() - stopped
    return _told(seen, asked, written, left, took)


def _told(seen: list[Seen], asked: Asked, written: int, left: int, took: float) -> dict[str, float]:
    first = [each.resident for each in seen if each.at < asked.seconds / 5] or [seen[0].resident]
    later = [each.resident for each in seen if each.at >= asked.seconds / 5]
    return {
        "growth": max(later) / max(first),
        "resident_mb": max(later) / 1e6,
        "lag_records": statistics.median(each.lag for each in seen),
        "catch_up_s": took,
        "catch_up_events_per_s": left / took,
        "seconds": seen[-1].at,
        "events": written,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--ahead", type=int, default=2_000_000)
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--partitions", type=int, default=4)
    given = parser.parse_args()
    os.environ["SECRET"] = SECRET
    core = min(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as broker, running() as postgres:
        asked = Asked(given.series, given.partitions, given.seconds, given.ahead)
        result: dict[str, Any] = {"broker": broker.name, **measure(broker.server, postgres, asked, core)}
    if given.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:22} {value if isinstance(value, str) else format(value, '14,.2f')}")


if __name__ == "__main__":
    main()
