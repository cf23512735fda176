"""Good events into runs: telemetry as columns by type, reserved events as they are, in the order of the log."""

from collections.abc import Mapping
from itertools import groupby

import numpy as np

from engine.events.columns import columns_of, identities
from engine.events.runs import Run, Telemetry
from engine.events.schema import EventType
from engine.events.screen import Sifted

Types = Mapping[type, EventType]


def runs_of(sifted: Sifted, types: Types) -> list[Run]:
    """Return the runs that the events make."""
    if not sifted.events:
        return []
    if not any(types[kind].control for kind in set(sifted.kinds)):
        return [_run(sifted, types)]
    runs: list[Run] = []
    start = 0
    for _, run in groupby(sifted.kinds, lambda kind: types[kind].control is None):
        end = start + sum(1 for _ in run)
        runs.append(_run(_part(sifted, slice(start, end)), types))
        start = end
    return runs


def _part(sifted: Sifted, at: slice) -> Sifted:
    return Sifted(sifted.events[at], sifted.kinds[at], sifted.numbers[at], sifted.times[at], [])


def _run(sifted: Sifted, types: Types) -> Run:
    reserved = types[sifted.kinds[0]].control is not None
    content = list(sifted.events) if reserved else _telemetry(sifted, types)
    return Run(content, identities(sifted.events))


def _telemetry(sifted: Sifted, types: Types) -> Telemetry:
    events, kinds, line, time, _ = sifted
    present = list(dict.fromkeys(kinds))
    if len(present) == 1:
        return Telemetry(line, time, [columns_of(types[present[0]], events, line, time)], [slice(None)])
    result = Telemetry(line, time, [], [])
    number = {kind: code for code, kind in enumerate(present)}
    codes = np.fromiter(map(number.__getitem__, kinds), np.int32, len(kinds))
    for code, kind in enumerate(present):
        rows = np.flatnonzero(codes == code)
        some = [events[row] for row in rows.tolist()]
        result.columns.append(columns_of(types[kind], some, line[rows], time[rows]))
        result.rows.append(rows)
    return result
