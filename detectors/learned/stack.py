"""What the experts say, weighed: an online logistic regression over their log odds, and who of all is the champion.

The weights follow an extended Kalman filter of the logistic likelihood (Penny and Roberts, "Dynamic logistic
regression", 1999): they forget a little at every outcome and are drawn back to where they began. A row counts as part
of its stretch of H, as neighbours repeat one another. The champion is who had the least decayed log loss lately;
another takes over when it is a tenth better.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats
from detectors.compiled import compiled
from detectors.learned.pending import EXPERTS

TREES, LINE, RECENT, STACK = range(EXPERTS)
START = np.array([0.0, 0.7, 0.3, 0.0])
"""Weights to begin with: of a constant, the trees, the line, and the recent trees."""
DOUBT = np.array([0.0625, 0.025, 0.025, 0.025])
"""Variances of these: how far from there they may plausibly be."""
LIMIT = 15.0
"""Log odds are cut there."""
FORGET, RETURN = 0.005, 0.002
MEMORY = 0.98
HYSTERESIS = 0.9


class Stack(NamedTuple):
    """Weights, their covariance, and the losses."""

    weights: Floats
    covariance: Floats
    loss: Floats
    """(EXPERTS): decayed sums of log loss."""
    champion: NDArray[np.int64]
    """(1)."""


def fresh() -> Stack:
    """Return a stack that has seen nothing."""
    return Stack(START.copy(), np.diag(DOUBT), np.zeros(EXPERTS), np.array([STACK]))


@compiled
def combine(stack: Stack, odds: Floats) -> None:
    """Set the stack's own log odds from those of the experts."""
    total = stack.weights[0]
    for i in range(STACK):
        total += stack.weights[i + 1] * odds[i]
    odds[STACK] = min(max(total, -LIMIT), LIMIT)


@compiled
def log_loss(odds: float, label: int) -> float:
    """Return −log of the probability that was given to what happened."""
    signed = -odds if label == 1 else odds
    return float(np.log1p(np.exp(-abs(signed))) + max(signed, 0.0))


@compiled
def learn(stack: Stack, odds: Floats, label: int, share: float, has_recent: bool) -> None:
    """Learn from a row with its label; it counts as `share` of one."""
    for i in range(EXPERTS):
        stack.loss[i] += share * log_loss(odds[i if i != RECENT or has_recent else STACK], label)
    inputs = np.ones(EXPERTS)
    inputs[1:] = odds[:STACK]
    margin = min(max(np.dot(stack.weights, inputs), -LIMIT), LIMIT)
    p = 1.0 / (1.0 + np.exp(-margin))
    gain = np.dot(stack.covariance, inputs)
    bend = share * p * (1.0 - p)
    spread = 1.0 + bend * np.dot(inputs, gain)
    for i in range(EXPERTS):
        stack.weights[i] += gain[i] / spread * share * (label - p)
        for j in range(EXPERTS):
            stack.covariance[i, j] -= gain[i] * gain[j] * bend / spread


@compiled
def age(stack: Stack, start: Floats, doubt: Floats, has_recent: bool) -> None:
    """Forget a little, at an outcome, and let the best lead."""
    for i in range(EXPERTS):
        stack.weights[i] += RETURN * (start[i] - stack.weights[i])
        for j in range(EXPERTS):
            prior = doubt[i] if i == j else 0.0
            stack.covariance[i, j] += FORGET * (prior - stack.covariance[i, j])
    stack.loss[:] *= MEMORY
    best = STACK
    for i in range(STACK):
        if stack.loss[i] < stack.loss[best] and (has_recent or i != RECENT):
            best = i
    if stack.loss[best] < HYSTERESIS * stack.loss[stack.champion[0]]:
        stack.champion[0] = best
