"""Lines as msgspec reads them: whatever the scanner leaves over, event by event, and why a line is none."""

import difflib
import operator
from collections.abc import Mapping
from functools import reduce
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.events.lines import Line, Lines
from engine.events.rejects import MALFORMED, OVERSIZED, UNDECODABLE, UNKNOWN_TYPE, Reject, explain
from engine.events.schema import EventType, Schema, event_type

MAX_LEARNED = 1_000
"""How many types that only a glob allows are taken."""
_CHUNK = 64


_Json = msgspec.json.Decoder[Any]


class _Typed(Struct):
    type: str


class Read(NamedTuple):
    """The events of some lines."""

    events: list[Any]
    kinds: list[type]
    """What each was decoded to."""
    numbers: NDArray[np.int32]
    """The line of each."""
    rejects: list[Reject]
    whole: bool
    """Whether the lines were one decodable event each, of known types, and nothing else."""


class Reader:
    """Reads lines, and learns the types that a glob of the schema allows."""

    def __init__(self, schema: Schema, max_bytes: int) -> None:
        self._schema = schema
        self.types: dict[str, EventType] = dict(schema.types)
        self._room = len(self.types) + MAX_LEARNED
        self._max_bytes = max_bytes
        self._build()

    def _build(self) -> None:
        kinds = self.types.values()
        wires = [kind.wire for kind in kinds]
        self.by_wire: Mapping[type, EventType] = {
            wire: kind for kind in kinds for wire in (kind.wire, kind.alone) if wire is not None
        }
        self._json: _Json = msgspec.json.Decoder(reduce(operator.or_, wires))
        self._alone: tuple[type, _Json] | None = None

    def read(self, lines: Lines) -> Read:
        """Return the event of each line that is one; the others as rejects."""
        return self._whole(lines) or self._piecewise(lines)

    def _whole(self, lines: Lines) -> Read | None:
        """Return all events, if the payload is one decodable event a line."""
        if not lines.tidy(self._max_bytes):
            return None
        events, kinds = self._at_once(lines.payload)
        if len(events) != lines.count:
            return None
        return Read(events, kinds, np.arange(len(events), dtype=np.int32), [], whole=True)

    def _at_once(self, text: bytes) -> tuple[list[Any], list[type]]:
        """Return the events and what they were decoded to; none if any of them cannot be."""
        if self._alone:
            # The batch before was all of one type; this one is likely to be, too.
            wire, decoder = self._alone
            try:
                events = decoder.decode_lines(text)
                return events, [wire] * len(events)
            except UNDECODABLE:
                self._alone = None
        try:
            events = self._json.decode_lines(text)
        except UNDECODABLE:
            return [], []
        kinds = list(map(type, events))
        self._expect(set(kinds))
        return events, kinds

    def _expect(self, kinds: set[type]) -> None:
        wire = self.by_wire[kinds.pop()].alone if len(kinds) == 1 else None
        self._alone = (wire, msgspec.json.Decoder(wire)) if wire else None

    def _piecewise(self, lines: Lines) -> Read:
        """Return the events of the lines that can be decoded, and the others as rejects."""
        filled = lines.filled()
        read = Read([], [], np.empty(0, np.int32), [], whole=False)
        numbers: list[int] = []
        for start in range(0, len(filled), _CHUNK):
            for line, event in self._chunk(filled[start : start + _CHUNK]):
                if isinstance(event, Reject):
                    read.rejects.append(event)
                else:
                    read.events.append(event)
                    read.kinds.append(type(event))
                    numbers.append(line.number)
        return read._replace(numbers=np.array(numbers, np.int32))

    def _chunk(self, chunk: list[Line]) -> list[tuple[Line, Any]]:
        whole = self._whole(Lines(b"\n".join(line.text for line in chunk)))
        events = whole.events if whole else [self._one(line) for line in chunk]
        return list(zip(chunk, events, strict=True))

    def _one(self, line: Line) -> Any:
        """Return the event of a line, or the reject."""
        if len(line.text) > self._max_bytes:
            return Reject(line.number, OVERSIZED, self._oversized(len(line.text)), line.text)
        try:
            line.text.decode()
            name = self._name(line.text)
            if name is not None and not self._learn(name):
                return Reject(line.number, UNKNOWN_TYPE, self._unknown(name), line.text)
            return self._json.decode(line.text)
        except UNDECODABLE as error:
            keys = self.types[name].keys() if (name := self._name(line.text)) in self.types else []
            return Reject(line.number, MALFORMED, explain(error, keys), line.text)

    def _oversized(self, size: int) -> str:
        """Say how long a line is; of a very long one its reader may have kept no more than the beginning."""
        more = size >= 2 * self._max_bytes
        told = f"{2 * self._max_bytes:,} bytes or more" if more else f"{size:,} bytes"
        return f"{told}; at most {self._max_bytes:,} are taken"

    def _name(self, text: bytes) -> str | None:
        """Return the type that an event says it is of; None if it does not."""
        try:
            return msgspec.json.decode(text, type=_Typed).type
        except UNDECODABLE:
            return None

    def _learn(self, name: str) -> bool:
        """Tell whether events of type `name` are taken; from then on they are decoded with the others."""
        if name in self.types:
            return True
        if not self._schema.admits(name) or len(self.types) >= self._room:
            return False
        self.types[name] = event_type(name)
        self._build()
        return True

    def _unknown(self, name: str) -> str:
        if self._schema.admits(name):
            return f"type: {name!r:.200} is one too many: `known` lets through {MAX_LEARNED:,} types at most"
        near = difflib.get_close_matches(name[:200], self.types, 1, 0.8)
        hint = f"did you mean {near[0]!r}?" if near else "add it to `events.known` to take it all the same"
        return f"type: nothing watches {name!r:.200}; {hint}"
