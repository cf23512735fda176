"""How messages stand against the windows that people marked: found or not, how early, and what was sent besides."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.journeys.series import WEEK, Series

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Found:
    """One window, and the first message sent within it."""

    start: float
    end: float
    message: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """One series' messages (epoch seconds) against its windows."""

    series: Series
    found: Sequence[Found]
    outside: int
    """Messages sent outside of any window."""
    messages: int

    @property
    def hits(self) -> int:
        """How many windows were found."""
        return sum(each.message is not None for each in self.found)

    @property
    def by_chance(self) -> float:
        """How many windows as many messages at random times would have found."""
        rate = self.messages / (self.series.weeks * WEEK)
        return sum(1 - math.exp(-rate * (each.end - each.start)) for each in self.found)


def scored(series: Series, messages: Sequence[float]) -> Score:
    """Hold the times of a series' opening messages against its windows."""
    found = [Found(a, b, min((at for at in messages if a <= at <= b), default=None)) for a, b in series.windows]
    outside = sum(not any(a <= at <= b for a, b in series.windows) for at in messages)
    return Score(series, found, outside, len(messages))


def table(title: str, scores: Sequence[Score]) -> Iterator[str]:
    """Yield the lines of a table, a series each, a window each below it, and a total."""
    yield title
    for score in scores:
        rate = score.outside / score.series.weeks
        windows = f"{score.hits} of {len(score.found)} windows found" if score.found else "no windows marked"
        yield f"  {score.series.name}: {windows}; {score.outside} messages outside ({rate:.2f} a week)"
        yield from (f"    {_line(each)}" for each in score.found)
    weeks = sum(score.series.weeks for score in scores)
    hits, windows_ = sum(score.hits for score in scores), sum(len(score.found) for score in scores)
    outside, chance = sum(score.outside for score in scores), sum(score.by_chance for score in scores)
    yield f"  in total: {hits} of {windows_} windows found, {chance:.1f} expected of as many messages at random times;"
    yield f"  {outside} messages outside in {weeks:.0f} series-weeks ({outside / weeks:.2f} a series-week)"


def _line(found: Found) -> str:
    window = f"{_when(found.start)} to {_when(found.end)}"
    if found.message is None:
        return f"{window}: not found"
    after, before = (found.message - found.start) / HOUR, (found.end - found.message) / HOUR
    return f"{window}: told {_when(found.message)}, {after:.1f} h after its start, {before:.1f} h before its end"


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M")
