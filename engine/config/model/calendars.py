"""Known times: the values of calendars.yaml."""

from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from detectors.durations import Duration
from engine.config.model.places import NOWHERE, Clock, Place

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)


@dataclass(frozen=True, slots=True)
class Weekly:
    """`{days: [sat, sun], from: "22:00", to: "06:00"}`, minutes after midnight; over midnight if `to` is not later."""

    days: tuple[Day, ...] = DAYS
    from_: Clock = Clock(0)
    to: Clock = Clock(24 * 60)


@dataclass(frozen=True, slots=True)
class Dates:
    """`{from: 2026-12-24, to: 2026-12-26}`: whole days, the last one included."""

    from_: date
    to: date


@dataclass(frozen=True, slots=True)
class CalendarConfig:
    """An entry of `calendars.yaml`: when something is known to be otherwise. What is given adds up."""

    name: str
    weekly: tuple[Weekly, ...] = ()
    dates: tuple[Dates, ...] = ()
    holidays: tuple[str, ...] = ()
    """Public holidays of countries or subdivisions: ISO 3166 codes, `AT` or `US-CA`."""
    changes: tuple[str, ...] = ()
    """What `forewarn.change` events declare: deployment, migration …"""
    lasts: Duration = Duration(1800.0)
    """How long a declared change is felt, where the event does not say."""
    zone: str = "UTC"
    """IANA zone of days and hours."""
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Widen:
    """`{widen: 2}`: twice as many decades of evidence are asked for, and bands are twice as wide."""

    widen: float
