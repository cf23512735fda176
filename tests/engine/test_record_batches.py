"""Batches of records read whole, beside the same read record by record by kafka-python."""

from typing import Any

from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st
from kafka.record import MemoryRecords  # type: ignore[import-untyped]  # has no types
from kafka.record.default_records import DefaultRecordBatchBuilder  # type: ignore[import-untyped]

from engine.eventlog.base import Batch
from engine.eventlog.records import batches_of, lines_of, place
from engine.eventlog.whole import _Batches

BASE = 1_700_000_000_000
WHOLE = [("content-type", b"application/cloudevents+json; charset=utf-8")]
HEADERS = st.sampled_from([[], WHOLE, [("Content-Type", WHOLE[0][1])]])
OTHERS = st.sampled_from(
    [
        [("content-type", b"application/x-ndjson")],
        [("ce_specversion", b"1.0"), ("ce_id", b"1")],
        [("content-type", b"text/plain")],
        [("x", b"1")],
        [*WHOLE, ("x", b"1")],
        [("content-type", b"")],
    ]
)
VALUES = st.none() | st.binary(max_size=300) | st.sampled_from([b"", b"\n", b"{}\r\n"])
KEYS = st.none() | st.binary(max_size=20)


def records(headers: "st.SearchStrategy[Any]") -> "st.SearchStrategy[list[Any]]":
    one = st.tuples(st.integers(0, 5_000), KEYS, VALUES, headers)
    return st.lists(one, min_size=1, max_size=40)


def built(given: list[Any], offset: int, compression: int) -> bytes:
    """Write records as a producer does, and give the batch an offset as a broker does."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 10_000_000)
    for nth, (later, key, value, headers) in enumerate(given):
        builder.append(nth, BASE + later, key, value, headers)
    raw = bytearray(builder.build())
    raw[:8] = offset.to_bytes(8, "big")
    return bytes(raw)


def one_by_one(raw: bytes) -> list[Batch]:
    batch, found = MemoryRecords(raw), []
    while (each := batch.next_batch()) is not None:
        found += list(each)
    return list(batches_of(0, (part for record in found for part in lines_of(record))))


def whole(raw: bytes) -> tuple[list[Batch], int]:
    batches, found = _Batches(MemoryRecords(raw)), []
    while (each := batches.next_batch()) is not None:
        found += list(each)
    return list(batches_of(0, (part for record in found for part in lines_of(record)))), len(found)


def told(batches: list[Batch]) -> list[Any]:
    """Return what batches say, comparable."""
    return [
        (each.offset, each.count, each.appended_at, each.payload, each.after, [each.at(n) for n in range(each.count)])
        for each in batches
    ]


@given(records(HEADERS), st.integers(0, 2**40), st.sampled_from([0, 1, 2, 3, 4]))
def test_read_whole_it_is_the_same(given: list[Any], offset: int, compression: int) -> None:
    raw = built(given, offset, compression)
    got, count = whole(raw)
    assert count == 1
    assert told(got) == told(one_by_one(raw))


@given(records(HEADERS | OTHERS))
def test_what_is_no_event_whole_is_left_to_the_other_reader(given: list[Any]) -> None:
    raw = built(given, 7, 0)
    assert told(whole(raw)[0]) == told(one_by_one(raw))


def sealed(raw: bytearray) -> bytes:
    """Return a batch with the checksum that it should have."""
    raw[17:21] = crc32c(bytes(raw[21:])).to_bytes(4, "big")
    return bytes(raw)


def is_lost(batches: list[Batch]) -> bool:
    return len(batches) == 1 and batches[0].payload.startswith(b"corrupt: records 0 to ")


@given(records(HEADERS), st.data())
def test_bytes_that_are_no_records_are_told_as_one_that_is_no_event(given: list[Any], data: Any) -> None:
    damaged = bytearray(built(given, 0, 0))
    at = data.draw(st.integers(61, len(damaged) - 1))
    damaged[at] ^= data.draw(st.integers(1, 255))
    raw = sealed(damaged)
    try:
        expected = told(one_by_one(raw))
    except Exception:  # noqa: BLE001 -- whatever kafka-python makes of it
        expected = None
    got = whole(raw)[0]
    assert is_lost(got) if expected is None else told(got) == expected


@given(records(HEADERS), st.data(), st.sampled_from([0, 1, 2, 3, 4]))
def test_a_batch_with_a_wrong_checksum_is_told_as_one_that_is_no_event(
    given: list[Any], data: Any, compression: int
) -> None:
    raw = bytearray(built(given, 0, compression))
    raw[data.draw(st.integers(61, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    got = whole(bytes(raw))[0]
    assert is_lost(got)
    assert got[0].after == place(len(given))


def test_a_damaged_batch_that_does_not_say_where_it_ends_is_an_error() -> None:
    raw = bytearray(built([(0, None, b"{}", [])], 0, 0))
    raw[23:27] = (7).to_bytes(4, "big")  # how far the last record's offset is from the first's
    batch = _Batches(MemoryRecords(bytes(raw))).next_batch()
    assert batch is not None
    assert not batch.validate_crc()
