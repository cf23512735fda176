"""From decoded events of one type to columns: one pass in C for each field."""

from collections.abc import Sequence
from operator import attrgetter
from types import NoneType
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.columnar.columns import Columns, Values
from engine.columnar.texts import Texts
from engine.events.schema import EventType, Path
from engine.expressions import Kind
from engine.expressions.vectors import objects


def columns_of(kind: EventType, events: Sequence[Any], line: NDArray[np.int32], time: NDArray[np.float64]) -> Columns:
    """Return the columns of `events`, all of one type; `line` and `time` are theirs."""
    subject = Texts.of([event.subject for event in events])
    fields: dict[str, Values] = {}
    if kind.paths:
        data = [event.data for event in events]
        fields = {path.field: _column(path, data) for path in kind.paths}
    if "time" in kind.own:
        fields["time"] = time
    if "subject" in kind.own:
        fields["subject"] = subject
    return Columns(kind.name, len(events), line, time, subject, fields)


def _column(path: Path, data: Sequence[Struct]) -> Values:
    *outer, last = path.attributes
    within: list[Any] = list(data)
    for name in outer:
        within = [None if inner is None else getattr(inner, name) for inner in within]
    if outer:
        values = [None if inner is None else getattr(inner, last) for inner in within]
    else:
        values = list(map(attrgetter(last), within))
    return _array(path.kind, values)


def _array(kind: Kind, values: list[Any]) -> Values:
    if kind is Kind.NUMBER:
        return np.array(values, np.float64)
    if kind is Kind.TRUTH and None not in values:
        return np.array(values, np.bool_)
    if kind is Kind.TEXT or (kind is Kind.ANY and set(map(type, values)) <= {str, NoneType}):
        return Texts.of(values)
    return objects(values)


def identities(events: Sequence[Any]) -> bytes:
    """Return source, 0x1F and id of each event, joined by line breaks."""
    sources = [event.source for event in events]
    ids = [event.id for event in events]
    if sources.count(sources[0]) == len(sources):
        head = f"{sources[0]}\x1f"
        return (head + f"\n{head}".join(ids)).encode()
    parts = ["", "\x1f", "", "\n"] * len(events)
    parts[0::4], parts[2::4] = sources, ids
    return "".join(parts[:-1]).encode()
