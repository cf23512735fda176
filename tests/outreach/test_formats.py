"""Times, durations and numbers as people write them."""

from collections.abc import Callable
from typing import Any

import pytest
from jinja2 import Environment

from outreach.formats import FILTERS

SUNDAY = 1795352700.0  # 2026-11-22T13:05:00Z
SUMMER = 1782911100.0  # 2026-07-01T13:05:00Z


def show(locale: str, source: str, **variables: Any) -> str:
    environment = Environment(autoescape=False)
    filters: dict[str, Callable[..., Any]] = dict(FILTERS)
    environment.filters.update(filters)
    return environment.from_string("{{ " + source + " }}").render(locale=locale, **variables)


@pytest.mark.parametrize(
    ("locale", "zone", "expected"),
    [
        ("en", "America/New_York", "Sunday, 22 November 2026 at 08:05 EST"),
        ("en-US", "America/New_York", "Sunday, November 22, 2026 at 8:05\u202fAM EST"),
        ("de", "America/New_York", "Sonntag, 22. November 2026 um 08:05 EST"),
        ("en", "Asia/Dubai", "Sunday, 22 November 2026 at 17:05 UTC+04:00"),
        ("en", "", "Sunday, 22 November 2026 at 13:05 UTC"),
        ("en", "Not/AZone", "Sunday, 22 November 2026 at 13:05 UTC"),
    ],
)
def test_when(locale: str, zone: str, expected: str) -> None:
    assert show(locale, "t | when(z)", t=SUNDAY, z=zone) == expected


def test_summer_time_has_its_name() -> None:
    assert show("de", "t | clock('Europe/Vienna')", t=SUMMER) == "15:05 MESZ"
    assert show("en", "t | clock('Europe/Vienna')", t=SUMMER) == "15:05 CEST"


@pytest.mark.parametrize(
    ("locale", "source", "expected"),
    [
        ("de", "t | short('Europe/Berlin')", "22. Nov., 14:05 MEZ"),
        ("en", "t | short('Europe/Berlin')", "22 Nov, 14:05 CET"),
        ("de", "t | date('Europe/Berlin')", "22. November 2026"),
        ("de", "259200 | ahead", "in 3 Tagen"),
        ("en", "259200 | ahead", "in 3 days"),
        ("de", "86400 | duration", "24 Stunden"),
        ("en", "1234.567 | number", "1,234.57"),
        ("de", "1234.567 | number", "1.234,57"),
        ("en", "1234.567 | number(0)", "1,235"),
        ("en", "0.1234 | percent", "12%"),
        ("de", "0.1234 | percent(1)", "12,3\xa0%"),
        ("de", "12.5 | money('EUR')", "12,50\xa0€"),
    ],
)
def test_numbers_and_spans(locale: str, source: str, expected: str) -> None:
    assert show(locale, source, t=SUNDAY) == expected


@pytest.mark.parametrize("value", [None, "12", float("nan"), float("inf"), True])
@pytest.mark.parametrize("name", ["when", "duration", "number", "percent"])
def test_what_is_no_number_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match="is no "):
        show("en", f"v | {name}", v=value)
