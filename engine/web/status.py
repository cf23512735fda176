"""The public status page: no log-in, no script, and nothing of any customer's."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from babel.dates import format_date, format_time
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from engine.config.model.status import StatusConfig
from engine.status import feeds
from engine.status.board import Board, Component, board, entry_of
from engine.status.words import accepted, words
from engine.store.models import StatusEntry
from engine.web.problems import problem
from engine.web.services import Services
from engine.web.state import Injected
from engine.web.views import page
from outreach.formats import locale_of

router = APIRouter(include_in_schema=False)
RECENT = 14 * 86400.0
"""Seconds for which what has ended is on the first page."""
FRESH = 30
"""Seconds for which a copy of a page may be shown."""
NAMES = {"investigating": "open", "identified": "open", "monitoring": "watch", "scheduled": "planned"}
"""State → class of the style sheet; any other is its own."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at the page, as far as it matters: their language, and what they have already."""

    language: str
    has: str
    """The If-None-Match of the request."""

    def say(self, name: str, **values: str) -> str:
        """Return words in the visitor's language."""
        return words(self.language)[name].format_map(values)

    def when(self, at: float | None) -> str:
        """Return a point in time, in UTC: nobody's zone is known here."""
        if at is None:
            return "–"
        time, locale = datetime.fromtimestamp(at, UTC), locale_of(self.language)
        return f"{format_date(time, 'long', locale=locale)}, {format_time(time, 'short', locale=locale)} UTC"

    def share(self, value: float) -> str:
        """Return a share of the time; only what is whole is called 100 %.

        >>> Visitor("de", "").share(0.99999)
        '99,99 %'
        """
        text = f"{100.0 if value >= 1.0 else min(100.0 * value, 99.99):.2f} %"
        return text.replace(".", ",") if self.language == "de" else text


@router.get("/status")
def current(services: Injected, request: Request) -> Response:
    """Show how everything stands."""
    return _shown(services, request, "status.html.j2", lambda seen, visitor: _current(seen, visitor, services))


@router.get("/status/history")
def history(services: Injected, request: Request) -> Response:
    """Show everything of the last 90 days."""
    return _shown(services, request, "status_history.html.j2", lambda seen, _: {"entries": seen.over()})


@router.get("/status.json")
def summary(services: Injected, request: Request) -> Response:
    """Return the page for programs: see `engine.status.feeds.as_json`."""
    status = services.config().status
    if status is None:
        return absent()
    now = services.clock.time()
    body = feeds.as_json(seen(services, status), title(services, status), address(services), now)
    return kept(request, body, "application/json", {"Access-Control-Allow-Origin": "*"})


@router.get("/status.atom")
def atom(services: Injected, request: Request) -> Response:
    """Return the latest entries as an Atom feed."""
    status = services.config().status
    if status is None:
        return absent()
    language = visitor_of(services, request).language
    body = feeds.as_atom(seen(services, status), title(services, status), address(services), language)
    return kept(request, body, "application/atom+xml", {"Vary": "Accept-Language"})


@router.get("/status/{entry}")
def one(services: Injected, request: Request, entry: str) -> Response:
    """Show an incident or a maintenance, and all that was said of it."""
    status = services.config().status
    if status is None:
        return absent()
    with services.database.reading() as session:
        found = entry_of(session, entry)
    if found is None:
        return absent()
    visitor = visitor_of(services, request)
    html = rendered("status_entry.html.j2", services, visitor, status, entry=found)
    return kept(request, html.encode(), "text/html", {"Vary": "Accept-Language"})


def visitor_of(services: Services, request: Request) -> Visitor:
    """Return who asks."""
    language = accepted(request.headers.get("accept-language", ""), services.config().main.locale)
    return Visitor(language, request.headers.get("if-none-match", ""))


def title(services: Services, status: StatusConfig) -> str:
    """Return the name of the page."""
    return status.title or services.config().main.sender.company


def address(services: Services) -> str:
    """Return the public address of the page."""
    return services.config().main.listen.public_url.rstrip("/") + "/status"


def seen(services: Services, status: StatusConfig) -> Board:
    """Return the page as it stands."""
    with services.database.reading() as session:
        return board(session, status, services.clock.time())


def absent() -> Response:
    """Return that there is no such page."""
    return problem(404, "status: there is no such page; see /status for what there is")


def rendered(name: str, services: Services, visitor: Visitor, status: StatusConfig, **values: Any) -> str:
    """Return a page in the visitor's language."""
    return page(
        name,
        words=words(visitor.language),
        say=visitor.say,
        when=visitor.when,
        share=visitor.share,
        title=title(services, status),
        sender=services.config().main.sender,
        status=status,
        labels=lambda row: _labels(status, row),
        look=lambda state: NAMES.get(state, state),
        **values,
    )


def kept(request: Request, body: bytes, media_type: str, more: Mapping[str, str]) -> Response:
    """Return something that everyone may keep for a moment; 304 to one who has it already (RFC 9110, 13.1.2)."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={FRESH}", "X-Robots-Tag": "all", **more}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def _shown(
    services: Services, request: Request, name: str, values: Callable[[Board, Visitor], Mapping[str, Any]]
) -> Response:
    status = services.config().status
    if status is None:
        return absent()
    visitor = visitor_of(services, request)
    html = rendered(name, services, visitor, status, **values(seen(services, status), visitor))
    return kept(request, html.encode(), "text/html", {"Vary": "Accept-Language"})


def _current(now_seen: Board, visitor: Visitor, services: Services) -> dict[str, Any]:
    now = services.clock.time()
    recent = [each for each in now_seen.over() if (each.row.ended_at or 0.0) > now - RECENT]
    bars = {each.name: _bars(each) for each in now_seen.components}
    return {"board": now_seen, "recent": recent, "bars": bars, "as_of": visitor.when(now - now % 60.0)}


def _bars(component: Component) -> list[str]:
    """Return the class of each day's bar."""
    return [day.worst if day.down_s > 0.0 or day.worst == "minor" else "good" for day in component.days]


def _labels(status: StatusConfig, row: StatusEntry) -> str:
    return ", ".join(status.components[name].label for name in row.components if name in status.components)
