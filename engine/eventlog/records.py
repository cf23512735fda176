"""Kafka's records and our batches: CloudEvents in each of their modes, and many events in one record.

What a record is, its headers say, as https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
has it: an event whole (structured), an event whose attributes are in the headers (binary), or, of our own, many events,
one a line (`application/x-ndjson`). A record without headers is an event whole.

An event's offset is made of its record's and of its place therein, so that it stays what it is however records are
fetched.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.eventlog.base import Batch
from engine.eventlog.recordbatch import Unpacked
from engine.eventlog.whole import Many

TOGETHER = 2 << 20
"""Bytes of events that make a batch, about: each costs as much as hundreds of events do, however small it is."""
BITS = 20
"""Of an offset, for the place in a record: it has room for a million lines, and one with more is no batch of events."""
NDJSON = b"application/x-ndjson"
CONTENT_TYPE = "content-type"
_BINARY, _PREFIX = "ce_specversion", "ce_"
NEWLINE, LONG = ord("\n"), 8_000
_NEWLINES = bytes.maketrans(b"\n\r", b"  ")
_JSON = msgspec.json.Encoder()
Headers = Sequence[tuple[str, bytes | None]]


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
    """Events of one second: those make a batch, however they are fetched."""

    offsets: NDArray[np.int64]
    second: int
    """Since the epoch, in which they were appended."""
    text: bytes
    """One a line."""

    @property
    def after(self) -> int:
        """The offset from which on to read what follows."""
        return place(record_of(int(self.offsets[-1])) + 1)

    def since(self, offset: int) -> int:
        """Return how many there are from `offset` on."""
        return len(self.offsets) - int(np.searchsorted(self.offsets, offset))


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


def batches_of(partition: int, parts: Iterable[Lines]) -> Iterator[Batch]:
    """Yield events that follow each other as batches: those of one second together, up to a size."""
    for those in _together(parts):
        yield _joined(partition, those)


def _together(parts: Iterable[Lines]) -> Iterator[list[Lines]]:
    """Yield parts that follow each other, those that make a batch at a time."""
    waiting, size = list[Lines](), 0
    for part in parts:
        if waiting and (size + len(part.text) > TOGETHER or part.second != waiting[0].second):
            yield waiting
            waiting, size = [], 0
        waiting.append(part)
        size += len(part.text) + 1
    if waiting:
        yield waiting


def is_batch(record: Record) -> bool:
    """Return whether a record holds many events, one a line. One of too many lines is one that is much too long."""
    told = any(name.lower() == CONTENT_TYPE and (value or b"").startswith(NDJSON) for name, value in record.headers)
    text = record.value or b""
    return told and (len(text) < 1 << BITS or breaks(text) < 1 << BITS)


def breaks(text: bytes) -> int:
    r"""Return how many line breaks there are; in long texts Python's own counting takes three times as long.

    >>> breaks(b"one\ntwo"), breaks(b"one\ntwo" * 10_000)
    (1, 10000)
    """
    if len(text) < LONG:
        return text.count(b"\n")
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == NEWLINE))


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


def lines_of(record: Record) -> Iterator[Lines]:
    """Yield the event of a record, or the events that are in it, or of the records that it stands for."""
    if isinstance(record.value, Many):
        yield from _by_second(record.value.unpacked)
        return
    text = (record.value or b"null") if is_batch(record) else line_of(record.value, record.headers)
    yield Lines(place(record.offset) + np.arange(breaks(text) + 1), record.timestamp // 1000, text)


def _by_second(many: Unpacked) -> Iterator[Lines]:
    """Cut where the second changes, which most often is nowhere."""
    offsets, seconds = many.offsets << BITS, many.seconds
    if (seconds == seconds[0]).all():
        yield Lines(offsets, int(seconds[0]), many.text)
        return
    cuts = (np.flatnonzero(np.diff(seconds)) + 1).tolist()
    each = many.text.split(b"\n")
    for start, end in zip([0, *cuts], [*cuts, len(each)], strict=True):
        yield Lines(offsets[start:end], int(seconds[start]), b"\n".join(each[start:end]))


def _joined(partition: int, parts: Sequence[Lines]) -> Batch:
    offsets = np.concatenate([part.offsets for part in parts])
    payload = b"\n".join(part.text for part in parts)
    return Batch(partition, int(offsets[0]), len(offsets), float(parts[0].second), payload, offsets, parts[-1].after)


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
