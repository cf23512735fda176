"""The distributed event log: one topic of Apache Kafka, on kafka-python (https://kafka-python.readthedocs.io).

What is appended goes in records of many events; other producers write as they do: `records.py` takes either. Reading
is by partition and offset, as in any log. Who reads which partition is a group's to say (`engine/cluster/group.py`);
this log is only told what to read.
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

import structlog
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors  # type: ignore[import-untyped]  # has no types
from kafka.coordinator.assignors.sticky.sticky_assignor import (  # type: ignore[import-untyped]
    StickyPartitionAssignor,
)
from kafka.structs import OffsetAndMetadata  # type: ignore[import-untyped]  # has no types

from engine.errors import Retryable
from engine.eventlog.base import Append, Batch, EventLog
from engine.eventlog.brokers import Brokers, failures
from engine.eventlog.group import KafkaGroup
from engine.eventlog.kafka_reader import FETCHED, Reader
from engine.eventlog.payload import check_batch, check_growth, check_partition, unlike
from engine.eventlog.records import NDJSON, place, record_of, rest_of, split
from engine.eventlog.whole import by_batches

log = structlog.get_logger()
LARGEST = 900_000
"""Bytes of a record's value: brokers refuse more than 1,048,588 a batch unless they are told otherwise."""
HEADERS = [("content-type", NDJSON)]
_MOVING = (
    errors.CoordinatorNotAvailableError,
    errors.CoordinatorLoadInProgressError,
    errors.NotCoordinatorError,
)
"""What brokers say while one of them comes to keep a group's offsets."""
POLL = 0.05
"""Seconds between two looks whether anything was appended."""


class KafkaLog(EventLog):
    """An event log in the topic `topic`, which is made with `partitions` partitions if it is not there.

    `look` is for how many seconds the ends of the partitions are believed, so that a reader of many does not ask for
    each; `timeout` how many seconds a call waits for brokers; `whole` says whether batches are read by compiled code or
    record by record. Raises ConfigError when the topic has another number of
    partitions: a subject would change its partition; Retryable when no broker answers.
    """

    def __init__(
        self,
        brokers: Brokers,
        topic: str,
        *,
        partitions: int = 1,
        replicas: int = 1,
        compression: str | None = "zstd",
        look: float = 0.02,
        timeout: float = 30.0,
        whole: bool = True,
    ) -> None:
        self.partitions = partitions
        self._topic, self._look, self._timeout, self._whole = topic, look, timeout, whole
        self._place = f"{brokers.place}: topic {topic}"
        self._options = {**brokers.options(), "bootstrap_timeout_ms": _ms(timeout)}
        self._reading, self._asking = threading.Lock(), threading.Lock()
        self._seen = threading.local()
        self._committers: dict[str, Any] = {}
        brokers.reach(timeout)
        with ExitStack() as opened, failures(self._place):
            self._open(opened, compression, replicas)
            self._opened = opened.pop_all()
            self._seen_at_start = self._asker.total()

    def _open(self, opened: ExitStack, compression: str | None, replicas: int) -> None:
        """Make the clients, each of which is closed with `opened`."""
        self._admin = opened.enter_context(closing(KafkaAdminClient(**self._options)))
        self._make_topic(replicas)
        self._producer = KafkaProducer(
            **self._options,
            acks="all",
            compression_type=compression,
            max_request_size=2 * LARGEST,
            max_block_ms=_ms(self._timeout),
            delivery_timeout_ms=_ms(self._timeout),
            request_timeout_ms=_ms(self._timeout * 2 / 3),
        )
        opened.callback(self._producer.close, timeout=self._timeout)
        self._asker = opened.enter_context(closing(_Asker(self._consumer(None), self._topic, self.partitions)))
        reader = by_batches(self._consumer(None), whole=self._whole)
        self._reader = opened.enter_context(closing(Reader(reader, self._topic, self._look)))

    def append(self, batches: Iterable[Append]) -> list[int]:
        """Write, in the order given; on return every broker that must have it has it."""
        checked = list(batches)
        for batch in checked:
            check_batch(batch.partition, batch.payload, batch.count, self.partitions)
        with failures(self._place):
            sent = [self._send(batch) for batch in checked]
            self._producer.flush(timeout=self._timeout)
            return [place(futures[0].get(timeout=self._timeout).offset) for futures in sent]

    def read(self, partition: int, offset: int, limit: int) -> list[Batch]:
        """Return batches from `offset` on, as the contract says."""
        check_partition(partition, self.partitions)
        with self._reading, failures(self._place):
            return self._reader.read(partition, offset, limit)

    def leave(self, partition: int) -> None:
        """Fetch nothing more of a partition."""
        check_partition(partition, self.partitions)
        with self._reading, failures(self._place):
            self._reader.leave(partition)

    def begin(self, partition: int) -> int:
        """Return the first offset that is kept."""
        check_partition(partition, self.partitions)
        with self._asking, failures(self._place):
            return place(self._asker.begin(partition))

    def end(self, partition: int) -> int:
        """Return the offset the next event will get."""
        check_partition(partition, self.partitions)
        with self._asking, failures(self._place):
            return place(self._asker.end(partition))

    def lag(self, partition: int, offset: int) -> int:
        """Return how many records there are from the one on that holds `offset`, or is the next."""
        return _between(offset, record_of(self.end(partition)))

    def lags(self, offsets: Mapping[int, int]) -> dict[int, int]:
        """Return `lag` of several partitions, asked for at once."""
        for partition in offsets:
            check_partition(partition, self.partitions)
        with self._asking, failures(self._place):
            ends = self._asker.ends(offsets)
        return {partition: _between(offset, ends[partition]) for partition, offset in offsets.items()}

    def records(self) -> dict[str, int]:
        """Return how many records were read of whole batches, how many one by one; and damaged batches."""
        return dict(self._reader.records)

    def held(self) -> int:
        """Return how many bytes of events are fetched and not yet read."""
        return self._reader.held

    def commit(self, group: str, partition: int, offset: int) -> None:
        """Remember that `group` has dealt with all before `offset`: of a record in part, in the metadata."""
        check_partition(partition, self.partitions)
        where = self._tp(partition)
        told = OffsetAndMetadata(record_of(offset), str(rest_of(offset)), -1)
        with self._asking, failures(self._place):
            self._committer(group).commit({where: told}, timeout_ms=_ms(self._timeout))

    def committed(self, group: str, partition: int) -> int | None:
        """Return what `group` committed last; None if it never did."""
        with self._asking, failures(self._place):
            found = self._committer(group).committed(self._tp(partition), metadata=True, timeout_ms=_ms(self._timeout))
        return None if found is None or found.offset < 0 else place(found.offset, int(found.metadata or 0))

    def position(self, offset: int) -> int:
        """Return the number of the record."""
        return record_of(offset)

    def progress(self, group: str) -> dict[int, int]:
        """Return what `group` committed last of each partition, asked for at once."""
        every = self._asker.every
        with self._asking, failures(self._place):
            found = self._group_offsets(group, every)
        told = {tp.partition: found[tp] for tp in every if tp in found and found[tp].offset >= 0}
        return {partition: place(at.offset, int(at.metadata or 0)) for partition, at in told.items()}

    def trim(self, before: float) -> int:
        """Delete the records appended before epoch second `before` that every group of ours dealt with."""
        with self._asking, failures(self._place):
            kept, begins = self._kept(before), self._asker.begins()
            gone = {tp: at for tp, at in kept.items() if at > begins[tp]}
            if gone:
                self._admin.delete_records(gone, timeout_ms=_ms(self._timeout))
        return sum(at - begins[tp] for tp, at in gone.items())

    def wait(self, timeout: float) -> None:
        """Block until there is more of what is being read, or for `timeout` seconds.

        Who reads nothing is told of anything appended since the calling thread's last call.
        """
        with self._reading, failures(self._place):
            if self._reader.busy:
                self._reader.wait(timeout)
                return
        self._watch(time.monotonic() + timeout)

    def _watch(self, deadline: float) -> None:
        seen = getattr(self._seen, "total", self._seen_at_start)
        while (total := self._total()) == seen and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, POLL))
        self._seen.total = total

    def _total(self) -> int:
        with self._asking, failures(self._place):
            return self._asker.total()

    def join(self, group: str, name: str, *, session: float = 45.0) -> KafkaGroup:
        """Return a place in `group`; one that is not heard of for `session` seconds loses it.

        At each change all give back what they have, and get most of it again. That costs each a snapshot; with
        kafka-python's cooperative way, partitions of a member that was thrown out meanwhile would stay without owner.
        While the group changes nobody has anything, so it waits three sessions at most for one that is heard of.
        """
        return KafkaGroup(
            self._consumer(
                group,
                client_id=name,
                session_timeout_ms=_ms(session),
                heartbeat_interval_ms=_ms(session / 15),
                max_poll_interval_ms=_ms(3 * session),
                metadata_max_age_ms=30_000,
                partition_assignment_strategy=[StickyPartitionAssignor],
            ),
            self._topic,
            name,
            self._place,
            patience=session / 2,
        )

    def grow(self, partitions: int) -> None:
        """Have more partitions; who writes to the topic by other ways learns of them when it next asks for metadata."""
        check_growth(self.partitions, partitions)
        with self._asking, failures(self._place):
            if partitions > self.partitions:
                self._admin.create_partitions({self._topic: partitions}, timeout_ms=_ms(self._timeout))
            self.partitions = partitions
            self._asker.every = [self._tp(partition) for partition in range(partitions)]

    def close(self) -> None:
        """Send what is waiting, and let go of all connections."""
        with self._reading, self._asking:
            self._opened.close()

    def _send(self, batch: Append) -> list[Any]:
        return [
            self._producer.send(self._topic, value=part, headers=HEADERS, partition=batch.partition)
            for part in split(batch.payload, LARGEST)
        ]

    def _make_topic(self, replicas: int) -> None:
        wanted: dict[str, Any] = {"num_partitions": self.partitions or 1, "replication_factor": replicas}
        wanted["configs"] = {"message.timestamp.type": "LogAppendTime"}
        try:
            self._admin.create_topics({self._topic: wanted}, wait_for_metadata=True)
            self.partitions = self.partitions or 1
        except errors.TopicAlreadyExistsError:
            self._check_partitions()

    def _check_partitions(self) -> None:
        count = self._found()
        self.partitions = self.partitions or count
        if count != self.partitions:
            raise unlike(count, self.partitions, self._place)

    def _found(self) -> int:
        """Return how many partitions there are; of a topic that another process has just made, as soon as that is told.

        Raises Retryable when it is not in time.
        """
        deadline = time.monotonic() + self._timeout
        while True:
            (found,) = self._admin.describe_topics([self._topic])
            if found["partitions"]:
                return len(found["partitions"])
            if found["error_code"] and not (refused := errors.for_code(found["error_code"])).retriable:
                raise refused(self._topic)
            if time.monotonic() > deadline:
                raise Retryable("the brokers do not tell its partitions", place=self._place, remedy="try again")
            time.sleep(POLL)

    def _consumer(self, group: str | None, **more: Any) -> Any:
        return KafkaConsumer(
            **self._options,
            **more,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_records=50_000,
            max_partition_fetch_bytes=FETCHED,
            fetch_max_bytes=4 * FETCHED,
        )

    def _committer(self, group: str) -> Any:
        """Return a consumer that reads nothing and speaks for a group without members."""
        if group not in self._committers:
            consumer = self._committers[group] = self._consumer(group)
            self._opened.callback(consumer.close, autocommit=False)
        return self._committers[group]

    def _group_offsets(self, group: str, every: Sequence[TopicPartition]) -> Mapping[TopicPartition, Any]:
        """Return what a group committed; of a new broker, as soon as one of it keeps offsets."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return dict(self._admin.list_group_offsets({group: every})[group])
            except _MOVING:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL)

    def _kept(self, before: float) -> Mapping[TopicPartition, int]:
        """Return the first record to keep of each partition."""
        every, young = self._asker.every, self._asker.first_since(before)
        groups = [each["group_id"] for each in self._admin.list_groups()]
        done = [self._admin.list_group_offsets({group: every})[group] for group in groups]
        return {
            tp: min([young[tp], *(at for of in done if (at := _dealt_with(of, every, tp)) is not None)]) for tp in every
        }

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


class _Asker:
    """Where partitions begin and end. Not thread-safe: the log's lock is."""

    def __init__(self, consumer: Any, topic: str, partitions: int) -> None:
        self._consumer = consumer
        self.every = [TopicPartition(topic, partition) for partition in range(partitions)]

    def begin(self, partition: int) -> int:
        tp = self.every[partition]
        return int(self._consumer.beginning_offsets([tp])[tp])

    def end(self, partition: int) -> int:
        tp = self.every[partition]
        return int(self._consumer.end_offsets([tp])[tp])

    def ends(self, partitions: Iterable[int]) -> Mapping[int, int]:
        found = self._consumer.end_offsets([self.every[partition] for partition in partitions])
        return {tp.partition: int(end) for tp, end in found.items()}

    def begins(self) -> Mapping[TopicPartition, int]:
        found: Mapping[TopicPartition, int] = self._consumer.beginning_offsets(self.every)
        return found

    def total(self) -> int:
        return sum(self._consumer.end_offsets(self.every).values())

    def first_since(self, moment: float) -> Mapping[TopicPartition, int]:
        """Return the offset of the first record appended at epoch second `moment` or later, or the end."""
        found = self._consumer.offsets_for_times(dict.fromkeys(self.every, _ms(moment)))
        ends = self._consumer.end_offsets(self.every)
        return {tp: found[tp].offset if found[tp] is not None else ends[tp] for tp in self.every}

    def close(self) -> None:
        self._consumer.close(autocommit=False)


def _between(offset: int, end: int) -> int:
    """Return how many records there are from the one on that holds `offset`, or is the next, up to record `end`."""
    return max(0, record_of(place(end) - offset + place(1) - 1))


def _dealt_with(of: Mapping[Any, Any], every: Sequence[TopicPartition], tp: TopicPartition) -> int | None:
    """Return up to which record a group dealt with a partition; None if it reads nothing of the topic."""
    mine = {each: at.offset for each in every if (at := of.get(each)) is not None and at.offset >= 0}
    return max(mine.get(tp, 0), 0) if mine else None


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
