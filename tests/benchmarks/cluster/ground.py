"""What benchmarks of a cluster stand on: a broker, a topic with a fleet's events, a configuration."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from kafka import KafkaProducer  # type: ignore[import-untyped]  # has no types
from numpy.typing import NDArray

from engine.config.load import load_or_raise
from engine.config.model import Config
from engine.eventlog.base import Append
from engine.eventlog.brokers import Brokers
from engine.eventlog.kafka import KafkaLog
from engine.store.database import Database
from tests.benchmarks.million import Fleet, lines
from tests.brokers.broker import Broker, Missing, apache, named, noida
from tests.brokers.postgres import Postgres

SPAN = 60.0
"""Seconds of a window."""
DETECTOR = """
name: usual
about: What each customer reports is as usual for it.
watch: {event: device.reading, by: account, measure: {mean: value}, every: 1m}
model: {kind: seasonal}
raise: {for: 1 of 1}
grace: 10m
"""
SECRET = "a secret of more than thirty-two characters"
_NUMBERS = count(1)


@contextmanager
def started(folder: Path) -> Iterator[Broker]:
    """Run a broker for as long as the block lasts: the one that is named, Apache Kafka, or one without Java."""
    if (given := named()) is not None:
        yield given
        return
    reasons = []
    with ExitStack() as stack:
        for name, start in (("apache", apache), ("noida", noida)):
            (folder / name).mkdir()
            try:
                broker = stack.enter_context(start(folder / name))
            except Missing as error:
                reasons.append(str(error))
                continue
            yield broker
            return
    raise SystemExit(f"there is no broker: {'; '.join(reasons)}")


def configured(folder: Path, detectors: Iterable[str] = (DETECTOR,), main: str = "", **files: str) -> Config:
    """Return a configuration as an operations team writes it; `main` is added to forewarn.yaml."""
    (folder / "detectors").mkdir(parents=True)
    (folder / "forewarn.yaml").write_text(f"sender: {{company: Acme}}\n{main}")
    for number, text in enumerate(detectors):
        (folder / "detectors" / f"{number}.yaml").write_text(text)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return load_or_raise(folder, {})


@contextmanager
def database(server: Postgres) -> Iterator[str]:
    """Yield the URL of a database with all tables."""
    url = server.create()
    text = url.render_as_string(hide_password=False)
    with closing(Database.open(text)):
        pass
    yield text
    server.drop(url)


def main_of(server: str, topic: str, url: str, partitions: int, session: float = 45) -> str:
    """Return what forewarn.yaml of a cluster says; `SECRET` has to be in the environment."""
    return (
        f"events: {{partitions: {partitions}}}\nstore: {{url: '{url}'}}\nlink_secret: {{env: SECRET}}\n"
        f"log: {{kafka: ['{server}'], topic: {topic}, replicas: 1, session: {session}}}\n"
    )


def topic_of(name: str) -> str:
    """Return the name of a topic that no other run has."""
    return f"{name}-{np.random.default_rng().integers(1 << 40)}-{next(_NUMBERS)}"


def homes(series: int, partitions: int) -> NDArray[np.int64]:
    """Return the partition of each customer of a fleet, as `intake` has it."""
    return np.array([crc32(b"account/c-%07d" % number) % partitions for number in range(series)], np.int64)


def appends(fleet: Fleet, rounds: Iterable[int], home: NDArray[np.int64], batch: int) -> Iterator[list[Append]]:
    """Yield what the ways in would write: of each round, and each `batch` reports of it, a part to each partition."""
    for number in rounds:
        reports = fleet.reports(number)
        for first in range(0, fleet.series, batch):
            part = reports.only(slice(first, first + batch))
            where = home[part.who]
            yield [
                Append(int(partition), lines(mine), len(mine.ids))
                for partition in np.unique(where)
                if len((mine := part.only(where == partition)).ids)
            ]


def fill(log: KafkaLog, parts: Iterable[Sequence[Append]], together: int = 8) -> int:
    """Write to a topic as our own ways in do, many events a record; returns how many events that were."""
    waiting: list[Append] = []
    events = 0
    for part in parts:
        waiting += part
        events += sum(each.count for each in part)
        if len(waiting) >= together:
            log.append(waiting)
            waiting = []
    log.append(waiting)
    return events


def fill_singly(server: str, topic: str, payloads: Iterable[bytes], **told: Any) -> int:
    """Write to a topic as another producer does, a record for each event, with the subject as its key."""
    producer = KafkaProducer(bootstrap_servers=server, linger_ms=20, **told)
    events = 0
    with closing(producer):
        for payload in payloads:
            for line in payload.split(b"\n"):
                start = line.index(b'"subject":"') + 11
                producer.send(topic, value=line, key=line[start : line.index(b'"', start)], partition=0)
                events += 1
        producer.flush()
    return events


@contextmanager
def opened(server: str, topic: str, **told: Any) -> Iterator[KafkaLog]:
    """Open a topic, made if it is not there."""
    with closing(KafkaLog(Brokers([server]), topic, **told)) as log:
        yield log


def tell(result: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what was found: one JSON object, or a table."""
    if as_json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:26} {value if isinstance(value, str) else format(value, '14,.2f')}")
