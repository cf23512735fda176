"""The rhythm in which a series' events arrive: by hour of the day and by weekday, and how it counts a silence.

One record a series beside its gaps, and how compiled loops read it. *Arrivals* are windows in which an event came. The
expected number of them plays the part of time, as in the time-rescaling theorem of point processes (Brown, Barbieri,
Ventura, Kass and Frank, "The time-rescaling theorem and its application to neural spike train data analysis", Neural
Computation 2002).
"""

import math
from typing import Any

import numpy as np

from detectors.compiled import compiled

RHYTHM = np.dtype(
    [
        ("hours", "<f4", 24),  # arrivals in each hour of a usual day, UTC
        ("days", "<f4", 7),  # what Monday to Sunday have of a usual day
        ("mean", "<f4"),  # of the gaps, in expected arrivals
        ("variance", "<f4"),
        ("day_count", "<f4"),  # arrivals of the day so far
        ("day_expected", "<f4"),  # what its hours would have on a usual day
        ("pause", "<i4"),  # hour since 1970 that ended the last gap beyond what is usual in seconds
        ("seen", "<u4"),  # a bit for each of `hours` and `days` that was visited
        ("hour_count", "<u2"),  # arrivals of the present hour
        ("closed", "u1"),  # days visited, up to 255
        ("dawn", "u1"),  # hour UTC at which its days begin
    ]
)
"""152 bytes."""

HOUR = 3600.0
LATEST = 1e12  # seconds: year 33,658; times beyond are none
LONGEST_WALK = 14 * 24
"""Hours that a rhythm is followed ahead or back: what two weeks do not hold it cannot tell."""
SLACK = 1 / 3
"""Share of the limit that a moved rhythm may add to a silence: a usual gap. What is more is not counted."""


def fresh_rhythms(size: int) -> Any:
    """Return the records of series never seen: their gaps are thought to be those of chance, mean and deviation 1."""
    rhythms = np.zeros(size, RHYTHM)
    rhythms["mean"] = rhythms["variance"] = 1.0
    rhythms["pause"] = -(2**31)
    return rhythms


@compiled
def hour_of(time: float) -> int:
    """Return the number of the hour since 1970."""
    return math.floor(time / HOUR)


@compiled
def weekday_of(rhythm: Any, hour: int) -> int:
    """Return the weekday, from 0 for Monday, that an hour since 1970 belongs to."""
    return int((hour - rhythm.dawn) // 24 + 3) % 7  # 1970-01-01 was a Thursday


@compiled
def _ends(rhythm: Any, hour: int) -> int:
    """Return the hour in which the next day begins."""
    return int(hour + 24 - (hour - rhythm.dawn) % 24)


@compiled
def saw(rhythm: Any, slot: int) -> bool:
    """Return whether a slot was visited: 0 to 23 the hours of the day, 24 to 30 Monday to Sunday."""
    return bool(int(rhythm.seen) >> slot & 1)


@compiled
def knows(rhythm: Any, hour: int) -> bool:
    """Return whether this hour of the day and this weekday have been visited."""
    return saw(rhythm, hour % 24) and saw(rhythm, 24 + weekday_of(rhythm, hour))


@compiled
def rate_at(rhythm: Any, hour: int, unseen: float) -> float:
    """Return the arrivals expected in an hour; of an hour of the day not visited yet `unseen`, of a weekday too."""
    slot, day = hour % 24, weekday_of(rhythm, hour)
    if saw(rhythm, slot) and saw(rhythm, 24 + day):
        return float(rhythm.hours[slot] * rhythm.days[day])
    return min(unseen, float(rhythm.hours[slot])) if saw(rhythm, slot) else unseen


@compiled
def quiet_hours(rhythm: Any, rate: float) -> int:
    """Return how many hours of the day were visited and have hardly any of `rate` arrivals."""
    quiet = 0
    for slot in range(24):
        if saw(rhythm, slot) and rhythm.hours[slot] < 0.1 * rate:
            quiet += 1
    return quiet


@compiled
def walk(rhythm: Any, since: float, limit: float, until: float, unseen: float) -> tuple[float, float]:
    """Return when the arrivals expected since `since` reach `limit`, at latest `until`, and how many they are then.

    The rhythm may have moved by an hour meanwhile, as by daylight saving time. If it did, at a moment `u` of the
    silence, the arrivals expected are fewer by those of the last hour and more by those of the hour before `u` (it is
    later now), or fewer by those of the hour after `u` and more by those of the hour to come (it is earlier). The
    least over both and all `u` is counted; where one hour is like the next it is the same.
    """
    hour, at, plain, counted = hour_of(since), since, 0.0, 0.0
    before, rate, after = rate_at(rhythm, hour - 1, unseen), rate_at(rhythm, hour, unseen), 0.0
    least, most = math.inf, 0.0
    while at < until:
        if unseen == 0.0 and _ends(rhythm, hour) > hour + 1 and not saw(rhythm, 24 + weekday_of(rhythm, hour)):
            hour = _ends(rhythm, hour) - 1
            at, before, rate, least = hour * HOUR, 0.0, 0.0, 0.0
            continue
        after = rate_at(rhythm, hour + 1, unseen)
        part = at / HOUR - hour
        least = min(least, before + part * (rate - before))
        most = max(most, rate + part * (after - rate))
        end = min((hour + 1) * HOUR, until)
        part = end / HOUR - hour
        plain += rate * (end - at) / HOUR
        passed, coming = before + part * (rate - before), rate + part * (after - rate)
        least, most = min(least, passed), max(most, coming)
        moved = max(passed - least, most - coming)
        reached = max(counted, plain - max(moved - SLACK * limit, 0.0))
        if reached >= limit:
            return at + (end - at) * (limit - counted) / (reached - counted), limit
        at, counted, hour = end, reached, hour + 1
        before, rate = rate, after
    return until, counted


@compiled
def expected(rhythm: Any, since: float, until: float) -> float:
    """Return the arrivals expected between two times; NaN if an hour between has not been visited."""
    first, last = hour_of(since), hour_of(until)
    total = 0.0
    for hour in range(first, last + 1):
        if not knows(rhythm, hour):
            return np.nan
        total += rate_at(rhythm, hour, 0.0) * (min(until / HOUR, hour + 1.0) - max(since / HOUR, float(hour)))
    return float(total)
