"""Good events into runs: telemetry as columns by type, reserved events as they are, in the order of the log."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events.columns import columns_of, identities
from engine.events.reserved import Control
from engine.events.runs import Run, Telemetry
from engine.events.schema import EventType
from engine.events.screen import Sifted

Types = Mapping[type, EventType]


def runs_of(sifted: Sifted, types: Types) -> list[Run]:
    """Return the runs that the events make."""
    events = sifted.events
    if not events:
        return []
    kinds = list(map(type, events))
    present = set(kinds)
    if all(kind in types for kind in present):
        return [_run(sifted, slice(0, len(events)), kinds, types)]
    runs: list[Run] = []
    start = 0
    for _, run in groupby(kinds, lambda kind: kind in types):
        end = start + sum(1 for _ in run)
        runs.append(_run(sifted, slice(start, end), kinds[start:end], types))
        start = end
    return runs


def _run(sifted: Sifted, at: slice, kinds: list[type], types: Types) -> Run:
    events = list(sifted.events[at])
    content: Telemetry | list[Control] = events
    if kinds[0] in types:
        content = _telemetry(events, sifted.numbers[at], sifted.times[at], kinds, types)
    return Run(content, identities(events))


def _telemetry(
    events: Sequence[Any], line: NDArray[np.int32], time: NDArray[np.float64], kinds: list[type], types: Types
) -> Telemetry:
    present = list(dict.fromkeys(kinds))
    if len(present) == 1:
        return Telemetry(line, time, [columns_of(types[present[0]], events, line, time)], [slice(None)])
    result = Telemetry(line, time, [], [])
    codes = np.fromiter(map({kind: code for code, kind in enumerate(present)}.__getitem__, kinds), np.int32, len(kinds))
    for code, kind in enumerate(present):
        rows = np.flatnonzero(codes == code)
        some = [events[row] for row in rows.tolist()]
        result.columns.append(columns_of(types[kind], some, line[rows], time[rows]))
        result.rows.append(rows)
    return result
