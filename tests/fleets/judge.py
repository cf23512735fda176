"""What was said against what happened, exactly and from the events alone: the detector's own record is not asked."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats
from tests.fleets.feed import Told
from tests.fleets.recording import HOUR, Recording

ALARM = 0.999


class Verdict(NamedTuple):
    """How good it was."""

    pr_auc: float
    roc_auc: float
    recall: float
    false_per_failure: float
    median_lead_h: float
    failures: int
    rows: int


def judge(recording: Recording, told: Told, begin: float, end: float) -> Verdict:
    """Judge the rows from `begin` to a horizon before `end`, and the outcomes they could warn of.

    An alert is a score of 0.999 or more with none of the same subject in the horizon before; it is true if the outcome
    comes within the horizon. A row without a probability counts as probability 0.
    """
    horizon = recording.horizon
    used = (told.time >= begin) & (told.time <= end - horizon)
    after = _next_outcomes(recording, told)
    label = (after - told.time <= horizon)[used]
    p = np.nan_to_num(told.probability[used])
    alerts = _alerts(told, used, horizon)
    leads = _leads(recording, told, alerts, (begin, end))
    false = float((after[alerts] - told.time[alerts] > horizon).sum())
    known = leads[~np.isnan(leads)]
    return Verdict(
        pr_auc=average_precision(label, p),
        roc_auc=roc_auc(label, p),
        recall=len(known) / max(len(leads), 1),
        false_per_failure=false / max(len(leads), 1),
        median_lead_h=float(np.median(known)) / HOUR if len(known) else float("nan"),
        failures=len(leads),
        rows=int(used.sum()),
    )


def average_precision(label: NDArray[np.bool_], score: Floats) -> float:
    """Return the area under the steps of precision over recall; equal scores are one step.

    >>> round(average_precision(np.array([True, False, True]), np.array([3.0, 2.0, 1.0])), 4)
    0.8333
    """
    order = np.argsort(-score, kind="stable")
    found, last = np.cumsum(label[order]), np.r_[np.diff(score[order]) != 0, True]
    precision = (found / np.arange(1, len(found) + 1))[last]
    return float(np.sum(np.diff(np.r_[0, found[last]]) * precision) / max(found[-1], 1)) if len(found) else float("nan")


def roc_auc(label: NDArray[np.bool_], score: Floats) -> float:
    """Return the share of pairs that are in the right order, equals as a half.

    >>> roc_auc(np.array([True, False, False]), np.array([2.0, 1.0, 2.0]))
    0.75
    """
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(size) - (size - 1) / 2
    positives = int(label.sum())
    pairs = positives * (len(label) - positives)
    return float((rank[group][label].sum() - positives * (positives + 1) / 2) / pairs) if pairs else float("nan")


def _next_outcomes(recording: Recording, told: Told) -> Floats:
    """Return, for each row, when the subject's next outcome came."""
    after, outcomes = np.full(len(told.time), np.inf), recording.outcomes()
    for number, subject in enumerate(told.subjects):
        rows = told.series == number
        times = np.r_[outcomes.get(subject, []), np.inf]
        after[rows] = times[np.searchsorted(times, told.time[rows], side="right")]
    return after


def _alerts(told: Told, used: NDArray[np.bool_], horizon: float) -> NDArray[np.intp]:
    last: dict[int, float] = {}
    rows = []
    for row in np.flatnonzero(used & (told.score >= ALARM)):
        series, at = int(told.series[row]), float(told.time[row])
        if at >= last.get(series, -np.inf) + horizon:
            last[series] = at
            rows.append(row)
    return np.array(rows, np.intp)


def _leads(recording: Recording, told: Told, alerts: NDArray[np.intp], span: tuple[float, float]) -> Floats:
    """Return by how much each outcome was warned of; NaN: not."""
    leads = []
    number = {subject: i for i, subject in enumerate(told.subjects)}
    for subject, times in recording.outcomes().items():
        mine = told.time[alerts[told.series[alerts] == number[subject]]]
        for at in times:
            if span[0] + recording.horizon <= at <= span[1]:
                before = mine[(mine >= at - recording.horizon) & (mine < at)]
                leads.append(at - before[0] if len(before) else np.nan)
    return np.array(leads)
