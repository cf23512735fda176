"""The rhythm in which a series' events arrive: by hour of the day and by weekday, and how it counts a silence.

One record a series beside its gaps, and what compiled loops do with it. *Arrivals* are windows in which an event came.
Every constant stands here with its reason.
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
LONGEST_PAUSE = 4 * 24
"""Hours of a long weekend: a longer silence is no part of a rhythm and teaches it nothing."""
PARTIAL = 65535
"""Instead of a count: the hour of the first arrival, of which only a part was watched, is not learned."""
HOUR_VISITS, DAY_VISITS = 14.0, 6.0
"""What a slot expects is the mean over so many visits: two weeks of days, six weeks of weekdays."""
SURPRISE, SURPRISE_WEIGHT = 4.0, 1 / 3
"""A silent hour or day of which so many arrivals were expected (chance: 2 %), or that lay past the due time, is learned
in a few visits: to expect what no longer comes makes an alarm a day, to expect too little for some days a late one."""
LATE_HOURS = 24
"""Hours past the due time that are learned of a silence: it may be an outage."""
SLACK = 1 / 3
"""Share of the limit that a moved rhythm may add to a silence: a usual gap. What is more is not counted."""
PRIOR = 0.25
"""Arrivals that a weekday is thought to have had as usual before any is counted: 3 a day say little, 60 much."""
MASSED = 0.3
"""Share of all arrivals by which one side of the clock outweighs the other, from which on a day is moved to it."""


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
def _weekday(rhythm: Any, hour: int) -> int:
    return int((hour - rhythm.dawn) // 24 + 3) % 7  # 1970-01-01 was a Thursday


@compiled
def _ends(rhythm: Any, hour: int) -> int:
    """Return the hour in which the next day begins."""
    return int(hour + 24 - (hour - rhythm.dawn) % 24)


@compiled
def _saw(rhythm: Any, slot: int) -> bool:
    return bool(int(rhythm.seen) >> slot & 1)


@compiled
def _see(rhythm: Any, slot: int) -> None:
    rhythm.seen = int(rhythm.seen) | 1 << slot


@compiled
def knows(rhythm: Any, hour: int) -> bool:
    """Return whether this hour of the day and this weekday have been visited."""
    return _saw(rhythm, hour % 24) and _saw(rhythm, 24 + _weekday(rhythm, hour))


@compiled
def rate_at(rhythm: Any, hour: int, unseen: float) -> float:
    """Return the arrivals expected in an hour; of an hour of the day not visited yet `unseen`, of a weekday too."""
    slot, day = hour % 24, _weekday(rhythm, hour)
    if _saw(rhythm, slot) and _saw(rhythm, 24 + day):
        return float(rhythm.hours[slot] * rhythm.days[day])
    return min(unseen, float(rhythm.hours[slot])) if _saw(rhythm, slot) else unseen


@compiled
def quiet_hours(rhythm: Any, rate: float) -> int:
    """Return how many hours of the day were visited and have hardly any of `rate` arrivals."""
    quiet = 0
    for slot in range(24):
        if _saw(rhythm, slot) and rhythm.hours[slot] < 0.1 * rate:
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
        if unseen == 0.0 and _ends(rhythm, hour) > hour + 1 and not _saw(rhythm, 24 + _weekday(rhythm, hour)):
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


@compiled
def arrive(rhythm: Any, last: float, came: float, due: float) -> None:
    """Take note of an arrival: close the hours and days since the one before, those without arrivals too."""
    hour, now = hour_of(last), hour_of(came)
    if now > hour:
        late = hour_of(min(due, came)) + 1
        _close_hour(rhythm, hour, False)
        for silent in range(hour + 1, min(now, hour + LONGEST_PAUSE)):
            if silent < late + LATE_HOURS or not knows(rhythm, silent):
                _close_hour(rhythm, silent, silent >= late)
            elif _begins(rhythm, silent - 1, silent):
                rhythm.day_count = rhythm.day_expected = 0.0
        if now - hour > LONGEST_PAUSE:
            rhythm.day_count = rhythm.day_expected = 0.0
    if rhythm.hour_count < PARTIAL - 1:
        rhythm.hour_count += 1


@compiled
def _begins(rhythm: Any, before: int, hour: int) -> bool:
    """Return whether another day has begun between two hours."""
    return bool((before - rhythm.dawn) // 24 != (hour - rhythm.dawn) // 24)


@compiled
def _close_hour(rhythm: Any, hour: int, late: bool) -> None:
    slot, count = hour % 24, float(rhythm.hour_count)
    rhythm.hour_count = 0
    if count == PARTIAL:
        return
    if _saw(rhythm, slot) and not (rhythm.hours[slot] == 0.0 and count >= SURPRISE and rhythm.closed < HOUR_VISITS):
        factor = _factor(rhythm, _weekday(rhythm, hour))
        rhythm.day_expected += rhythm.hours[slot]
        _learn_hour(rhythm, slot, count, factor, late)
    else:
        rhythm.hours[slot] = count
        rhythm.day_expected += count
        _see(rhythm, slot)
    rhythm.day_count += count
    if _begins(rhythm, hour, hour + 1):
        _close_day(rhythm, _weekday(rhythm, hour), late)


@compiled
def _factor(rhythm: Any, day: int) -> float:
    """Return what a weekday has of a usual day; one never seen is judged by what it had so far."""
    if _saw(rhythm, 24 + day):
        return float(rhythm.days[day])
    return _ratio(rhythm)


@compiled
def _ratio(rhythm: Any) -> float:
    return min(float((rhythm.day_count + PRIOR) / (rhythm.day_expected + PRIOR)), 7.0)


@compiled
def _learn_hour(rhythm: Any, slot: int, count: float, factor: float, late: bool) -> None:
    """Move the hour towards what came, in the measure in which the day is a usual one (least mean squares)."""
    expected = float(rhythm.hours[slot]) * factor
    weight = max(1.0 / HOUR_VISITS, 1.0 / (rhythm.closed + 2.0))
    if count == 0.0 and (late or expected >= SURPRISE):
        weight = max(weight, SURPRISE_WEIGHT)
    rhythm.hours[slot] += weight * min(factor, 1.0) * (count - expected) / max(factor, 1.0)


@compiled
def _close_day(rhythm: Any, day: int, late: bool) -> None:
    """Learn the factor of a weekday; one that could not have had an arrival, as nothing is known yet, is none."""
    ratio, known = _ratio(rhythm), _saw(rhythm, 24 + day)
    if not known and rhythm.day_count + rhythm.day_expected < 1.0:
        return
    if known:
        weight = max(1.0 / DAY_VISITS, 1.0 / (rhythm.closed // 7 + 2.0))
        if rhythm.day_count == 0.0 and (late or rhythm.day_expected * rhythm.days[day] >= SURPRISE):
            weight = max(weight, SURPRISE_WEIGHT)
        rhythm.days[day] += weight * (ratio - rhythm.days[day])
    else:
        rhythm.days[day] = ratio
        _see(rhythm, 24 + day)
    rhythm.day_count = rhythm.day_expected = 0.0
    rhythm.closed = min(int(rhythm.closed) + 1, 255)
    _find_dawn(rhythm)


@compiled
def _find_dawn(rhythm: Any) -> None:
    """Let days begin opposite the hour that arrivals gather around: an evening in America is no two days.

    The mean direction of the hours on the clock (Fisher, Statistical Analysis of Circular Data, 1993); where there is
    none, days go on as they were. A move by an hour is none, so that a weekday keeps its hours.
    """
    east = north = total = 0.0
    for slot in range(24):
        turn = (slot + 0.5) / 24.0 * 2.0 * math.pi
        east, north = east + rhythm.hours[slot] * math.sin(turn), north + rhythm.hours[slot] * math.cos(turn)
        total += rhythm.hours[slot]
    if rhythm.closed < 2 or math.hypot(east, north) < MASSED * total:
        return
    dawn = round(math.atan2(east, north) / (2.0 * math.pi) * 24.0 + 12.0) % 24
    if 1 < (dawn - rhythm.dawn) % 24 < 23:
        rhythm.dawn = dawn
