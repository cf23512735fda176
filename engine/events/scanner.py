"""The scanner: from a payload to columns by type, and the lines that it leaves over."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.columns import Columns, Values
from engine.events.members import TOKEN
from engine.events.names import names_of
from engine.events.runs import Part
from engine.events.scan import Counts, Found, line_breaks, scan
from engine.events.schema import EventType
from engine.events.tokens import PAD
from engine.expressions import Kind
from engine.expressions.vectors import objects
from engine.texts import Texts

LARGEST = 1 << 30
"""Bytes of a payload that can be scanned."""
_LOW = 0xFFFFFFFF
_NONE = np.array([None], object)
_any = msgspec.json.Decoder(list[int | float | str | bool | None])


class Left(NamedTuple):
    """A line that was left over."""

    number: int
    start: int
    end: int


class Scanned(NamedTuple):
    """What was read of a payload."""

    parts: list[Part]
    left: list[Left]
    tidy: bool
    """Whether there is one object a line and nothing else, but for white space at the end."""


class Scanner:
    """Reads plain events of given types. What it reads of a line is what the slower `Reader` would."""

    def __init__(self, types: Sequence[EventType]) -> None:
        self._types = list(types)
        self._names = names_of(self._types)

    def scan(self, payload: bytes, arrived: float, future: float, max_bytes: int) -> Scanned:
        """Read what can be read: events up to `future` seconds after `arrived`, of lines of at most `max_bytes`."""
        data = np.frombuffer(payload + PAD, np.uint8)
        lines = line_breaks(data, len(payload)) + 1
        words = np.empty((self._names.blank.shape[1], lines), np.uint64)
        found = _room(lines)
        limit = arrived + future
        counts = Counts(*scan(data, len(payload), arrived, limit, max_bytes, self._names, words, found))
        left = [Left(*row) for row in found.left[: counts.left].tolist()]
        return Scanned(list(self._parts(data, words, found, counts.read)), left, counts.tidy)

    def _parts(self, data: NDArray[np.uint8], words: NDArray[np.uint64], found: Found, n: int) -> Iterator[Part]:
        """Yield the events of each type that is there, in the order in which types appear."""
        if n == 0:
            return
        kinds = found.type[:n]
        first = int(kinds[0])
        if (kinds == first).all():
            yield self._part(first, data, words, found, slice(n))
            return
        numbers, firsts = np.unique(kinds, return_index=True)
        for kind in numbers[np.argsort(firsts)].tolist():
            yield self._part(kind, data, words, found, np.flatnonzero(kinds == kind))

    def _part(
        self,
        kind: int,
        data: NDArray[np.uint8],
        words: NDArray[np.uint64],
        found: Found,
        rows: NDArray[np.intp] | slice,
    ) -> Part:
        event = self._types[kind]
        time, line = found.time[rows], found.line[rows]
        subject = Texts(data, found.starts[rows], found.ends[rows])
        fields: dict[str, Values] = {
            path.field: _column(path.kind, data, words[number, rows]) for number, path in enumerate(event.paths)
        }
        if "time" in event.own:
            fields["time"] = time
        if "subject" in event.own:
            fields["subject"] = subject
        return Part(Columns(event.name, len(time), line, time, subject, fields), found.hashes[rows])


def _room(lines: int) -> Found:
    return Found(
        line=np.empty(lines, np.int32),
        type=np.empty(lines, np.int32),
        time=np.empty(lines),
        starts=np.empty(lines, np.int64),
        ends=np.empty(lines, np.int64),
        hashes=np.empty((lines, 2), np.uint64),
        left=np.empty((lines, 3), np.int64),
    )


def _column(kind: Kind, data: NDArray[np.uint8], words: NDArray[np.uint64]) -> Values:
    """Return the column that the words of a field are."""
    if kind is Kind.NUMBER:
        values: NDArray[np.float64] = words.view(np.float64)
        return values
    if kind is Kind.TRUTH:
        return _conditions(words.view(np.float64))
    places = words.view(np.int64)
    if kind is Kind.ANY and (places >= TOKEN).any():
        return _anything(data, places)
    return Texts(data, places >> 32, places & _LOW)


def _conditions(values: NDArray[np.float64]) -> NDArray[Any]:
    absent, column = np.isnan(values), np.equal(values, 1.0)
    return np.where(absent, _NONE, column.astype(object)) if absent.any() else column


def _anything(data: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[Any]:
    """Return values of several kinds, by a decoder that knows them all."""
    text = data.tobytes()
    tokens = [_token(text, place) for place in places.tolist()]
    return objects(_any.decode(b"[" + b",".join(tokens) + b"]"))


def _token(text: bytes, place: int) -> bytes:
    if place < 0:
        return b"null"
    start, end = (place & ~TOKEN) >> 32, place & _LOW
    return text[start:end] if place & TOKEN else text[start - 1 : end + 1]
