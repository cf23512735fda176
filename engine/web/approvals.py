"""Approvals: what people are asked, every text that would go out, and what they say to it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from engine.conversations.answers import templates_of
from engine.errors import Permanent
from engine.letters import Outside
from engine.previews import Preview, previews, waiting
from engine.store.models import Approval, WaveRow
from engine.waves import approvals as asked
from engine.web.actions import action, publish
from engine.web.console import render
from engine.web.problems import Refused
from engine.web.queries import need
from engine.web.schemas import ApprovalDetail, ApprovalOut, PreviewOut, VoteIn, VoteOut, WaitingOut
from engine.web.services import Services
from engine.web.state import Asking, Form, Injected
from engine.wording import Speaker

router = APIRouter()
SHOWN = 100
"""People that are listed."""
Answer = Literal["approve", "refuse"]


@router.get("/v1/approvals", tags=["approvals"])
def list_approvals(
    services: Injected, past: Annotated[bool, Query(description="Those that are decided too.")] = False
) -> list[ApprovalOut]:
    """List what people are asked to agree to, the latest first."""
    with services.database.reading() as session:
        return [ApprovalOut.model_validate(row) for row in asked.approvals(session, past=past)]


@router.get("/v1/approvals/{approval}", tags=["approvals"])
def show_approval(services: Injected, approval: str) -> ApprovalDetail:
    """Show a question: who would be told, every text as it would go out, and what was said."""
    with services.database.reading() as session:
        row = need(session, Approval, approval, "approval")
        return ApprovalDetail(
            **ApprovalOut.model_validate(row).model_dump(),
            votes=[VoteOut.model_validate(vote) for vote in asked.votes(session, approval)],
            people=[WaitingOut.model_validate(each) for each in waiting(session, row.playbook, SHOWN)],
            texts=[PreviewOut.model_validate(each) for each in _texts(services, session, row)],
        )


@router.post("/v1/approvals/{approval}/{what}", tags=["approvals"])
def answer(services: Injected, caller: Asking, approval: str, what: Answer, said: VoteIn | None = None) -> ApprovalOut:
    """Agree, or refuse; with `false_alarm` everything it is about is dismissed, and who was told hears so."""
    given = said or VoteIn()
    row = vote(services, approval, caller.name, what, note=given.note, false_alarm=given.false_alarm)
    return ApprovalOut.model_validate(row)


@router.get("/approvals", include_in_schema=False)
def all_approvals(services: Injected, caller: Asking) -> Response:
    """List questions, those that stand first."""
    with services.database.reading() as session:
        rows = asked.approvals(session, past=True)[:SHOWN]
    standing = [row for row in rows if row.state == "asked"]
    past = [row for row in rows if row.state != "asked"]
    return render("approvals.html.j2", services, who=caller.name, standing=standing, past=past)


@router.get("/approvals/{approval}", include_in_schema=False)
def one_approval(services: Injected, caller: Asking, approval: str) -> Response:
    """Show a question, with two buttons while it stands."""
    with services.database.reading() as session:
        row = need(session, Approval, approval, "approval")
        return render(
            "approval.html.j2",
            services,
            who=caller.name,
            approval=row,
            open=row.state == "asked" and row.expires_at > services.clock.time(),
            wave=session.get(WaveRow, row.wave),
            votes=asked.votes(session, approval),
            people=waiting(session, row.playbook, SHOWN),
            texts=_texts(services, session, row),
        )


@router.post("/approvals/{approval}/{what}", include_in_schema=False)
async def press(services: Injected, caller: Asking, approval: str, what: Answer, form: Form) -> Response:
    """Do what a button says."""
    more: dict[str, Any] = {"note": form.get("note", "")[:2000], "false_alarm": "false_alarm" in form}
    await run_in_threadpool(vote, services, approval, caller.name, what, **more)
    return RedirectResponse(f"/approvals/{approval}", 303)


def vote(
    services: Services, approval: str, who: str, what: Answer, *, note: str = "", false_alarm: bool = False
) -> Approval:
    """Write down what `who` says. Raises Refused (404, 409, 422) where it cannot be said."""
    if false_alarm and what == "approve":
        raise Refused(422, "false_alarm: what is one is refused, not approved")
    now = services.clock.time()
    with services.database.transaction() as session:
        need(session, Approval, approval, "approval")
        try:
            row = asked.vote(session, approval, who, now, agree=what == "approve", note=note)
        except Permanent as error:
            raise Refused(409, str(error)) from error
        wrong = asked.dismissals(session, row, who, note) if false_alarm else []
    if wrong:
        publish(services, *(action(subject, data, now) for subject, data in wrong))
    return row


def _texts(services: Services, session: Session, row: Approval) -> list[Preview]:
    """Return every text; once it is decided nobody waits, and there are none."""
    config = services.config()
    outside = Outside(services.channels, {}, templates_of(config), Speaker(config, services.links))
    return previews(session, config, outside, row.playbook, services.clock.time())
