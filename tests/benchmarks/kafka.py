"""Kafka to flags on one core, beside Quix Streams and Faust: events per second of the consuming process' processor.

The same events on the same broker, one partition, in turns: a fleet whose every customer reports five times a minute.
The engine takes them whole, through `Pipeline.process`: read, decoded, repetitions left out, a mean of each customer's
minute, `seasonal`, its issues committed to a file, a snapshot. The peers keep a State (Quix Streams) or a Table (Faust)
for each customer, with its changelog in Kafka: a mean of each minute, and a z-score of it against a moving mean and
variance. That is less than the engine does: what comes after its minute counts for the next. `quix_windows` are Quix
Streams' own windows, which wait for what is late as the engine's do. Each runs in a process of its own, and is told by
what that process used, user and system, from its first event on; not by the clock, and without what the broker used.

Our own ways in write many events in a record, and `events_per_cpu_s`, `vs_quix`, `vs_quix_windows` and `vs_faust` are
with these records. Other producers write an event a record, as the peers have to have it: those that begin with
`single_` are with exactly the records that the peers get. `vs_objects` is single records against the same in
kafka-python's objects, which is how the engine reads what its compiled decoder does not know.

Peers are installed, where they are not yet, into virtual environments of their own under the user's cache folder; one
that cannot be is left out, and why is said. `--no-peers` leaves out all.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.path[0] == str(Path(__file__).parent):
    del sys.path[0]  # a script's own folder comes first, and a benchmark in it is called as a package of ours

from tests.benchmarks.cluster.ground import SPAN, appends, fill, fill_singly, homes, opened, started, tell, topic_of
from tests.benchmarks.million import Fleet
from tests.brokers.broker import Broker

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "forewarn-benchmarks"
PEERS = {"quix": ["quixstreams==3.28.1"], "faust": ["faust-streaming[orjson]==0.15.3"]}
SLOWER = {"faust": 4}
"""Who takes so many times fewer of the events, as it would take minutes."""
OURS = ("events", "single", "objects")
PATIENCE = 900.0
"""Seconds that one run may take."""
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Runner:
    """How one contestant is started."""

    name: str
    python: Path
    module: str
    records: str
    """`many` events in each, or `single`."""
    events: int
    given: Sequence[str] = ()

    def run(self, server: str, topic: str) -> float:
        """Return events per second of the processor. Ends the benchmark when it did not take them all."""
        with tempfile.TemporaryDirectory() as folder:
            told = [server, topic, str(self.events), folder, *self.given]
            command = [str(self.python), "-m", f"tests.benchmarks.peers.{self.module}", *told]
            done = subprocess.run(
                command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=PATIENCE, env=_environment()
            )
        if done.returncode:
            raise SystemExit(f"{self.name}: {done.stderr[-2000:]}")
        figures = json.loads(done.stdout.splitlines()[-1])
        if figures["events"] < self.events:
            raise SystemExit(f"{self.name} did not do the work: {figures}")
        print(f"{self.name}: {figures}; load {os.getloadavg()[0]:.1f}", file=sys.stderr)
        return float(figures["events"] / figures["cpu_s"])


def _environment() -> dict[str, str]:
    """Return the environment of a process whose libraries have one thread each."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def installed(name: str) -> Path | str:
    """Return the Python that has a peer, made now if it is not there; or why it cannot be had."""
    folder = CACHE / "-".join([name, *PEERS[name]]).replace("==", "-").replace("[", "-").replace("]", "")
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    print(f"installing {name} into {folder}", file=sys.stderr)
    venv.create(folder, with_pip=True, clear=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", *PEERS[name]]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"pip: {done.stderr.strip().splitlines()[-1]}"
    (folder / "ready").touch()
    return python


def contestants(events: int, peer_events: int, *, peers: bool) -> Iterator[Runner]:
    """Yield all that can be run here, and say which cannot."""
    ours = Path(sys.executable)
    yield Runner("events", ours, "forewarn", "many", events)
    yield Runner("single", ours, "forewarn", "single", events)
    yield Runner("objects", ours, "forewarn", "single", peer_events, ("objects",))
    for name in PEERS if peers else ():
        found = installed(name)
        if isinstance(found, str):
            print(f"skipped: {name} cannot be installed: {found}", file=sys.stderr)
        else:
            yield Runner(name, found, name, "single", peer_events // SLOWER.get(name, 1))
            if name == "quix":
                yield Runner("quix_windows", found, name, "single", peer_events, ("windows",))


def written(broker: Broker, customers: int, events: int) -> dict[str, str]:
    """Write the events to a topic in either way; returns the topics."""
    topics = {kind: topic_of(kind) for kind in ("many", "single")}
    rounds = range(-(-events // customers))
    with opened(broker.server, topics["many"]) as log:
        fill(log, appends(_fleet(customers), rounds, homes(customers, 1), batch=1_000))
    with opened(broker.server, topics["single"]):
        fleet = _fleet(customers)
        fill_singly(broker.server, topics["single"], (text for n in rounds for text in fleet.round(n, customers)))
    return topics


def _fleet(customers: int) -> Fleet:
    """Return customers who report five times a minute, and of whom some change once all are known."""
    return Fleet(customers, SPAN / 5, moved=100, since=160)


def measure(broker: Broker, runners: Sequence[Runner], topics: Mapping[str, str], rounds: int) -> Figures:
    """Let each run in turn, `rounds` times; returns medians, and ratios of runs next to each other."""
    return _told(
        [{each.name: each.run(broker.server, topics[each.records]) for each in runners} for _ in range(rounds)]
    )


def _told(found: Sequence[Mapping[str, float]]) -> Figures:
    names = found[0].keys()

    def ratio(above: str, below: str) -> float:
        return statistics.median(each[above] / each[below] for each in found)

    peers = [name for name in names if name not in OURS]
    return {
        "events_per_cpu_s": statistics.median(each["events"] for each in found),
        **{f"vs_{name}": ratio("events", name) for name in peers},
        "vs_objects": ratio("single", "objects"),
        **{f"single_vs_{name}": ratio("single", name) for name in peers},
        **{f"{name}_events_per_cpu_s": statistics.median(each[name] for each in found) for name in names - {"events"}},
    }


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--peer-events", type=int, default=400_000, help="of the same, from the first on")
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true")
    asked = parser.parse_args()
    runners = list(contestants(asked.events, asked.peer_events, peers=not asked.no_peers))
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as broker:
        topics = written(broker, asked.customers, asked.events)
        result = {"broker": broker.name, **measure(broker, runners, topics, asked.rounds)}
    tell(result, as_json=asked.json)


if __name__ == "__main__":
    main()
