"""How good the predictions were: test, then train when the label is due. Bounded, always on, and records add up."""

from typing import NamedTuple

import numpy as np

from detectors.base import Floats
from detectors.compiled import compiled
from detectors.learned.budget import LEVELS, LOW, WIDTH

TENTHS = 10
LEADS = 48
"""Bins of the lead time, over one horizon; one more is for a whole one."""
LATELY = 1.0 - 1.0 / 100.0
"""What of a record of late is kept at an outcome: it tells of about the last 100."""
ROWS, BRIER, LOSS, OUTCOMES, WARNED, TRUE, FALSE = range(7)


class Record(NamedTuple):
    """Sums over rows whose label is known; two records are merged by adding them."""

    levels: Floats
    """(2, LEVELS): rows of either label by their log odds."""
    sums: Floats
    """(7): rows, squared errors, log loss, outcomes, outcomes that an alert preceded, true alerts, false alerts."""
    tenths: Floats
    """(TENTHS, 3): rows, probability and outcomes, by tenth of the probability."""
    leads: Floats
    """(LEADS + 1): outcomes by the time from the first alert within H, in parts of H."""


def blank() -> Record:
    """Return an empty record."""
    return Record(np.zeros((2, LEVELS)), np.zeros(7), np.zeros((TENTHS, 3)), np.zeros(LEADS + 1))


def merged(one: Record, other: Record) -> Record:
    """Return the record of both.

    >>> merged(blank(), blank()).sums.sum()
    np.float64(0.0)
    """
    return Record(*(a + b for a, b in zip(one, other, strict=True)))


@compiled
def fade(record: Record) -> None:
    """Let what was counted weigh a little less."""
    record.levels[:] *= LATELY
    record.sums[:] *= LATELY
    record.tenths[:] *= LATELY
    record.leads[:] *= LATELY


@compiled
def note(record: Record, odds: float, label: int) -> None:
    """Count a scored row whose label is now known."""
    p = 1.0 / (1.0 + np.exp(-odds))
    record.levels[label, min(max(int((odds - LOW) / WIDTH), 0), LEVELS - 1)] += 1.0
    record.sums[ROWS] += 1.0
    record.sums[BRIER] += (p - label) ** 2
    record.sums[LOSS] += np.log1p(np.exp(odds if label == 0 else -odds))
    tenth = record.tenths[min(int(p * TENTHS), TENTHS - 1)]
    tenth[0], tenth[1], tenth[2] = tenth[0] + 1.0, tenth[1] + p, tenth[2] + label


@compiled
def note_outcome(record: Record, lead: float) -> None:
    """Count an outcome; `lead` is the share of H that the first alert came before it, NaN: none did."""
    record.sums[OUTCOMES] += 1.0
    if not np.isnan(lead):
        record.sums[WARNED] += 1.0
        record.leads[min(max(int(lead * LEADS), 0), LEADS)] += 1.0


class Figures(NamedTuple):
    """What a record comes to; NaN where nothing is known yet."""

    rows: int
    pr_auc: float
    """Area under precision over recall: average precision."""
    roc_auc: float
    brier: float
    log_loss: float
    outcomes: int
    recall: float
    """Share of outcomes that an alert within H preceded."""
    precision: float
    """Share of alerts that an outcome followed within H."""
    false_per_outcome: float
    median_lead: float
    """As a share of H, rounded down to a bin."""
    reliability: tuple[tuple[float, float, int], ...]
    """For each tenth of the probability: mean probability, share of outcomes, rows."""


def figures(record: Record) -> Figures:
    """Return what a record comes to.

    >>> record = blank()
    >>> for odds, label in ((2.0, 1), (1.0, 0), (-1.0, 1), (-2.0, 0)):
    ...     note(record, odds, label)
    >>> figures(record).roc_auc, round(figures(record).pr_auc, 4)
    (0.75, 0.8333)
    """
    n, sums = record.sums[ROWS], record.sums
    tenths = [(_ratio(p, rows), _ratio(y, rows), round(rows)) for rows, p, y in record.tenths.tolist()]
    return Figures(
        rows=round(n),
        pr_auc=_average_precision(record.levels),
        roc_auc=_roc(record.levels),
        brier=_ratio(sums[BRIER], n),
        log_loss=_ratio(sums[LOSS], n),
        outcomes=round(sums[OUTCOMES]),
        recall=_ratio(sums[WARNED], sums[OUTCOMES]),
        precision=_ratio(sums[TRUE], sums[TRUE] + sums[FALSE]),
        false_per_outcome=_ratio(sums[FALSE], sums[OUTCOMES]),
        median_lead=_median(record.leads),
        reliability=tuple(tenths),
    )


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _average_precision(levels: Floats) -> float:
    found, all_ = np.cumsum(levels[1, ::-1]), np.cumsum(levels.sum(axis=0)[::-1])
    return _ratio(float(np.sum(levels[1, ::-1] * found / np.maximum(all_, 1.0))), float(found[-1]))


def _roc(levels: Floats) -> float:
    below = np.cumsum(levels[0]) - levels[0] / 2
    return _ratio(float(levels[1] @ below), float(levels[0].sum() * levels[1].sum()))


def _median(leads: Floats) -> float:
    if not leads.sum():
        return float("nan")
    return float(np.searchsorted(np.cumsum(leads), leads.sum() / 2)) / LEADS
