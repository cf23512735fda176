"""Two workers on two cores over one on one; and what partitions and series cost (`--table`).

The workers are processes of the role `worker`, each bound to a core, on a broker and a PostgreSQL on the same machine.
They come to share the partitions and take some rounds of a fleet, so that all is compiled and every series known; then
they hold, the topic is filled, and they are let go together. `two_over_one` is events per second by the clock, from the
word to the end of the last one: broker and database need the same two cores, and so does whoever else is on the
machine. `two_over_one_cpu` is twice the processor time an event takes with one worker over what it takes with two, of
the workers' processes alone: what the second core brings where nothing else is on it. `load` tells how many processes
wanted a core, ours and others', in the last minute.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
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
from tests.benchmarks.cluster.worker import Done, Stand, settled, shared, workers
from tests.benchmarks.million import Fleet
from tests.brokers.postgres import Postgres, running

WARM = 20
"""Rounds of the fleet before anything is timed: some windows of each series closed and scored."""
IDLE = 5.0
"""Seconds for which workers with nothing to do are watched."""
TABLE = tuple((partitions, series) for partitions in (1, 4, 16, 64) for series in (1_000, 10_000, 100_000, 1_000_000))


class Size(NamedTuple):
    """How much there is."""

    partitions: int
    series: int
    events: int


class Run(NamedTuple):
    """What some workers did."""

    per_s: float
    """Events a second by the clock, of all together."""
    us_per_event: float
    """Of the processors."""
    idle: float
    """Share of a core that one without events takes."""
    resident: float
    """Bytes of the largest."""


def run(server: str, postgres: Postgres, size: Size, cores: Sequence[int]) -> Run:
    """Let a worker on each of `cores` come to rest, and then take the events together."""
    topic = topic_of("scaling")
    fleet, home = Fleet(size.series, SPAN / 5), homes(size.series, size.partitions)
    batch = 1_000 * size.partitions
    more = WARM + max(1, size.events // size.series)
    with (
        tempfile.TemporaryDirectory() as folder,
        database(postgres) as url,
        opened(server, topic, partitions=size.partitions) as log,
    ):
        config = Path(folder) / "config"
        configured(config, main=main_of(server, topic, url, size.partitions))
        with workers(config, cores) as those:
            shared(those, size.partitions)
            fill(log, appends(fleet, range(WARM), home, batch))
            before = settled(those, size.partitions)
            began = time.monotonic()
            time.sleep(IDLE)
            idle = [worker.stand() for worker in those]
            passed = time.monotonic() - began
            for worker in those:
                worker.hold()
            fill(log, appends(fleet, range(WARM, more), home, batch))
            for worker in those:
                worker.start()
            done = [worker.done() for worker in those]
            after = [worker.stand() for worker in those]
    return _told(done, before, idle, passed, after)


def _told(
    done: Sequence[Done], before: Sequence[Stand], idle: Sequence[Stand], passed: float, after: Sequence[Stand]
) -> Run:
    events = sum(each.events for each in done)
    wall = max(each.ended for each in done) - min(each.began for each in done)
    rest = sum(now.cpu - then.cpu for now, then in zip(idle, before, strict=True)) / len(idle) / passed
    cpu = sum(each.cpu for each in done)
    return Run(events / wall, 1e6 * cpu / events, rest, max(each.resident for each in after))


def measure(server: str, postgres: Postgres, size: Size, cores: Sequence[int], rounds: int) -> dict[str, float]:
    """Return medians of rounds of one worker and two, turn about."""
    wall, cpu, found = [], [], list[tuple[Run, Run]]()
    for number in range(rounds):
        one, two = run(server, postgres, size, cores[:1]), run(server, postgres, size, cores)
        found.append((one, two))
        wall.append(two.per_s / one.per_s)
        cpu.append(2 * one.us_per_event / two.us_per_event)
        told = f"one {one.per_s:,.0f}/s at {one.us_per_event:.2f} µs, two {two.per_s:,.0f}/s at {two.us_per_event:.2f}"
        print(f"round {number + 1}: {told} µs; load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return {
        "two_over_one": statistics.median(wall),
        "two_over_one_cpu": statistics.median(cpu),
        "one_events_per_s": statistics.median(one.per_s for one, _ in found),
        "two_events_per_s": statistics.median(two.per_s for _, two in found),
        "one_us_per_event": statistics.median(one.us_per_event for one, _ in found),
        "two_us_per_event": statistics.median(two.us_per_event for _, two in found),
        "load": os.getloadavg()[0],
    }


def table(server: str, postgres: Postgres, events: int, core: int, most: int) -> list[dict[str, Any]]:
    """Return what an event costs one worker, for each number of partitions and of series up to `most`."""
    rows = []
    for partitions, series in TABLE:
        if series > most:
            continue
        one = run(server, postgres, Size(partitions, series, max(events, series)), [core])
        rows.append({"partitions": partitions, "series": series, **one._asdict()})
        print(json.dumps(rows[-1]), file=sys.stderr)
    return rows


def main() -> None:
    """Print one JSON object with `--json`, tables without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--table", action="store_true", help="partitions × series instead")
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=4_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most", type=int, default=1_000_000, help="series of the table")
    asked = parser.parse_args()
    os.environ["SECRET"] = SECRET
    cores = sorted(os.sched_getaffinity(0))[:2]
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as broker, running() as postgres:
        if asked.table:
            rows = table(broker.server, postgres, asked.events, cores[0], asked.most)
            told(rows, as_json=asked.json)
            return
        size = Size(asked.partitions, asked.series, asked.events)
        result = {"broker": broker.name, **measure(broker.server, postgres, size, cores, asked.rounds)}
    tell(result, as_json=asked.json)


def told(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print the table."""
    if as_json:
        print(json.dumps({"table": rows}))
        return
    print("partitions     series  µs an event  events/s  idle core  resident MB")
    for row in rows:
        print(
            f"{row['partitions']:10} {row['series']:10,} {row['us_per_event']:12.2f} {row['per_s']:9,.0f} "
            f"{row['idle']:10.1%} {row['resident'] / 1e6:12,.0f}"
        )


if __name__ == "__main__":
    main()
