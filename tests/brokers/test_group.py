"""Who of several works on which partitions, as Kafka's group says."""

import itertools
import os
import time
from collections.abc import Callable, Collection, Iterator

import pytest

from engine.eventlog.brokers import Brokers
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
        self.ours = set(self.member.settle(self._give_back))

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
