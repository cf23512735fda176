"""A place in a consumer group of Kafka, which shares the partitions of a topic out among those who are there.

The consumer behind it reads nothing: all that it has is paused. It is there to be counted, to be told what is ours, and
to commit offsets, which the broker takes only of whoever has the partition. A thread of its own drives it, so that
however long a batch takes, the group hears of us; what is to be given back waits for `settle`, between two batches.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import structlog
from kafka import ConsumerRebalanceListener, TopicPartition, errors  # type: ignore[import-untyped]  # has no types
from kafka.structs import OffsetAndMetadata  # type: ignore[import-untyped]

from engine.errors import ForewarnError, Retryable
from engine.eventlog.brokers import translate
from engine.eventlog.membership import Membership
from engine.eventlog.records import record_of, rest_of

log = structlog.get_logger()
LOOK = 2.0
"""Seconds of one look at what the group says. A place in it takes a while to be given while others finish a batch; who
asks anew before it was given is counted twice, until the session of the one that nobody hears of has ended."""
COMMIT = 10.0
"""Seconds that a broker has to take offsets; they are told again with the next snapshot."""
AGAIN = 2.0
"""Seconds to wait after an error."""


class _Leaving(NamedTuple):
    """Partitions that others are to get, once what is remembered of them has been written down."""

    partitions: set[int]
    done: threading.Event
    missed: threading.Event
    """The group went on without waiting any longer: what it says since then counts."""


class KafkaGroup(Membership):
    """A member, called `name`, of the group that `consumer` was made for. `place` is how errors call the log.

    `patience` is how many seconds the group is made to wait for what is being written down.
    """

    def __init__(self, consumer: Any, topic: str, name: str, place: str, *, patience: float) -> None:
        self.name = name
        self._consumer, self._topic, self._place, self._patience = consumer, topic, place, patience
        self._lock = threading.Lock()
        self._leaving: SimpleQueue[_Leaving] = SimpleQueue()
        self._offsets: dict[TopicPartition, OffsetAndMetadata] = {}
        self._ours: set[int] = set()
        self.joined, self.rebalances = False, 0
        self._closing = threading.Event()
        self._error: ForewarnError | None = None
        self._consumer.partitions_for_topic(topic)  # whoever leads the group must know them
        self._consumer.subscribe([topic], listener=_Listener(self))
        self._thread = threading.Thread(target=self._follow, name=f"group {name}", daemon=True)
        self._thread.start()

    def settle(self, give_back: Callable[[Collection[int]], None]) -> Collection[int]:
        """Hand over what others are to get, and return what is ours. Raises what the group could not be asked for."""
        while (leaving := self._next_leaving()) is not None:
            try:
                give_back(leaving.partitions)
            finally:
                self._drop(leaving)
                leaving.done.set()
        if self._error is not None:
            raise self._error
        with self._lock:
            return set(self._ours)

    def commit(self, partition: int, offset: int) -> None:
        """Tell the broker soon, unless the partition is no longer ours by then."""
        told = OffsetAndMetadata(record_of(offset), str(rest_of(offset)), -1)
        with self._lock:
            self._offsets[TopicPartition(self._topic, partition)] = told

    def close(self) -> None:
        """Leave the group."""
        self._closing.set()
        self._thread.join()
        self._consumer.close(autocommit=False)

    def _drop(self, leaving: _Leaving) -> None:
        """Let what is given back be ours no more at once: until the group's thread comes to it, it would be retaken."""
        with self._lock:
            if not leaving.missed.is_set():
                self._ours -= leaving.partitions

    def _next_leaving(self) -> _Leaving | None:
        try:
            return self._leaving.get_nowait()
        except Empty:
            return None

    # -- in a thread of its own

    def _follow(self) -> None:
        """Take part in the group until it is left; `settle` raises what went wrong, and it is tried again."""
        while not self._closing.is_set():
            try:
                self._tell_offsets()
                self._consumer.poll(timeout_ms=int(LOOK * 1000))
                self._consumer.pause(*self._consumer.assignment())
                self._error = None
            except Exception as error:  # noqa: BLE001 -- a thread's boundary
                self._error = self._translated(error)
                self._closing.wait(AGAIN)
        self._tell_offsets()

    def _translated(self, error: Exception) -> ForewarnError:
        if isinstance(error, errors.KafkaError):
            return translate(error, self._place)
        log.error("the group's thread met an error of its own", member=self.name, exc_info=error)
        return Retryable(f"{type(error).__name__}: {error}", place=self._place)

    def _tell_offsets(self) -> None:
        """Commit; what is not ours any more the broker refuses, and is right."""
        with self._lock:
            mine = {tp: told for tp, told in self._offsets.items() if tp.partition in self._ours}
            self._offsets.clear()
        if mine:
            try:
                self._consumer.commit(mine, timeout_ms=int(COMMIT * 1000))
            except errors.KafkaError as error:
                log.info("offsets not committed", why=str(error))

    # -- what the group says, in kafka-python's thread

    def taken(self, partitions: Iterable[TopicPartition]) -> None:
        """Take note that partitions are ours."""
        with self._lock:
            self._ours |= {tp.partition for tp in partitions}
            self.joined, self.rebalances = True, self.rebalances + 1
            log.info("partitions", member=self.name, ours=sorted(self._ours))

    def hand_over(self, partitions: Iterable[TopicPartition]) -> None:
        """Wait until what is remembered of partitions has been written down, and let go of them."""
        leaving = _Leaving({tp.partition for tp in partitions}, threading.Event(), threading.Event())
        if not self._closing.is_set():
            self._leaving.put(leaving)
            if not leaving.done.wait(self._patience):  # who gets them goes on from the snapshot before
                with self._lock:
                    leaving.missed.set()
                log.warning("not written down in time", member=self.name, partitions=sorted(leaving.partitions))
        self.lose(partitions)

    def miss(self, partitions: Iterable[TopicPartition]) -> None:
        """Take note that the group went on without us."""
        self.joined = False
        self.lose(partitions)

    def lose(self, partitions: Iterable[TopicPartition]) -> None:
        """Take note that partitions are not ours any more."""
        with self._lock:
            self._ours -= {tp.partition for tp in partitions}
            log.info("partitions", member=self.name, ours=sorted(self._ours))


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # has no types
    """What kafka-python calls, in a thread of its own, while the group changes."""

    def __init__(self, group: KafkaGroup) -> None:
        self._group = group

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._group.hand_over(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._group.taken(assigned)

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        self._group.miss(lost)
