"""What is known of a cohort: the values of its open window, and the centres of those that closed.

A member's value is brought to the cohort's scale by its own *size*: value / size where ratios are compared, value less
size where differences are. The *centre* of a window is the median of its members on that scale, the *spread* their
median absolute deviation from it.
"""

from typing import Any, NamedTuple

import numpy as np

from detectors.base import Floats
from detectors.compiled import compiled
from detectors.peer_tails import FIRST_TAIL

SAMPLE, CLOSED = 64, 8
"""Members whose values make the centre: its standard error is then 16 % of one member's deviation; and closed windows
that are remembered, so that a member that reports in some windows only is held against the right one."""

GROUP = np.dtype(
    [
        ("time", "f8"),  # of the open window
        ("sample", "f8", SAMPLE),  # of the members in it, ascending
        ("closed_time", "f8", CLOSED),
        ("closed_centre", "f8", CLOSED),
        ("closed_spread", "f8", CLOSED),  # NaN where the centre is assumed, as the members are all new
        ("closed_members", "i4", CLOSED),  # 0: nothing is known of the window
        ("usual", "f8"),  # usual spread
        ("level", "f8"),  # usual size of the centre
        ("tails", "f4", (2, 3)),  # as in the seasonal kind, of all members together
        ("seen", "i4"),  # members in the open window that are aligned
        ("young", "i4"),  # and those that are not yet
        ("latest", "i4"),  # the place of the latest closed window
        ("windows", "i4"),  # closed windows with a centre of their own
        ("begun", "i4"),
        ("own", "i4"),  # of the latest closed window, where it was told of: this partition's members in it
        ("told_time", "f8"),  # of the open window, where the cohort as a whole was: the rest of it is in partitions
        ("told_centre", "f8"),
        ("told_spread", "f8"),
        ("told_seen", "i4"),
        ("told_young", "i4"),
    ]
)
"""840 bytes."""
BEFORE = 808
"""Bytes of a row before cohorts were told of: what came in since is nil."""

USUAL_RATE, SETTLED = 1 / 64, 8
"""Memory of the usual spread and level, in windows; cut at three times the usual after the first few."""
LATE = 10.0
"""A time so many windows before the open one starts anew: the open one was an error, or the clock was set back."""
ABSOLUTE_FLOOR = 1e-30  # less is nil


class Config(NamedTuple):
    """What the loop needs to know of the detector's configuration; times in seconds, gains for one window."""

    step: float
    share: float  # of one window in what a size is learned from
    adopt: float
    members: float
    warmup: float
    least: float
    tail: float  # the tail probability .1, one side's
    ratio: bool
    up: bool
    down: bool


CONFIG = np.dtype([(name, "f8") for name in Config._fields])


class View(NamedTuple):
    """A centre to hold a value against; `members` is 0 where there is none."""

    centre: float
    spread: float
    members: float


@compiled
def turn(group: Any, config: Any, t: float) -> None:
    """Open the window at `t`, unless it is open or `t` is a little late."""
    if not group.begun:
        group.begun, group.time = 1, t
        for side in range(2):
            for j in range(3):
                group.tails[side, j] = FIRST_TAIL[j]
    elif t > group.time or t < group.time - LATE * max(config.step, 1.0):
        _close(group, config)
        group.time, group.seen, group.young = t, 0, 0


@compiled
def _close(group: Any, config: Any) -> None:
    """Keep the centre of the open window: as told, the median, or the last one where nearly all members are new."""
    last, now = latest(group, config), present(group, config)
    at = (group.latest + 1) % CLOSED
    group.latest, group.closed_time[at] = at, group.time
    if group.told_seen + group.told_young > 0 and group.told_time == group.time:
        _close_as_told(group, config, at, last.centre)
        return
    group.own = 0
    group.closed_centre[at], group.closed_spread[at], group.closed_members[at] = now.centre, now.spread, now.members
    if now.members > 0:
        _learn_usual(group, config, now)
    elif group.seen < config.members <= group.seen + group.young:
        group.closed_centre[at], group.closed_spread[at] = last.centre, np.nan
        group.closed_members[at] = group.seen + group.young


@compiled
def _close_as_told(group: Any, config: Any, at: int, last: float) -> None:
    group.own = max(group.seen, 1)
    _keep_told(group, config, at, last)
    if group.closed_members[at] > 0 and not np.isnan(group.closed_spread[at]):
        _learn_usual(group, config, closed(group, at))


@compiled
def _keep_told(group: Any, config: Any, at: int, last: float) -> None:
    """Keep what was told as a closed window: its centre, or that before where nearly all members are new."""
    nil = config.ratio and abs(group.told_centre) <= ABSOLUTE_FLOOR
    group.closed_centre[at], group.closed_spread[at], group.closed_members[at] = last, np.nan, 0
    if group.told_seen >= config.members and not nil:
        group.closed_centre[at], group.closed_spread[at] = group.told_centre, group.told_spread
        group.closed_members[at] = group.told_seen
    elif group.told_seen < config.members <= group.told_seen + group.told_young:
        group.closed_members[at] = group.told_seen + group.told_young


@compiled
def hear(group: Any, config: Any, told: tuple[float, float, float, int, int]) -> None:
    """Take over where the cohort was: time, centre, spread, members seen, members too new.

    Of a window that is open, or to come, it is kept for its end; one that is closed was that from now on.
    """
    kept = group.told_time, group.told_centre, group.told_spread, group.told_seen, group.told_young
    _set_told(group, told)
    if group.begun and told[0] < group.time:
        for at in range(CLOSED):
            if group.closed_time[at] == told[0]:
                _keep_told(group, config, at, group.closed_centre[at])
        _set_told(group, kept)


@compiled
def _set_told(group: Any, told: tuple[float, float, float, int, int]) -> None:
    group.told_time, group.told_centre, group.told_spread, group.told_seen, group.told_young = told


@compiled
def _learn_usual(group: Any, config: Any, now: View) -> None:
    """Move the usual level and spread; what is new is cut at three times the usual."""
    rate, most = max(USUAL_RATE, 1.0 / (group.windows + 1.0)), np.inf if group.windows < SETTLED else 3.0
    spread = now.spread / swing(group, config, now.centre, group.usual) if group.windows > 0 else now.spread
    group.usual += rate * (_cut(spread, most, group.usual) - group.usual)
    group.level += rate * (_cut(abs(now.centre), most, group.level) - group.level)
    group.windows = min(group.windows + 1, 1000000)


@compiled
def _cut(new: float, times: float, usual: float) -> float:
    return min(new, times * usual) if usual > 0 else new


@compiled
def swing(group: Any, config: Any, centre: float, unit: float) -> float:
    """Return by what departures grow and shrink as the cohort does: where ratios are compared, in proportion.

    What does not shrink with it is as much as `unit`: where the centre is usually nil nothing is scaled.
    """
    if not config.ratio or group.windows == 0:
        return 1.0
    return float((abs(centre) + unit + ABSOLUTE_FLOOR) / (group.level + unit + ABSOLUTE_FLOOR))


@compiled
def latest(group: Any, config: Any) -> View:
    """Return the latest closed window."""
    at = group.latest
    if group.closed_members[at] == 0:
        return View(group.closed_centre[at] if group.windows > 0 else config.ratio, np.nan, 0.0)
    return closed(group, at)


@compiled
def closed(group: Any, at: int) -> View:
    """Return the closed window at that place."""
    return View(group.closed_centre[at], group.closed_spread[at], float(group.closed_members[at]))


@compiled
def present(group: Any, config: Any) -> View:
    """Return what is known of the open window so far."""
    if group.seen < config.members:
        return View(latest(group, config).centre, np.nan, 0.0)
    n = min(group.seen, SAMPLE)
    middle = 0.5 * (group.sample[(n - 1) // 2] + group.sample[n // 2])
    if config.ratio and abs(middle) <= ABSOLUTE_FLOOR:
        return View(latest(group, config).centre, np.nan, 0.0)
    return View(middle, _deviation(group.sample, n, middle), float(group.seen))


@compiled
def _deviation(ascending: Floats, n: int, middle: float) -> float:
    """Return the median absolute deviation: the larger of the distances of the nearest half, walking outwards."""
    below, above, far = (n - 1) // 2, (n - 1) // 2 + 1, 0.0
    for _ in range((n + 1) // 2):
        down = middle - ascending[below] if below >= 0 else np.inf
        up = ascending[above] - middle if above < n else np.inf
        far = min(down, up)
        if down <= up:
            below -= 1
        else:
            above += 1
    return far


@compiled
def insert(sample: Any, seen: int, y: float) -> None:
    """Keep the sample ascending; once full, each of all that were seen stays with the same probability."""
    n = seen
    if seen >= SAMPLE:
        n = _mixed(seen) % (seen + 1)
        if n >= SAMPLE:
            return
        for j in range(n, SAMPLE - 1):
            sample[j] = sample[j + 1]
        n = SAMPLE - 1
    while n > 0 and sample[n - 1] > y:
        sample[n] = sample[n - 1]
        n -= 1
    sample[n] = y


@compiled
def _mixed(number: int) -> int:
    """Return a number that looks random: the same for the same place in a window, so no state is needed.

    The finaliser of MurmurHash3, on 32 bits.
    """
    mixed = np.uint64(number) * np.uint64(0x9E3779B1) & np.uint64(0xFFFFFFFF)
    mixed = (mixed ^ (mixed >> np.uint64(16))) * np.uint64(0x85EBCA6B) & np.uint64(0xFFFFFFFF)
    mixed = (mixed ^ (mixed >> np.uint64(13))) * np.uint64(0xC2B2AE35) & np.uint64(0xFFFFFFFF)
    return int(mixed ^ (mixed >> np.uint64(16)))
