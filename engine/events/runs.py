"""What a payload was decoded to: runs of telemetry, as columns, and of reserved events, in the order of the log."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.columnar.columns import Columns, Values
from engine.events.rejects import Reject
from engine.events.reserved import Control

Rows = NDArray[np.intp] | slice
Mask = NDArray[np.bool_]


class Part(NamedTuple):
    """The events of one type, and the hashes of their identities."""

    columns: Columns
    hashes: NDArray[np.uint64]


@dataclass(slots=True)
class Telemetry:
    """Events of any types that follow on each other, none of them reserved."""

    line: NDArray[np.int32]
    """Position of each event in the payload, in order."""
    time: NDArray[np.float64]
    """Epoch seconds of each event, in the same order."""
    columns: list[Columns]
    """One for each type."""
    rows: list[Rows]
    """For each of `columns`: where its events stand in `line` and `time`."""

    def parts(self) -> Iterator[tuple[Columns, Rows]]:
        """Yield the columns of each type, and where its events stand in `line` and `time`."""
        return zip(self.columns, self.rows, strict=True)

    def only(self, mask: Mask) -> "Telemetry":
        """Return the events for which `mask`, of the length of `time`, is true."""
        places = np.cumsum(mask) - 1
        columns: list[Columns] = []
        rows: list[Rows] = []
        for part, at in self.parts():
            kept = mask[at]
            if kept.any():
                columns.append(_only(part, kept))
                rows.append(places[at][kept])
        return Telemetry(self.line[mask], self.time[mask], columns, rows)

    def cut(self, start: int, stop: int) -> "Telemetry":
        """Return the events from place `start` up to, but not including, `stop`."""
        columns: list[Columns] = []
        rows: list[Rows] = []
        for part, at in self.parts():
            first, last = (start, stop) if isinstance(at, slice) else np.searchsorted(at, [start, stop]).tolist()
            if last > first:
                columns.append(_only(part, slice(first, last)))
                rows.append(at if isinstance(at, slice) else at[first:last] - start)
        return Telemetry(self.line[start:stop], self.time[start:stop], columns, rows)


def _only(columns: Columns, rows: Mask | slice) -> Columns:
    fields: dict[str, Values] = {name: column[rows] for name, column in columns.fields.items()}
    line = columns.line[rows]
    return Columns(columns.type, len(line), line, columns.time[rows], columns.subject[rows], fields)


@dataclass(slots=True)
class Run:
    """Events that follow on each other: telemetry, or reserved ones."""

    content: Telemetry | list[Control]
    identities: NDArray[np.uint64]
    """(events, 2): the hash of each event's source, 0x1F and id. 0x1F cannot be part of a source or an id."""

    def only(self, mask: Mask) -> Telemetry | list[Control]:
        """Return the content without the events for which `mask` is false."""
        if isinstance(self.content, Telemetry):
            return self.content.only(mask)
        return list(compress(self.content, mask.tolist()))


@dataclass(slots=True)
class Decoded:
    """A payload, taken apart."""

    n: int
    """How many good events there are."""
    runs: list[Run]
    rejects: list[Reject]
    """The lines that are no good events, in order."""
    tidy: bool
    """Whether the payload, but for white space at its end, is one good event a line and nothing else."""
