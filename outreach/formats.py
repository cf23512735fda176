"""What templates say in a person's own language and zone: times, durations, numbers. CLDR data through Babel.

Every filter reads the variables `locale` and, if it is given none, `zone` of the rendering; a value of the wrong kind
raises ValueError.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time, format_timedelta, get_timezone_name
from babel.numbers import format_currency, format_decimal, format_percent
from jinja2 import pass_context
from jinja2.runtime import Context

PLAIN_ENGLISH = "en_150"
"""CLDR's English for readers of no particular country: day before month, 24 hours."""


@lru_cache(maxsize=256)
def locale_of(name: str) -> Locale:
    """Return the CLDR locale for a language tag, English where there is none such.

    >>> locale_of("de-AT").get_display_name("en")
    'German (Austria)'
    """
    tag = name.replace("-", "_")
    try:
        return Locale.parse(PLAIN_ENGLISH if tag in ("", "en") else tag)
    except (UnknownLocaleError, ValueError):
        return Locale.parse(PLAIN_ENGLISH)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo:
    """Return the zone; UTC, which is then also what is written, where the name says none."""
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC


def _locale(context: Context) -> Locale:
    return locale_of(str(context.resolve("locale") or ""))


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no {what}")
    return float(value)


def _moment(context: Context, value: Any, zone: str) -> datetime:
    chosen = zone or context.resolve("zone") or ""
    return datetime.fromtimestamp(_number(value, "time in epoch seconds"), zone_of(str(chosen)))


def zone_name(moment: datetime, locale: Locale) -> str:
    """Return what people there call the zone: CET, MEZ, EST; the distance from UTC where they call it nothing.

    >>> zone_name(datetime(2026, 11, 22, tzinfo=ZoneInfo("Europe/Vienna")), locale_of("de"))
    'MEZ'
    """
    for name in (get_timezone_name(moment, width="short", locale=locale), moment.tzname() or ""):
        if name.isalpha() and len(name) <= 5:
            return name
    return "UTC" + moment.strftime("%z")[:3] + ":" + moment.strftime("%z")[3:]


def _day_and_hour(moment: datetime, locale: Locale) -> str:
    day, hour = format_date(moment, "full", locale), format_time(moment, "short", locale=locale)
    between = {"en": "{1} at {0}", "de": "{1} um {0}"}
    joined = between.get(locale.language, str(locale.datetime_formats["full"]).replace("'", ""))
    return joined.replace("{1}", day).replace("{0}", hour)


@pass_context
def when(context: Context, value: float, zone: str = "") -> str:
    """`{{ next_update_at | when }}` → `Sunday, 22 November 2026 at 14:05 CET`."""
    chosen = str(zone or context.resolve("zone") or "")
    return _when(_number(value, "time in epoch seconds"), chosen, str(context.resolve("locale") or ""))


@lru_cache(maxsize=4096)
def _when(value: float, zone: str, locale_name: str) -> str:
    """Many are told of one minute: that takes a tenth of a millisecond once."""
    moment, locale = datetime.fromtimestamp(value, zone_of(zone)), locale_of(locale_name)
    return f"{_day_and_hour(moment, locale)} {zone_name(moment, locale)}"


@pass_context
def clock(context: Context, value: float, zone: str = "") -> str:
    """`{{ issue.opened_at | clock }}` → `14:05 CET`."""
    moment, locale = _moment(context, value, zone), _locale(context)
    return f"{format_time(moment, 'short', locale=locale)} {zone_name(moment, locale)}"


@pass_context
def short(context: Context, value: float, zone: str = "") -> str:
    """`{{ next_update_at | short }}` → `22 Nov, 14:05 CET`: for text messages."""
    moment, locale = _moment(context, value, zone), _locale(context)
    pattern = "d. MMM, HH:mm" if locale.language == "de" else "d MMM, HH:mm"
    return f"{format_datetime(moment, pattern, locale=locale)} {zone_name(moment, locale)}"


@pass_context
def date(context: Context, value: float, zone: str = "") -> str:
    """`{{ next_update_at | date }}` → `22 November 2026`."""
    return format_date(_moment(context, value, zone), "long", _locale(context))


@pass_context
def duration(context: Context, seconds: float) -> str:
    """`{{ evidence.eta_s | duration }}` → `9 hours`, `9 Stunden`."""
    length = timedelta(seconds=_number(seconds, "number of seconds"))
    return format_timedelta(length, threshold=1.5, locale=_locale(context))


@pass_context
def ahead(context: Context, seconds: float) -> str:
    """`{{ evidence.eta_s | ahead }}` → `in 3 days`, `in 3 Tagen`."""
    length = timedelta(seconds=_number(seconds, "number of seconds"))
    return format_timedelta(length, threshold=1.5, add_direction=True, locale=_locale(context))


@pass_context
def ago(context: Context, seconds: float) -> str:
    """`{{ evidence.value | ago }}` → `3 days ago`, `vor 3 Tagen`."""
    length = timedelta(seconds=-abs(_number(seconds, "number of seconds")))
    return format_timedelta(length, threshold=1.5, add_direction=True, locale=_locale(context))


@pass_context
def number(context: Context, value: float, digits: int = 2) -> str:
    """`{{ evidence.value | number }}` → `1,234.5`, `1.234,5`; at most `digits` decimals."""
    pattern = "#,##0." + "#" * min(digits, 12) if digits else "#,##0"
    return format_decimal(_number(value, "number"), pattern, locale=_locale(context))


@pass_context
def percent(context: Context, value: float, digits: int = 0) -> str:
    """`{{ 0.1234 | percent }}` → `12%`, `12 %`."""
    return _percent(_number(value, "share"), digits, str(context.resolve("locale") or ""))


@lru_cache(maxsize=4096)
def _percent(shown: float, digits: int, locale_name: str) -> str:
    locale = locale_of(locale_name)
    pattern = locale.percent_formats[None].pattern.split(";")[0]
    decimals = "." + "#" * min(digits, 12) if digits else ""
    return format_percent(shown, pattern.replace("#,##0", "#,##0" + decimals), locale=locale)


@pass_context
def money(context: Context, value: float, currency: str) -> str:
    """`{{ 12.5 | money("EUR") }}` → `€12.50`, `12,50 €`."""
    return format_currency(_number(value, "amount"), currency, locale=_locale(context))


FILTERS: Mapping[str, Callable[..., str]] = {
    "when": when, "clock": clock, "short": short, "date": date, "duration": duration, "ahead": ahead, "ago": ago,
    "number": number, "percent": percent, "money": money,
}  # fmt: skip
