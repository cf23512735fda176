"""How a made-up detector stands, for tests of what is told of it."""

from typing import Any

import numpy as np

from detectors.learned import record
from detectors.learned.record import Record
from detectors.learned.standing import Standing


def recorded(outcomes: int, warned: int) -> Record:
    """Return what comes of so many outcomes, some warned of a whole horizon before, and as many negatives."""
    made = record.blank()
    for number in range(outcomes):
        is_warned = number < warned
        record.note(made, 3.0 if is_warned else -1.0, 1)
        record.note(made, -2.0, 0)
        record.note_outcome(made, 1.0 if is_warned else np.nan)
        made.sums[record.TRUE] += is_warned
    made.sums[record.FALSE] = 1.0
    return made


def standing(outcomes: int = 10, warned: int = 8, **more: Any) -> Standing:
    """Return a standing."""
    given: dict[str, Any] = {
        "record": recorded(outcomes, warned),
        "lately": recorded(outcomes, warned),
        "champion": "stack",
        "labels_missing": False,
        "on_trial": False,
        "alarms": 1,
        "fits": 5,
        "positives": outcomes,
        "negatives": outcomes,
        "horizon": 86400.0,
        "budget": "0.5 per outcome",
    }
    return Standing(**{**given, **more})
