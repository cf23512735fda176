"""Dead letters in a topic of Kafka: a record for each, by its id, and one without a value where it was removed.

The topic is compacted (https://kafka.apache.org/documentation/#compaction): what was removed goes in time, the rest
stays until then. Whoever asks what there is reads the topic once, and after that only what is new.
"""

import base64
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import msgspec
from kafka import (  # type: ignore[import-untyped]  # has no types
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    TopicPartition,
    errors,
)

from engine.errors import Retryable
from engine.eventlog.base import DeadLetter, DeadLetters
from engine.eventlog.brokers import Brokers, failures
from engine.eventlog.deadletters import with_id
from engine.eventlog.memory import MemoryDeadLetters

FETCH = 10.0
"""Seconds within which a broker must hand out what it says it has."""
KEPT = 512 << 10
"""Bytes of a letter that are kept: as base64 a broker takes them, which takes no more than 1 MB unless it is told to.

What is longer can be no event in any case.
"""


class KafkaDeadLetters(DeadLetters):
    """The contract of dead letters, in the topic `topic`, which is made where it is not there.

    Raises Retryable when no broker answers for `timeout` seconds.
    """

    def __init__(self, brokers: Brokers, topic: str, *, replicas: int = 1, timeout: float = 30.0) -> None:
        self._place, self._timeout = f"{brokers.place}: topic {topic}", timeout
        self._topic, self._tp = topic, TopicPartition(topic, 0)
        self._view, self._lock = MemoryDeadLetters(), threading.Lock()
        options = {**brokers.options(), "bootstrap_timeout_ms": _ms(timeout)}
        brokers.reach(timeout)
        with ExitStack() as opened, failures(self._place):
            _make(options, topic, replicas)
            self._producer = KafkaProducer(**options, acks="all", compression_type="zstd", max_block_ms=_ms(timeout))
            opened.callback(self._producer.close, timeout=timeout)
            self._consumer = KafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest")
            opened.enter_context(closing(self._consumer))
            self._consumer.assign([self._tp])
            self._consumer.seek(self._tp, 0)
            self._opened = opened.pop_all()

    def add(self, letters: Iterable[DeadLetter]) -> None:
        """Write them; what is there already is written again, and is the same. Of very long ones the beginning."""
        self._write((letter.id, _packed(letter)) for letter in map(with_id, map(_bounded, letters)))

    def list(self, *, reason: str | None = None, after: str = "", limit: int = 100) -> Iterator[DeadLetter]:
        """Yield them in the order they were added; those yielded may be removed meanwhile."""
        return self._seen().list(reason=reason, after=after, limit=limit)

    def get(self, id_: str) -> DeadLetter | None:
        """Return one, or None."""
        return self._seen().get(id_)

    def remove(self, ids: Iterable[str]) -> None:
        """Forget those that were re-driven."""
        self._write((id_, None) for id_ in ids)

    def counts(self) -> dict[str, int]:
        """Return how many there are by reason."""
        return self._seen().counts()

    def trim(self, before: float) -> int:
        """Delete those older than epoch second `before`; returns how many."""
        every = self._seen()
        old = [letter.id for letter in every.list(limit=sum(every.counts().values())) if letter.at < before]
        self.remove(old)
        return len(old)

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            self._opened.close()

    def _write(self, records: Iterable[tuple[str, bytes | None]]) -> None:
        with failures(self._place):
            sent = [self._producer.send(self._topic, key=id_.encode(), value=value) for id_, value in records]
            self._producer.flush(timeout=self._timeout)
            for future in sent:
                future.get(timeout=self._timeout)

    def _seen(self) -> MemoryDeadLetters:
        """Return all there are, read up to the topic's end as it is now."""
        with self._lock, failures(self._place):
            end = self._consumer.end_offsets([self._tp])[self._tp]
            deadline = time.monotonic() + FETCH
            while self._consumer.position(self._tp) < end:
                if time.monotonic() > deadline:
                    raise Retryable("the broker hands out nothing", place=self._place)
                for record in self._consumer.poll(timeout_ms=500).get(self._tp, ()):
                    self._take(record)
            return self._view

    def _take(self, record: Any) -> None:
        if record.value is None:
            self._view.remove([record.key.decode()])
        else:
            self._view.add([_unpacked(record.value)])


def _make(options: dict[str, Any], topic: str, replicas: int) -> None:
    """Make the topic, unless it is there."""
    wanted = {"num_partitions": 1, "replication_factor": replicas, "configs": {"cleanup.policy": "compact"}}
    with closing(KafkaAdminClient(**options)) as admin:
        try:
            admin.create_topics({topic: wanted}, wait_for_metadata=True)
        except errors.TopicAlreadyExistsError:
            return


def _bounded(letter: DeadLetter) -> DeadLetter:
    """Return a letter that a broker takes.

    >>> _bounded(DeadLetter("oversized", "too long", bytes(600_000), 0.0, "log:0:7")).detail
    'too long (the first 524,288 bytes of 600,000)'
    """
    size = len(letter.payload)
    if size <= KEPT:
        return letter
    told = f"{letter.detail} (the first {KEPT:,} bytes of {size:,})"
    return replace(letter, payload=letter.payload[:KEPT], detail=told)


def _packed(letter: DeadLetter) -> bytes:
    payload = base64.b64encode(letter.payload).decode()
    return msgspec.json.encode([letter.reason, letter.detail, payload, letter.at, letter.origin])


def _unpacked(value: bytes) -> DeadLetter:
    reason, detail, payload, at, origin = msgspec.json.decode(value, type=tuple[str, str, str, float, str])
    return DeadLetter(reason, detail, base64.b64decode(payload), at, origin)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
