"""How well a detector tells the incidents of made series: found, false alarms a week, precision of the dense score."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats
from tests.nab.corpus import Series
from tests.telemetry.families import DAY, HOUR
from tests.telemetry.incidents import Incident, Made

WEEK = 7 * DAY
LATE = 12
"""Rows after an incident's last in which an alarm is still about it."""
SETTLING = DAY
"""Seconds after an incident in which an alarm is about its end: neither found nor false."""


@dataclass
class Verdict:
    """What was found of how many incidents, by kind; false alarms, in how many weeks."""

    asked: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    false: int = 0
    weeks: float = 0.0
    precision: list[float] = field(default_factory=list)
    """Average precision of the dense score, of each series."""

    def add(self, series: Made, signal: NDArray[np.bool_], dense: Floats) -> None:
        """Count what was told of a series."""
        free = np.ones(len(signal), np.bool_)
        free[: len(signal) // 10] = False
        for each in series.incidents:
            first, last = _window(each, len(signal))
            self.asked[each.kind] += 1
            self.found[each.kind] += bool(signal[first : last + 1].any())
            until = np.searchsorted(series.times, series.times[last] + SETTLING)
            free[first : int(until) + 1] = False
        self.false += int((signal & free).sum())
        self.weeks += float((np.diff(series.times) * free[1:]).sum()) / WEEK
        self.precision.append(average_precision(dense, _labels(series)))

    @property
    def recall(self) -> float:
        """Share of the incidents that were found."""
        return sum(self.found.values()) / max(sum(self.asked.values()), 1)


def _window(incident: Incident, rows: int) -> tuple[int, int]:
    return incident.first, min(incident.last + LATE, rows - 1)


def _labels(series: Made) -> NDArray[np.bool_]:
    labels = np.zeros(len(series.values), np.bool_)
    for each in series.incidents:
        labels[each.first : each.last + 1] = True
    return labels


def average_precision(score: Floats, labels: NDArray[np.bool_]) -> float:
    """Return the mean precision at each of the rows that are labelled, ranked by the score.

    >>> average_precision(np.array([0.1, 0.9, 0.5, 0.7]), np.array([False, True, True, False])).__round__(3)
    0.833
    """
    order = np.argsort(-np.nan_to_num(score), kind="stable")
    hit = labels[order]
    return float((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean()) if hit.any() else float("nan")


def as_benchmark(series: Made) -> Series:
    """Return the series as one of the Numenta benchmark's form, for its scorer: a window has at least 12 hours."""
    windows = []
    for each in series.incidents:
        first, last = _window(each, len(series.values))
        end = np.searchsorted(series.times, series.times[each.first] + 12 * HOUR) - 1
        windows.append((first, min(max(last, int(end)), len(series.values) - 1)))
    return Series(f"{series.name}.csv", series.times, series.values, tuple(windows))


def total(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the sum of verdicts."""
    one = Verdict()
    for each in verdicts:
        one.asked += each.asked
        one.found += each.found
        one.false += each.false
        one.weeks += each.weeks
        one.precision += each.precision
    return one
