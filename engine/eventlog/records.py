"""Kafka's records and our batches: CloudEvents in each of their modes, and many events in one record.

What a record is, its headers say, as https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
has it: an event whole (structured), an event whose attributes are in the headers (binary), or, of our own, many events,
one a line (`application/x-ndjson`). A record without headers is an event whole.

An event's offset is made of its record's and of its place therein, so that it stays what it is however records are
fetched.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.eventlog.base import Batch
from engine.eventlog.whole import Many

BITS = 20
"""Of an offset, for the place in a record: a million events, of one byte each, would make it too long for a broker."""
NDJSON = b"application/x-ndjson"
CONTENT_TYPE = "content-type"
_BINARY, _PREFIX = "ce_specversion", "ce_"
_NEWLINES = bytes.maketrans(b"\n\r", b"  ")
_JSON = msgspec.json.Encoder()
Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """What is needed of a consumer's record."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


class Lines(NamedTuple):
    """Events that came as a record each."""

    offsets: NDArray[np.int64]
    """Of their records."""
    seconds: NDArray[np.int64]
    """In which epoch second each was appended: those of one second make a batch, however they are fetched."""
    text: bytes


def place(offset: int, line: int = 0) -> int:
    """Return the offset of an event from its record's offset and its place in the record.

    >>> place(3), place(3, 2), record_of(place(3, 2))
    (3145728, 3145730, 3)
    """
    return (offset << BITS) + line


def record_of(place: int) -> int:
    """Return the offset of the record that an event is in."""
    return place >> BITS


def rest_of(place: int) -> int:
    """Return an event's place in its record."""
    return place & (1 << BITS) - 1


def batches_of(partition: int, records: Iterable[Record]) -> Iterator[Batch]:
    """Yield the events of records that follow each other, as batches."""
    for many, run in groupby(records, is_batch):
        if many:
            yield from (_whole(partition, record) for record in run)
        else:
            seconds = (part for record in run for part in _by_second(_lines(record)))
            for _, parts in groupby(seconds, lambda lines: lines.seconds[0]):
                yield _joined(partition, list(parts))


def is_batch(record: Record) -> bool:
    """Return whether a record holds many events, one a line."""
    return any(name.lower() == CONTENT_TYPE and value.startswith(NDJSON) for name, value in record.headers)


def line_of(value: bytes | None, headers: Headers) -> bytes:
    r"""Return an event as one line of JSON; what is none stays as it is, for the decoder to refuse.

    >>> line_of(b'{\n  "id": "1"\n}', [])
    b'{   "id": "1" }'
    >>> line_of(b'{"n": 1}', [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_type", b"app.x")])
    b'{"specversion":"1.0","id":"1","type":"app.x","data":{"n": 1}}'
    """
    if any(name.lower() == _BINARY for name, _ in headers):
        return _from_binary(value, headers)
    return (value or b"null").translate(_NEWLINES)


def _from_binary(value: bytes | None, headers: Headers) -> bytes:
    """Put together what binary mode takes apart: attributes in headers, data as the value."""
    event: dict[str, object] = {
        name.lower().removeprefix(_PREFIX): (text or b"").decode("utf-8", "replace")
        for name, text in headers
        if name.lower().startswith(_PREFIX)
    }
    if value:
        event["data"] = msgspec.Raw(value.translate(_NEWLINES))
    return _JSON.encode(event)


def _lines(record: Record) -> Lines:
    """Return the event of a record, or of the records that it stands for."""
    if isinstance(record.value, Many):
        many = record.value.unpacked
        return Lines(many.offsets, many.seconds, many.text)
    text = line_of(record.value, record.headers)
    return Lines(np.array([record.offset]), np.array([record.timestamp // 1000]), text)


def _by_second(lines: Lines) -> Iterator[Lines]:
    """Cut where the second changes, which most often is nowhere."""
    cuts = np.flatnonzero(np.diff(lines.seconds)) + 1
    if not len(cuts):
        yield lines
        return
    each = lines.text.split(b"\n")
    for start, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(each)], strict=True):
        yield Lines(lines.offsets[start:end], lines.seconds[start:end], b"\n".join(each[start:end]))


def _whole(partition: int, record: Record) -> Batch:
    payload = record.value or b"null"
    first, count = place(record.offset), payload.count(b"\n") + 1
    return Batch(partition, first, count, record.timestamp / 1000, payload, following=place(record.offset + 1))


def _joined(partition: int, parts: Sequence[Lines]) -> Batch:
    records = np.concatenate([part.offsets for part in parts])
    payload = b"\n".join(part.text for part in parts)
    offsets, second = records << BITS, float(parts[0].seconds[0])
    following = place(int(records[-1]) + 1)
    return Batch(partition, int(offsets[0]), len(offsets), second, payload, offsets, following)


def split(payload: bytes, most: int) -> Iterator[bytes]:
    r"""Yield `payload` in parts of whole lines, of at most `most` bytes; a line that is longer is one alone.

    >>> list(split(b"aa\nbb\ncc\nddddddd", 5))
    [b'aa\nbb', b'cc', b'ddddddd']
    """
    start = 0
    while start < len(payload):
        end = _end(payload, start, most)
        yield payload[start:end]
        start = end + 1


def _end(payload: bytes, start: int, most: int) -> int:
    """Return where a part that begins at `start` ends: before a newline, or with the payload."""
    if len(payload) - start <= most:
        return len(payload)
    end = payload.rfind(b"\n", start, start + most + 1)
    end = end if end >= 0 else payload.find(b"\n", start)
    return end if end >= 0 else len(payload)
