"""The last closed windows of every series, for pictures, in bounded memory.

Each series has room for 48 points while there is room for all. Then a new series takes half of an older one's: so many
series later all have 24, then 12, 6 and 3. Nothing is ever moved as a whole.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled

POINTS = 48
_HALVINGS = 4
POINT_BYTES = 8
Ints = NDArray[np.int32]
Singles = NDArray[np.float32]


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
def push(
    points: Ints, pictured: Singles, rooms: int, count: int, series: int, written: int, window: float, value: float
) -> None:
    """Write the point that follows on `written` others: the lower half of its window's number, and the value."""
    room = POINTS if count <= rooms else length(rooms, series, count)
    if room > 0:
        at = start(rooms, series) + written % room
        points[at, 0] = np.int32(int(window) & 0xFFFFFFFF)
        pictured[at, 1] = value


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
def divide(points: Ints, rooms: int, child: int, written: int) -> None:
    """Let a new series' parent, which has `written` points, keep its newest in the lower half of its room."""
    old = parent(rooms, child)
    first, half = start(rooms, old), start(rooms, child) - start(rooms, old)
    for at in range(half):
        newest = written - 1 - (written - 1 - at) % half
        if newest >= 0 and newest % (2 * half) >= half:
            points[first + at, 0] = points[first + at + half, 0]
            points[first + at, 1] = points[first + at + half, 1]


def latest(points: Ints, rooms: int, count: int, series: int, written: int, base: int) -> list[tuple[int, float]]:
    """Return (window, value) of what is kept of a series, oldest first; all its windows lie before `base`."""
    behind, values = kept(points, points.view(np.float32), rooms, count, series, written, base)
    return list(zip((base - behind).tolist(), values.tolist(), strict=True))


@compiled
def kept(
    points: Ints, pictured: Singles, rooms: int, count: int, series: int, written: int, base: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many windows before `base` each of them was, and its value."""
    room = length(rooms, series, count)
    held = min(room, written)
    behind, values = np.empty(held, np.int64), np.empty(held, np.float64)
    for i in range(held):
        at = start(rooms, series) + (written - held + i) % room
        behind[i] = (base - points[at, 0]) & 0xFFFFFFFF
        values[i] = pictured[at, 1]
    return behind, values
