"""Kafka's record batches read whole, in compiled code: values to lines, without an object for each.

The layout of a batch is that of message format 2 (https://kafka.apache.org/documentation/#recordbatch). Only batches of
events whole are read here; others, and what does not have that form, are left to kafka-python's own reader.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled, inlined

Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]
_NAME = np.frombuffer(b"content-type", np.uint8)
_WHOLE = np.frombuffer(b"application/cloudevents+json", np.uint8)
_NULL = np.frombuffer(b"null", np.uint8)


class Unpacked(NamedTuple):
    """The events of a batch."""

    text: bytes
    """One a line."""
    offsets: Longs
    """Of their records."""
    seconds: Longs
    """In which epoch second each was appended."""


class Head(NamedTuple):
    """What a batch says of its records."""

    records: int
    """How many there are."""
    offset: int
    """Of the first record; each adds to it."""
    first: int
    """The first record's time of creation, epoch milliseconds; each adds to it."""
    appended: int
    """When the broker appended them all, epoch milliseconds; −1: it does not say, the times of creation count."""


def unpack(records: Bytes, head: Head) -> Unpacked | None:
    """Return the events in the uncompressed `records` of a batch; None where one is not an event whole.

    Raises ValueError for bytes that are no records.
    """
    text = np.empty(len(records) + 5 * head.records, np.uint8)
    offsets, seconds = np.empty(head.records, np.int64), np.empty(head.records, np.int64)
    size = _unpack(records, *head, text, offsets, seconds)  # one by one: a tuple is told apart anew at each call
    if size == _OTHER:
        return None
    if size < 0:
        raise ValueError("the records of a batch do not have the form of records")
    return Unpacked(text[: max(size - 1, 0)].tobytes(), offsets, seconds)


_BROKEN, _OTHER = -1, -2


@compiled
def _unpack(
    records: Bytes, count: int, base: int, first: int, appended: int, text: Bytes, offsets: Longs, seconds: Longs
) -> int:
    """Copy values to `text`, each with a newline after it; return how many bytes that is, or what is wrong."""
    at, size = 0, 0
    for nth in range(count):
        length, at = _varint(records, at)
        end = at + length
        if at < 0 or length < 0 or end > len(records):
            return _BROKEN
        _, at = _varint(records, at)  # attributes: none are in use
        later, at = _varint(records, at)
        further, at = _varint(records, at)
        key, at = _varint(records, at)
        at += max(key, 0)
        value, at = _varint(records, at)
        start = at
        at += max(value, 0)
        if at < 0 or at > end or key > length or value > length:
            return _BROKEN
        headers, at = _varint(records, at)
        if headers > 0:
            if headers > 1 or not _is_whole(records, at, end):
                return _OTHER
        elif headers < 0 or at != end:
            return _BROKEN
        at = end
        size = _line(records, start, value, text, size)
        offsets[nth] = base + further
        seconds[nth] = (appended if appended >= 0 else first + later) // 1000
    return size if at == len(records) else _BROKEN


@inlined
def _varint(data: Bytes, at: int) -> tuple[int, int]:
    """Return a zigzag varint (https://protobuf.dev/programming-guides/encoding/), and where it ends; −1: nowhere."""
    value, shift = np.uint64(0), np.uint64(0)
    while 0 <= at < len(data) and shift < np.uint64(64):
        byte = data[at]
        at += 1
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            return int(np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1))), at
        shift += np.uint64(7)
    return 0, -(1 << 40)


@inlined
def _is_whole(data: Bytes, at: int, end: int) -> bool:
    """Tell whether a record's one header says that its value is an event."""
    name, at = _varint(data, at)
    if at < 0 or name != len(_NAME) or at + name > end:
        return False
    for i in range(name):
        if (data[at + i] | 0x20 if data[at + i] != 0x2D else 0x2D) != _NAME[i]:
            return False
    value, at = _varint(data, at + name)
    if at < 0 or value < len(_WHOLE) or at + value != end:
        return False
    for i in range(len(_WHOLE)):  # noqa: SIM110 -- `all` is not compiled
        if data[at + i] != _WHOLE[i]:
            return False
    return True


@inlined
def _line(data: Bytes, start: int, length: int, text: Bytes, size: int) -> int:
    """Copy a value, line ends as blanks, with a newline after it; nothing is told as null."""
    if length <= 0:
        for i in range(len(_NULL)):
            text[size + i] = _NULL[i]
        size += len(_NULL)
    for i in range(length):
        byte = data[start + i]
        text[size + i] = 0x20 if byte == 0x0A or byte == 0x0D else byte  # noqa: PLR1714 -- as compiled code has it
    size += max(length, 0)
    text[size] = 0x0A
    return size + 1
