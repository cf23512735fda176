"""Good events into runs: telemetry as columns by type, reserved events as they are, in the order of the log."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from engine.columnar.columns import Columns, Values
from engine.columnar.dedup import hashes_of
from engine.columnar.texts import Texts
from engine.events.columns import columns_of, identities
from engine.events.reserved import Control
from engine.events.runs import Part, Run, Telemetry
from engine.events.schema import EventType
from engine.events.screen import Sifted
from engine.expressions.vectors import generic

Types = Mapping[type, EventType]


def parts_of(sifted: Sifted, types: Types) -> tuple[list[Part], list[Control]]:
    """Return the telemetry among decoded events by type, in the order in which types appear; and the others."""
    controls = [event for event in sifted.events if isinstance(event, Control)]
    names = [types[kind].name for kind in sifted.kinds]
    parts: list[Part] = []
    for kind in {types[kind].name: types[kind] for kind in sifted.kinds if types[kind].control is None}.values():
        rows = [row for row, name in enumerate(names) if name == kind.name]
        events = [sifted.events[row] for row in rows]
        columns = columns_of(kind, events, sifted.numbers[rows], sifted.times[rows])
        parts.append(Part(columns, hashes_of(identities(events))))
    return parts, controls


def runs_of(parts: Sequence[Part], controls: Sequence[Control]) -> list[Run]:
    """Return the runs that telemetry and reserved events make; both in the order of their lines."""
    if not parts:
        return [_reserved(controls)] if controls else []
    telemetry, hashes = _together(_by_type(parts))
    if not controls:
        return [Run(telemetry, hashes)]
    runs: list[Run] = []
    start = 0
    stops = np.searchsorted(telemetry.line, [event.line for event in controls]).tolist()
    for stop, group in groupby(zip(stops, controls, strict=True), lambda pair: pair[0]):
        if stop > start:
            runs.append(Run(telemetry.cut(start, stop), hashes[start:stop]))
        runs.append(_reserved([event for _, event in group]))
        start = stop
    if start < len(hashes):
        runs.append(Run(telemetry.cut(start, len(hashes)), hashes[start:]))
    return runs


def _reserved(controls: Sequence[Control]) -> Run:
    return Run(list(controls), hashes_of(identities(controls)))


def _by_type(parts: Sequence[Part]) -> list[Part]:
    """Join the parts that are of one type, in the order in which types appear."""
    groups: dict[str, list[Part]] = {}
    for part in parts:
        groups.setdefault(part.columns.type, []).append(part)
    joined = [_joined(group) if len(group) > 1 else group[0] for group in groups.values()]
    return sorted(joined, key=lambda part: int(part.columns.line[0])) if len(joined) > 1 else joined


def _joined(parts: Sequence[Part]) -> Part:
    """Return the events of several parts of one type as one, in the order of their lines."""
    first = parts[0].columns
    line = np.concatenate([part.columns.line for part in parts])
    order = np.argsort(line)
    time = np.concatenate([part.columns.time for part in parts])[order]
    subject = Texts.joined([part.columns.subject for part in parts])[order]
    fields: dict[str, Values] = {
        name: _appended([part.columns.fields[name] for part in parts], order) for name in first.fields
    }
    columns = Columns(first.type, len(line), line[order], time, subject, fields)
    return Part(columns, np.concatenate([part.hashes for part in parts])[order])


def _appended(columns: Sequence[Values], order: NDArray[np.intp]) -> Values:
    texts = [column for column in columns if isinstance(column, Texts)]
    if len(texts) == len(columns):
        return Texts.joined(texts)[order]
    plain = [column.objects() if isinstance(column, Texts) else column for column in columns]
    if len({column.dtype for column in plain}) > 1:
        plain = [generic(column) for column in plain]
    return np.concatenate(plain)[order]


def _together(parts: Sequence[Part]) -> tuple[Telemetry, NDArray[np.uint64]]:
    columns = [part.columns for part in parts]
    if len(parts) == 1:
        return Telemetry(columns[0].line, columns[0].time, columns, [slice(None)]), parts[0].hashes
    line = np.concatenate([each.line for each in columns])
    order = np.argsort(line)
    places = np.empty(len(order), np.intp)
    places[order] = np.arange(len(order))
    ends = np.cumsum([each.n for each in columns])
    rows = [places[end - each.n : end] for end, each in zip(ends.tolist(), columns, strict=True)]
    time = np.concatenate([each.time for each in columns])
    hashes = np.concatenate([part.hashes for part in parts])
    return Telemetry(line[order], time[order], columns, [*rows]), hashes[order]
