"""The scanner: from a payload to columns by type, and the lines that it leaves over."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.columnar.columns import Columns, Values
from engine.columnar.texts import Texts
from engine.events.members import TOKEN
from engine.events.names import names_of
from engine.events.runs import Part, Rows, Telemetry
from engine.events.scan import Counts, Found, line_breaks, scan
from engine.events.schema import EventType
from engine.events.tokens import PAD
from engine.expressions import Kind
from engine.expressions.vectors import objects

Bytes = NDArray[np.uint8]
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

    telemetry: Telemetry | None
    """None if nothing was."""
    hashes: NDArray[np.uint64]
    """(events, 2): of the identity of each."""
    left: list[Left]
    tidy: bool
    """Whether there is one object a line and nothing else, but for white space at the end."""

    @property
    def n(self) -> int:
        """How many events were read."""
        return len(self.hashes)

    def parts(self) -> list[Part]:
        """Return the events by type."""
        if self.telemetry is None:
            return []
        return [Part(columns, self.hashes[rows]) for columns, rows in self.telemetry.parts()]


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
        n = counts.read
        telemetry = self._telemetry(data, words, found, n) if n else None
        return Scanned(telemetry, found.hashes[:n], left, counts.tidy)

    def _telemetry(self, data: Bytes, words: NDArray[np.uint64], found: Found, n: int) -> Telemetry:
        """Return the events, by type in the order in which types appear."""
        kinds, rows = found.type[:n], list[Rows]()
        if (kinds == kinds[0]).all():
            rows.append(slice(n))
        else:
            rows += _by_kind(kinds)
        columns = [self._columns(data, words, found, each) for each in rows]
        if len(rows) == 1:
            return Telemetry(columns[0].line, columns[0].time, columns, rows)
        return Telemetry(found.line[:n], found.time[:n], columns, rows)

    def _columns(self, data: Bytes, words: NDArray[np.uint64], found: Found, rows: Rows) -> Columns:
        line, time = found.line[rows], found.time[rows]
        event = self._types[found.type[rows][0]]
        subject = Texts(data, found.starts[rows], found.ends[rows])
        fields: dict[str, Values] = {
            path.field: _column(path.kind, data, words[number][rows]) for number, path in enumerate(event.paths)
        }
        if "time" in event.own:
            fields["time"] = time
        if "subject" in event.own:
            fields["subject"] = subject
        return Columns(event.name, len(time), line, time, subject, fields)


def _by_kind(kinds: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    """Return where each kind is, in the order in which they appear."""
    small = kinds.astype(np.min_scalar_type(int(kinds.max())))  # 16 bits are sorted by radix
    order = np.argsort(small, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(kinds[order])) + 1)
    return sorted(groups, key=lambda rows: int(rows[0]))


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


def _column(kind: Kind, data: Bytes, words: NDArray[np.uint64]) -> Values:
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


def _anything(data: Bytes, places: NDArray[np.int64]) -> NDArray[Any]:
    """Return values of several kinds, by a decoder that knows them all."""
    text = data.tobytes()
    tokens = [_token(text, place) for place in places.tolist()]
    return objects(_any.decode(b"[" + b",".join(tokens) + b"]"))


def _token(text: bytes, place: int) -> bytes:
    if place < 0:
        return b"null"
    start, end = (place & ~TOKEN) >> 32, place & _LOW
    return text[start:end] if place & TOKEN else text[start - 1 : end + 1]
