"""What peers keep of a series, and do for each event: a mean a minute, and how far it is from what is usual.

Less than the engine's `seasonal` does (no rhythm, no quantiles, no repetitions left out): a peer is not to be slow by
what we ask of it.
"""

from datetime import datetime

EVERY = 60.0
RATE, FAR, LEARNING = 0.05, 3.3, 10
EMPTY = [-1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
"""Window, events and sum of it; level, variance, and of how many windows they are."""


def moment(time: str) -> float:
    """Return epoch seconds."""
    return datetime.fromisoformat(time).timestamp()


def step(state: list[float], at: float, value: float) -> bool:
    """Take a value; return whether the window that it closes, if it does, was far from usual.

    >>> state = list(EMPTY)
    >>> any(step(state, 60.0 * n, 100.0 + n % 2) for n in range(20))
    False
    >>> step(state, 1200.0, 900.0), step(state, 1260.0, 1.0)  # told when the window is over
    (False, True)
    """
    window = at // EVERY
    strange = False
    if window > state[0]:
        if state[1]:
            strange = learn(state, state[2] / state[1])
        state[0], state[1], state[2] = window, 0.0, 0.0
    state[1] += 1.0
    state[2] += value
    return strange


def learn(state: list[float], mean: float) -> bool:
    """Return whether a window's mean is far from usual; then learn it."""
    left = mean - state[3]
    strange = state[5] > LEARNING and left * left > FAR * FAR * state[4]
    rate = max(RATE, 1.0 / (state[5] + 1.0))
    state[3] += rate * left
    state[4] = (1.0 - rate) * (state[4] + rate * left * left)
    state[5] += 1.0
    return strange
