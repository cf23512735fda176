"""An alarm when outcomes surprise more than they did: a fast mean of the loss at outcomes far above the slow one."""

from typing import NamedTuple

import numpy as np

from detectors.base import Floats
from detectors.compiled import compiled

FAST, SLOW = 1.0 / 4.0, 1.0 / 60.0
SETTLED = 20.0
"""Outcomes before there can be an alarm: as many as make a slow mean."""
BACK = 4
"""An alarm tells of a change about as many outcomes ago as the fast mean remembers."""
TIMES = 1.5
"""What the fast mean is at least of the slow one at an alarm: where little can be foretold, chance moves both."""
WARIER = 0.5
"""Deviations that are added for each alarm that came to nothing: where chance moves the loss, it would alarm again."""
_FAST, _SLOW, _SQUARE, _N = range(4)


class Drift(NamedTuple):
    """Two means, and when the last outcomes were."""

    means: Floats
    """(4): fast mean, slow mean, slow variance, outcomes."""
    times: Floats
    """(BACK): a ring."""


def calm() -> Drift:
    """Return what has seen nothing."""
    return Drift(np.zeros(4), np.zeros(BACK))


@compiled
def surprised(drift: Drift, time: float, loss: float, factor: float) -> bool:
    """Take in the loss at an outcome; True: it is no longer as it was."""
    means = drift.means
    drift.times[int(means[_N]) % BACK] = time
    means[_N] += 1.0
    change = loss - means[_SLOW]
    rate = max(SLOW, 1.0 / means[_N])
    means[_SLOW] += rate * change
    means[_SQUARE] += rate * (min(change * change, 9.0) - means[_SQUARE])
    means[_FAST] += max(FAST, 1.0 / means[_N]) * (loss - means[_FAST])
    noise = np.sqrt(means[_SQUARE] * FAST / (2.0 - FAST))
    limit = max(means[_SLOW] + factor * noise + 0.1, TIMES * means[_SLOW])
    return bool(means[_N] >= SETTLED and means[_FAST] > limit)


@compiled
def since(drift: Drift) -> float:
    """Return the time of the outcome `BACK` − 1 before the last."""
    return float(drift.times[int(drift.means[_N]) % BACK])
