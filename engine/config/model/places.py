"""Where something was written, and what times and numbers are written as."""

from typing import NamedTuple, NewType

Clock = NewType("Clock", int)
"""A time of day, in minutes after midnight."""


class Place(NamedTuple):
    """Where something was written; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


NOWHERE = Place("", 0, 0)


class Of(NamedTuple):
    """`3 of 5`: so many of the last so many observations."""

    hits: int
    of: int


class Per(NamedTuple):
    """`1 per 24h`: at most so many within so long; `2 per day` counts calendar days of the recipient's zone."""

    count: int  # type: ignore[assignment]  # a tuple's own count() has no use here
    seconds: float
    calendar: bool
