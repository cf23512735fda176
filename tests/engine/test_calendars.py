"""Times that are known to be otherwise: by the clock on the wall, by country, by declaration."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from detectors.durations import Duration
from engine.calendars import Calendar
from engine.config.model import CalendarConfig, Clock, Dates, Weekly


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def covered(calendar: Calendar, *times: float, lasting: float = 0.0) -> list[bool]:
    mask: list[bool] = calendar.covers(np.array(times), lasting).tolist()
    return mask


def test_weekly_hours_are_those_of_the_wall_over_both_changes_of_the_clock() -> None:
    vienna = "Europe/Vienna"
    calendar = Calendar(CalendarConfig("n", weekly=(Weekly(("sun",), Clock(4 * 60), Clock(5 * 60)),), zone=vienna))
    for sunday in ("2025-03-23", "2025-03-30", "2025-10-26", "2025-11-02"):  # the clock changes on the middle two
        start = at(f"{sunday} 04:00", vienna)
        assert covered(calendar, start - 1, start, start + 3599, start + 3600) == [False, True, True, False]


def test_hours_over_midnight_belong_to_the_day_they_begin_on() -> None:
    calendar = Calendar(CalendarConfig("n", weekly=(Weekly(("sat",), Clock(22 * 60), Clock(2 * 60)),)))
    times = [at(f"2025-03-{day:02d} {hour:02d}:30") for day, hour in ((7, 23), (8, 1), (8, 22), (9, 1), (9, 2))]
    assert covered(calendar, *times) == [False, False, True, True, False]


def test_public_holidays_are_days_of_the_zone() -> None:
    calendar = Calendar(CalendarConfig("n", holidays=("US-CA", "AT"), zone="America/Los_Angeles"))
    cesar_chavez, national_day = at("2025-03-31", "America/Los_Angeles"), at("2025-10-26", "America/Los_Angeles")
    assert covered(calendar, cesar_chavez - 1, cesar_chavez, cesar_chavez + 86399) == [False, True, True]
    assert covered(calendar, national_day, national_day + 90000) == [True, False]


def test_dates_are_whole_days_and_include_the_last() -> None:
    calendar = Calendar(CalendarConfig("n", dates=(Dates(date(2025, 12, 24), date(2025, 12, 26)),)))
    assert covered(calendar, at("2025-12-23 23:59"), at("2025-12-24"), at("2025-12-26 23:59"), at("2025-12-27")) == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(("lasting", "touches"), [(0.0, False), (3600.0, False), (7200.0, True), (14 * 86400.0, True)])
def test_a_window_that_touches_it_is_within(lasting: float, touches: bool) -> None:
    calendar = Calendar(CalendarConfig("n", dates=(Dates(date(2025, 3, 4), date(2025, 3, 4)),)))
    assert covered(calendar, at("2025-03-03 23:00"), lasting=lasting) == [touches]


def test_times_beyond_all_calendars_are_harmless() -> None:
    calendar = Calendar(CalendarConfig("n", holidays=("AT",), weekly=(Weekly(),)))
    assert len(covered(calendar, -1e18, 1e18, float("nan"), float("inf"))) == 4


def test_a_calendar_of_changes_alone_says_nothing_of_the_clock() -> None:
    calendar = Calendar(CalendarConfig("n", changes=("deployment",), lasts=Duration("1h")))
    assert calendar.empty
    assert covered(calendar, datetime(2025, 1, 1, tzinfo=UTC).timestamp()) == [False]
