"""A known date comes near: a card expires, a certificate, a contract, a token."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes, Floats, Ints, Missed, Observations, Scores, Signal
from detectors.compiled import compiled
from detectors.durations import Duration, spoken
from detectors.rows import RowDetector

ROW = np.dtype([("date", "f8"), ("seen", "f8")])
"""The date as last told, 0 if never, and the time at which it was."""
EARLIEST, LATEST = 1e8, 253402300800.0
"""Dates are from 1973 to the year 9999. What is less is no date but a count of days, say; what is more …"""
MILLI = 1000.0
"""… is one in milliseconds, as 1973 is in them later than 9999 is in seconds."""
FIRST_DECADES, MOST_DECADES = 3.0, 12.0


class _Late(NamedTuple):
    """Dates whose first lead had passed before the next was told: the row of that, and the date."""

    before: Ints
    date: Floats


class Deadline(RowDetector):
    """A date that is known is near or has passed: each observation's value is the date, in epoch seconds.

    In a watch that is `measure: {last: FIELD}`, the field of the date. It is told at the first of the `lead` times
    before the date and again at each other and at the date itself, whether or not anything comes. The score is 0.999,
    three decades of evidence, at the first, and rises evenly in steps from one to the next to twelve at the date. The
    issue is over when a date farther away than the first lead is told. The extra columns are `left_s`, the seconds to
    the date (negative once it has passed), and `lead_s`, the last lead that was reached (0: the date; NaN: none).

    A date that is moved is taken as it is: earlier, it may be told at once; later but within the leads, the score
    falls. One that had passed when it was first told is told at once, however long ago. Milliseconds are recognised; a
    value that is no date from 1973 to 9999 is no opinion, and the date known before stays.

    >>> detector = Deadline(lead=["30d", "7d"])
    >>> detector.grow(1)
    >>> day = 86400.0
    >>> detector.update(Observations.of([0], [20_000 * day], [20_100 * day])).score.tolist()
    [0.0]
    >>> told, scores = detector.tick(20_085 * day)
    >>> told.time.tolist() == [20_070 * day], (scores.extra["left_s"] / day).tolist(), scores.score.round(8).tolist()
    (True, [15.0], [0.99999884])
    """

    kind: ClassVar[str] = "deadline"
    row: ClassVar[np.dtype[Any]] = ROW
    ticks: ClassVar[bool] = True
    needs_window: ClassVar[bool] = False
    extras: ClassVar[tuple[str, ...]] = ("left_s", "lead_s")
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"lead": ["1h", "10m"]},
        {"lead": "30s"},
    )

    def __init__(self, *, lead: list[str] | str = ["30d", "7d", "1d"]) -> None:  # noqa: B006 - read only; in the schema
        """Tell of the date at these times before it, in any order."""
        self._leads = _leads([lead] if isinstance(lead, str) else lead)
        self._first = float(self._leads[-1])
        super().__init__()

    def update(self, batch: Observations) -> Scores:
        """Take note of dates; `missed` tells those whose first lead passed before another came."""
        n = len(batch.series)
        late = _Late(np.empty(n, np.int32), np.empty(n))
        dates, found = self._dates(batch, late, learn=True)
        scores = self._scored(batch.time, dates)
        if found:
            before, date = late.before[:found].copy(), late.date[:found].copy()
            told = Observations(batch.series[before], date - self._first, date)
            scores.missed = Missed(before, told, self._scored(batch.time[before], date))
        return scores

    def _run(self, batch: Observations, *, learn: bool) -> Scores:
        none = _Late(np.empty(len(batch.series), np.int32), np.empty(len(batch.series)))
        return self._scored(batch.time, self._dates(batch, none, learn=learn)[0])

    def tick(self, time: float) -> tuple[Observations, Scores]:
        """Return all series whose first lead is reached at `time`: when it was, and the date as value."""
        dates = self._rows.view(ROW)["date"]
        series = np.flatnonzero((dates > 0) & (dates - self._first <= time)).astype(np.int32)
        date = dates[series]
        return Observations(series, date - self._first, date), self._scored(np.full(len(date), time), date)

    def tells_again(self, batch: Observations, scores: Scores, since: float) -> NDArray[np.bool_]:
        """Return whether another lead was reached, or the date."""
        left = scores.extra["left_s"]
        return np.asarray(self._reached(left) != self._reached(left + since))

    def explain(self, signal: Signal) -> str:
        """Say the date, and how far it is."""
        left = signal.extra.get("left_s", math.nan)
        date = _seconds(signal.value)
        if math.isnan(date) or math.isnan(left):
            return "No date is known."
        day = f"{datetime.fromtimestamp(date, UTC):%Y-%m-%d %H:%M} UTC"
        if left <= 0:
            return f"The date was {day}, {spoken(-left)} ago."
        return f"The date is {'now ' if signal.state == 'cleared' else ''}{day}, in {spoken(left)}."

    def _dates(self, batch: Observations, late: _Late, *, learn: bool) -> tuple[Floats, int]:
        dates = np.empty(len(batch.series))
        taken = (batch.series, batch.time, batch.value)
        return dates, _take(self._rows, taken, self._first, dates, (late.before, late.date), learn)

    def _scored(self, time: Floats, date: Floats) -> Scores:
        left = date - time
        scores = Scores.silent(len(date))
        decades = np.interp(left, self._leads, np.linspace(MOST_DECADES, FIRST_DECADES, len(self._leads)))
        near = np.maximum(1.0 - 10.0**-decades, self.raise_score)
        scores.score = np.where(np.isnan(left), np.nan, np.where(left <= self._first, near, 0.0))
        scores.low = np.where(np.isnan(left), -np.inf, time + self._first)
        passed = self._reached(left)
        scores.extra = {"left_s": left, "lead_s": np.append(self._leads, np.nan)[len(self._leads) - passed]}
        return scores

    def _reached(self, left: Floats) -> NDArray[np.int64]:
        """Return how many of the leads and the date are reached with so much left."""
        return np.where(np.isnan(left), 0, len(self._leads) - np.searchsorted(self._leads, left))


def _leads(texts: list[str]) -> Floats:
    """Return the leads in seconds, from 0, the date itself, to the first that is reached."""
    leads = [Duration(text) for text in texts]
    if not leads or not all(0 < lead < math.inf for lead in leads):
        raise ValueError(
            f"lead is {', '.join(map(str, leads)) or 'empty'}: give at least one, each longer than nothing"
        )
    return np.unique([0.0, *leads])


@compiled
def _seconds(value: float) -> float:
    """Return the date that is meant; NaN if it is none."""
    date = value / MILLI if value >= LATEST else value
    return date if EARLIEST <= date < LATEST else np.nan


@compiled
def _take(
    state: Bytes,
    batch: tuple[Ints, Floats, Floats],
    first: float,
    dates: Floats,
    late: tuple[Ints, Floats],
    learn: bool,
) -> int:
    rows, found = state.view(ROW), 0
    series, time, value = batch
    for i in range(series.shape[0]):
        dates[i] = _seconds(value[i])
        if not (np.isfinite(time[i]) and np.isfinite(dates[i])):
            dates[i] = np.nan
            continue
        row = rows[series[i]]
        if row.date > 0 and row.seen < row.date - first <= time[i]:
            late[0][found], late[1][found] = i, row.date
            found += 1
        if learn:
            row.seen = max(row.seen, time[i]) if row.date > 0 else time[i]
            row.date = dates[i]
    return found
