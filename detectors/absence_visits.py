"""What arrivals, and hours and weekdays without any, teach a rhythm. Every constant stands here with its reason."""

import math
from typing import Any

import numpy as np

from detectors.absence_rhythm import hour_of, knows, saw, weekday_of
from detectors.compiled import compiled

LONGEST_PAUSE = 4 * 24
"""Hours of a long weekend: a longer silence is no part of a rhythm and teaches it nothing."""
PARTIAL = 65535
"""Instead of a count: the hour of the first arrival, of which only a part was watched, is not learned."""
HOUR_VISITS, DAY_VISITS = 14.0, 6.0
"""What a slot expects is the mean over so many visits: two weeks of days, six weeks of weekdays."""
SURPRISE, SURPRISE_HOUR, SURPRISE_DAY = 4.0, 1 / 3, 1 / 2
"""A silent hour or day of which so many arrivals were expected (chance: 2 %), or that lay past the due time, is learned
in a few visits: to expect what no longer comes makes an alarm a day, to expect too little for some days a late one."""
LATE_HOURS = 24
"""Hours past the due time that are learned of a silence: it may be an outage."""
PRIOR = 0.25
"""Arrivals that a weekday is thought to have had as usual before any is counted: 3 a day say little, 60 much."""
MASSED = 0.3
"""Share of all arrivals by which one side of the clock outweighs the other, from which on a day is moved to it."""


@compiled
def see(rhythm: Any, slot: int) -> None:
    rhythm.seen = int(rhythm.seen) | 1 << slot


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
    if saw(rhythm, slot) and not (rhythm.hours[slot] == 0.0 and count >= SURPRISE and rhythm.closed < HOUR_VISITS):
        factor = _factor(rhythm, weekday_of(rhythm, hour))
        rhythm.day_expected += rhythm.hours[slot]
        _learn_hour(rhythm, slot, count, factor, late)
    else:
        rhythm.hours[slot] = count
        rhythm.day_expected += count
        see(rhythm, slot)
    rhythm.day_count += count
    if _begins(rhythm, hour, hour + 1):
        _close_day(rhythm, weekday_of(rhythm, hour), late)


@compiled
def _factor(rhythm: Any, day: int) -> float:
    """Return what a weekday has of a usual day; one never seen is judged by what it had so far, if anything."""
    if saw(rhythm, 24 + day):
        return float(rhythm.days[day])
    return _ratio(rhythm) if rhythm.day_count > 0.0 else 0.0


@compiled
def _ratio(rhythm: Any) -> float:
    return min(float((rhythm.day_count + PRIOR) / (rhythm.day_expected + PRIOR)), 7.0)


@compiled
def _learn_hour(rhythm: Any, slot: int, count: float, factor: float, late: bool) -> None:
    """Move the hour towards what came, in the measure in which the day is a usual one (least mean squares)."""
    expected = float(rhythm.hours[slot]) * factor
    weight = max(1.0 / HOUR_VISITS, 1.0 / (rhythm.closed + 2.0))
    if count == 0.0 and (late or expected >= SURPRISE):
        weight = max(weight, SURPRISE_HOUR)
    rhythm.hours[slot] += weight * min(factor, 1.0) * (count - expected) / max(factor, 1.0)


@compiled
def _close_day(rhythm: Any, day: int, late: bool) -> None:
    """Learn the factor of a weekday, unless hardly anything was expected: of one never seen, a whole arrival at least.

    When days begin at another hour from now on, the hours between are a day of their own of which little is expected.
    """
    known, ratio = saw(rhythm, 24 + day), _ratio(rhythm)
    if rhythm.day_count + rhythm.day_expected >= (PRIOR if known else 1.0):
        if known:
            rhythm.days[day] += _day_weight(rhythm, day, late) * (ratio - rhythm.days[day])
        else:
            rhythm.days[day] = ratio
            see(rhythm, 24 + day)
        rhythm.closed = min(int(rhythm.closed) + 1, 255)
        _find_dawn(rhythm)
    rhythm.day_count = rhythm.day_expected = 0.0


@compiled
def _day_weight(rhythm: Any, day: int, late: bool) -> float:
    if rhythm.day_count == 0.0 and (late or rhythm.day_expected * rhythm.days[day] >= SURPRISE):
        return SURPRISE_DAY
    return max(1.0 / DAY_VISITS, 1.0 / (float(rhythm.closed // 7) + 2.0))


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
    dawn = int(np.floor(math.atan2(east, north) / (2.0 * math.pi) * 24.0 + 12.5)) % 24
    if 1 < (dawn - rhythm.dawn) % 24 < 23:
        if rhythm.closed < 7 and _between(rhythm, int(rhythm.dawn), dawn) >= 1.0:
            rhythm.seen = int(rhythm.seen) & 0xFFFFFF  # weekdays seen so far were parts of two each
        rhythm.dawn = dawn


@compiled
def _between(rhythm: Any, one: int, other: int) -> float:
    """Return the arrivals of the hours between two hours of the day, the shorter way round."""
    start, hours = one, (other - one) % 24
    if hours > 12:
        start, hours = other, 24 - hours
    total = 0.0
    for hour in range(start, start + hours):
        total += float(rhythm.hours[hour % 24])
    return total
