"""Subscribing to the status page: asked for in a form, confirmed by a link in a mail, ended by one click.

A system is subscribed in the same way: the request that asks it to confirm holds the link, and a POST to it confirms.
Opening a link never changes anything: mail scanners open every one (C8). Whoever asks learns nothing about an address.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from engine.config.model.status import StatusConfig
from engine.errors import Overloaded
from engine.ids import derive
from engine.links import Claims, Use
from engine.status import news, subscribers
from engine.status.addresses import Kind
from engine.store import outbox
from engine.store.models import Subscriber
from engine.web import status as page
from engine.web.actions import consent, publish
from engine.web.problems import retry_after
from engine.web.services import Services
from engine.web.state import Form, Injected
from engine.web.status import Visitor, visitor_of

router = APIRouter(include_in_schema=False)
SOURCE = "forewarn/status"


@router.post("/status/subscribe")
async def ask(services: Injected, request: Request, form: Form) -> Response:
    """Take an address, and answer the same whatever it is."""
    return await run_in_threadpool(_ask, services, visitor_of(services, request), form, "email")


@router.post("/status/subscribe/webhook")
async def ask_for_system(services: Injected, request: Request, form: Form) -> Response:
    """Take the address of a system, and answer the same whatever it is."""
    return await run_in_threadpool(_ask, services, visitor_of(services, request), form, "url")


@router.get("/status/c/{token}")
def ask_to_confirm(services: Injected, request: Request, token: str) -> Response:
    """Show the button that confirms. Nothing happens yet."""
    return _opened(services, request, token, "confirm", "ask")


@router.post("/status/c/{token}")
def confirm(services: Injected, request: Request, token: str) -> Response:
    """Confirm a subscription; the consent is kept in the ledger (C14)."""
    claims, now = _claims(services, token, "confirm"), services.clock.time()
    with services.database.transaction() as session:
        row = subscribers.confirm(session, claims.person, now) if claims else None
    if claims is None or row is None:
        return _answer(services, request, "invalid", 404)
    publish(services, _consent(row, "granted", visitor_of(services, request), row.confirmed_at or now))
    return _answer(services, request, "confirmed", address=row.address)


@router.get("/status/u/{token}")
def ask_to_leave(services: Injected, request: Request, token: str) -> Response:
    """Ask whether to end the subscription. Nothing happens yet."""
    return _opened(services, request, token, "leave", "leave")


@router.post("/status/u/{token}")
def leave(services: Injected, request: Request, token: str) -> Response:
    """End a subscription, whatever the body is: mail programs send `List-Unsubscribe=One-Click` (RFC 8058)."""
    claims, now = _claims(services, token, "leave"), services.clock.time()
    if claims is None:
        return _answer(services, request, "invalid", 404)
    with services.database.transaction() as session:
        row = subscribers.end(session, claims.person, now)
    if row is not None:
        publish(services, _consent(row, "withdrawn", visitor_of(services, request), row.ended_at or now))
    return _answer(services, request, "left", address=claims.address)


@router.get("/status/p/{token}")
def choices(services: Injected, request: Request, token: str) -> Response:
    """Show what a subscriber is told of."""
    return _opened(services, request, token, "choose", "choose")


@router.post("/status/p/{token}")
async def choose(services: Injected, request: Request, token: str, form: Form) -> Response:
    """Take over which components are ticked."""
    return await run_in_threadpool(_choose, services, request, token, form)


def _ask(services: Services, visitor: Visitor, form: Mapping[str, str], kind: Kind) -> Response:
    status = services.config().status
    if status is None or not (channel := status.by(kind)):
        return page.absent()
    now = services.clock.time()
    wanted = _ticked(status, form)
    try:
        with services.database.transaction() as session:
            row = subscribers.ask(session, status, form.get("address", ""), wanted, visitor.language, now, kind)
            if row is not None:
                outbox.add(session, [news.confirmation(row, channel, now)])
    except Overloaded as error:
        return _page(services, visitor, status, "busy", 429, headers=retry_after(error.retry_after))
    return _page(services, visitor, status, "asked" if kind == "email" else "hook_asked", 202)


def _choose(services: Services, request: Request, token: str, form: Mapping[str, str]) -> Response:
    claims, status = _claims(services, token, "choose"), services.config().status
    if claims is None or status is None:
        return _answer(services, request, "invalid", 404)
    with services.database.transaction() as session:
        row = subscribers.choose(session, claims.person, _ticked(status, form))
    if row is None:
        return _answer(services, request, "invalid", 404)
    return _answer(services, request, "choose", address=row.address, chosen=row.components, saved=True)


def _ticked(status: StatusConfig, form: Mapping[str, str]) -> list[str]:
    return [name for name in status.components if f"on-{name}" in form]


def _claims(services: Services, token: str, use: Use) -> Claims | None:
    return services.links.read(token, use, now=services.clock.time())


def _opened(services: Services, request: Request, token: str, use: Use, step: str) -> Response:
    """Show what a link leads to, if it still does."""
    claims = _claims(services, token, use)
    with services.database.reading() as session:
        row = session.get(Subscriber, claims.person) if claims else None
    expected = "pending" if use == "confirm" else "confirmed"
    if row is None or row.state not in {expected, "confirmed"}:
        return _answer(services, request, "invalid", 404)
    shown = "confirmed" if use == "confirm" and row.state == "confirmed" else step
    return _answer(services, request, shown, address=row.address, chosen=row.components)


def _consent(row: Subscriber, state: str, visitor: Visitor, at: float) -> bytes:
    """Return the entry of the ledger: a grant of this address, or a withdrawal of this subscription alone."""
    granted, system = state == "granted", row.kind == "url"
    data = {
        "state": state,
        "address": row.address if granted else "",
        "channel": "webhook" if system else "email",
        "purpose": "service",
        "written": granted,
        "source": f"status page, confirmed by {'webhook' if system else 'e-mail'}" if granted else "status page",
        "wording": _wording(row, visitor) if granted else "List-Unsubscribe=One-Click",
    }
    key = derive("sbc", row.id, state, repr(at))
    return consent(f"{subscribers.PREFIX}{row.id}", key, SOURCE, data, at)


def _wording(row: Subscriber, visitor: Visitor) -> str:
    return visitor.say("wording" if row.kind == "email" else "hook_wording", address=row.address)


def _answer(
    services: Services,
    request: Request,
    step: str,
    code: int = 200,
    *,
    address: str = "",
    chosen: Sequence[str] = (),
    saved: bool = False,
) -> Response:
    status = services.config().status
    if status is None:
        return page.absent()
    visitor = visitor_of(services, request)
    return _page(services, visitor, status, step, code, address=address, chosen=chosen, saved=saved)


def _page(
    services: Services,
    visitor: Visitor,
    status: StatusConfig,
    step: str,
    code: int,
    *,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    given = {"address": "", "chosen": (), "saved": False, **values}
    html = page.rendered("status_subscription.html.j2", services, visitor, status, step=step, **given)
    return HTMLResponse(html, code, dict(headers or {}))
