"""A bounded memory of labelled rows: all positives while there is room, and of the negatives rather the hard ones.

Priority sampling (Duffield, Lund and Thorup, "Priority sampling for estimation of arbitrary subset sums", 2007): a row
of importance h gets the priority h/u, u uniform; the largest priorities stay, and a row stands for max(1, τ/h) rows,
τ being the largest priority that was dropped. So weights stay right whatever is preferred.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, Ints
from detectors.compiled import compiled
from detectors.learned.features import Vectors


class Memory(NamedTuple):
    """Labelled rows; the first `used[label]` of each half are in use."""

    rows: Vectors
    """(positives + negatives, columns); positives first."""
    time: Floats
    series: Ints
    importance: Floats
    priority: Floats
    used: NDArray[np.int64]
    """(2): negatives, positives."""
    dropped: Floats
    """(2): τ of negatives, of positives."""
    room: NDArray[np.int64]
    """(2): of negatives, of positives."""


def empty(positives: int, negatives: int, columns: int) -> Memory:
    """Return a memory with room for so many rows.

    >>> empty(2, 3, 1).rows.shape
    (5, 1)
    """
    n = positives + negatives
    return Memory(
        np.zeros((n, columns), np.float32), np.zeros(n), np.zeros(n, np.int32), np.zeros(n), np.zeros(n),
        np.zeros(2, np.int64), np.zeros(2), np.array([negatives, positives]),
    )  # fmt: skip


@compiled
def offer(
    memory: Memory, label: int, row: Vectors, time: float, series: int, importance: float, uniform: float
) -> None:
    """Remember a row with this label, if its priority suffices; `uniform` in (0, 1]."""
    priority = importance / uniform
    if priority <= memory.dropped[label]:
        return
    begin = 0 if label == 1 else memory.room[1]
    at = begin + memory.used[label]
    if memory.used[label] == memory.room[label]:
        at = begin + np.argmin(memory.priority[begin:at])
        memory.dropped[label] = max(memory.dropped[label], min(memory.priority[at], priority))
        if priority <= memory.priority[at]:
            return
    else:
        memory.used[label] += 1
    memory.rows[at], memory.time[at], memory.series[at] = row, time, series
    memory.importance[at], memory.priority[at] = importance, priority


@compiled
def drop(memory: Memory, series: int, label: int, since: float, until: float) -> None:
    """Forget rows with this label of `series` (−1: of all) with a time in (since, until]."""
    begin = 0 if label == 1 else memory.room[1]
    at = begin
    while at < begin + memory.used[label]:
        if (series < 0 or memory.series[at] == series) and since < memory.time[at] <= until:
            last = begin + memory.used[label] - 1
            memory.rows[at], memory.time[at], memory.series[at] = (
                memory.rows[last],
                memory.time[last],
                memory.series[last],
            )
            memory.importance[at], memory.priority[at] = memory.importance[last], memory.priority[last]
            memory.used[label] -= 1
        else:
            at += 1


def lessons(memory: Memory) -> tuple[Vectors, Floats, Floats]:
    """Return the rows, their labels, and how many rows each stands for."""
    first, count = int(memory.room[1]), memory.used
    used = np.r_[0 : int(count[1]), first : first + int(count[0])]
    labels = (used < first).astype(np.float64)
    tau = memory.dropped[labels.astype(np.int64)]
    return memory.rows[used], labels, np.maximum(1.0, tau / memory.importance[used])
