"""The threshold that keeps a budget: so many false alerts an outcome, or so many alerts per thousand subjects a week.

Of every subject and stretch of H the highest log odds are counted, of those without an outcome, or of all; the
threshold is where the count above it is what the budget allows, corrected by what was spent. Counts decay at every
outcome, so it follows the models; it never knows what is not yet known.
"""

import re
from typing import NamedTuple

import numpy as np

from detectors.base import Floats
from detectors.compiled import compiled, inlined

LEVELS = 600
LOW, WIDTH = -15.0, 0.05
"""Log odds of the lowest level, and what a level spans."""
DECAY = 1.0 - 1.0 / 50.0
LEAST, MOST = 0.5, 3.0
"""Ends of the correction."""
FIRST_OUTCOMES = 3
"""No alert before so many outcomes."""
WEEK = 604800.0
OUTCOMES, SPENT, EXPOSED, LIMIT, SEEN = range(5)


class Allowance(NamedTuple):
    """How much may be spent on what."""

    rate: float
    """False alerts an outcome, or alerts a subject-week."""
    weekly: bool


class Ledger(NamedTuple):
    """What was counted."""

    levels: Floats
    """(LEVELS): decayed number of stretches whose highest log odds are of this level."""
    books: Floats
    """(5): decayed outcomes, decayed spending, decayed subject-weeks, the threshold, outcomes in all."""
    stretch: Floats
    """(subjects, 2): number of the present stretch, and the highest log odds in it."""


def allowance(text: str) -> Allowance:
    """Read `0.5 per outcome` or `2 per 1000 a week`; raises ValueError saying what is allowed.

    >>> allowance("0.5 per outcome"), allowance("2 per 1000 a week").rate
    (Allowance(rate=0.5, weekly=False), 0.002)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s+per\s+(?:(outcome)|(\d+)\s+a\s+week)\s*", text)
    if not match or float(match[1]) <= 0 or match[3] == "0":
        raise ValueError(f"budget {text!r}: write false alerts an outcome, as in '0.5 per outcome', or alerts per "
                         "thousand subjects a week, as in '2 per 1000 a week'")  # fmt: skip
    return Allowance(float(match[1]) / float(match[3] or 1), match[3] is not None)


def opened(subjects: int) -> Ledger:
    """Return a ledger in which nothing is counted: no threshold, so no alert."""
    stretch = np.full((subjects, 2), -np.inf)
    return Ledger(np.zeros(LEVELS), np.array([0.0, 0.0, 0.0, np.inf, 0.0]), stretch)


@compiled
def count(ledger: Ledger, s: int, time: float, odds: float, horizon: float) -> None:
    """Count a row that may bear on the threshold."""
    number = np.floor(time / horizon)
    row = ledger.stretch[s]
    if row[0] != number:
        ledger.books[EXPOSED] += horizon / WEEK
        row[0], row[1] = number, -np.inf
    if odds <= row[1]:
        return
    if row[1] > -np.inf:
        before = _level(row[1])
        ledger.levels[before] = max(ledger.levels[before] - 1.0, 0.0)
    ledger.levels[_level(odds)] += 1.0
    row[1] = odds


@inlined
def _level(odds: float) -> int:
    return min(max(int((odds - LOW) / WIDTH), 0), LEVELS - 1)


@compiled
def spend(ledger: Ledger) -> None:
    """Count an alert that the budget is charged for."""
    ledger.books[SPENT] += 1.0


@compiled
def outcome(ledger: Ledger, rate: float, weekly: bool, floor: float) -> None:
    """Take note of an outcome: counts decay, the threshold is set anew."""
    ledger.levels[:] *= DECAY
    ledger.books[:LIMIT] *= DECAY
    ledger.books[OUTCOMES] += 1.0
    ledger.books[SEEN] += 1.0
    settle(ledger, rate, weekly, floor)


@compiled
def settle(ledger: Ledger, rate: float, weekly: bool, floor: float) -> None:
    """Set the threshold to where as many stretches lie above as may; `floor` is the lowest it may be."""
    if ledger.books[SEEN] < FIRST_OUTCOMES:
        return
    due = rate * (ledger.books[EXPOSED] if weekly else ledger.books[OUTCOMES])
    allowed = due * min(max((due + 1.0) / (ledger.books[SPENT] + 1.0), LEAST), MOST)
    above, level = 0.0, LEVELS
    while level > 0 and above + ledger.levels[level - 1] <= allowed:
        level -= 1
        above += ledger.levels[level]
    ledger.books[LIMIT] = max(LOW + WIDTH * level, floor)
