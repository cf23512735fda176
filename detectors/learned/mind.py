"""All that a learned kind remembers, as arrays in nested tuples, and what goes in and out of its compiled loop."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes, Floats, Ints
from detectors.learned import boosting, budget, drift, logistic, memory, outages, rates, record, stack
from detectors.learned import features as feature
from detectors.learned import pending as ring
from detectors.learned.features import Vectors

TICK, OUTCOME, EVENT, SIGNAL, SCORE, LABELS = range(6)
"""Roles of a channel."""
FINISHED, REFIT, ASK, FLUSH, GROW, WAIT, RECENT, ADOPT, DISMISS = range(9)
"""Why the loop came back: all done; fit anew; ask the early learner; teach it; the ring of rows, or of events, is full;
fit the recent model; let it take over; let it go."""
NOW, POSITIVES, NEGATIVES, NEXT, CUT, NEXT_RECENT, RECENT_SINCE, FITS, ALARMS, LEFT, DISMISSED = range(11)
"""Registers: time; rows of either label; positives at which to fit next; since when is recent (NaN: no alarm);
positives at which to fit the recent model next; outcomes since it is there; fits; alarms; told by the early learner;
alarms that came to nothing since a model of recent rows last took over."""
OUTBOX = 64
"""Rows that may wait to be taught to the early learner."""
FIRST_POSITIVES, FIRST_NEGATIVES = 12.0, 30.0
"""Rows of either label before the first fit."""
PROOF, TRIAL = 5.0, 40.0
"""Outcomes a recent model is given at least, and at most, to show that it is better."""
BETTER = 0.95
"""What its loss must be of that of the trees."""
EARLY_SHARE = 0.1
"""Share of the negatives that the early learner is taught."""


class Settings(NamedTuple):
    """What was configured, for the loop."""

    horizon: float
    share: float
    """Of H that lies between two rows of a subject."""
    rate: float
    weekly: bool
    nodes: int
    """Nodes a tree has room for."""
    factor: float
    """How far a surprise must stand out to be an alarm."""


class Models(NamedTuple):
    """The fitted experts."""

    trees: boosting.Trees
    line: logistic.Line
    recent: boosting.Trees


class Mind(NamedTuple):
    """All that a learned kind remembers."""

    known: feature.Known
    objected: Bytes
    """(subjects)."""
    alerted: Floats
    """(subjects): when the last alert was."""
    pending: ring.Pending
    rates: rates.Rates
    memory: memory.Memory
    recent: memory.Memory
    stack: stack.Stack
    shelved: stack.Stack
    """As the stack was when the last alarm came: it comes back if the alarm came to nothing."""
    ledger: budget.Ledger
    drift: drift.Drift
    outage: outages.Outage
    record: record.Record
    lately: record.Record
    """The same of late: it fades."""
    models: Models
    registers: Floats
    random: NDArray[np.uint64]
    """(1): state of the generator."""
    lessons: Vectors
    """(OUTBOX, columns): rows to teach the early learner."""
    lesson_labels: Floats
    """(OUTBOX)."""
    row: Vectors
    """(columns): the row being scored."""


class Rows(NamedTuple):
    """A batch."""

    series: Ints
    time: Floats
    value: Floats
    role: Ints
    number: Ints
    """Which outcome, event or signal."""


class Found(NamedTuple):
    """What is told of each row; NaN where there is nothing to tell."""

    odds: Floats
    limit: Floats
    """The threshold when the row was scored, in log odds."""
    reasons: Floats
    """(rows that are above the threshold, columns): what moved the log odds; the first `told[0]` are in use."""
    reason_rows: Ints
    values: Vectors
    told: NDArray[np.int64]
