"""What goes wrong in the made series: incidents that a person would see in a picture, each within a window."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from detectors.base import Floats
from tests.telemetry.families import DAY, HOUR, Plain

QUIET = 0.35
"""Share of a series without incidents at its beginning."""
RUN_AWAY = 0.5
"""Share of the wear of a series that runs to failure in which a warning is in time."""


@dataclass(frozen=True)
class Incident:
    """Rows from `first` to `last`, both within."""

    kind: str
    first: int
    last: int


@dataclass(frozen=True)
class Made:
    """A series with its incidents."""

    name: str
    times: Floats
    values: Floats
    incidents: tuple[Incident, ...]


@dataclass
class Draft:
    """A series in the making."""

    plain: Plain
    usual: Floats
    values: Floats
    rng: Generator

    def rows(self, seconds: float, least: int) -> int:
        """Return how many rows a span is: at least so many, and at most a fourteenth of the series."""
        step = float(np.median(np.diff(self.plain.times)))
        return max(min(round(seconds / step), len(self.values) // 14), least)

    def noisy(self, rows: slice, usual: Floats) -> None:
        """Put other values in some rows: what is usual there is now `usual`."""
        whole = self.usual.copy()
        whole[rows] = usual
        self.values[rows] = self.plain.noise(whole, self.rng)[rows]

    @property
    def spread(self) -> float:
        """The usual deviation about what is usual."""
        return float(np.median(np.abs(self.values - self.usual))) * 1.48


Make = Callable[[Draft, int], int]
"""Changes a draft from a row on, and returns the last row."""


def dip(draft: Draft, first: int) -> int:
    """For one to six hours most of it is missing."""
    last = first + draft.rows(draft.rng.uniform(1, 6) * HOUR, 2) - 1
    rows = slice(first, last + 1)
    draft.noisy(rows, _less(draft, rows, draft.rng.uniform(0.5, 0.9)))
    return last


def outage(draft: Draft, first: int) -> int:
    """For one to six hours nothing comes."""
    last = first + draft.rows(draft.rng.uniform(1, 6) * HOUR, 2) - 1
    draft.values[first : last + 1] = 0.0
    return last


def spike(draft: Draft, first: int) -> int:
    """One to three values are far too high."""
    last = first + int(draft.rng.integers(1, 4)) - 1
    draft.values[first : last + 1] += draft.rng.uniform(8, 15) * _size(draft, slice(first, last + 1))
    return last


def shift(draft: Draft, first: int) -> int:
    """For two days the level is another."""
    last = first + draft.rows(2 * DAY, 30) - 1
    rows = slice(first, last + 1)
    draft.noisy(rows, draft.usual[rows] + draft.rng.choice([-1, 1]) * draft.rng.uniform(5, 8) * _size(draft, rows))
    return last


def no_rhythm(draft: Draft, first: int) -> int:
    """For a day the rhythm is gone."""
    last = first + draft.rows(DAY, 12) - 1
    rows = slice(first, last + 1)
    draft.noisy(rows, np.full(last + 1 - first, draft.usual[rows].mean()))
    return last


def late(draft: Draft, first: int) -> int:
    """For a day the rhythm comes four to eight hours late."""
    last = first + draft.rows(DAY, 12) - 1
    by = draft.rows(draft.rng.uniform(4, 8) * HOUR, 1)
    draft.noisy(slice(first, last + 1), draft.usual[first - by : last + 1 - by])
    return last


def unrest(draft: Draft, first: int) -> int:
    """For twelve to 24 hours the noise is five times larger."""
    last = first + draft.rows(draft.rng.uniform(12, 24) * HOUR, 20) - 1
    rows = slice(first, last + 1)
    draft.values[rows] += 4.0 * (draft.values[rows] - draft.usual[rows])
    return last


def drift(draft: Draft, first: int) -> int:
    """For five days it moves away."""
    last = first + draft.rows(5 * DAY, 60) - 1
    rows = slice(first, last + 1)
    ramp = np.linspace(0, draft.rng.choice([-1, 1]) * draft.rng.uniform(8, 12), last + 1 - first)
    draft.noisy(rows, draft.usual[rows] + ramp * _size(draft, rows))
    return last


def flat(draft: Draft, first: int) -> int:
    """The last value stays for half a day."""
    last = first + draft.rows(HOUR * 12, 12) - 1
    draft.values[first : last + 1] = draft.values[first]
    return last


ANY: tuple[Make, ...] = (dip, outage, spike, shift, unrest, drift, flat)
RHYTHMIC: tuple[Make, ...] = (dip, dip, outage, spike, shift, no_rhythm, late, drift)


def made(family: Callable[[Generator], Plain], seed: int) -> Made:
    """Return a series of the family, with up to four incidents after a quiet third; a seed is a series."""
    rng = np.random.default_rng([seed, *family.__name__.encode()])
    plain = family(rng)
    draft = Draft(plain, plain.usual, plain.noise(plain.usual, rng), rng)
    name = f"{family.__name__}/{seed}"
    if plain.fails:
        wear = int(np.flatnonzero(np.diff(plain.usual))[-1]) + 1
        return Made(name, plain.times, draft.values, (Incident("failure", _onset(plain), wear),))
    return _thinned(name, draft, _placed(draft))


def _placed(draft: Draft) -> list[Incident]:
    rows, found = len(draft.values), list[Incident]()
    kinds = RHYTHMIC if draft.plain.rhythmic else ANY
    apart = (1.0 - QUIET) * rows / 4
    for i in range(4):
        make = kinds[int(draft.rng.integers(len(kinds)))]
        first = int(QUIET * rows + (i + draft.rng.uniform(0.05, 0.35)) * apart)
        first = _busy(draft, first) if make in (dip, outage) else first
        if first < QUIET * rows + (i + 0.5) * apart:
            found.append(Incident(make.__name__, first, make(draft, first)))
    return found


def _busy(draft: Draft, first: int) -> int:
    """Return the next row from which on there is as much as at most times, so that less of it can be seen."""
    day = draft.rows(DAY, 1)
    ahead = draft.usual[first : first + day]
    return first + int(np.argmax(ahead >= np.median(draft.usual)))


def _onset(plain: Plain) -> int:
    moved = np.abs(plain.usual - np.median(plain.usual[: len(plain.usual) // 2]))
    return int(np.argmax((moved > 0.15 * moved[-1]) & (np.arange(len(moved)) > len(moved) // 2)))


def _less(draft: Draft, rows: slice, by: float) -> Floats:
    if float(np.min(draft.usual)) >= 0.0:
        return draft.usual[rows] * (1.0 - by)
    return draft.usual[rows] - 8.0 * draft.spread


def _size(draft: Draft, rows: slice) -> float:
    """Return the deviation that is usual in these rows, from those as large."""
    usual = draft.usual[rows].mean()
    alike = np.abs(draft.usual - usual) <= 0.25 * abs(usual)
    off = np.abs(draft.values - draft.usual)[alike]
    return max(1.48 * float(np.median(off)) if len(off) else 0.0, float(off.std()) if len(off) else 0.0, 1e-9)


def _thinned(name: str, draft: Draft, incidents: list[Incident]) -> Made:
    """Leave out some rows just before one incident in three, and one in two hundred anywhere."""
    rows = len(draft.values)
    keep = draft.rng.random(rows) >= 1 / 200
    for each in incidents:
        if draft.rng.random() < 1 / 3:
            keep[each.first - int(draft.rng.integers(2, 12)) : each.first] = False
        keep[[each.first, each.last]] = True
    place = np.cumsum(keep) - 1
    moved = tuple(Incident(each.kind, int(place[each.first]), int(place[each.last])) for each in incidents)
    return Made(name, draft.plain.times[keep], draft.values[keep], moved)
