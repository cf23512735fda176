"""How well a component did: what share of the time it worked, by what the public was told of it.

An incident of critical impact counts as if nothing had worked, of major impact as if a third had not; a minor one, and
maintenance that was announced, does not count. Where several overlap, the worst one counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.store.models import StatusEntry, StatusUpdate

DAY = 86400.0
DAYS = 90
WEIGHT: Mapping[str, float] = {"none": 0.0, "minor": 0.0, "major": 1 / 3, "critical": 1.0}
"""Of each impact: the share that did not work."""
_GRAVITY = ("none", "minor", "major", "critical")


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when an incident had an impact on components."""

    start: float
    end: float
    impact: str
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one component, in UTC."""

    start: float
    down_s: float
    """Seconds it did not work, weighted."""
    worst: str
    """The gravest impact there was."""


def spans(entry: StatusEntry, updates: Sequence[StatusUpdate], now: float) -> list[Span]:
    """Return what `entry` meant for its components from one update to the next; `updates` in any order."""
    if entry.kind != "incident":
        return []
    until = now if entry.ended_at is None else entry.ended_at
    said = sorted((each for each in updates if each.at <= until), key=lambda each: (each.at, each.id))
    ends = [*(each.at for each in said[1:]), until]
    pairs = zip(said, ends, strict=True) if said else ()
    return [Span(each.at, end, each.impact, tuple(each.components)) for each, end in pairs if end > each.at]


def days(component: str, known: Sequence[Span], now: float, count: int = DAYS) -> list[Day]:
    """Return the last `count` days of a component, the oldest first; today is the last.

    >>> [day.down_s for day in days("api", [Span(0.0, 60.0, "critical", ("api",))], 90_000.0, 2)]
    [60.0, 0.0]
    """
    mine = [span for span in known if component in span.components]
    first = (now // DAY - count + 1) * DAY
    return [_day(first + place * DAY, mine) for place in range(count)]


def share(of: Sequence[Day], now: float) -> float:
    """Return the share of the time that a component worked on `of` days, from 0 to 1.

    >>> share([Day(0.0, 43_200.0, "critical")], 86_400.0)
    0.5
    """
    total = sum(max(min(now - day.start, DAY), 0.0) for day in of)
    return 1.0 - sum(day.down_s for day in of) / total if total > 0.0 else 1.0


def _day(start: float, known: Sequence[Span]) -> Day:
    end = start + DAY
    touching = [span for span in known if span.start < end and span.end > start]
    worst = max((span.impact for span in touching), key=_GRAVITY.index, default="none")
    return Day(start, _down(touching, start, end), worst)


def _down(known: Sequence[Span], start: float, end: float) -> float:
    """Return the weighted seconds between `start` and `end`, each moment by the worst there was."""
    marks = sorted({start, end, *(min(max(at, start), end) for span in known for at in (span.start, span.end))})
    return sum(
        (after - before) * max((WEIGHT[span.impact] for span in known if span.start <= before < span.end), default=0.0)
        for before, after in pairwise(marks)
    )
