"""Who of several works on which partitions, as Kafka's group says."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import pytest
from kafka import TopicPartition  # type: ignore[import-untyped]  # has no types

from engine.eventlog.brokers import Brokers
from engine.eventlog.group import KafkaGroup
from engine.eventlog.kafka import KafkaLog
from engine.eventlog.membership import Membership
from tests.brokers.broker import Broker

TOPICS = itertools.count()
Join = Callable[[str], Membership]


class Worker:
    """A member, and what it has."""

    def __init__(self, member: Membership) -> None:
        self.member = member
        self.ours: set[int] = set()
        self.gave_back: list[int] = []

    def look(self) -> None:
        before = len(self.gave_back)
        self.ours = set(self.member.settle(self._give_back))
        assert self.ours.isdisjoint(self.gave_back[before:]), "what is given back would be taken again"

    def _give_back(self, partitions: Collection[int]) -> None:
        assert self.ours >= set(partitions)
        self.gave_back += partitions


@pytest.fixture
def join(broker: Broker) -> Iterator[Join]:
    log = KafkaLog(Brokers([broker.server]), f"group-{os.getpid()}-{next(TOPICS)}", partitions=4, look=0.0)
    joined: list[Membership] = []

    def one(name: str) -> Membership:
        joined.append(log.join("pipeline", name, session=20.0))
        return joined[-1]

    yield one
    for member in joined:
        member.close()
    log.close()


def settled(*workers: Worker) -> bool:
    """Let them look until each partition has one of them, and as many as is fair."""
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        for worker in workers:
            worker.look()
        shares = [len(worker.ours) for worker in workers]
        if (
            sum(shares) == 4 == len(set().union(*(worker.ours for worker in workers)))
            and max(shares) - min(shares) <= 1
        ):
            return True
    return False


def test_one_alone_has_all(join: Join) -> None:
    assert settled(Worker(join("a")))


def test_a_second_is_given_half_in_good_order(join: Join) -> None:
    first = Worker(join("a"))
    assert settled(first)
    second = Worker(join("b"))
    assert settled(first, second)
    assert set(first.gave_back) >= second.ours
    assert second.gave_back == []


def test_who_leaves_hands_over(join: Join) -> None:
    first, second = Worker(join("a")), Worker(join("b"))
    assert settled(first, second)
    second.member.close()
    assert settled(first)


def test_offsets_are_taken_of_the_owner(join: Join) -> None:
    first = Worker(join("a"))
    assert settled(first)
    first.member.commit(0, 5)
    second = Worker(join("b"))
    assert settled(first, second)
    for partition in range(4):
        first.member.commit(partition, 7)  # what is not ours any more is not written, and is no error
    assert settled(first, second)


class Silent:
    """A consumer of whose group nothing is heard, until it is over."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def partitions_for_topic(self, topic: str) -> None:
        """Nobody leads."""

    def subscribe(self, topics: list[str], listener: object) -> None:
        """Nothing comes of it."""

    def poll(self, timeout_ms: int) -> None:
        self.over.wait()

    def assignment(self) -> set[TopicPartition]:
        return set()

    def pause(self, *partitions: TopicPartition) -> None:
        """There are none."""

    def close(self, *, autocommit: bool) -> None:
        """Nothing is open."""


@contextmanager
def member(patience: float) -> Iterator[KafkaGroup]:
    """Yield a member of a group in which only that happens what a test says."""
    consumer = Silent()
    group = KafkaGroup(consumer, "events", "a", "kafka", patience=patience)
    yield group
    consumer.over.set()
    group.close()


EVERY = [TopicPartition("events", number) for number in range(4)]


def test_what_is_given_back_is_not_ours_even_before_the_group_has_gone_on() -> None:
    with member(60.0) as group:
        group.taken(EVERY)
        handing = threading.Thread(target=group.hand_over, args=[EVERY[2:]])
        handing.start()
        gave_back: list[int] = []
        ours = group.settle(gave_back.extend)
        while not gave_back:
            ours = group.settle(gave_back.extend)
        assert (set(gave_back), set(ours)) == ({2, 3}, {0, 1})
        handing.join()


def test_what_came_back_meanwhile_stays_ours_though_it_is_given_back_late() -> None:
    with member(0.0) as group:
        group.taken(EVERY)
        group.hand_over(EVERY)  # the group does not wait
        group.taken(EVERY)
        gave_back: list[int] = []
        assert set(group.settle(gave_back.extend)) == set(gave_back) == {0, 1, 2, 3}
