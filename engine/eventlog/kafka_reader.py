"""What a consumer of Kafka has fetched of some partitions and not yet read: bounded, however much is in the topic."""

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog
from kafka import TopicPartition  # type: ignore[import-untyped]  # has no types

from engine.errors import Retryable
from engine.eventlog.base import Batch
from engine.eventlog.records import Lines, batches_of, lines_of, record_of
from engine.eventlog.whole import Lost, Many

log = structlog.get_logger()
FETCH = 5.0
"""Seconds within which a broker must hand out what it says it has."""
FETCHED = 2 << 20
"""Bytes of a partition, as they are compressed, that a broker is asked for at once; of all, four times as much."""
HELD = 32 << 20
"""Bytes of events that are fetched and not yet read, of all partitions; one that has its share is fetched no more."""


class Waiting:
    """What has been fetched of a partition and not yet read."""

    def __init__(self) -> None:
        self._parts: deque[Lines] = deque()
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, parts: Iterable[Lines]) -> None:
        for part in parts:
            self._parts.append(part)
            self.size += len(part.text)

    def take(self, start: int, limit: int) -> list[Lines]:
        """Take out about `limit` events from offset `start` on; what comes before it is dropped."""
        found, count = list[Lines](), 0
        while self._parts and count < limit:
            part = self._parts.popleft()
            self.size -= len(part.text)
            if ahead := part.since(start):
                found.append(part)
                count += ahead
        return found


class Reader:
    """What has been fetched of some partitions, and where each goes on. Not thread-safe: the log's lock is."""

    def __init__(self, consumer: Any, topic: str, look: float) -> None:
        self._consumer, self._topic, self._look = consumer, topic, look
        self._waiting: dict[int, Waiting] = {}
        self._next: dict[int, int] = {}
        """The offset at which a partition's next batch was asked for, or begins."""
        self._ends: Mapping[TopicPartition, int] = {}
        self._looked = -float("inf")
        self.records = {"whole": 0, "object": 0, "corrupt": 0}

    def read(self, partition: int, offset: int, limit: int) -> list[Batch]:
        if self._next.get(partition) != offset:
            self._go_to(partition, offset)
        if limit > 0 and not self._waiting[partition]:
            self._fetch_until(partition)
        found = self._taken(partition, limit)
        if found:
            self._next[partition] = found[-1].after
        return found

    def leave(self, partition: int) -> None:
        if self._next.pop(partition, None) is not None:
            del self._waiting[partition]
            self._consumer.assign([tp for tp in self._consumer.assignment() if tp.partition != partition])

    @property
    def busy(self) -> bool:
        return bool(self._next)

    def wait(self, timeout: float) -> None:
        if not any(self._waiting.values()):
            self._fetch(timeout)

    def close(self) -> None:
        self._consumer.close(autocommit=False)

    def _go_to(self, partition: int, offset: int) -> None:
        """Begin anew at `offset`, or at the first event there is."""
        tp = self._tp(partition)
        if partition not in self._next:
            self._consumer.assign([*self._consumer.assignment(), tp])
        begin = self._consumer.beginning_offsets([tp])[tp]
        self._consumer.seek(tp, max(record_of(offset), begin))
        self._waiting[partition] = Waiting()
        self._next[partition] = offset

    def _fetch_until(self, partition: int) -> None:
        """Fetch until there is something of a partition, unless its end is reached."""
        tp, deadline = self._tp(partition), time.monotonic() + FETCH
        while not self._waiting[partition] and self._consumer.position(tp) < self._end_of(tp):
            if time.monotonic() > deadline:
                raise Retryable("the broker hands out nothing", place=f"kafka: {tp.topic}:{partition}")
            self._fetch(0.5)

    def _end_of(self, tp: TopicPartition) -> int:
        now = time.monotonic()
        if tp not in self._ends or now > self._looked + self._look:
            self._ends, self._looked = self._consumer.end_offsets(list(self._consumer.assignment())), now
        return int(self._ends[tp])

    def _fetch(self, timeout: float) -> None:
        for tp in self._consumer.assignment():
            full = self._waiting[tp.partition].size > HELD / len(self._waiting)
            (self._consumer.pause if full else self._consumer.resume)(tp)
        for tp, records in self._consumer.poll(timeout_ms=int(1000 * timeout)).items():
            self._count(records)
            self._waiting[tp.partition].add(part for record in records for part in lines_of(record))

    def _count(self, records: Sequence[Any]) -> None:
        whole = [len(each.value.unpacked.offsets) for each in records if isinstance(each.value, Many)]
        lost = [each for each in records if isinstance(each.value, Lost)]
        for each in lost:
            log.error("records are corrupt", partition=each.partition, until=each.offset)
        self.records["whole"] += sum(whole)
        self.records["object"] += len(records) - len(whole) - len(lost)
        self.records["corrupt"] += len(lost)

    def _taken(self, partition: int, limit: int) -> list[Batch]:
        start = self._next[partition]
        found = list(batches_of(partition, self._waiting[partition].take(start, limit)))
        return [found[0].since(start), *found[1:]] if found else []

    @property
    def held(self) -> int:
        """Bytes of events that are fetched and not yet read."""
        return sum(waiting.size for waiting in self._waiting.values())

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)
