"""The way in: what is good is in the log, what is not is in the dead letters, and nothing is in neither."""

import json
import threading
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import FakeClock
from engine.errors import Overloaded, Retryable
from engine.eventlog.base import Append, DeadLetter
from engine.eventlog.memory import MemoryDeadLetters, MemoryLog
from engine.events import Decoder, Kind, Schema
from engine.intake import Intake, partition_of

NOW = 1_700_000_000.0
SCHEMA = Schema.build({"api.request": {"status": Kind.NUMBER}})


def event(number: int, subject: str = "account/a", **more: Any) -> bytes:
    attributes = {"id": str(number), "source": "gw", "type": "api.request", "subject": subject, **more}
    return json.dumps(attributes, separators=(",", ":")).encode()


class Desk:
    """An intake with all that it writes to."""

    def __init__(self, partitions: int = 1, max_pending: int = 10_000, log: MemoryLog | None = None) -> None:
        self.clock = FakeClock(NOW)
        self.log = log or MemoryLog(clock=self.clock, partitions=partitions)
        self.dead = MemoryDeadLetters()
        decoder = Decoder(SCHEMA, future=300.0)
        self.intake = Intake(self.log, self.dead, decoder, self.clock, max_pending=max_pending)

    def payloads(self, partition: int = 0) -> list[bytes]:
        return [batch.payload for batch in self.log.read(partition, 0, 1_000_000)]

    def lines(self) -> list[bytes]:
        parts = [payload for partition in range(self.log.partitions) for payload in self.payloads(partition)]
        return [line for payload in parts for line in payload.split(b"\n")]

    def letters(self) -> list[DeadLetter]:
        return list(self.dead.list())


def test_a_good_payload_is_appended_as_it_is() -> None:
    desk = Desk()
    payload = event(1) + b"\n" + event(2)
    assert desk.intake.accept(payload + b"\r\n\n", "http") == (2, [])
    assert desk.payloads() == [payload]
    assert desk.log.end(0) == 2
    assert desk.letters() == []


def test_good_lines_are_kept_and_bad_ones_buried() -> None:
    desk = Desk()
    accepted = desk.intake.accept(
        b"\n".join([event(1), b"", b"{}", event(2) + b"\r", b"rubbish"]), "file.ndjson", first=11
    )
    assert accepted.accepted == 2
    assert [reject.line for reject in accepted.rejects] == [2, 4]
    assert desk.payloads() == [event(1) + b"\n" + event(2)]
    assert [(letter.origin, letter.payload, letter.reason) for letter in desk.letters()] == [
        ("file.ndjson:13", b"{}", "malformed"),
        ("file.ndjson:15", b"rubbish", "malformed"),
    ]


@pytest.mark.parametrize("payload", [b"", b"\n \r\n"])
def test_nothing_is_written_for_nothing(payload: bytes) -> None:
    desk = Desk()
    assert desk.intake.accept(payload, "http") == (0, [])
    assert desk.payloads() == []


def test_partitions_by_subject_in_order() -> None:
    desk = Desk(partitions=3)
    lines = [event(number, f"account/{number % 23}") for number in range(50)]
    lines[10:10] = [event(99, "account/1", type="forewarn.entity", data={}), b"{}"]
    assert desk.intake.accept(b"\n".join(lines), "http").accepted == 51
    for partition in range(3):
        found = [line for payload in desk.payloads(partition) for line in payload.split(b"\n")]
        wanted = [line for line in lines if line != b"{}" and partition_of(json.loads(line)["subject"], 3) == partition]
        assert found == wanted
        assert found
    assert [desk.log.end(partition) for partition in range(3)] == [
        sum(payload.count(b"\n") + 1 for payload in desk.payloads(partition)) for partition in range(3)
    ]


def test_one_object_over_several_lines() -> None:
    desk = Desk()
    pretty = json.dumps(json.loads(event(1, data={"status": 5})), indent=2).encode().replace(b"\n", b"\r\n")
    assert desk.intake.accept_one(b"\xef\xbb\xbf" + pretty + b"\n", "http") == (1, [])
    assert [json.loads(line)["id"] for line in desk.lines()] == ["1"]


@pytest.mark.parametrize("payload", [b"", b"{", b'{"id":\n', event(1) + b"\n" + event(2), b'{"id":"a\nb"}', b"\xff\n"])
def test_what_is_not_one_object(payload: bytes) -> None:
    desk = Desk()
    accepted = desk.intake.accept_one(payload, "http")
    assert (accepted.accepted, [reject.line for reject in accepted.rejects]) == (0, [0])
    assert [letter.reason for letter in desk.letters()] == ["malformed"]


def test_an_array() -> None:
    desk = Desk()
    pretty = event(2).replace(b",", b",\n")
    payload = b"\n[ " + event(1) + b",\n" + pretty + b', {"id": 1}, 5,' + event(3) + b"]\n"
    accepted = desk.intake.accept_array(payload, "http")
    assert accepted.accepted == 3
    assert [(reject.line, reject.payload) for reject in accepted.rejects] == [(2, b'{"id": 1}'), (3, b"5")]
    assert [json.loads(line)["id"] for line in desk.lines()] == ["1", "2", "3"]
    assert [letter.origin for letter in desk.letters()] == ["http:2", "http:3"]


@pytest.mark.parametrize(
    ("payload", "good", "bad"),
    [
        (b"[]", [], []),
        (b"[" + event(1) + b"," + event(2), ["1", "2"], [2]),
        (b"[" + event(1) + b"," + event(2)[:-9], ["1"], [1, 2]),
        (b"[" + event(1) + b',{"a":"]},{', ["1"], [1, 2]),
        (b"[" + event(1) + b',{"a":"\\', ["1"], [1, 2]),
        (b"[" + event(1) + b",tru," + event(2) + b"]", ["1", "2"], [1]),
        (b"[" + event(1) + b',{"a":[1,{"b":tru}]},' + event(2) + b"]", ["1", "2"], [1]),
        (b"[" + event(1) + b",]", ["1"], [1]),
        (b"[" + event(1) + b"]]" + event(2), ["1"], [1]),
        (b"[" + event(1) + b"}," + event(2), ["1"], [1]),
        (b"[", [], [0]),
        (b"[,", [], [0, 1]),
        (b"{}", [], [0]),
        (b"", [], [0]),
        (b"[" * 100_000, [], [0, 1]),
        (b'["\xff",' + event(1) + b"]", ["1"], [0]),
    ],
)
def test_broken_arrays_name_each_index(payload: bytes, good: list[str], bad: list[int]) -> None:
    desk = Desk(max_pending=10**9)
    accepted = desk.intake.accept_array(payload, "http")
    assert [json.loads(line)["id"] for line in desk.lines()] == good
    assert accepted.accepted == len(good)
    assert [reject.line for reject in accepted.rejects] == bad
    assert all(reject.detail for reject in accepted.rejects)
    assert len(desk.letters()) == len(bad)


def test_dead_letters_can_be_tried_again() -> None:
    desk = Desk()
    future = event(1, time="2023-11-14T23:13:20Z")
    desk.intake.accept(b"\n".join([b"{}", future, event(2)]), "http")
    ids = [letter.id for letter in desk.letters()]
    again = desk.intake.retry([*ids, "unheard-of", ids[0]])
    assert (again.accepted, [reject.line for reject in again.rejects]) == (0, [0, 1])
    assert [letter.id for letter in desk.letters()] == ids
    desk.clock.advance(3600)
    again = desk.intake.retry(ids)
    assert (again.accepted, [reject.line for reject in again.rejects]) == (1, [0])
    assert [letter.payload for letter in desk.letters()] == [b"{}"]
    assert desk.lines() == [event(2), future]


class SlowLog(MemoryLog):
    """A log whose appends wait until they are let through."""

    def __init__(self) -> None:
        super().__init__(clock=FakeClock(NOW))
        self.entered, self.open = threading.Event(), threading.Event()

    def append(self, batches: Iterable[Append]) -> list[int]:
        self.entered.set()
        assert self.open.wait(10)
        return super().append(batches)


def test_overload_is_told_and_passes() -> None:
    log = SlowLog()
    desk = Desk(log=log, max_pending=100)
    results: list[int] = []
    large = threading.Thread(target=lambda: results.append(desk.intake.accept(event(1) * 1 + b" " * 200, "a").accepted))
    large.start()
    assert log.entered.wait(10)
    with pytest.raises(Overloaded, match=r"try again in 1 s") as told:
        desk.intake.accept(event(2), "b")
    assert told.value.retry_after > 0
    log.open.set()
    large.join(10)
    assert desk.intake.accept(event(2), "b").accepted == 1
    assert results == [1]
    assert desk.lines() == [event(1), event(2)]


class FullLog(MemoryLog):
    """A log that is full until there is room."""

    room = False

    def append(self, batches: Iterable[Append]) -> list[int]:
        if not self.room:
            raise Retryable("no space left")
        return super().append(batches)


def test_a_full_log_loses_nothing_and_doubles_nothing() -> None:
    log = FullLog(clock=FakeClock(NOW))
    desk = Desk(log=log)
    payload = event(1) + b"\n{}"
    with pytest.raises(Retryable):
        desk.intake.accept(payload, "http")
    assert desk.payloads() == []
    log.room = True
    assert desk.intake.accept(payload, "http").accepted == 1
    assert desk.lines() == [event(1)]
    assert [letter.payload for letter in desk.letters()] == [b"{}"]


def test_a_full_log_keeps_dead_letters() -> None:
    log = FullLog(clock=FakeClock(NOW))
    desk = Desk(log=log)
    desk.dead.add([DeadLetter("malformed", "", event(1), NOW, "http:1")])
    ids = [letter.id for letter in desk.letters()]
    with pytest.raises(Retryable):
        desk.intake.retry(ids)
    assert [letter.id for letter in desk.letters()] == ids


rubbish = st.one_of(st.binary(max_size=60), st.just(event(1)), st.sampled_from([b"[", b"]", b",", b'"', b"{}", b"\n"]))


@given(st.lists(rubbish, max_size=10).map(b"".join), st.sampled_from([1, 2]))
@settings(max_examples=300, deadline=None)
def test_rubbish_never_raises_and_never_vanishes(payload: bytes, partitions: int) -> None:
    for name in ("accept", "accept_one", "accept_array"):
        desk = Desk(partitions=partitions)
        accepted = getattr(desk.intake, name)(payload, "http")
        assert accepted.accepted == len(desk.lines()) == sum(desk.log.end(part) for part in range(partitions))
        assert len(desk.letters()) == len(accepted.rejects)
        assert accepted.accepted + len(accepted.rejects) > 0 or name != "accept_one"
