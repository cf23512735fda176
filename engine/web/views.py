"""From a template and values to a page. Everything is escaped; a name a page does not know is an error, not a blank."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

PAGES = Path(__file__).parent / "pages"
STATIC = Path(__file__).parent / "static"
_STEPS = ((60.0, 1.0, "s"), (3600.0, 60.0, "min"), (86400.0, 3600.0, "h"), (float("inf"), 86400.0, "d"))

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}
"""On every answer: nothing is kept, no address leaks, nothing is loaded or run that is not ours."""


def page(name: str, **values: Any) -> str:
    """Return the page made from the template `name`."""
    return _environment().get_template(name).render(**values)


def moment(at: float | None) -> Markup:
    """Return a point in time for people and programs.

    >>> moment(0.0)
    Markup('<time datetime="1970-01-01T00:00:00+00:00">1970-01-01 00:00:00 UTC</time>')
    """
    if at is None:
        return Markup("–")
    time = datetime.fromtimestamp(at, UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        time.isoformat(timespec="seconds"), time.strftime("%Y-%m-%d %H:%M:%S UTC")
    )


def span(seconds: float) -> str:
    """Return a length of time in its largest unit.

    >>> span(59), span(7300), span(-5)
    ('59 s', '2 h', '0 s')
    """
    seconds = max(seconds, 0.0)
    return next(f"{int(seconds // unit)} {name}" for below, unit, name in _STEPS if seconds < below)


def ago(at: float, now: float) -> Markup:
    """Return how long ago something was; the exact time is its title."""
    return _titled(at, f"{span(now - at)} ago" if now >= at else f"in {span(at - now)}")


def since(at: float, now: float) -> Markup:
    """Return for how long something has been so; the exact time is its title."""
    return _titled(at, f"for {span(now - at)}")


def _titled(at: float, words: str) -> Markup:
    time = datetime.fromtimestamp(at, UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        time.isoformat(timespec="seconds"), time.strftime("%Y-%m-%d %H:%M:%S UTC"), words
    )


def number(value: object) -> str:
    """Return a value for people: numbers with four digits that count, and probabilities near 1 with more.

    >>> number(0.123456), number(0.99997), number(None), number(1234567)
    ('0.1235', '0.99997', '–', '1,234,567')
    """
    if value is None:
        return "–"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.6g}" if 0.99 < value < 1.0 else f"{value:.4g}"
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


def data_url(svg: str) -> str:
    """Return a picture as an address that loads nothing and runs nothing."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


@cache
def percent(share: float | None) -> str:
    """Return a share as a percentage.

    >>> percent(0.845), percent(0.0012), percent(None)
    ('84 %', '0.1 %', '–')
    """
    if share is None:
        return "–"
    return f"{100 * share:.1f} %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def figure(value: float | None) -> str:
    """Return a figure with three digits.

    >>> figure(0.99316), figure(0.0041436), figure(None)
    ('0.993', '0.00414', '–')
    """
    return "–" if value is None else f"{value:.3g}"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"moment": moment, "ago": ago, "since": since, "span": span, "number": number, "data_url": data_url}
    made.filters |= {"percent": percent, "figure": figure}
    return made
