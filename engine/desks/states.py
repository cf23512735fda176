"""From what a vendor's desk tells of its tickets to events, and from these to what is known and what follows.

A ticket that was made is written down when the desk has answered. From then on each change that the desk tells, by
polling or by webhook, is a `forewarn.ticket` event, and a new verdict beside it a `forewarn.verdict`. What is told
twice, late or out of order does no harm: ids derive from what is told, and what is older than what is known is nothing.

What follows: who takes a ticket acknowledges its issue; a verdict is a label, and `false` dismisses the issue. A ticket
that is over without a verdict says nothing of the issue, which ends when its detector says so: it is noted in the
history, and the ticket is no longer an open one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlmodel import Session

from engine.config.model import BUILTIN
from engine.desks.known import OVER, Ref, ticket_id
from engine.events import TicketEvent, make_event
from engine.ids import derive
from engine.store.database import insert_ignore
from engine.store.models import DeskCursor, DeskTicket, Intent, Issue
from outreach.base import Receipt, TicketDesk, TicketState


def done(session: Session, intent: Intent, desk: TicketDesk, receipt: Receipt, now: float) -> None:
    """Write down what a desk did of `intent`: a ticket is there, or has another severity."""
    if intent.kind == "ticket":
        made(session, intent, desk, receipt, now)
    elif intent.kind == "annotate":
        row = session.get(DeskTicket, ticket_id(intent.channel, str(intent.payload["ticket"])))
        severity = (intent.payload.get("change") or {}).get("severity")
        if row is not None and severity:
            row.severity = severity


def made(session: Session, intent: Intent, desk: TicketDesk, receipt: Receipt, now: float) -> None:
    """Write down the ticket that a desk made of `intent`; read all that the desk told of it since it was begun."""
    name, number = intent.channel, receipt.provider_id
    issue = session.get(Issue, intent.issue)
    if desk.kind == BUILTIN or not number or issue is None:
        return
    row = _row(Ref(name, number), issue, intent.id, intent.claimed_at or now)
    row.name = receipt.detail.partition(";")[0].strip()[:80]
    row.url = desk.page(number)
    row.queue = str(intent.payload.get("queue", ""))
    row.subject = str(intent.payload.get("subject", ""))
    insert_ignore(session, DeskTicket, [row])
    _read_from(session, name, intent.created_at, now)  # an attempt before this one may have made it


def events_of(session: Session, desk: str, vendor: str, states: Iterable[TicketState], now: float) -> list[bytes]:
    """Return the events that what a desk tells comes to; none for tickets that are not ours, or as they are known."""
    return [event for state in states for event in _events(session, Ref(desk, state.ticket), vendor, state, now)]


@dataclass(frozen=True, slots=True)
class Taken:
    """What an event changed of a ticket."""

    ticket: DeskTicket
    claimed: bool
    """Somebody took it who, or when nobody, had it before."""
    ended: bool
    """It is over, and was not before."""


def take(session: Session, event: TicketEvent) -> Taken | None:
    """Apply an event; None: it is older than what is known, or of no issue that is known."""
    row = session.get(DeskTicket, ticket_id(event.desk, event.ticket), with_for_update=True)
    row = row or _rebuilt(session, event)
    if row is None or event.updated < row.updated_at:
        return None
    claimed = event.assignee not in ("", row.assignee)
    over, was_over = event.status in OVER, row.status in OVER
    row.status, row.assignee, row.updated_at = event.status, event.assignee, event.updated
    row.verdict = event.verdict or row.verdict
    row.ended_at = (row.ended_at if was_over else event.time) if over else None
    row.changes += 1
    session.add(row)
    session.flush()
    return Taken(row, claimed and not over, over and not was_over)


def _events(session: Session, ref: Ref, vendor: str, state: TicketState, now: float) -> Iterator[bytes]:
    row = session.get(DeskTicket, ticket_id(*ref))
    issue = session.get(Issue, row.issue) if row else None
    if row is None or issue is None or not _is_news(row, state):
        return
    source = f"{vendor}/{ref.desk}"
    yield make_event("forewarn.ticket", issue.subject, _told(row, state), id=_key(row, state), source=source, time=now)
    if state.verdict not in ("", row.verdict):
        key = f"{row.number}:{row.changes}:{state.verdict}"
        yield make_event(
            "forewarn.verdict", issue.subject, _verdict(row, state, issue), id=key, source=source, time=now
        )


def _is_news(row: DeskTicket, state: TicketState) -> bool:
    """Return whether a state is not older than what is known, and other."""
    verdict = state.verdict or row.verdict
    told = (state.updated, state.status.value, state.assignee, verdict)
    known = (row.updated_at, row.status, row.assignee, row.verdict)
    return state.updated >= row.updated_at and told != known


def _key(row: DeskTicket, state: TicketState) -> str:
    """Return the id of an event: of one state told twice the same, also before the first was applied."""
    return derive("tks", row.id, row.changes, repr(state.updated), state.status, state.assignee, state.verdict)


def _told(row: DeskTicket, state: TicketState) -> dict[str, object]:
    return {
        "desk": row.desk,
        "ticket": row.number,
        "status": state.status.value,
        "updated": state.updated,
        "assignee": state.assignee,
        "verdict": state.verdict,
        "intent": row.intent,
        "issue": row.issue,
        "url": row.url,
    }


def _verdict(row: DeskTicket, state: TicketState, issue: Issue) -> dict[str, object]:
    return {
        "verdict": state.verdict,
        "issue": issue.id,
        "detector": issue.detector,
        "series": issue.series,
        "who": state.assignee or row.desk,
        "note": f"ticket {Ref(row.desk, row.number)}",
    }


def _rebuilt(session: Session, event: TicketEvent) -> DeskTicket | None:
    """Return a ticket of which only the log knows."""
    issue = session.get(Issue, event.issue)
    if issue is None:
        return None
    row = _row(Ref(event.desk, event.ticket), issue, event.intent, event.time)
    row.url = event.url
    insert_ignore(session, DeskTicket, [row])
    return session.get_one(DeskTicket, row.id, with_for_update=True)


def _row(ref: Ref, issue: Issue, intent: str, opened_at: float) -> DeskTicket:
    return DeskTicket(
        id=ticket_id(*ref),
        desk=ref.desk,
        number=ref.number,
        intent=intent,
        issue=issue.id,
        account=issue.account or issue.subject,
        detector=issue.detector,
        subject=issue.summary,
        severity=issue.severity,
        status="open",
        opened_at=opened_at,
        updated_at=0.0,
    )


def _read_from(session: Session, desk: str, begun: float, now: float) -> None:
    """Let the next polling begin no later than `begun`: what was told of a ticket nobody knew was passed over."""
    insert_ignore(session, DeskCursor, [DeskCursor(desk=desk, since=begun, due_at=now)])
    cursor = session.get_one(DeskCursor, desk, with_for_update=True)
    cursor.since = min(cursor.since, begun)
    session.flush()
