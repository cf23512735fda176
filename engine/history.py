"""The last closed windows of every series, for pictures, in bounded memory.

Each series has room for 48 points while there is room for all. Then a new series takes half of an older one's: so many
series later all have 24, then 12, 6 and 3. Nothing is ever moved as a whole.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled

POINTS = 48
_HALVINGS = 4
POINT_BYTES = 8


class History(NamedTuple):
    """What kernels work on."""

    windows: NDArray[np.int32]
    """(points, 2): the lower half of the window's number, and the value's bits."""
    values: NDArray[np.float32]
    """The same memory, as values."""
    rooms: int
    """How many series have room for all 48."""


@compiled
def start(rooms: int, series: int) -> int:
    """Return where the points of a series stand: in the upper half of what its parent had."""
    offset, level = 0, _HALVINGS
    while series >= rooms:
        level -= 1
        if series >= rooms << level:
            offset += POINTS >> (level + 1)
            series -= rooms << level
    return series * POINTS + offset


@compiled
def length(rooms: int, series: int, count: int) -> int:
    """Return how many points a series has room for when there are `count` series."""
    if series >= rooms << _HALVINGS:
        return 0
    level = 0
    while rooms << level <= series:
        level += 1
    while level < _HALVINGS and series + (rooms << level) < count:
        level += 1
    return POINTS >> level


@compiled
def push(history: History, series: int, count: int, written: int, window: int, value: float) -> None:
    """Write the point that follows on `written` others."""
    room = length(history.rooms, series, count)
    if room > 0:
        at = start(history.rooms, series) + written % room
        history.windows[at, 0] = np.int32(window & 0xFFFFFFFF)
        history.values[at, 1] = value


@compiled
def parent(rooms: int, child: int) -> int:
    """Return the series that gives half of its room to a new one, −1 if none does."""
    if not rooms <= child < rooms << _HALVINGS:
        return -1
    level = 0
    while rooms << (level + 1) <= child:
        level += 1
    return child - (rooms << level)


@compiled
def divide(history: History, child: int, written: int) -> None:
    """Let a new series' parent, which has `written` points, keep its newest in the lower half of its room."""
    old = parent(history.rooms, child)
    first, half = start(history.rooms, old), start(history.rooms, child) - start(history.rooms, old)
    for at in range(half):
        newest = written - 1 - (written - 1 - at) % half
        if newest >= 0 and newest % (2 * half) >= half:
            history.windows[first + at] = history.windows[first + at + half]


def points(history: History, series: int, count: int, written: int, base: int) -> list[tuple[int, float]]:
    """Return (window, value) of what is kept of a series, oldest first; all its windows lie before `base`."""
    room = length(history.rooms, series, count)
    if room == 0:
        return []
    places = [start(history.rooms, series) + i % room for i in range(max(0, written - room), written)]
    behind = (base - history.windows[places, 0].astype(np.int64)) & 0xFFFFFFFF
    return list(zip((base - behind).tolist(), history.values[places, 1].astype(np.float64).tolist(), strict=True))
