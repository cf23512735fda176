"""Kafka as the event log: what every log keeps to, and what is its own."""

import itertools
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer  # type: ignore[import-untyped]  # has no types

from engine.errors import ConfigError, Retryable
from engine.eventlog import kafka_reader
from engine.eventlog.base import Append, Batch, DeadLetter, DeadLetters, EventLog
from engine.eventlog.brokers import Brokers
from engine.eventlog.kafka import KafkaLog
from engine.eventlog.kafka_letters import KEPT, KafkaDeadLetters
from engine.eventlog.kafka_reader import FETCHED
from engine.eventlog.records import BITS, TOGETHER, lines_of, place
from engine.events import Decoder, Schema
from tests.brokers.broker import Broker, free_port
from tests.contracts.test_deadletters import DeadLettersContract, letter
from tests.contracts.test_eventlog import DurableContract, Make, batch, events, lines, offsets

TOPICS = itertools.count()


class TestKafkaLog(DurableContract):
    @pytest.fixture
    def make(self, broker: Broker) -> Iterator[Make]:
        opened: list[EventLog] = []
        topic = f"contract-{os.getpid()}-{next(TOPICS)}"

        def open_one(partitions: int) -> EventLog:
            log = KafkaLog(Brokers([broker.server]), topic, partitions=partitions, compression=None, look=0.0)
            opened.append(log)
            return log

        yield open_one
        for log in opened:
            log.close()


@pytest.fixture
def topic() -> str:
    return f"own-{os.getpid()}-{next(TOPICS)}"


@pytest.fixture(params=["whole", "one by one"])
def log(request: pytest.FixtureRequest, broker: Broker, topic: str) -> Iterator[KafkaLog]:
    whole = request.param == "whole"
    opened = KafkaLog(Brokers([broker.server]), topic, compression=None, look=0.0, whole=whole)
    yield opened
    opened.close()


@pytest.fixture
def producer(broker: Broker, log: KafkaLog) -> Iterator[Any]:
    made = KafkaProducer(
        bootstrap_servers=broker.server,
        transactional_id=f"tx-{os.getpid()}-{next(TOPICS)}",
        compression_type="gzip",
        max_request_size=8 << 20,
    )
    made.init_transactions()
    yield made
    made.close()


def written(producer: Any, topic: str, *records: tuple[bytes | None, Sequence[tuple[str, bytes]]]) -> None:
    """Write records of another producer, in one transaction."""
    producer.begin_transaction()
    for value, headers in records:
        producer.send(topic, value=value, key=b"a", headers=list(headers), partition=0)
    producer.commit_transaction()


def read_all(log: KafkaLog, offset: int, count: int) -> list[Batch]:
    """Read until there are `count` events: a transaction is seen some moments after it was committed."""
    found: list[Batch] = []
    for _ in range(600):
        found += log.read(0, found[-1].after if found else offset, count)
        if sum(one.count for one in found) >= count:
            break
        log.wait(0.1)
    return found


STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]
BINARY = [("ce_specversion", b"1.0"), ("ce_id", b"7"), ("ce_source", b"shop"), ("ce_type", b"app.call")]
MANY = [("Content-Type", b"application/x-ndjson")]


def test_events_of_every_mode_become_lines(log: KafkaLog, producer: Any, topic: str) -> None:
    whole = b'{"id": "1",\n "type": "app.call"}'
    written(producer, topic, (whole, []), (whole, STRUCTURED), (b'{"n":\n 1}', BINARY), (b"1\n2\n3", MANY), (None, []))
    got = read_all(log, 0, 7)
    assert events(got) == [
        b'{"id": "1",  "type": "app.call"}',
        b'{"id": "1",  "type": "app.call"}',
        b'{"specversion":"1.0","id":"7","source":"shop","type":"app.call","data":{"n":  1}}',
        b"1",
        b"2",
        b"3",
        b"null",
    ]
    every = offsets(got)
    assert every == [place(0), place(1), place(2), place(3), place(3, 1), place(3, 2), place(4)]
    for nth, offset in enumerate(every):
        assert events(read_all(log, offset, 7 - nth)) == events(got)[nth:]


def test_a_record_of_more_lines_than_there_are_places_is_one_that_is_too_long(
    log: KafkaLog, producer: Any, topic: str
) -> None:
    """Packed it is small enough for a broker. What follows it keeps its own places."""
    written(producer, topic, (b"\n" * (1 << BITS), MANY), (b"1\n2", MANY))
    got = read_all(log, 0, 3)
    assert offsets(got) == [place(0), place(1), place(1, 1)]
    huge, *rest = events(got)
    assert (len(huge), rest) == (1 << BITS, [b"1", b"2"])


@pytest.mark.parametrize(("name", "text"), [("content-type", b"1 2"), ("ce_id", b"1 2")])
def test_headers_without_a_value_say_nothing(name: str, text: bytes) -> None:
    """Producers in other languages can write such."""
    record = SimpleNamespace(offset=1, timestamp=0, value=b"1\n2", headers=[(name, None)])
    assert [lines.text for lines in lines_of(record)] == [text]


def test_what_follows_is_read_on_from_where_the_last_ended(log: KafkaLog, producer: Any, topic: str) -> None:
    """A transaction's own marker takes an offset that no event has."""
    written(producer, topic, (b"1", []), (b"2\n3", MANY))
    after = read_all(log, 0, 3)[-1].after
    assert log.lag(0, after) <= 1  # the marker
    written(producer, topic, (b"4", []))
    assert events(read_all(log, after, 1)) == [b"4"]


def test_a_transaction_that_was_given_up_is_not_read(log: KafkaLog, producer: Any, topic: str) -> None:
    producer.begin_transaction()
    producer.send(topic, value=b"never", partition=0)
    producer.flush()
    producer.abort_transaction()
    written(producer, topic, (b"1", []))
    assert events(read_all(log, 0, 1)) == [b"1"]


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_batches_come_back(broker: Broker, topic: str, compression: str) -> None:
    log = KafkaLog(Brokers([broker.server]), topic, compression=compression, look=0.0)
    log.append([batch(0, 5_000), batch(5_000, 5_000)])
    middle = offsets(log.read(0, 0, 100_000))[7_000]
    assert events(log.read(0, middle, 100_000)) == lines(7_000, 3_000).split(b"\n")
    log.close()


def test_a_batch_too_large_for_a_record_is_written_in_several(log: KafkaLog) -> None:
    payload = b"\n".join(b'{"n": %d, "x": "%s"}' % (n, b"x" * 90_000) for n in range(30))
    assert log.append([Append(0, payload, 30)]) == [0]
    assert b"\n".join(one.payload for one in read_all(log, 0, 30)) == payload
    assert log.lag(0, 0) == 4


def test_arrival_is_told_by_the_broker(log: KafkaLog) -> None:
    before = time.time() - 60.0
    log.append([batch(0, 1)])
    assert before < log.read(0, 0, 1)[0].appended_at < before + 120.0


def test_trim_deletes_what_every_group_dealt_with(log: KafkaLog) -> None:
    log.append([batch(0, 2)])
    log.append([batch(2, 2)])
    first, second, third, _ = offsets(log.read(0, 0, 10))
    log.commit("engine", 0, log.end(0))
    log.commit("labels", 0, second)
    later = time.time() + 60.0
    assert log.trim(later) == 0
    log.commit("labels", 0, third)
    assert log.trim(first) == 0
    assert log.trim(later) == 1
    assert (log.begin(0), events(log.read(0, 0, 10))) == (third, [b'{"n": 2}', b'{"n": 3}'])


def test_another_number_of_partitions_is_refused(broker: Broker, log: KafkaLog, topic: str) -> None:
    with pytest.raises(ConfigError, match=r"1 partitions, not 2; set .*partitions: 1.*forewarn repartition"):
        KafkaLog(Brokers([broker.server]), topic, partitions=2)


def test_a_topic_that_another_has_just_made_is_waited_for(
    broker: Broker, log: KafkaLog, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that has heard of it has no partitions of it for a moment."""
    describe, left = KafkaAdminClient.describe_topics, [[], [], [{"partition_index": 0}]]

    def early(self: Any, topics: Any) -> Any:
        return [{**describe(self, topics)[0], "partitions": left.pop(0)}]

    monkeypatch.setattr(KafkaAdminClient, "describe_topics", early)
    KafkaLog(Brokers([broker.server]), topic, partitions=1).close()
    assert left == []
    left.extend([[]] * 100)
    with pytest.raises(Retryable, match="do not tell its partitions"):
        KafkaLog(Brokers([broker.server]), topic, partitions=1, timeout=1.0)


def test_nobody_there_may_pass() -> None:
    with pytest.raises(Retryable, match="look whether the brokers run"):
        KafkaLog(Brokers([f"127.0.0.1:{free_port()}"]), "none", timeout=1.0)


def damage(broker: Broker, topic: str, text: bytes) -> None:
    """Flip a bit of what the broker has on its disk of a topic, where `text` stands."""
    if broker.folder is None:
        pytest.skip(f"{broker.name}: where it keeps a topic is not known")
    (segment,) = (broker.folder / "data" / f"{topic}-0").glob("*.log")
    data = bytearray(segment.read_bytes())
    data[data.index(text)] ^= 1
    with segment.open("r+b") as file:
        file.write(data)


def test_a_damaged_batch_is_a_dead_letter_and_what_follows_is_read(broker: Broker, log: KafkaLog, topic: str) -> None:
    for number in range(3):
        log.append([Append(0, b'{"n": "the number %d"}\n{"m": %d}' % (number, number), 2)])
    damage(broker, topic, b"the number 1")
    got = read_all(log, 0, 5)
    first, _, corrupt, last, _ = events(got)
    assert (first, last) == (b'{"n": "the number 0"}', b'{"n": "the number 2"}')
    assert corrupt.startswith(b"corrupt: records 1 to 1: ")
    assert log.records() == {"whole": 0, "object": 2, "corrupt": 1}
    rejected = Decoder(Schema.build({}, ("*",)), future=300.0).decode(corrupt, 0.0).rejects
    assert [(each.reason, each.payload[:7]) for each in rejected] == [("malformed", b"corrupt")]
    assert events(read_all(log, offsets(got)[3], 2)) == events(got)[3:]


def test_records_of_one_second_come_as_one_batch_up_to_a_size(log: KafkaLog) -> None:
    payload = b"\n".join(b'{"n": %d, "x": "%s"}' % (n, b"x" * 1000) for n in range(700))
    log.append([Append(0, payload, 700) for _ in range(8)])
    got = list(read_on(log, 0, 0))
    assert b"\n".join(one.payload for one in got) == b"\n".join([payload] * 8)
    assert {one.appended_at % 1.0 for one in got} == {0.0}
    assert len(got) < 8
    assert len(payload) < max(len(one.payload) for one in got) <= TOGETHER


def test_what_is_fetched_and_not_read_is_bounded_by_all_partitions_together(
    broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Producers that are quicker than the engine fill the topic, not its memory; and nothing is lost by the pauses."""
    if broker.name == "noida-db":
        pytest.skip("noida-db: it hands out more of a partition than it is asked for")
    most, each = 3 << 20, 10
    monkeypatch.setattr(kafka_reader, "HELD", most)
    payload = b"\n".join(b'{"n": %d, "x": "%s"}' % (n, b"x" * 10_000) for n in range(80))
    with closing(KafkaLog(Brokers([broker.server]), topic, partitions=6, compression=None, look=0.0)) as log:
        log.append([Append(partition, payload, 80) for partition in range(6) for _ in range(each)])
        held, ahead = [], dict.fromkeys(range(6), 0)
        for turn in range(30):
            partition = turn % 6
            ahead[partition] = log.read(partition, ahead[partition], 1)[-1].after
            held.append(log.held())
        assert most / 6 < max(held) < most + 6 * (FETCHED + len(payload)) < 6 * each * len(payload) / 2
        rest = [sum(one.count for one in read_on(log, partition, ahead[partition])) for partition in range(6)]
        assert rest == [80 * (each - 5)] * 6


def read_on(log: KafkaLog, partition: int, offset: int) -> Iterator[Batch]:
    """Yield all that there is from an offset on."""
    while found := log.read(partition, offset, 1_000):
        yield from found
        offset = found[-1].after


class TestKafkaDeadLetters(DeadLettersContract):
    @pytest.fixture
    def letters(self, broker: Broker, topic: str) -> Iterator[DeadLetters]:
        opened = KafkaDeadLetters(Brokers([broker.server]), f"{topic}.dead")
        yield opened
        opened.close()

    def test_of_one_that_no_broker_would_take_the_beginning_is_kept_once(self, letters: DeadLetters) -> None:
        """Bytes that are not to be compressed: a megabyte of them, as base64, is more than a broker takes."""
        huge = DeadLetter("oversized", "too long", random.Random(1).randbytes(1_000_000), 1.0, "log:0:7")
        letters.add([huge])
        letters.add([huge])
        (kept,) = letters.list()
        assert (kept.payload, kept.detail) == (huge.payload[:KEPT], "too long (the first 524,288 bytes of 1,000,000)")
        letters.remove([kept.id])
        assert list(letters.list()) == []

    def test_another_process_sees_them(self, broker: Broker, topic: str, letters: DeadLetters) -> None:
        letters.add([letter(1), letter(2)])
        other = KafkaDeadLetters(Brokers([broker.server]), f"{topic}.dead")
        first, second = other.list()
        other.remove([first.id])
        assert list(letters.list()) == [second]
        other.close()
