"""What `Ensemble` sees of a series once its rhythm, or its course, is taken off: more views, and how much they count.

A value at noon that is usual at midnight is unusual in none of the views of the value, and in all of what is left of it
when the rhythm is taken off. So where the rhythm explains most of what happens, the distance from what is usual at this
hour of the week, its mean over an eighth and a half of a day, and its spread are views as well; where a prediction one
step ahead explains nearly all, its error is. Elsewhere they say the same as the others, or little: their share of the
sum is how much is explained. How far three of them are is told besides how rare: in some thousand hours an outage and a
level that was off for two days are the rarest hundredth, and no rank tells the next outage from these. Compiled.
"""

import math
from typing import Any

from detectors.base import Floats
from detectors.compiled import compiled
from detectors.ensemble_tails import FEWEST, MOST
from detectors.ensemble_views import AHEAD, HOUR, HOUR_MEAN, HOUR_MEAN_LONG, HOUR_SPREAD

KEPT = 1024
"""Distances that are kept: half a day of minutes, and some."""
MEASURED = 3
"""Views that are measured by their own usual size too: of the hour, and its means."""
SPREAD_WINDOW = 10
FAR, FAR_DECADES, FAR_TAIL = 4.0, 3.0, 4.0
"""A distance of 4 usual ones is 3 decades, ten times that 4 more, as under a heavy tail; however often it came."""
SQUARE_CUT = 9.0
"""Mean squares at which a square is cut before it is learned."""
SQUARE_GAIN, COURSE_GAIN, RHYTHM_DAYS = 1 / 500, 1 / 500, 7.0
"""How much is explained is learned over so many values, or days."""
YOUNG = 24
"""Values before anything is said of how much is explained."""
RHYTHM_FROM, RHYTHM_WHOLE = 0.4, 0.8
COURSE_FROM, COURSE_WHOLE = 0.8, 0.95
"""Shares of the square of the distance from a slow mean that are explained: from where on the views count, and where
they count whole."""
LIMIT = 20.0
"""Usual distances at which one is cut."""

FIELDS: list[Any] = [
    ("error", "f8"),  # of the last prediction, in usual ones; NaN: none
    ("distance", "f8"),  # of the last value from what is usual at its hour, in usual ones; NaN: none
    ("course", "f8", 2),  # mean size of the prediction's errors, and of the distance from the slow mean
    ("course_seen", "u4"),
    ("rhythm", "f8", 2),  # the same of the distance from the half-hour's mean
    ("rhythm_seen", "u4"),
    ("kept", "f4", KEPT),  # the last distances, a ring
    ("kept_seen", "u4"),
    ("kept_windows", "i4", 2),
    ("kept_sums", "f8", 2),
    ("squares", "f8", MEASURED),
    ("squares_seen", "u4", MEASURED),
]


@compiled
def explained(sizes: Any, seen: int) -> float:
    """Return the share of the square that is explained, of the mean sizes of what is left and of all."""
    if seen <= YOUNG or not sizes[1] > 0.0:
        return 0.0
    return 1.0 - float(sizes[0] / sizes[1]) ** 2


@compiled
def weigh(row: Any, weights: Floats) -> None:
    """Write the weights of the views of this file among all others, which have 1."""
    rhythm = _between(explained(row.rhythm, row.rhythm_seen), RHYTHM_FROM, RHYTHM_WHOLE)
    weights[HOUR] = weights[HOUR_MEAN] = weights[HOUR_MEAN_LONG] = weights[HOUR_SPREAD] = rhythm
    weights[AHEAD] = _between(explained(row.course, row.course_seen), COURSE_FROM, COURSE_WHOLE)


@compiled
def _between(share: float, start: float, end: float) -> float:
    return min(max((share - start) / (end - start), 0.0), 1.0)


@compiled
def learn_course(row: Any, left: float, whole: float) -> None:
    """Learn what was left by a prediction, and the distance from the slow mean."""
    row.course_seen = min(row.course_seen + 1, 4_000_000_000)
    _learn(row.course, abs(left), abs(whole), max(COURSE_GAIN, 1.0 / row.course_seen))


@compiled
def learn_rhythm(row: Any, left: float, whole: float) -> None:
    """Learn what was left by the half-hour's mean, and the distance from the slow mean."""
    row.rhythm_seen = min(row.rhythm_seen + 1, 4_000_000_000)
    _learn(row.rhythm, abs(left), abs(whole), max(1.0 / (RHYTHM_DAYS * row.day), 1.0 / row.rhythm_seen))


@compiled
def _learn(sizes: Any, left: float, whole: float, gain: float) -> None:
    sizes[0] += gain * (left - sizes[0])
    sizes[1] += gain * (whole - sizes[1])


@compiled
def look_behind(row: Any, views: Floats, far: Floats) -> None:
    """Write the views of what is left, after `surprise`, and decades of how far it is; the step is that of `look`."""
    far[:] = 0.0
    views[AHEAD] = row.error
    if math.isnan(row.distance):
        return
    _keep(row, min(max(row.distance, -LIMIT), LIMIT))
    views[HOUR] = row.distance
    for which in range(2):
        if row.kept_seen > row.kept_windows[which]:
            views[HOUR_MEAN + which] = row.kept_sums[which] / row.kept_windows[which]
    if row.kept_seen > SPREAD_WINDOW:
        views[HOUR_SPREAD] = _spread(row)
    for which in range(MEASURED):
        if not math.isnan(views[HOUR + which]):
            far[which] = _far(row, which, views[HOUR + which])


@compiled
def _keep(row: Any, distance: float) -> None:
    seen = int(row.kept_seen)
    row.kept[seen % KEPT] = distance
    row.kept_seen = seen + 1
    for which in range(2):
        length = int(min(max(row.day // 8, 2), KEPT // 4) if which == 0 else min(max(row.day // 2, 6), KEPT - 1))
        if length != row.kept_windows[which] or seen % length == 0:  # anew now and then: no rounding adds up
            row.kept_windows[which], row.kept_sums[which] = length, _sum(row, min(length, seen + 1))
        else:
            row.kept_sums[which] += distance - float(row.kept[(seen - length) % KEPT]) * (seen >= length)


@compiled
def _sum(row: Any, length: int) -> float:
    found = 0.0
    for j in range(length):
        found += row.kept[(int(row.kept_seen) - 1 - j) % KEPT]
    return found


@compiled
def _spread(row: Any) -> float:
    mean, squares = _sum(row, SPREAD_WINDOW) / SPREAD_WINDOW, 0.0
    for j in range(SPREAD_WINDOW):
        squares += (row.kept[(int(row.kept_seen) - 1 - j) % KEPT] - mean) ** 2
    return math.log10(math.sqrt(squares / SPREAD_WINDOW) + 1e-6)


@compiled
def _far(row: Any, which: int, value: float) -> float:
    """Return how far a value is beyond its usual size, in decades, and learn it."""
    square, seen, told = value * value, int(row.squares_seen[which]), 0.0
    usual = float(row.squares[which])
    if seen > FEWEST:
        size = math.sqrt(square / usual) if usual > 0.0 else 0.0
        told = FAR_DECADES + FAR_TAIL * math.log10(size / FAR) if size > FAR else 0.0
        square = min(square, SQUARE_CUT * usual)
    row.squares_seen[which] = min(seen + 1, 4_000_000_000)
    row.squares[which] += max(SQUARE_GAIN, 1.0 / (seen + 1.0)) * (square - usual)
    return min(told, MOST)
