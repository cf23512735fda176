"""The benchmark's score: how early in its window an anomaly is told, less what is told where there is none.

A detector gives a number for each point; what reaches a threshold is told. A window counts once, by its best point: the
weight falls along a sigmoid from 1 at the window's first row to about 0 at its last. A point told outside of windows
costs: little just behind a window, all of it three widths behind, or before the first. The first 15 % of a series, at
most 750 rows, are probation and count for nothing. The sum over all series is scaled so that a detector that tells
nothing has 0 and one that tells each window's first row, and no more, has 100 (Lavin and Ahmad, "Evaluating Real-time
Anomaly Detection Algorithms", ICMLA 2015; details as in the published implementation).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats
from tests.nab.corpus import Costs, Series

Indices = NDArray[np.int64]
PROBATION, MOST_PROBATION = 0.15, 750
OUTSIDE = -1
"""The number of the window of a point in none."""


@dataclass(frozen=True)
class Weights:
    """What telling each row of a series is worth before costs, and the number of the window it lies in."""

    worth: Floats
    window: Indices
    counted: NDArray[np.bool_]
    """Not in probation."""


@dataclass(frozen=True)
class Curve:
    """The raw score of one profile at every threshold that makes a difference, from the highest down."""

    thresholds: Floats
    scores: Floats

    def at(self, threshold: float) -> float:
        """Return the raw score where all points that reach `threshold` are told."""
        told = int(np.searchsorted(-self.thresholds, -threshold, side="right"))
        return float(self.scores[told - 1])

    def best(self) -> tuple[float, float]:
        """Return the threshold with the highest score, and that score."""
        place = int(np.argmax(self.scores))
        return float(self.thresholds[place]), float(self.scores[place])


def probation(rows: int) -> int:
    """Return how many rows at the start are not counted.

    >>> probation(1000), probation(20000)
    (150, 750)
    """
    return min(int(PROBATION * rows), MOST_PROBATION)


def sigmoid(position: Floats) -> Floats:
    """Return the worth at a position relative to a window: −1 its start, 0 its end, 3 and beyond nothing to it.

    >>> sigmoid(np.array([-1.0, 0.0, 1.0, 3.0])).round(5).tolist()
    [0.98661, 0.0, -0.98661, -1.0]
    """
    return np.where(position >= 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 3.0))) - 1.0)


def weigh(series: Series) -> Weights:
    """Return the weights of the rows of one series."""
    rows = np.arange(len(series.times))
    worth, window = np.full(len(rows), -1.0), np.full(len(rows), OUTSIDE)
    top = float(sigmoid(np.array(-1.0)))
    for number, (first, last) in enumerate(series.windows):
        worth[last + 1 :] = sigmoid((rows[last + 1 :] - last) / max(last - first, 1))
        inside = slice(first, last + 1)
        worth[inside] = sigmoid((rows[inside] - last - 1) / (last - first + 1)) / top
        window[inside] = number
    return Weights(worth, window, rows >= probation(len(rows)))


def curve(scores: Sequence[Floats], weights: Sequence[Weights], costs: Costs) -> Curve:
    """Return the raw score over all series at each threshold; above all of them, nothing is told."""
    gained = [_gains(score, each, costs) for score, each in zip(scores, weights, strict=True)]
    level = np.concatenate([np.zeros(0), *(level for level, _ in gained)])
    gain = np.concatenate([np.zeros(0), *(gain for _, gain in gained)])
    order = np.argsort(-level, kind="stable")
    level, total = level[order], np.cumsum(gain[order])
    last = np.append(level[1:] != level[:-1], True)[: len(level)]
    nothing = -costs.missed * windows(weights)
    return Curve(np.append(np.inf, level[last]), nothing + np.append(0.0, total[last]))


def windows(weights: Iterable[Weights]) -> int:
    """Return how many windows there are to hit."""
    return sum(len(_hit(each.window[each.counted])) for each in weights)


def normalised(raw: float, count: int, costs: Costs) -> float:
    """Return the score from 0 (nothing told) to 100 (perfect); NaN if there are no windows.

    >>> round(normalised(46.167, 116, Costs(1.0, 0.11, 1.0)), 2)
    69.9
    """
    nothing, perfect = -costs.missed * count, costs.hit * count
    return 100.0 * (raw - nothing) / (perfect - nothing) if count else float("nan")


def at_thresholds(
    scores: Sequence[Floats], weights: Sequence[Weights], profiles: Mapping[str, Costs], thresholds: Mapping[str, float]
) -> dict[str, float]:
    """Return the normalised score of each profile at the threshold given for it."""
    count = windows(weights)
    return {
        name: normalised(curve(scores, weights, costs).at(thresholds[name]), count, costs)
        for name, costs in profiles.items()
    }


def optimised(
    scores: Sequence[Floats], weights: Sequence[Weights], profiles: Mapping[str, Costs]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return each profile's normalised score at its best threshold, and that threshold."""
    best = {name: curve(scores, weights, costs).best() for name, costs in profiles.items()}
    count = windows(weights)
    found = {name: normalised(raw, count, profiles[name]) for name, (_, raw) in best.items()}
    return found, {name: threshold for name, (threshold, _) in best.items()}


def transferred(scores: Sequence[Floats], weights: Sequence[Weights], costs: Costs, halvings: int = 20) -> float:
    """Return the score with the threshold of the other half of the series: the mean of both, over random halves."""
    rng = np.random.default_rng(0)
    return float(np.mean([_both_halves(scores, weights, costs, rng) for _ in range(halvings)]))


def _both_halves(scores: Sequence[Floats], weights: Sequence[Weights], costs: Costs, rng: np.random.Generator) -> float:
    order = rng.permutation(len(scores)).tolist()
    halves = [order[: len(order) // 2], order[len(order) // 2 :]]
    curves = [curve([scores[i] for i in half], [weights[i] for i in half], costs) for half in halves]
    counts = [windows(weights[i] for i in half) for half in halves]
    pairs = zip(curves, reversed(curves), counts, strict=True)
    return float(np.mean([normalised(own.at(other.best()[0]), count, costs) for own, other, count in pairs]))


def outcomes(score: Floats, each: Weights, threshold: float) -> tuple[int, int]:
    """Return how many windows of one series are hit at a threshold, and how many points told lie in none."""
    told = each.window[(score >= threshold) & each.counted]
    return len(_hit(told)), int(np.sum(told == OUTSIDE))


def _hit(window: Indices) -> Indices:
    return np.unique(window[window != OUTSIDE])


def _gains(score: Floats, each: Weights, costs: Costs) -> tuple[Floats, Floats]:
    """Return levels, and what the raw score of one series gains when the threshold falls to each."""
    outside = each.counted & (each.window == OUTSIDE)
    levels, gains = [score[outside]], [each.worth[outside] * costs.false]
    for number in _hit(each.window[each.counted]):
        rows = np.flatnonzero(each.counted & (each.window == number))
        rows = rows[np.argsort(-score[rows], kind="stable")]
        best = np.maximum.accumulate(np.append(-costs.missed, each.worth[rows] * costs.hit))
        levels.append(score[rows])
        gains.append(np.diff(best))
    return np.concatenate(levels), np.concatenate(gains)
