"""Contact hours in every zone there is, and through every change of the clocks (C5)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config.model import Hours
from engine.entities import Person
from engine.policy.contact_hours import ContactHours, contact_hours, within, zones_of

USUAL = Hours(8 * 60, 21 * 60)
ZONES = sorted(available_timezones())
COUNTRIES = ["AT", "US", "RU", "FR", "BR", "AU", "CA", "ID", "KI", "NZ"]


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def local(moment: float, zone: str) -> datetime:
    return datetime.fromtimestamp(moment, ZoneInfo(zone))


def hours_of(**known: object) -> ContactHours:
    return contact_hours(Person("contact/jo", **known), USUAL, {})  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("zone", "now", "then"),
    [
        ("Europe/Vienna", "2025-03-29 21:00", "2025-03-30 08:00"),
        ("Europe/Vienna", "2025-10-25 23:00", "2025-10-26 08:00"),
        ("America/New_York", "2025-03-09 01:59", "2025-03-09 08:00"),
        ("Pacific/Kiritimati", "2025-06-11 22:00", "2025-06-12 08:00"),
        ("Pacific/Pago_Pago", "2025-06-11 22:00", "2025-06-12 08:00"),
        ("Pacific/Apia", "2011-12-29 22:00", "2011-12-31 08:00"),
        ("Australia/Lord_Howe", "2025-04-05 22:00", "2025-04-06 08:00"),
        ("Asia/Kathmandu", "2025-06-11 03:00", "2025-06-11 08:00"),
    ],
)
def test_c05_the_next_moment_is_the_local_morning(zone: str, now: str, then: str) -> None:
    assert hours_of(zone=zone).next(at(now, zone)) == at(then, zone)


def test_c05_hours_that_begin_while_the_clock_leaps_begin_after_the_leap() -> None:
    hours = ContactHours((("Europe/Vienna", Hours(150, 300)),), "")
    moment = hours.next(at("2025-03-30 00:00", "Europe/Vienna"))
    assert moment is not None
    assert local(moment, "Europe/Vienna") == datetime(2025, 3, 30, 3, 30, tzinfo=ZoneInfo("Europe/Vienna"))


def test_c05_hours_within_the_leap_wait_for_the_next_day() -> None:
    hours = ContactHours((("Europe/Vienna", Hours(125, 140)),), "")
    assert hours.next(at("2025-03-30 00:00", "Europe/Vienna")) == at("2025-03-31 02:05", "Europe/Vienna")


def test_c05_an_hour_that_comes_twice_is_allowed_twice() -> None:
    hours = ContactHours((("Europe/Vienna", Hours(150, 180)),), "")
    second = at("2025-10-26 02:30", "Europe/Vienna") + 3600
    between = second - 1200
    assert not hours.allows(between)
    assert hours.next(between) == second


def test_c05_windows_over_midnight() -> None:
    night = Hours(22 * 60, 6 * 60)
    assert within(datetime(2025, 1, 1, 23, 0, tzinfo=UTC), night)
    assert within(datetime(2025, 1, 1, 5, 59, tzinfo=UTC), night)
    assert not within(datetime(2025, 1, 1, 6, 0, tzinfo=UTC), night)
    hours = ContactHours((("Europe/Vienna", night),), "")
    assert hours.next(at("2025-06-11 12:00", "Europe/Vienna")) == at("2025-06-11 22:00", "Europe/Vienna")


def test_c05_an_unknown_zone_is_every_zone_of_the_country_under_its_strictest_hours() -> None:
    hours = hours_of(country="US", region="US-NY")
    assert set(hours.zones) == set(zones_of("US"))
    assert hours.next(at("2025-06-11 08:00", "America/New_York")) == at("2025-06-11 08:00", "Pacific/Honolulu")
    assert not hours.allows(at("2025-06-11 21:00", "America/New_York"))
    anywhere = hours_of(country="us")
    assert not anywhere.allows(at("2025-06-11 20:30", "America/New_York"))
    assert not anywhere.allows(at("2025-06-11 08:30", "Pacific/Honolulu"))
    assert anywhere.allows(at("2025-06-11 09:00", "Pacific/Honolulu"))


@pytest.mark.parametrize(
    ("known", "zones"),
    [
        ({"zone": "Asia/Tokyo", "country": "US"}, ("Asia/Tokyo",)),
        ({"zone": "Not/A_Zone", "country": "AT"}, ("Europe/Vienna",)),
        ({"zone": "America", "country": "AT"}, ("Europe/Vienna",)),
        ({"region": "AT-9"}, ("Europe/Vienna",)),
        ({"addresses": (("phone", "nonsense"), ("phone", "+819012345678"))}, ("Asia/Tokyo",)),
        ({"account_zone": "Asia/Kathmandu", "account_country": "US"}, ("Asia/Kathmandu",)),
        ({"account_country": "AT"}, ("Europe/Vienna",)),
        ({"country": "XX"}, ("UTC",)),
    ],
)
def test_c05_what_is_known_decides_which_zones_count(known: dict[str, object], zones: tuple[str, ...]) -> None:
    assert hours_of(**known).zones == zones


def test_c05_of_whom_nothing_is_known_the_strictest_hours_hold_in_utc() -> None:
    assert hours_of().pairs == (("UTC", Hours(9 * 60, 20 * 60)),)


@settings(max_examples=300, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    moment=st.floats(0, 2.2e9),
    begin=st.integers(0, 1439),
    to=st.integers(0, 1440),
)
def test_c05_in_every_zone_the_next_moment_is_allowed_and_nothing_before_it_is(
    zone: str, moment: float, begin: int, to: int
) -> None:
    hours = ContactHours(((zone, Hours(begin, to)),), "")
    then = hours.next(moment)
    assert then is not None
    assert then >= moment
    assert hours.allows(then)
    assert (then == moment) == hours.allows(moment)
    _nothing_between(hours, moment, then, zone)


def _nothing_between(hours: ContactHours, moment: float, then: float, zone: str) -> None:
    """Only a leap of the clock over the beginning may have made the hours begin later than they could."""
    step = max(60.0, (then - moment) / 200)
    early = [at for at in _steps(moment, then, step) if hours.allows(at)]
    if early:
        before, after = local(early[0] - 7200, zone).utcoffset(), local(then, zone).utcoffset()
        assert before is not None
        assert after is not None
        assert before != after
        assert then - early[0] <= max(timedelta(hours=2), after - before).total_seconds()


def _steps(moment: float, then: float, step: float) -> list[float]:
    return [moment + step * turn for turn in range(int((then - moment) // step)) if moment + step * turn < then]


@settings(max_examples=150, deadline=None)
@given(country=st.sampled_from(COUNTRIES), moment=st.floats(1.6e9, 1.9e9))
def test_c05_for_a_country_the_next_moment_is_allowed_in_each_of_its_zones(country: str, moment: float) -> None:
    then = hours_of(country=country).next(moment)
    assert then is not None
    assert all(within(local(then, zone), USUAL) for zone in zones_of(country))
