"""How often an event of a type, at this hour of the day, was followed by the outcome lately: few examples say it.

A tree needs dozens of outcomes to find which types tell something, and must find it again when types change their
meaning. These rates need a handful; what trees learn of them stays true when the types change. An event counts once its
outcome came, or did not, within two horizons: twice, as a warning may come up to a horizon before the first row it is
to mark. The newest count most. A cell that saw little is drawn to its type, and the type to all types.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled, inlined
from detectors.learned.features import DAY, Vectors

HOURS = 24
WINDOW = 2.0
"""Horizons within which the outcome must follow."""
DECAY = 1.0 - 1.0 / 40.0
PRIOR = 2.0
"""Events' worth of what is known more generally."""


class Rates(NamedTuple):
    """Decayed counts, and a ring of events that wait to be counted, chained by subject."""

    cells: Floats
    """(types, HOURS + 1, 2): outcomes and events; the last cell is the type's own."""
    all: Floats
    """(2): the same of all types."""
    time: Floats
    series: Ints
    kind: Ints
    before: NDArray[np.int64]
    done: Bytes
    ends: NDArray[np.int64]
    """(2): number of the oldest, and of the next."""
    latest: NDArray[np.int64]
    """Of each subject the number of its latest; −1: none."""


def blank(types: int, room: int, subjects: int) -> Rates:
    """Return rates of which nothing is known, with a ring of a power of two."""
    return Rates(
        np.zeros((types, HOURS + 1, 2)), np.zeros(2), np.zeros(room), np.zeros(room, np.int32),
        np.zeros(room, np.int32), np.zeros(room, np.int64), np.zeros(room, np.uint8), np.zeros(2, np.int64),
        np.full(subjects, -1, np.int64),
    )  # fmt: skip


@compiled
def wait(rates: Rates, series: int, kind: int, time: float) -> None:
    """Let an event wait to be counted; there must be room."""
    number = rates.ends[1]
    at = number & (rates.time.size - 1)
    rates.time[at], rates.series[at], rates.kind[at] = time, series, kind
    rates.before[at], rates.done[at] = rates.latest[series], 0
    rates.latest[series] = number
    rates.ends[1] = number + 1


@compiled
def followed(rates: Rates, series: int, time: float, window: float) -> None:
    """Count the subject's events within `window` seconds before an outcome."""
    number = rates.latest[series]
    while number >= rates.ends[0]:
        at = number & (rates.time.size - 1)
        if rates.time[at] < time - window:
            break
        if rates.time[at] < time and not rates.done[at]:
            _count(rates, at, 1.0)
        number = rates.before[at]


@compiled
def oldest(rates: Rates) -> float:
    """Return the time of the oldest that waits; inf: none does."""
    if rates.ends[0] == rates.ends[1]:
        return np.inf
    return float(rates.time[rates.ends[0] & (rates.time.size - 1)])


@compiled
def leave(rates: Rates, counts: bool) -> None:
    """Let the oldest go; if no outcome followed it and it `counts`, that is counted."""
    at = rates.ends[0] & (rates.time.size - 1)
    if counts and not rates.done[at]:
        _count(rates, at, 0.0)
    rates.ends[0] += 1


@compiled
def give_up(rates: Rates, series: int) -> None:
    """Let the events of a subject go uncounted."""
    number = rates.latest[series]
    while number >= rates.ends[0]:
        at = number & (rates.time.size - 1)
        rates.done[at] = 1
        number = rates.before[at]
    rates.latest[series] = -1


@inlined
def _count(rates: Rates, at: int, outcome: float) -> None:
    rates.done[at] = 1
    hour = int(rates.time[at] % DAY / 3600.0) % HOURS
    for cell in (rates.cells[rates.kind[at], hour], rates.cells[rates.kind[at], HOURS], rates.all):
        cell[0] = cell[0] * DECAY + outcome
        cell[1] = cell[1] * DECAY + 1.0


@compiled
def rate(rates: Rates, kind: int, time: float) -> float:
    """Return the rate of a type's events at this hour of the day."""
    hour = int(time % DAY / 3600.0) % HOURS
    base = (rates.all[0] + 0.02 * PRIOR) / (rates.all[1] + PRIOR)
    own, cell = rates.cells[kind, HOURS], rates.cells[kind, hour]
    of_type = (own[0] + PRIOR * base) / (own[1] + PRIOR)
    return float((cell[0] + PRIOR * of_type) / (cell[1] + PRIOR))


@compiled
def write_rates(rates: Rates, events: Floats, time: float, horizon: float, out: Vectors) -> None:
    """Write, of a subject's last events, the highest rate within H and the time since, the next highest, the chance
    that any is followed, and the highest rate of those between one and two H old."""
    top, when, second, none, old = 0.0, -np.inf, 0.0, 1.0, 0.0
    for kind in range(events.shape[0]):
        last = events[kind, 3]
        if last < time - WINDOW * horizon:
            continue
        value = rate(rates, kind, last)
        if last < time - horizon:
            old = max(old, value)
            continue
        none *= 1.0 - value
        if value > top:
            top, when, second = value, last, top
        else:
            second = max(second, value)
    out[0], out[1], out[2], out[3], out[4] = (
        top,
        np.log1p(24.0 * max(time - when, 0.0) / horizon),
        second,
        1.0 - none,
        old,
    )
    if top == 0.0:
        out[1] = np.log1p(24.0 * WINDOW)
