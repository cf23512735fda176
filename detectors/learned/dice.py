"""Random numbers whose state is part of what is remembered."""

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled


@compiled
def uniform(state: NDArray[np.uint64]) -> float:
    """Return a number in (0, 1] and step on (SplitMix64, Steele et al. 2014)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (float(z >> np.uint64(11)) + 1.0) / 9007199254740992.0
