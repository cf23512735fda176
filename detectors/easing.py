"""Times that are known to be otherwise: evidence counts for less, or nothing is judged at all."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, Ints, Observations, Scores

Ease: TypeAlias = Callable[[Ints, Floats], Floats | None]
"""From series and times to a factor for each: evidence is divided by it, infinite suspends; None: all as usual."""
Mask = NDArray[np.bool_]


def unsuspended(batch: Observations, ease: Ease) -> Observations:
    """Return the rows that are not suspended.

    >>> unsuspended(Observations.of([0, 0], [0, 60], [1, 2]), lambda series, time: np.array([np.inf, 1.0])).value
    array([2.])
    """
    factor = ease(batch.series, batch.time)
    if factor is None or np.isfinite(factor).all():
        return batch
    kept = np.isfinite(factor)
    return Observations(*(None if column is None else column[kept] for column in batch))  # type: ignore[arg-type]


def eased(batch: Observations, scores: Scores, missed: Mask, ease: Ease) -> Scores:
    """Return the scores with less evidence and wider bands where eased; no opinion where suspended.

    A miss is as suspended as the less suspended of its two ends: when the event was due, and when it came.
    """
    factor = ease(batch.series, batch.time)
    if missed.any():
        usual = np.ones(len(missed))
        due = usual if factor is None else factor
        came = ease(batch.series, _next(batch.time, missed))
        factor = np.where(missed, np.minimum(due, usual if came is None else came), due)
    if factor is None:
        return scores
    suspended = np.isinf(factor)
    factor = np.where(suspended, 1.0, factor)
    return replace(
        scores,
        score=np.where(suspended, np.nan, weaker(scores.score, factor)),
        low=_away(scores.expected, scores.low, factor),
        high=_away(scores.expected, scores.high, factor),
    )


def weaker(score: Floats, factor: Floats) -> Floats:
    """Return scores with their evidence, -log10(1 - score), divided by `factor`.

    >>> weaker(np.array([0.9999]), np.array([2.0])).round(6).tolist()
    [0.99]
    """
    plain = factor == 1.0
    return np.where(plain, score, 1.0 - np.maximum(1.0 - score, 0.0) ** (1.0 / factor))


def _away(expected: Floats, end: Floats, factor: Floats) -> Floats:
    known = np.isfinite(expected) & np.isfinite(end) & (factor != 1.0)
    return np.where(known, expected + factor * (np.where(known, end, 0.0) - np.where(known, expected, 0.0)), end)


def _next(time: Floats, missed: Mask) -> Floats:
    """Return for each miss the time of the row before which it belongs."""
    came = np.flatnonzero(~missed)
    following = np.minimum(np.searchsorted(came, np.arange(len(time))), len(came) - 1)
    arrivals: Floats = time[came[following]]
    return arrivals
