"""Which of several ways to choose: Thompson sampling whose propensities are known and whose draws can be replayed.

Each way has a belief about how often it works, a beta distribution. Thompson sampling takes a way as often as it is
the best one under these beliefs (Thompson 1933, Biometrika 25). Here that probability is computed instead of drawn: it
is stored with the decision, as estimates of what another choice would have done need it (inverse propensity weights),
and the draw is a hash of what is decided about, the same in a replay.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from engine.ids import drawn

EXPLORE = 0.05
"""Shared evenly among all ways, so that none is given up for good and no weight grows beyond bounds."""
STRONGEST = 500.0
"""A belief counts like so many observations at most: what worked long ago may no longer."""
_GRID = (np.arange(1000) + 0.5) / 1000.0


class Belief(NamedTuple):
    """How often something works: a beta distribution."""

    alpha: float = 1.0
    beta: float = 1.0

    @property
    def mean(self) -> float:
        """The expected share."""
        return self.alpha / (self.alpha + self.beta)

    def bounded(self) -> "Belief":
        """Return it with no more certainty than `STRONGEST`."""
        shrink = min(1.0, STRONGEST / (self.alpha + self.beta))
        return Belief(max(1.0, self.alpha * shrink), max(1.0, self.beta * shrink))

    def updated(self, worked: int, of: int) -> "Belief":
        """Return the belief after `worked` of `of` more worked."""
        return Belief(self.alpha + worked, self.beta + of - worked)

    def as_prior(self, weight: float) -> "Belief":
        """Return a belief of the same mean that counts like `weight` observations."""
        return Belief(weight * self.mean, weight * (1.0 - self.mean))


def propensities(beliefs: Mapping[str, Belief]) -> dict[str, float]:
    """Return with which probability each way is taken.

    >>> {name: round(p, 2) for name, p in propensities({"a": Belief(1, 1), "b": Belief(1, 1)}).items()}
    {'a': 0.5, 'b': 0.5}
    >>> {name: round(p, 2) for name, p in propensities({"a": Belief(90, 10), "b": Belief(50, 50)}).items()}
    {'a': 0.97, 'b': 0.03}
    """
    densities = np.stack([_density(belief.bounded()) for belief in beliefs.values()])
    below = np.cumsum(densities, axis=1) - 0.5 * densities
    best = np.array([_is_best(densities[row], np.delete(below, row, axis=0)) for row in range(len(densities))])
    shares = (1.0 - EXPLORE) * best / best.sum() + EXPLORE / len(best)
    return dict(zip(beliefs, shares.tolist(), strict=True))


def _density(belief: Belief) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the distribution over the grid; it sums to 1."""
    log = (belief.alpha - 1.0) * np.log(_GRID) + (belief.beta - 1.0) * np.log1p(-_GRID)
    weights = np.exp(log - log.max())
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = weights / weights.sum()
    return found


def _is_best(
    own: "np.ndarray[tuple[int], np.dtype[np.float64]]", others: "np.ndarray[tuple[int, int], np.dtype[np.float64]]"
) -> float:
    return float((own * np.prod(others, axis=0)).sum())


def chosen(shares: Mapping[str, float], draw: float) -> str:
    """Return the way that a draw from 0 to under 1 falls on.

    >>> [chosen({"a": 0.25, "b": 0.75}, draw) for draw in (0.0, 0.24, 0.26, 0.999)]
    ['a', 'a', 'b', 'b']
    """
    names: Sequence[str] = list(shares)
    reached = 0.0
    for name in names:
        reached += shares[name]
        if draw < reached:
            return name
    return names[-1]


def draw(*of: str) -> float:
    """Return a number from 0 to under 1, the same for the same texts on any machine.

    >>> draw("int_1") == draw("int_1"), draw("int_1") != draw("int_2")
    (True, True)
    """
    return drawn(b"choice", *of)
