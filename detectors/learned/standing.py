"""How a learned kind stands: what it said against what came, and the state it is in."""

from typing import NamedTuple

import numpy as np

from detectors.learned import outages, stack
from detectors.learned.experts import is_fitted
from detectors.learned.mind import ALARMS, CUT, FITS, NEGATIVES, POSITIVES, Mind
from detectors.learned.record import Record

CHAMPIONS = {stack.TREES: "trees", stack.LINE: "line", stack.RECENT: "recent trees", stack.STACK: "stack"}
"""Who may speak for all: boosted trees, a logistic regression, trees of recent rows, or all of them weighed."""
EARLY, NOBODY = "early", "none"
"""River's logistic regression, before the first fit; nobody, before both labels were seen."""


class Standing(NamedTuple):
    """Of one detector, in one partition; records of several are added up."""

    record: Record
    """Since the beginning."""
    lately: Record
    """Of about the last 100 outcomes."""
    champion: str
    """Who speaks for all: one of `CHAMPIONS`, `early` or `none`."""
    labels_missing: bool
    """Nothing is learned, as outcomes are not reported: as was told, or noticed."""
    on_trial: bool
    """Outcomes surprised, and a model of recent rows is tried: a drift alarm."""
    alarms: int
    """Drift alarms so far."""
    fits: int
    positives: int
    """Rows seen whose label was 1."""
    negatives: int
    horizon: float
    """Seconds."""
    budget: str


def standing(mind: Mind, horizon: float, budget: str) -> Standing:
    """Return how a mind stands; its records are not copied."""
    registers = mind.registers
    positives, negatives = int(registers[POSITIVES]), int(registers[NEGATIVES])
    champion = CHAMPIONS[int(mind.stack.champion[0])] if is_fitted(mind.models) else EARLY
    return Standing(
        record=mind.record,
        lately=mind.lately,
        champion=champion if positives and negatives else NOBODY,
        labels_missing=outages.is_on(mind.outage),
        on_trial=not np.isnan(registers[CUT]),
        alarms=int(registers[ALARMS]),
        fits=int(registers[FITS]),
        positives=positives,
        negatives=negatives,
        horizon=horizon,
        budget=budget,
    )
