"""A million customers, each with an observation every ten seconds, under `seasonal`, `shift` and `forecast` at once.

What is measured is `Pipeline.process`, whole: from the NDJSON bytes of a batch of the log by decoding, deduplication,
the series index, windows, three monitors and their raise rules to issues in the database, committed. Not measured is
what comes before, the making of the events and the log's own write and read (`eventlog.py` has those). Customers report
in another order in every round, so that nothing is near in memory what is near in the log, and a little late. Each
has a level and a daily wave of its own; one in ten thousand moves to another level after the warm-up.

`core_share` is seconds of processor time for a second of traffic, of all threads and processes together; asked is a
third of a core, and two cores for an observation every second (`--every 1 --processes 2`: each process has its part of
the customers, as a worker has its partitions, all at the same time; `busiest` is the share of the one that has most to
do, which keeps up below 1). `worst_new_ms` is the longest batch of the round in which
every customer is new, `worst_first_ms` the one that closes the first windows of all of them, and `worst_ms` the longest
one after the warm-up, which closes the windows of all: wall time, on a machine with neighbours, so the least of what is
told in several runs counts. `raised` is the share of customers that each detector has raised at the end: of `forecast`
none should be, though it looks a day ahead at any pace.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if sys.path[0] == str(Path(__file__).parent):
    del sys.path[0]  # a script's own folder comes first, and a benchmark in it is called as a package of ours

from detectors.durations import Duration
from detectors.registry import kinds
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.config.model import Config
from engine.eventlog.base import Batch
from engine.pipeline import Pipeline, Stores
from engine.storage import Storage

START = 1_750_000_000.0
LATE = 0.2
"""Windows from an event's time to its place in the log, at most."""
NEW, WARM = 3, 36
"""Rounds until all windows of new customers have closed once, and rounds before anything is timed: past every kind's
warm-up and the grace period."""
SHIFTED = 10_000
MODELS = {
    "seasonal": "{kind: seasonal}",
    "shift": "{kind: shift, daily: false}",
    "forecast": "{kind: forecast, limit: 5000, within: 1d}",
}
DETECTOR = """
name: {kind}
about: One of three on the same measure.
watch: {{event: device.reading, by: account, measure: {{mean: value}}, every: {every}}}
model: {model}
raise: {{for: 3 of 5, clear: 10m}}
grace: {grace}
"""
MAIN = "sender: {{company: Acme}}\nevents: {{lateness: {every}}}\n"
LINE = (
    b'{"specversion":"1.0","id":"e-000000000000","source":"/edge/1","type":"device.reading",'
    b'"time":"2025-06-15T00:00:00.000Z","subject":"account/c-0000000","data":{"value":0000.00,"unit":"ms"}}\n'
)
Bytes = NDArray[np.uint8]


class Reports(NamedTuple):
    """What customers report, in the order in which it comes in."""

    ids: NDArray[np.int64]
    times: NDArray[np.float64]
    who: NDArray[np.int64]
    values: NDArray[np.float64]

    def only(self, part: "slice | NDArray[Any]") -> "Reports":
        """Return some of them."""
        return Reports(self.ids[part], self.times[part], self.who[part], self.values[part])


class Fleet:
    """Customers and what they report; one in `moved` is at another level from round `since` on."""

    def __init__(self, series: int, every: float, moved: int = SHIFTED, since: int = WARM) -> None:
        self.series, self.every, self._since = series, every, since
        self._random = np.random.default_rng(7)
        self._level = self._random.uniform(50.0, 500.0, series)
        self._phase = self._random.uniform(0.0, 2 * np.pi, series)
        self._moved = np.arange(series) % moved == 0

    def reports(self, number: int) -> Reports:
        """Return one round: a report of every customer."""
        order = self._random.permutation(self.series)
        offset = (np.arange(self.series) + self._random.random(self.series)) * (self.every / self.series)
        delay = self._random.random(self.series) * self.every * LATE
        times = START + self.every * number + np.maximum(offset - delay, 0.0)
        ids = number * self.series + np.arange(self.series)
        return Reports(ids, times, order, self._values(order, times, number))

    def round(self, number: int, batch: int) -> Iterator[bytes]:
        """Yield the payloads of one round, `batch` events in each."""
        reports = self.reports(number)
        for first in range(0, self.series, batch):
            yield lines(reports.only(slice(first, first + batch)))

    def _values(self, who: NDArray[np.int64], times: NDArray[np.float64], number: int) -> NDArray[np.float64]:
        level = self._level[who]
        wave = 0.1 * level * np.sin(times / 86400.0 * 2 * np.pi + self._phase[who])
        values = level + wave + self._random.normal(0.0, 0.02, len(who)) * level
        return np.where(self._moved[who] & (number >= self._since), 1.5 * values, values)


def lines(reports: Reports) -> bytes:
    """Return events as NDJSON, every number written over its zeros."""
    rows = np.tile(np.frombuffer(LINE, np.uint8), (len(reports.ids), 1))
    millis = np.round(reports.times * 1000).astype(np.int64)
    day = millis // 86_400_000
    clock = millis % 86_400_000
    _write(rows, b"T00:", 1, clock // 3_600_000, 2)
    _write(rows, b"T00:00", 4, clock // 60_000 % 60, 2)
    _write(rows, b"T00:00:00", 7, clock // 1000 % 60, 2)
    _write(rows, b"T00:00:00.000", 10, clock % 1000, 3)
    _write(rows, b"06-15T", 3, 15 + day - int(START // 86400), 2)
    _write(rows, b"e-0", 2, reports.ids, 12)
    _write(rows, b"c-0", 2, reports.who, 7)
    hundredths = np.round(reports.values * 100).astype(np.int64)
    _write(rows, b":0000.00", 1, hundredths // 100 + 1000, 4)
    _write(rows, b":0000.00", 6, hundredths % 100, 2)
    return rows.tobytes()[:-1]


def _write(rows: Bytes, mark: bytes, ahead: int, numbers: NDArray[np.int64], digits: int) -> None:
    """Write numbers `ahead` of where `mark` begins in the line."""
    start = LINE.index(mark) + ahead
    for place in range(digits - 1, -1, -1):
        rows[:, start + place] = 48 + numbers % 10
        numbers = numbers // 10


@dataclass
class Clocks:
    """What the batches of some rounds took."""

    processor: float = 0.0
    events: int = 0
    longest: float = 0.0

    def take(self, pipeline: Pipeline, batches: Sequence[Batch]) -> None:
        """Process and count."""
        begun, wall = time.process_time(), time.perf_counter()
        self.events += pipeline.process(batches)
        self.longest = max(self.longest, time.perf_counter() - wall)
        self.processor += time.process_time() - begun


def configured(folder: Path, every: float) -> Config:
    """Return a configuration as an operations team writes it."""
    (folder / "detectors").mkdir(parents=True)
    words = {"every": Duration(every), "grace": Duration(30 * every)}
    (folder / "forewarn.yaml").write_text(MAIN.format(**words))
    for kind, model in MODELS.items():
        if kind in kinds():
            (folder / "detectors" / f"{kind}.yaml").write_text(DETECTOR.format(kind=kind, model=model, **words))
    return load_or_raise(folder, {})


def opened(config: Config, storage: Storage) -> Pipeline:
    """Return a pipeline that knows nothing yet."""
    return Pipeline(
        config,
        0,
        Stores(storage.database, storage.dead_letters, storage.snapshots, cold=storage.cold),
        FakeClock(START),
    )


def sizes(pipeline: Pipeline) -> dict[str, float]:
    """Return the bytes that each part takes for a series."""
    station, count = pipeline.scorer.stations[0], pipeline.scorer.series()
    meter = station.meter.state()
    parts = {"index": station.index.nbytes, "windows": meter["rows"].nbytes, "pictures": meter["history"].nbytes}
    for name, monitor in station.monitors.items():
        parts[name] = sum(array.nbytes for array in monitor.state().values()) * count // monitor.detector.size
    return {name: size / count for name, size in parts.items()}


def raised(pipeline: Pipeline) -> dict[str, float]:
    """Return the share of customers that each detector has raised."""
    monitors, count = pipeline.scorer.stations[0].monitors, pipeline.scorer.series()
    return {
        name: float(monitor.raiser.raised(np.arange(count, dtype=np.int32)).mean())
        for name, monitor in monitors.items()
    }


def rounds(pipeline: Pipeline, fleet: Fleet, numbers: range, batch: int) -> Clocks:
    """Let the pipeline take whole rounds."""
    clocks = Clocks()
    for number in numbers:
        for payload in fleet.round(number, batch):
            count = payload.count(b"\n") + 1
            clocks.take(pipeline, [Batch(0, pipeline.offset, count, START + fleet.every * (number + 1), payload)])
    return clocks


def rehearse(folder: Path, every: float) -> None:
    """Take a few customers through all of it, so that the machine code is there."""
    config = configured(folder, every)
    storage = Storage.embedded(config, FakeClock(START))
    rounds(opened(config, storage), Fleet(1_000, every), range(WARM), 1_000)
    storage.close()


def measure(series: int, every: float, count: int, batch: int, folder: Path) -> dict[str, Any]:
    """Create, warm up, measure, snapshot and restore."""
    rehearse(folder / "few", every)
    config = configured(folder / "all", every)
    storage = Storage.embedded(config, FakeClock(START))
    pipeline, fleet = opened(config, storage), Fleet(series, every)
    new = rounds(pipeline, fleet, range(1), batch)
    first = rounds(pipeline, fleet, range(1, NEW), batch)
    rounds(pipeline, fleet, range(NEW, WARM), batch)
    clocks = rounds(pipeline, fleet, range(WARM, WARM + count), batch)
    begun = time.perf_counter()
    pipeline.snapshot()
    snapshot_s = time.perf_counter() - begun
    begun = time.perf_counter()
    other = opened(config, storage)
    other.restore()
    restore_s = time.perf_counter() - begun
    if other.offset != pipeline.offset or other.scorer.series() != series:
        raise SystemExit("what was restored is not what was written")
    parts = sizes(pipeline)
    each = clocks.processor / clocks.events
    storage.close()
    return {
        "core_share": each * series / every,
        "bytes_per_series": sum(parts.values()),
        "bytes_per_kind": sum(parts.values()) / len(pipeline.scorer.stations[0].monitors),
        "snapshot_s": snapshot_s,
        "restore_s": restore_s,
        "events_per_s": 1 / each,
        "worst_new_ms": 1000 * new.longest,
        "worst_first_ms": 1000 * first.longest,
        "worst_ms": 1000 * clocks.longest,
        "raised": raised(pipeline),
        "bytes": parts,
    }


def measure_part(part: int, given: tuple[int, float, int, int], folder: Path) -> dict[str, Any]:
    """Measure one process's part, in a folder of its own."""
    (folder / str(part)).mkdir()
    return measure(*given, folder / str(part))


def measure_all(processes: int, given: tuple[int, float, int, int], folder: Path) -> dict[str, Any]:
    """Measure in so many processes at once, each with its share of the series, and tell of all together."""
    series, *others = given
    each = (series // processes, *others)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(measure_part, range(processes), [each] * processes, [folder] * processes))
    result = {name: max(part[name] for part in parts) for name in parts[0] if name not in ("raised", "bytes")}
    for name in ("core_share", "events_per_s"):
        result[name] = sum(part[name] for part in parts)
    told = {name: parts[0][name] for name in ("raised", "bytes")}
    return result | {"busiest": max(part["core_share"] for part in parts)} | told


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two observations of a customer")
    parser.add_argument("--rounds", type=int, default=6, help="observations of each customer that are measured")
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--data", type=Path, help="folder to write in; a temporary one by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.data) as folder:
        given = (asked.series, asked.every, asked.rounds, asked.batch)
        result = measure_all(asked.processes, given, Path(folder))
    if asked.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:18} {value if isinstance(value, dict) else format(value, '14,.3f')}")


if __name__ == "__main__":
    main()
