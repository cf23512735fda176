"""Pages that are one file: no scripts, nothing fetched, light and dark, for a desk and for a telephone."""

from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent / "pages"


def render(template: str, **variables: Any) -> str:
    """Return the page of a template in `pages/`; all that is put in is escaped, but for ready `Markup`."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "span": span,
        "brief": brief,
        "percent": percent,
        "one": one,
        "figure": figure,
        "count": count,
        "moment": moment,
    }
    return environment.get_template(template).render(**variables)


def span(seconds: float | None) -> str:
    """Return a span of time as people say it, in at most two units.

    >>> span(8100.0), span(3 * 86400.0), span(42.0), span(None)
    ('2 h 15 min', '3 d', '42 s', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 0:
        return f"−{span(-seconds)}"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (0 if days else rest, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def brief(seconds: float | None) -> str:
    """Return a span of time in one unit once it is long, for a headline.

    >>> brief(42420.0), brief(8100.0), brief(4 * 86400.0)
    ('12 h', '2 h 15 min', '4 d')
    """
    if seconds is None or abs(seconds) < 36000:
        return span(seconds)
    return span(round(seconds / 3600) * 3600.0) if abs(seconds) < 172800 else span(round(seconds / 86400) * 86400.0)


def percent(share: float | None) -> str:
    """Return a share as a percentage.

    >>> percent(0.845), percent(None)
    ('84 %', '–')
    """
    return "–" if share is None else f"{100 * share:.0f} %"


def one(number: float | None) -> str:
    """Return a number with one decimal."""
    return "–" if number is None else f"{number:,.1f}"


def figure(value: float | None) -> str:
    """Return a figure with three digits.

    >>> figure(0.99316), figure(None)
    ('0.993', '–')
    """
    return "–" if value is None else f"{value:.3g}"


def count(number: float) -> str:
    """Return a whole number with separators.

    >>> count(5379582)
    '5,379,582'
    """
    return f"{number:,.0f}"


def moment(at: float) -> str:
    """Return a moment in UTC.

    >>> moment(0.0)
    'Thu 1 Jan 1970, 00:00 UTC'
    """
    day = datetime.fromtimestamp(at, UTC)
    return f"{day:%a} {day.day} {day:%b %Y, %H:%M} UTC"


def picture_url(svg: str) -> str:
    """Return an SVG picture as an address that holds the picture itself: as an image it can run nothing."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
