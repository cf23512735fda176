"""When a person may be contacted (C5): local hours, in the zone of the person or in every zone they may be in.

What is known decides, in this order:

1. The person's zone: the hours of their country and subdivision, in that zone.
2. Their country only (or their subdivision's): the moments that are allowed in every zone the country has, by CLDR; and
   if the subdivision is not known, under the hours of every subdivision of that country that has stricter ones.
3. The country of their phone number, as 2.
4. The account's zone, as 1, or else its country, as 2.
5. Nothing: UTC, under the strictest of all hours there are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, cached_property, lru_cache
from zoneinfo import ZoneInfo

from babel.core import get_global

from engine.config.model import Hours
from engine.entities import Person

STRICTER: Mapping[str, Hours] = {
    "US-CT": Hours(9 * 60, 20 * 60),
    "US-FL": Hours(8 * 60, 20 * 60),
    "US-MD": Hours(8 * 60, 20 * 60),
    "US-OK": Hours(8 * 60, 20 * 60),
}
"""Subdivisions whose law allows less than 08:00 to 21:00; `policy.yaml` adds to them and may replace them."""
_DAY = 24 * 60
_FAR = 8 * 86400.0
_Place = tuple[str, str, str]
"""Hours that leave no moment within so many seconds leave none at all."""


@dataclass(frozen=True)
class ContactHours:
    """The moments that are allowed: those within the hours of each pair."""

    pairs: tuple[tuple[str, Hours], ...]
    """(IANA zone, local hours)"""
    basis: str
    """What it was taken from, for an explanation."""

    @cached_property
    def zones(self) -> tuple[str, ...]:
        """Every zone the person may be in, once."""
        return tuple(dict.fromkeys(zone for zone, _ in self.pairs))

    def allows(self, at: float) -> bool:
        """Return whether `at` (epoch seconds) is an allowed moment."""
        return all(within(_local(at, zone), hours) for zone, hours in self.pairs)

    def next(self, at: float) -> float | None:
        """Return `at` or the next moment after it that is allowed; None: there is none."""
        asked, found = self._latest[0]
        if asked != at:  # of a batch all ask for the same moment
            found = self._next(at)
            self._latest[0] = at, found
        return found

    @cached_property
    def _latest(self) -> list[tuple[float, float | None]]:
        """What was asked last, and the answer."""
        return [(float("nan"), None)]

    def _next(self, at: float) -> float | None:
        moment = at
        while moment < at + _FAR:
            later = max((_opening(moment, zone, hours) for zone, hours in self.pairs), default=moment)
            if later <= moment:
                return moment
            moment = later
        return None


def contact_hours(person: Person, hours: Hours, regions: Mapping[str, Hours]) -> ContactHours:
    """Return when `person` may be contacted under a policy's `hours` and `regions`."""
    placed = zone_info(person.zone) is not None  # then no number is looked at
    phones = () if placed else tuple(value for kind, value in person.addresses if kind == "phone")
    own = person.zone, person.country, person.region
    account = person.account_zone, person.account_country, person.account_region
    return _hours_at(own, phones, account, _rules(hours, regions))


@lru_cache(maxsize=4096)
def _hours_at(own: _Place, phones: tuple[str, ...], account: _Place, rules: "_Rules") -> ContactHours:
    """Most people of one account, and many of one country, are at one place."""
    places = (
        (*own, "their zone"),
        ("", _phone_country(phones), "", "their phone number"),
        (*account, "the account's zone"),
    )
    for zone, country, region, source in places:
        found = rules.place(zone, country.upper() or region.upper().partition("-")[0], region.upper(), source)
        if found is not None:
            return found
    return ContactHours(_pairs(["UTC"], rules.all()), "UTC and the strictest hours, for no zone is known")


def within(local: datetime, hours: Hours) -> bool:
    """Return whether a local time is within `hours`, which may go over midnight; from = to is the whole day.

    >>> within(datetime(2025, 1, 1, 23, 0), Hours(22 * 60, 6 * 60))
    True
    """
    minute = local.hour * 60 + local.minute
    if hours.from_ == hours.to:
        return True
    if hours.from_ < hours.to:
        return hours.from_ <= minute < hours.to
    return minute >= hours.from_ or minute < hours.to


@cache
def zone_info(name: str) -> ZoneInfo | None:
    """Return the zone of this name; None if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, or the name of a folder of zones
        return None


def start_of_day(day: date, zone: str) -> float:
    """Return the first moment of a local day in epoch seconds."""
    return datetime.combine(day, time(), zone_info(zone)).timestamp()


def local_day(at: float, zone: str) -> date:
    """Return the local day of a moment."""
    return _local(at, zone).date()


@dataclass(frozen=True, slots=True, eq=False)
class _Rules:
    """The hours of one policy: known by what they are, as the policy is the same for many."""

    hours: Hours
    regions: Mapping[str, Hours]

    def place(self, zone: str, country: str, region: str, source: str) -> ContactHours | None:
        if zone_info(zone) is not None:
            return ContactHours(_pairs([zone], self.at(country, region)), f"{zone}, {source}")
        zones = zones_of(country)
        if not zones:
            return None
        hours = self.at(country, region) if region else self.anywhere(country)
        return ContactHours(_pairs(zones, hours), f"every zone of {country}, by {source.removesuffix(' zone')}")

    def at(self, country: str, region: str) -> list[Hours]:
        return [self.hours, *(self.regions[key] for key in {country: 0, region: 0} if key in self.regions)]

    def anywhere(self, country: str) -> list[Hours]:
        inside = [hours for key, hours in self.regions.items() if key.partition("-")[0] == country]
        return list(dict.fromkeys([self.hours, *inside]))

    def all(self) -> list[Hours]:
        return list(dict.fromkeys([self.hours, *self.regions.values()]))


_asked: list[tuple[Hours, Mapping[str, Hours], _Rules]] = [(Hours(0, 0), {}, _Rules(Hours(0, 0), {}))]
"""Of what policy was asked last, and its rules: it is read and written whole."""


def _rules(hours: Hours, regions: Mapping[str, Hours]) -> _Rules:
    """Return the rules of a policy."""
    found = _asked[0]
    if found[0] is not hours or found[1] is not regions:
        found = _asked[0] = (hours, regions, _Rules(hours, {**STRICTER, **regions}))
    return found[2]


@cache
def zones_of(country: str) -> tuple[str, ...]:
    """Return every zone a country (ISO 3166-1 alpha-2) has, by CLDR; none if there is no such country.

    >>> zones_of("AT")
    ('Europe/Vienna',)
    """
    names: Iterable[str] = get_global("territory_zones").get(country, ())
    return tuple(name for name in names if zone_info(name) is not None)


@cache
def _country_of(number: str) -> str:
    import phonenumbers  # noqa: PLC0415 -- its tables are large, and most people's country is known

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(parsed) or ""


def _phone_country(numbers: Iterable[str]) -> str:
    return next((country for number in numbers if (country := _country_of(number))), "")


def _pairs(zones: Iterable[str], hours: list[Hours]) -> tuple[tuple[str, Hours], ...]:
    return tuple((zone, each) for zone in zones for each in _merged(hours))


def _merged(hours: list[Hours]) -> list[Hours]:
    """Return fewer hours that allow the same: those that do not go over midnight have one intersection."""
    plain = [each for each in hours if each.from_ < each.to]
    begin, to = max((each.from_ for each in plain), default=0), min((each.to for each in plain), default=0)
    if begin >= to:
        return hours
    return [Hours(begin, to), *(each for each in hours if each.from_ >= each.to)]


def _local(at: float, zone: str) -> datetime:
    return datetime.fromtimestamp(at, zone_info(zone))


def _opening(at: float, zone: str, hours: Hours) -> float:
    """Return `at` if it is within the hours, or else when they begin next, whatever the clocks do meanwhile."""
    local = _local(at, zone)
    if within(local, hours):
        return at
    begin = time(*divmod(hours.from_ % _DAY, 60))
    for days in range(4):
        day = datetime.combine(local.date() + timedelta(days), begin, local.tzinfo)
        for fold in (0, 1):
            moment = day.replace(fold=fold).timestamp()
            if moment > at and within(_local(moment, zone), hours):
                return moment
    return at + _FAR
