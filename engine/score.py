"""A detector on one recorded series: every row is scored before it is learned from, in order of time."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from detectors.base import Detector, Floats, Observations, Scores, Signal
from detectors.monitor import Monitor
from detectors.raising import MOST_DECADES, RaiseRule
from engine.errors import ForewarnError
from engine.recordings.tabular import Rows, moment

USUAL_STEP = 60.0
"""Seconds between observations where there are too few to tell."""
USUAL_RULE = RaiseRule()
MISSING = ("", "nan", "na", "n/a", "#n/a", "<na>", "null", "nil", "none", "-", "--", "?", ".")
"""What files write where there is no value, in lower case."""
TIMES, VALUES = ("timestamp", "time", "datetime", "date", "ts"), ("value", "values", "y", "metric")


@dataclass(slots=True)
class Series:
    """What a file of `timestamp,value` holds, in its order."""

    texts: list[str] = field(default_factory=list)
    """The times as they are written."""
    times: list[float] = field(default_factory=list)
    """Epoch seconds."""
    values: list[float] = field(default_factory=list)
    """NaN where the file has none."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A column for each row of the series."""

    score: Floats
    """Evidence in decades, −log₁₀ of the tail probability; of kinds that tell `dense`, that. NaN: no opinion."""
    alarm: Floats
    """Evidence, once an episode: what kinds that tell `alarm` tell, else the score where a signal was raised; or 0."""
    signal: NDArray[np.bool_]
    """Where a signal was raised."""
    step: float


def read_series(lines: Iterable[bytes], place: str) -> Series:
    """Read a CSV file with a column for the time and one for the value: by their names, else the first two.

    Raises ForewarnError, with the line, for a time or a value that is none.
    """
    rows = Rows(lines, place)
    time, value = _columns(rows.header, place)
    series = Series()
    for row in rows:
        if row.problem:
            raise ForewarnError(row.problem, place=f"{place}:{row.line}", remedy="correct the row")
        series.texts.append(row.values[time])
        series.times.append(_time(row.values[time], f"{place}:{row.line}"))
        series.values.append(_value(row.values[value], f"{place}:{row.line}"))
    if not series.times:
        raise ForewarnError("there is no row below the header", place=place, remedy="give at least one")
    return series


def _columns(header: Sequence[str], place: str) -> tuple[int, int]:
    if len(header) < 2:
        remedy = "the file needs a column `timestamp` and a column `value`"
        raise ForewarnError(f"one column only: {header[0]!r:.80}", place=f"{place}:1", remedy=remedy)
    lower = [name.strip().lower() for name in header]
    time = next((lower.index(name) for name in TIMES if name in lower), 0)
    value = next((lower.index(name) for name in VALUES if name in lower), 1 if time != 1 else 0)
    return time, value


def _time(text: str, place: str) -> float:
    at = moment(text)
    if np.isnan(at):
        remedy = "write it as 2025-03-03T08:00:00Z, or as seconds since 1970"
        raise ForewarnError(f"{text!r:.80} is no time", place=place, remedy=remedy)
    return at


def _value(text: str, place: str) -> float:
    text = text.strip()
    if text.lower() in MISSING:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        cause = f"{text!r:.80} is no number"
        raise ForewarnError(cause, place=place, remedy="correct it, or leave it empty if it is missing") from None


def score(detector: Detector, series: Series, rule: RaiseRule = USUAL_RULE) -> Scored:
    """Run a copy of `detector` over the series. Rows that are not in order of time are scored in that order."""
    order = np.argsort(np.asarray(series.times), kind="stable")
    times, values = np.asarray(series.times)[order], np.asarray(series.values)[order]
    step = step_of(times)
    kept = _Kept(copy.deepcopy(detector))
    monitor = Monitor("score", cast(Detector, kept), rule)
    monitor.prepare(step)
    monitor.grow(1)
    signals = monitor.observe(Observations.of(np.zeros(len(times)), times, values))
    assert kept.scores is not None
    raised = _raised(signals, times, kept.scores.score)
    dense, alarm = _columns_of(kept.scores, raised)
    back = np.argsort(order, kind="stable")
    return Scored(dense[back], alarm[back], raised[back], step)


def _raised(signals: Sequence[Signal], times: Floats, scores: Floats) -> NDArray[np.bool_]:
    """Mark the rows that raised a signal; several rows may be of one time."""
    raised, row = np.zeros(len(times), np.bool_), 0
    for signal in signals:
        if signal.state == "raised":
            row = next((i for i in range(row, len(times)) if (times[i], scores[i]) == (signal.time, signal.score)), row)
            raised[row] = True
    return raised


def _columns_of(scores: Scores, raised: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    evidence = decades(scores.score)
    dense = scores.extra.get("dense", evidence)
    alarm = scores.extra.get("alarm", np.where(raised, evidence, 0.0))
    return dense, np.nan_to_num(alarm)


def step_of(times: NDArray[np.float64]) -> float:
    """Return the median difference of times that follow each other, in seconds.

    >>> step_of(np.array([0.0, 60.0, 120.0, 600.0]))
    60.0
    """
    steps = np.diff(times)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else USUAL_STEP


def decades(score: Floats) -> Floats:
    """Return the evidence of scores, −log₁₀(1 − score), at most 12.

    >>> decades(np.array([0.999, 1.0])).round(6).tolist()
    [3.0, 12.0]
    """
    tail: Floats = np.maximum(1.0 - score, 10.0**-MOST_DECADES)
    return -np.log10(tail)


class _Kept:
    """A detector that keeps the scores of its latest batch for us: a monitor gives signals only."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.scores: Scores | None = None

    def update(self, batch: Observations) -> Scores:
        self.scores = self._detector.update(batch)
        return self.scores

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)
