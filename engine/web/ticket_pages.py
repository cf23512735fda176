"""The console's pages of the built-in desk's tickets. Those at a vendor's desk are read there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from engine.goodwill import grants
from engine.tickets import Verdict
from engine.web.api import ticket_of
from engine.web.console import render
from engine.web.goodwill import shown
from engine.web.problems import Refused
from engine.web.services import Services
from engine.web.state import Asking, Form, Injected

router = APIRouter(include_in_schema=False)


@router.get("/tickets/{number}")
def one_ticket(services: Injected, caller: Asking, number: int) -> Response:
    """Show a ticket."""
    ticket, notes = ticket_of(services, number)
    with services.database.reading() as session:
        granted = shown(grants(session, issue=ticket.issue)) if ticket.issue else []
    return render("ticket.html.j2", services, who=caller.name, ticket=ticket, notes=notes, goodwill=granted)


@router.post("/tickets/{number}/{what}")
async def act_on_ticket(
    services: Injected, caller: Asking, number: int, what: Literal["claim", "note", "resolve"], form: Form
) -> Response:
    """Claim, note on or resolve a ticket."""
    await run_in_threadpool(_on_ticket, services, number, caller.name, what, form)
    return RedirectResponse(f"/tickets/{number}", 303)


def _on_ticket(services: Services, number: int, who: str, what: str, form: Mapping[str, str]) -> None:
    ticket_of(services, number)
    _TICKET[what](services, number, who, form)


def _claim(services: Services, number: int, who: str, _: Mapping[str, str]) -> None:
    services.tickets.claim(number, who, services.intake)


def _note(services: Services, number: int, who: str, form: Mapping[str, str]) -> None:
    if text := form.get("note", "").strip():
        services.tickets.note(number, who, text[:10_000])


def _resolve(services: Services, number: int, who: str, form: Mapping[str, str]) -> None:
    found: Sequence[Verdict] = [each for each in get_args(Verdict) if each == form.get("verdict")]
    if not found:
        raise Refused(422, f"verdict: choose one of {', '.join(get_args(Verdict))}")
    services.tickets.resolve(number, who, found[0], form.get("note", "")[:10_000], services.intake)


_TICKET: Mapping[str, Callable[[Services, int, str, Mapping[str, str]], None]] = {
    "claim": _claim,
    "note": _note,
    "resolve": _resolve,
}
