"""Rows that were scored and wait for their label: a ring in order of time, the rows of a subject chained backwards."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled
from detectors.learned.features import Vectors

EXPERTS = 4
"""Trees, line, recent trees, and what was said in the end: their log odds are kept with a row."""
SCORED, ALERTED, DONE, MODELLED = 1, 2, 4, 8
"""Flags: it had a probability; it was an alert; its label is known or given up; a fitted model scored it."""


class Pending(NamedTuple):
    """A ring; the row of number k lies at k modulo its length, which is a power of two."""

    rows: Vectors
    time: Floats
    series: Ints
    before: NDArray[np.int64]
    """The number of the subject's row before this; −1: none."""
    odds: Floats
    """(length, EXPERTS)."""
    flags: Bytes
    ends: NDArray[np.int64]
    """(2): number of the oldest row, and of the next."""
    latest: NDArray[np.int64]
    """For each subject the number of its latest row; −1: none."""


def empty(room: int, columns: int, subjects: int) -> Pending:
    """Return a ring with room for so many rows, a power of two."""
    return Pending(
        np.zeros((room, columns), np.float32), np.zeros(room), np.zeros(room, np.int32), np.zeros(room, np.int64),
        np.zeros((room, EXPERTS)), np.zeros(room, np.uint8), np.zeros(2, np.int64), np.full(subjects, -1, np.int64),
    )  # fmt: skip


def moved(pending: Pending, room: int) -> Pending:
    """Return the same rows in a ring of another length.

    >>> ring = empty(4, 1, 1)
    >>> ring.ends[:] = 5, 7
    >>> ring.time[:] = 0, 5, 6, 0
    >>> moved(ring, 8).time
    array([0., 0., 0., 0., 0., 5., 6., 0.])
    """
    numbers = np.arange(pending.ends[0], pending.ends[1])
    old, new = numbers % len(pending.time), numbers % room
    ring = empty(room, pending.rows.shape[1], 0)
    arrays: Sequence[tuple[NDArray[Any], NDArray[Any]]] = list(zip(ring[:6], pending[:6], strict=True))
    for target, source in arrays:
        target[new] = source[old]
    return ring._replace(ends=pending.ends.copy(), latest=pending.latest.copy())


@compiled
def push(pending: Pending, series: int, time: float, row: Vectors, odds: Floats, flags: int) -> None:
    """Append a row; there must be room."""
    number = pending.ends[1]
    at = number & (pending.time.size - 1)
    pending.rows[at], pending.time[at], pending.series[at] = row, time, series
    pending.before[at] = pending.latest[series]
    pending.odds[at], pending.flags[at] = odds, flags
    pending.latest[series] = number
    pending.ends[1] = number + 1


@compiled
def give_up(pending: Pending, series: int) -> None:
    """Let the rows of a subject go without a label."""
    number = pending.latest[series]
    while number >= pending.ends[0]:
        at = number & (pending.time.size - 1)
        pending.flags[at] |= DONE
        number = pending.before[at]
    pending.latest[series] = -1
