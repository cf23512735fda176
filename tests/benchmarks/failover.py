"""From the kill of a worker with a million series to its partitions caught up on another.

Two processes of `forewarn worker` share a fleet of twice as many customers, on a broker and a PostgreSQL of the same
machine. All windows of a round have been scored and every partition has a snapshot; another round comes in after it,
so that there is something to replay; then one worker is killed (SIGKILL) and a further round comes in. `failover_s` is
from the kill until the other has all partitions and nothing is left to read; the group takes note of the loss after
`session_s`; `beyond_session_s` is the rest, asked to be 30 s at most. By the clock.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

if sys.path[0] == str(Path(__file__).parent):
    del sys.path[0]  # a script's own folder comes first, and a benchmark in it is called as a package of ours

import httpx

from tests.benchmarks.cluster.ground import (
    DETECTOR,
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
from tests.benchmarks.cluster.worker import until
from tests.benchmarks.million import Fleet
from tests.brokers.postgres import Postgres, running
from tests.faults.house import prepared

COMMAND = "from engine.cli import main; main()"
WARM = 4
"""Rounds of the fleet, a window each, before the snapshots."""
Figures = dict[str, float]


class Asked(NamedTuple):
    """How much there is."""

    series: int
    partitions: int
    session: float
    snapshots: float


@dataclass(frozen=True, slots=True)
class Process:
    """A worker, and where it tells how it stands."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def figures(self) -> Figures:
        """Return what it tells; nothing where it does not answer."""
        found = re.search(r"http://127\.0\.0\.1:\d+", self.log.read_text(errors="replace"))
        with suppress(httpx.TransportError):
            if found is not None:
                return _read(httpx.get(f"{found[0]}/metrics", timeout=60.0).text)
        if self.process.poll() is not None:
            raise SystemExit(f"a worker ended: {self.log.read_text(errors='replace')[-2000:]}")
        return {}


def _read(text: str) -> Figures:
    lines = [line for line in text.splitlines() if line.startswith(("forewarn_", "process_resident"))]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


@contextmanager
def worker(config: Path, name: str) -> Iterator[Process]:
    """Run `forewarn worker` until the block ends."""
    path = config.parent / f"{name}.log"
    given = [sys.executable, "-c", COMMAND, "worker", "--config", str(config), "--port", "0"]
    with path.open("wb") as log, subprocess.Popen(given, stdout=log, stderr=log) as started:
        try:
            yield Process(started, path)
        finally:
            if started.poll() is None:
                started.kill()


def rest(each: Process, partitions: int) -> bool:
    """Tell whether a worker has so many partitions, has read them to the end, and has a snapshot of each."""
    told = each.figures()
    saved = sum(1 for name in told if name.startswith("forewarn_snapshot_timestamp_seconds"))
    held, lag = told.get("forewarn_partitions_held"), told.get("forewarn_lag_events")
    return held == partitions and lag == 0 and saved == partitions


def measure(server: str, postgres: Postgres, asked: Asked) -> Figures:
    """Let two workers share the fleet, and kill one."""
    topic, fleet = topic_of("failover"), Fleet(2 * asked.series, SPAN)
    home = homes(fleet.series, asked.partitions)
    with (
        tempfile.TemporaryDirectory() as folder,
        database(postgres) as url,
        opened(server, topic, partitions=asked.partitions) as log,
    ):
        main = main_of(server, topic, url, asked.partitions, asked.session)
        told = f"sender: {{company: Acme}}\n{main}snapshot_every: {asked.snapshots:g}s\n"
        files = {"config/forewarn.yaml": told, "config/detectors/usual.yaml": DETECTOR}
        config = prepared(Path(folder), **files) / "config"

        def come(*rounds: int) -> None:
            fill(log, appends(fleet, rounds, home, 1_000 * asked.partitions))

        with worker(config, "one") as one, worker(config, "two") as two:
            share = asked.partitions // 2
            _together([one, two], share)
            come(*range(WARM))
            _at_rest([one, two], share)
            series = fleet.series / 2
            come(WARM)
            begun = time.monotonic()
            one.process.send_signal(signal.SIGKILL)
            come(WARM + 1)
            until(two.figures, lambda told: told.get("forewarn_partitions_held") == asked.partitions)
            held = time.monotonic() - begun
            end = until(two.figures, lambda told: told.get("forewarn_lag_events") == 0)
            whole = time.monotonic() - begun
    return _told(asked, series, held, whole, end)


def _together(those: list[Process], share: int) -> None:
    until(lambda: [each.figures().get("forewarn_partitions_held") for each in those], lambda seen: seen == [share] * 2)


def _at_rest(those: list[Process], share: int) -> None:
    until(lambda: [rest(each, share) for each in those], all)


def _told(asked: Asked, series: float, held: float, whole: float, told: Figures) -> Figures:
    restored = [value for name, value in told.items() if name.startswith("forewarn_restore_seconds")]
    return {
        "failover_s": whole,
        "session_s": asked.session,
        "beyond_session_s": whole - asked.session,
        "until_taken_s": held,
        "longest_restore_s": max(restored),
        "series_lost": series,
        "resident_mb": told["process_resident_memory_bytes"] / 1e6,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--series", type=int, default=1_000_000, help="of the worker that is lost")
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--session", type=float, default=10.0)
    parser.add_argument("--snapshots", type=float, default=30.0, help="seconds between two")
    asked = parser.parse_args()
    os.environ["SECRET"] = SECRET
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as broker, running() as postgres:
        given = Asked(asked.series, asked.partitions, asked.session, asked.snapshots)
        result = {"broker": broker.name, **measure(broker.server, postgres, given)}
    tell(result, as_json=asked.json)


if __name__ == "__main__":
    main()
