"""NDJSON bytes to flags on one core: decoded, deduplicated, measured, scored, flagged.

The engine's columns and compiled loops against the same steps with an msgspec object for each event, a dict of windows
and River's statistics for each series (level, spread and a profile by hour), in the same run, turn about. Times are
those of the processor, so that a busy machine blurs the ratio less.
"""

import argparse
import json
import statistics
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

import msgspec
import numpy as np
from river import stats

if sys.path[0] == str(Path(__file__).parent):
    del sys.path[0]  # a script's own folder comes first, and a benchmark in it is called as a package of ours

from detectors.base import Observations
from detectors.durations import Duration
from detectors.monitor import Monitor
from detectors.raising import RaiseRule
from detectors.seasonal import Seasonal
from engine.columnar.dedup import Dedup
from engine.config.model import Measure, Watch
from engine.events import Decoder, Schema, Telemetry
from engine.expressions import Expression
from engine.measures.meter import Meter
from engine.measures.watermark import Watermark

EVERY, LATENESS = 60.0, 60.0
START = 1_750_000_000.0
WINDOW = 1_000_000
Payloads = list[bytes]


def payloads(accounts: int, minutes: int, per_minute: int, batch: int) -> Payloads:
    """Return events of about 190 bytes, `per_minute` of each account on average, a little out of order, in batches."""
    random = np.random.default_rng(7)
    n = accounts * minutes * per_minute
    times = START + np.sort(random.random(n)) * minutes * EVERY - random.exponential(2.0, n)
    who, latency = random.integers(0, accounts, n), random.exponential(100.0, n)
    status = np.where(random.random(n) < 0.03, 503, 200)
    rows = zip(times.tolist(), who.tolist(), latency.tolist(), status.tolist(), strict=True)
    lines = [
        f'{{"specversion":"1.0","id":"e-{i:09d}","source":"/edge/{i % 7}","type":"api.request","time":"{_iso(at)}",'
        f'"subject":"account/a{account:05d}","data":{{"status":{code},"latency_ms":{took:.1f},"path":"/v1/orders"}}}}'
        for i, (at, account, took, code) in enumerate(rows)
    ]
    return ["\n".join(lines[start : start + batch]).encode() for start in range(0, n, batch)]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Shares:
    """How much time each step took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        """Count what happens within as time of `step`."""
        start = time.process_time()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.process_time() - start


class Engine:
    """The engine's own parts, as the pipeline puts them together."""

    def __init__(self) -> None:
        watch = Watch("api.request", ("account",), Measure("ratio", Expression.parse("status >= 500")), Duration(EVERY))
        self.meter = Meter(watch, lateness=LATENESS)
        self.decoder = Decoder(Schema.build({"api.request": self.meter.fields}), future=300.0)
        self.dedup, self.watermark = Dedup(WINDOW), Watermark(LATENESS)
        self.monitor = Monitor("errors", Seasonal(), RaiseRule())
        self.monitor.prepare(EVERY)
        self.shares = Shares()

    def take(self, payload: bytes) -> int:
        """Process a batch; return how many signals came of it."""
        with self.shares.of("decode"):
            decoded = self.decoder.decode(payload, START + 1e6)
        flagged = 0
        for run in decoded.runs:
            assert isinstance(run.content, Telemetry)
            with self.shares.of("dedup"):
                fresh = self.dedup.admit(run.identities)
                content = run.content if fresh.all() else run.content.only(fresh)
            floor = self.watermark.floor(content.time, START)
            for columns, rows in content.parts():
                with self.shares.of("measure"):
                    observations = self.meter.add(columns, floor[rows], lambda _: None).observations
                flagged += self._score(observations)
        with self.shares.of("measure"):
            closed = self.meter.advance(self.watermark.value)
        return flagged + self._score(closed)

    def _score(self, observations: Observations) -> int:
        if not len(observations.series):
            return 0
        with self.shares.of("score and flag"):
            self.monitor.grow(len(self.meter.index))
            return len(self.monitor.observe(observations))


class Data(msgspec.Struct):
    """What the measure reads of an event."""

    status: int


class Event(msgspec.Struct):
    """An event as an object."""

    id: str
    source: str
    type: str
    time: datetime
    subject: str
    data: Data


class Usual:
    """River's statistics of one series."""

    def __init__(self) -> None:
        self.level, self.spread = stats.EWMean(0.05), stats.EWVar(0.05)
        self.hours = [stats.EWMean(0.05) for _ in range(24)]

    def flag(self, hour: int, value: float) -> bool:
        """Score a value against what is usual at that hour, then learn from it."""
        left = value - self.hours[hour].get()
        strange = abs(left - self.level.get()) > 3.3 * max(self.spread.get(), 0.0) ** 0.5 > 0.0
        self.level.update(left)
        self.spread.update(left)
        self.hours[hour].update(value - self.level.get())
        return bool(strange)


class Objects:
    """The same steps with objects for each event and each series."""

    def __init__(self) -> None:
        self.decode = msgspec.json.Decoder(Event).decode
        self.seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.windows: dict[int, dict[str, list[int]]] = {}
        self.usual: dict[str, Usual] = {}
        self.newest = 0.0

    def take(self, payload: bytes) -> int:
        """Process a batch; return how many windows were flagged."""
        for line in payload.split(b"\n"):
            event = self.decode(line)
            identity = (event.source, event.id)
            if identity in self.seen:
                continue
            self.seen[identity] = None
            if len(self.seen) > WINDOW:
                self.seen.popitem(last=False)
            self._count(event)
        return self._close(self.newest - LATENESS)

    def _count(self, event: Event) -> None:
        at = event.time.timestamp()
        number = int(at // EVERY)
        if (number + 1) * EVERY > self.newest - LATENESS:
            window = self.windows.setdefault(number, {}).setdefault(event.subject, [0, 0])
            window[0] += 1
            window[1] += event.data.status >= 500
        self.newest = max(self.newest, at)

    def _close(self, watermark: float) -> int:
        flagged = 0
        for number in sorted(number for number in self.windows if (number + 1) * EVERY <= watermark):
            for subject, (count, hits) in self.windows.pop(number).items():
                usual = self.usual.get(subject) or self.usual.setdefault(subject, Usual())
                flagged += usual.flag(int(number * EVERY // 3600) % 24, hits / count)
        return flagged


class Result(TypedDict):
    """What was measured."""

    ratio: float
    events_per_s: float
    objects_events_per_s: float
    shares: dict[str, float]


def rate(take: Callable[[bytes], int], batches: Payloads, events: int) -> float:
    """Return events per second of processor time."""
    start = time.process_time()
    for payload in batches:
        take(payload)
    return events / (time.process_time() - start)


def measure(accounts: int, minutes: int, per_minute: int, batch: int, rounds: int) -> Result:
    """Return medians of `rounds`, and the share of each of the engine's steps."""
    batches = payloads(accounts, minutes, per_minute, batch)
    events = accounts * minutes * per_minute
    warm = Engine()
    for payload in batches[: 3 * accounts * per_minute // batch + 1]:
        warm.take(payload)
    fast, slow, shares = [], [], Shares()
    for _ in range(rounds):
        engine, objects = Engine(), Objects()
        fast.append(rate(engine.take, batches, events))
        slow.append(rate(objects.take, batches, events))
        shares = engine.shares
    total = sum(shares.seconds.values())
    return Result(
        ratio=statistics.median(a / b for a, b in zip(fast, slow, strict=True)),
        events_per_s=statistics.median(fast),
        objects_events_per_s=statistics.median(slow),
        shares={step: seconds / total for step, seconds in shares.seconds.items()},
    )


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--per-minute", type=int, default=5, help="events of an account")
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    result = measure(options.accounts, options.minutes, options.per_minute, options.batch, options.rounds)
    if options.json:
        print(json.dumps(result))
        return
    print(f"engine                  {result['events_per_s']:>12,.0f} events/s")
    print(f"msgspec + River objects {result['objects_events_per_s']:>12,.0f} events/s")
    print(f"ratio                   {result['ratio']:>12.1f}")
    for step, share in result["shares"].items():
        print(f"  {step:<21} {share:>12.0%}")


if __name__ == "__main__":
    main()
