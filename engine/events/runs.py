"""What a payload was decoded to: runs of telemetry, as columns, and of reserved events, in the order of the log."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from engine.columns import Columns
from engine.events.rejects import Reject
from engine.events.reserved import Control

Rows = NDArray[np.intp] | slice
Mask = NDArray[np.bool_]


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


def _only(columns: Columns, mask: Mask) -> Columns:
    fields = {name: column[mask] for name, column in columns.fields.items()}
    subject = list(compress(columns.subject, mask.tolist()))
    return Columns(columns.type, len(subject), columns.line[mask], columns.time[mask], subject, fields)


@dataclass(slots=True)
class Run:
    """Events that follow on each other: telemetry, or reserved ones."""

    content: Telemetry | list[Control]
    identities: bytes
    """Of each event in order: source, 0x1F, id; joined by line breaks. Neither can be part of a source or an id."""

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
