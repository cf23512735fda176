"""What kinds that compare the members of a group tell of them, where the members are spread over partitions.

Each partition tells a few of its members' values of a window; all partitions are told back where the group as a whole
was in it, and hold their members against that.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detectors.base import Floats

MOST = 16
"""Values that a partition tells of a group: the quantiles of more. Their median is off by 1/32 of the ranks at most."""


class Part(NamedTuple):
    """What one partition knows of a group's window that all of its members have reported in."""

    time: float
    """Start of the window in epoch seconds."""
    seen: int
    """Members whose values count."""
    young: int
    """Members that are too new for that."""
    values: Sequence[float]
    """Of those seen, on the group's scale, ascending; quantiles where they are more than `MOST`."""


class Whole(NamedTuple):
    """Where a group was in a window, over all partitions."""

    time: float
    centre: float
    """Median of the members; NaN where none is seen."""
    spread: float
    """Median absolute deviation from it."""
    seen: int
    young: int


class AcrossPartitions(ABC):
    """A detector that can be told where groups went as a whole."""

    @abstractmethod
    def parts(self) -> list[Part | None]:
        """Return of each group what is known of its latest window, which is to be complete; None: nothing."""

    @abstractmethod
    def hear(self, group: int, whole: Whole) -> None:
        """Take over where a group was, in place of what this partition knows of it by itself."""


def thinned(ascending: Floats) -> list[float]:
    """Return some values in place of many: the quantiles in the middles of equal parts.

    >>> thinned(np.arange(4.0)), thinned(np.arange(64.0))[:3]
    ([0.0, 1.0, 2.0, 3.0], [1.5, 5.5, 9.5])
    """
    if len(ascending) <= MOST:
        return [float(each) for each in ascending]
    places = (np.arange(MOST) + 0.5) * (len(ascending) / MOST) - 0.5
    return [float(each) for each in np.interp(places, np.arange(len(ascending)), ascending)]


def merged(parts: Sequence[Part]) -> Whole:
    """Return where a group was, from what partitions know of one window: exact where none has more than `MOST` members.

    Each value stands for as many members as its partition has of them.

    >>> merged([Part(60.0, 3, 0, [1.0, 2.0, 3.0]), Part(60.0, 2, 1, [4.0, 9.0])])
    Whole(time=60.0, centre=3.0, spread=1.0, seen=5, young=1)
    """
    values = np.array([value for part in parts for value in part.values])
    weights = np.array([part.seen / len(part.values) for part in parts for _ in part.values])
    seen, young = sum(part.seen for part in parts), sum(part.young for part in parts)
    if not len(values):
        return Whole(parts[0].time, np.nan, np.nan, seen, young)
    centre = 0.5 * (_median(values, weights, above=False) + _median(values, weights, above=True))
    return Whole(parts[0].time, centre, _median(np.abs(values - centre), weights, above=False), seen, young)


def _median(values: Floats, weights: Floats, *, above: bool) -> float:
    """Return the value at which half of the weight is reached, or with `above` exceeded."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    half = 0.5 * reached[-1]
    margin = 1e-9 * half  # sums of fractions of members are not exact
    at = np.searchsorted(reached, half + margin if above else half - margin, side="right" if above else "left")
    return float(values[order][min(int(at), len(values) - 1)])
