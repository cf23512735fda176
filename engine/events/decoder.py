"""From the bytes of a payload to columns: all lines at once, and one by one only where something is wrong."""

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
from engine.events.runs import Decoded
from engine.events.schema import EventType, Schema, event_type
from engine.events.screen import Screen
from engine.events.sort import runs_of

MAX_BYTES = 262_144
"""The longest line, in bytes: 256 kB."""
MAX_LEARNED = 1_000
"""How many types that only a glob allows are taken."""
_CHUNK = 64


_Json = msgspec.json.Decoder[Any]


class _Typed(Struct):
    type: str


class _Read(NamedTuple):
    events: list[Any]
    kinds: list[type]
    numbers: NDArray[np.int32]
    rejects: list[Reject]


class Decoder:
    """Reads payloads of one JSON event a line. Not to be used by several threads at once."""

    def __init__(self, schema: Schema, *, future: float, max_bytes: int = MAX_BYTES) -> None:
        self._schema = schema
        self._types: dict[str, EventType] = dict(schema.types)
        self._room = len(self._types) + MAX_LEARNED
        self._future = future
        self._max_bytes = max_bytes
        self._build()

    def _build(self) -> None:
        kinds = self._types.values()
        wires = [kind.wire for kind in kinds]
        self._by_wire: Mapping[type, EventType] = {
            wire: kind for kind in kinds for wire in (kind.wire, kind.alone) if wire is not None
        }
        self._json: _Json = msgspec.json.Decoder(reduce(operator.or_, wires))
        self._alone: tuple[type, _Json] | None = None

    def decode(self, payload: bytes, arrived: float) -> Decoded:
        """Take `payload` apart. Events without a time get that of their arrival, `arrived`, in epoch seconds.

        Never raises for what is in the payload: each line that is not blank is an event or a reject.
        """
        lines = Lines(payload)
        whole = self._whole(lines)
        read = whole or self._piecewise(lines)
        screen = Screen(lines, arrived, self._future, self._by_wire)
        sifted = screen.sift(read.events, read.kinds, read.numbers)
        rejects = sorted(read.rejects + sifted.rejects)
        runs = runs_of(sifted, self._by_wire)
        return Decoded(len(sifted.events), runs, rejects, tidy=whole is not None and not rejects)

    def _whole(self, lines: Lines) -> _Read | None:
        """Return all events, if the payload is one decodable event a line."""
        if not lines.tidy(self._max_bytes):
            return None
        events, kinds = self._at_once(lines.payload)
        if len(events) != lines.count:
            return None
        return _Read(events, kinds, np.arange(len(events), dtype=np.int32), [])

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
        wire = self._by_wire[kinds.pop()].alone if len(kinds) == 1 else None
        self._alone = (wire, msgspec.json.Decoder(wire)) if wire else None

    def _piecewise(self, lines: Lines) -> _Read:
        """Return the events of the lines that can be decoded, and the others as rejects."""
        filled = lines.filled()
        read = _Read([], [], np.empty(0, np.int32), [])
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
            detail = f"{len(line.text):,} bytes; at most {self._max_bytes:,} are taken"
            return Reject(line.number, OVERSIZED, detail, line.text)
        try:
            line.text.decode()
            name = self._name(line.text)
            if name is not None and not self._learn(name):
                return Reject(line.number, UNKNOWN_TYPE, self._unknown(name), line.text)
            return self._json.decode(line.text)
        except UNDECODABLE as error:
            keys = self._types[name].keys() if (name := self._name(line.text)) in self._types else []
            return Reject(line.number, MALFORMED, explain(error, keys), line.text)

    def _name(self, text: bytes) -> str | None:
        """Return the type that an event says it is of; None if it does not."""
        try:
            return msgspec.json.decode(text, type=_Typed).type
        except UNDECODABLE:
            return None

    def _learn(self, name: str) -> bool:
        """Tell whether events of type `name` are taken; from then on they are decoded with the others."""
        if name in self._types:
            return True
        if not self._schema.admits(name) or len(self._types) >= self._room:
            return False
        self._types[name] = event_type(name)
        self._build()
        return True

    def _unknown(self, name: str) -> str:
        if self._schema.admits(name):
            return f"type: {name!r:.200} is one too many: `known` lets through {MAX_LEARNED:,} types at most"
        near = difflib.get_close_matches(name[:200], self._types, 1, 0.8)
        hint = f"did you mean {near[0]!r}?" if near else "add it to `events.known` to take it all the same"
        return f"type: nothing watches {name!r:.200}; {hint}"
