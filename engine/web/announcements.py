"""The console's page of the status page: what the public is told, said and ended by forms."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from engine.errors import Permanent
from engine.status import book, subscribers
from engine.status.board import known
from engine.status.book import Window
from engine.status.uptime import DAY, DAYS
from engine.web.problems import Refused
from engine.web.services import Services
from engine.web.state import Asking, Form, Injected
from engine.web.views import page

router = APIRouter(include_in_schema=False)
Doing = Callable[[Services, str, Mapping[str, str]], None]


@router.get("/announcements")
def announcements(services: Injected, caller: Asking) -> Response:
    """Show what the public is told, and how many hear of it."""
    config, now = services.config(), services.clock.time()
    with services.database.reading() as session:
        rows = book.entries(session, now - DAYS * DAY)
        said = book.updates(session, [row.id for row in rows])
        counts = subscribers.counts(session)
    html = page(
        "announcements.html.j2",
        now=now,
        company=config.main.sender.company,
        who=caller.name,
        status=config.status,
        entries=[(row, said[row.id]) for row in rows],
        counts=counts,
        states={"incident": book.INCIDENT, "maintenance": book.MAINTENANCE},
        impacts=book.IMPACTS,
    )
    return HTMLResponse(html)


@router.post("/announcements")
async def declare(services: Injected, caller: Asking, form: Form) -> Response:
    """Declare an incident, or a maintenance where a window is given."""
    return await _done(services, _declare, caller.name, form)


@router.post("/announcements/{entry}")
async def say(services: Injected, caller: Asking, request: Request, form: Form) -> Response:
    """Say something new of an entry."""
    return await _done(services, _say, caller.name, {**form, "entry": request.path_params["entry"]})


async def _done(services: Services, what: Doing, who: str, form: Mapping[str, str]) -> Response:
    try:
        await run_in_threadpool(what, services, who, form)
    except Permanent as error:
        raise Refused(422, error.line()) from error
    return RedirectResponse("/announcements", 303)


def _declare(services: Services, who: str, form: Mapping[str, str]) -> None:
    status, now = services.config().status, services.clock.time()
    named = [name for name in (status.components if status else ()) if f"on-{name}" in form]
    window = _window(form)
    title, text = form.get("title", ""), form.get("text", "")
    components, impact = known(status, named), form.get("impact", "minor")
    with services.database.transaction() as session:
        if window is None:
            book.declare(
                session, key="", title=title, components=components, impact=impact, text=text, now=now, who=who
            )
        else:
            book.maintain(
                session,
                key="",
                title=title,
                components=components,
                window=window,
                text=text,
                now=now,
                who=who,
            )


def _say(services: Services, who: str, form: Mapping[str, str]) -> None:
    with services.database.transaction() as session:
        book.update(
            session,
            form["entry"],
            text=form.get("text", ""),
            now=services.clock.time(),
            who=who,
            state=form.get("state", ""),
            impact=form.get("impact", ""),
        )


def _window(form: Mapping[str, str]) -> Window | None:
    """Return the window a form gives, in UTC; None if it gives none."""
    given = [form.get(name, "").strip() for name in ("starts_at", "ends_at")]
    if not any(given):
        return None
    try:
        start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text in given)
    except ValueError as error:
        raise Permanent(f"the window: {error}", place="status", remedy="give both ends, as 2026-11-25T22:00") from error
    return Window(start, end, form.get("impact", "minor"))
