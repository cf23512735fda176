"""When something is known to be otherwise: maintenance, holidays, a release that goes out.

>>> fridays = Calendar(CalendarConfig("fridays", weekly=(Weekly(("fri",), Clock(22 * 60), Clock(2 * 60)),)))
>>> friday = 1_741_384_800.0  # 2025-03-07 22:00 UTC
>>> fridays.covers(np.array([friday - 1, friday, friday + 4 * 3600 - 1, friday + 4 * 3600])).tolist()
[False, True, True, False]
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from engine.config.model import DAYS, CalendarConfig, Clock, Weekly

if TYPE_CHECKING:
    from holidays import HolidayBase

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
DAY = 86400.0
FARTHEST = 4e9
"""Epoch seconds that a calendar still has: until the year 2096."""

__all__ = ["Calendar", "CalendarConfig", "Clock", "Weekly", "holidays_of"]


class Calendar:
    """The times one `CalendarConfig` speaks of, but for declared changes, which are events."""

    def __init__(self, config: CalendarConfig) -> None:
        """Raises ValueError for a country or subdivision whose holidays are not known."""
        self.config = config
        self._zone = ZoneInfo(config.zone)
        self._holidays = [holidays_of(code) for code in config.holidays]
        self._spans = lru_cache(64)(self._spans_near)

    @property
    def empty(self) -> bool:
        """Whether it says nothing by itself."""
        return not (self.config.weekly or self.config.dates or self.config.holidays)

    def covers(self, times: Floats, lasting: float = 0.0) -> Mask:
        """Return which of `times` (epoch seconds), or windows that begin then and last so long, touch it."""
        mask = np.zeros(len(times), np.bool_)
        if self.empty:
            return mask
        first = np.unique(np.floor(np.where(np.abs(times) < FARTHEST, times, 0.0) / DAY)).astype(int).tolist()
        days = {day + more for day in first for more in range(int(lasting // DAY) + 2)}
        for start, end in {span for day in days for span in self._spans(day)}:
            mask |= (times < end) & ((times >= start) | (times + lasting > start))
        return mask

    def _spans_near(self, day: int) -> tuple[tuple[float, float], ...]:
        """Return the spans that may touch a day, by its number since 1970 in UTC."""
        middle = date(1970, 1, 1) + timedelta(days=day)
        around = [middle + timedelta(days=offset) for offset in (-2, -1, 0, 1)]
        return tuple(dict.fromkeys(span for each in around for span in self._spans_of(each)))

    def _spans_of(self, day: date) -> Iterator[tuple[float, float]]:
        """Yield the spans that begin on a day of its own zone."""
        if any(each.from_ <= day <= each.to for each in self.config.dates) or any(
            day in each for each in self._holidays
        ):
            yield self._at(day, 0), self._at(day, 24 * 60)
        for week in self.config.weekly:
            if DAYS[day.weekday()] in week.days:
                over = 24 * 60 if week.to <= week.from_ else 0
                yield self._at(day, week.from_), self._at(day, week.to + over)

    def _at(self, day: date, minutes: int) -> float:
        """Return what the clock on the wall shows as `minutes` after midnight, in epoch seconds."""
        later, rest = divmod(minutes, 24 * 60)
        wall = datetime.combine(day + timedelta(days=later), time(rest // 60, rest % 60), self._zone)
        return wall.astimezone(UTC).timestamp()


@cache
def holidays_of(code: str) -> "HolidayBase":
    """Return the public holidays of `AT` or `US-CA` (ISO 3166). Raises ValueError where they are not known."""
    from holidays import country_holidays  # noqa: PLC0415 -- takes half a second: only where there are any

    country, _, region = code.partition("-")
    try:
        return country_holidays(country, subdiv=region or None)
    except NotImplementedError as error:
        raise ValueError(str(error)) from error
