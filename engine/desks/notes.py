"""What is written on tickets: how an issue went on, and whom we did not write to because a ticket was open (C17).

Each note is an intent of the outbox, planned in the transaction of what caused it: none is lost, none written twice.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from engine.config.model import BUILTIN, DeskConfig
from engine.desks.known import Known, Ref, of_incidents, of_issue
from engine.ids import derive
from engine.issues.view import ENGINE, IssueView, Transition, worse
from engine.playbooks import CLOSING
from engine.store.models import Intent, Issue

KIND = "annotate"


def on_change(
    session: Session, transition: Transition, told: int, desks: Mapping[str, DeskConfig], now: float
) -> list[Intent]:
    """Return the notes that a change of an issue puts on its open tickets; `told` people hear how it ended.

    `desks` are those of the configuration: at another one, whose ticket is still open, nothing can be written.
    """
    text = _text(transition, told)
    tickets = of_issue(session, transition.issue.id) if text else []
    others = of_incidents(session, transition.issue.id) if tickets else set()
    return [
        _on_change(transition, each, text, _change(transition, each, desks), now)
        for each in tickets
        if each.intent not in others and not each.over and (each.ref.desk == BUILTIN or each.ref.desk in desks)
    ]


def on_incident(issue: Issue, ticket: Known, text: str, desks: Mapping[str, DeskConfig], now: float) -> Intent:
    """Return the note that ends the one ticket of an incident, of which `issue` is the first."""
    note = _note(issue, ticket.ref, text, now)
    note.id = derive("int", issue.id, KIND, ticket.ref, "incident over")
    desk = desks.get(ticket.ref.desk)
    note.payload = {**note.payload, "change": {"status": "solved"} if desk and desk.on_end == "solve" else {}}
    return note


def under(issue: Issue, ticket: Ref, parent: Ref, now: float) -> Intent:
    """Return the note that makes a ticket one of an incident's."""
    note = _note(issue, ticket, f"This is part of an incident, and belongs to ticket {parent.number}.", now)
    note.id = derive("int", issue.id, KIND, ticket, "under", parent)
    note.payload = {**note.payload, "parent": parent.number}
    return note


def instead(issue: Issue, intent: Intent, ticket: Ref, now: float) -> Intent:
    """Return the note for whoever helps the customer already, instead of a message or another ticket (C17)."""
    if intent.kind == "message":
        text = f"Forewarn did not write to {intent.recipient}, as this ticket is open: {issue.summary}"
    else:
        text = f"Forewarn made no other ticket in {intent.recipient or 'a queue'}, as this one is open: {issue.summary}"
    note = _note(issue, ticket, text, now)
    note.id = derive("int", issue.id, KIND, ticket, "instead", intent.id)
    return note


def beside(issue: Issue, intent: Intent, ticket: Ref, now: float) -> Intent:
    """Return the note on an incident's ticket that somebody who was told of it is not told of another issue of it."""
    text = f"{issue.subject} too: {issue.summary} {intent.recipient} was told of this incident, and is not told again."
    note = _note(issue, ticket, text, now)
    note.id = derive("int", issue.id, KIND, ticket, "beside", intent.id)
    return note


def _text(transition: Transition, told: int) -> str:
    issue = transition.issue
    at = f"{datetime.fromtimestamp(transition.at, UTC):%Y-%m-%d %H:%M} UTC"
    by = at if transition.who == ENGINE else f"{at} by {transition.who}"
    why = f": {transition.note}" if transition.note else ""
    match transition.kind:
        case "resolved":
            return f"The issue was resolved at {by}{why}. {_heard(told)}"
        case "dismissed":
            return f"The issue was dismissed as a false alarm at {by}{why}. {_heard(told)}"
        case "expired":
            return f"The issue was open for too long, and is not followed any more since {at}. {_heard(told)}"
        case "reopened" | "flapping":
            return f"The issue came back at {at}, {issue.severity}: {issue.summary}"
        case "severity" if worse(transition.after, transition.before):
            return f"The issue grew from {transition.before} to {transition.after} at {at}: {issue.summary}"
        case _:
            return ""


def _heard(told: int) -> str:
    if not told:
        return "No customer had been told of it."
    return f"{told} who had been told {'hears' if told == 1 else 'hear'} how it ended."


def _change(transition: Transition, ticket: Known, desks: Mapping[str, DeskConfig]) -> dict[str, Any]:
    """Return what else is to be different about the ticket."""
    if transition.kind not in CLOSING:
        severity = transition.issue.severity
        return {"severity": severity} if severity != ticket.severity else {}
    desk = desks.get(ticket.ref.desk)
    return {"status": "solved"} if desk is not None and desk.on_end == "solve" else {}


def _on_change(transition: Transition, ticket: Known, text: str, change: dict[str, Any], now: float) -> Intent:
    note = _note(transition.issue, ticket.ref, text, now)
    note.id = derive("int", transition.issue.id, KIND, ticket.ref, transition.kind, repr(transition.at))
    note.occasion = transition.kind if transition.kind in CLOSING else "opened"
    note.payload = {**note.payload, "change": change}
    return note


def _note(issue: Issue | IssueView, ticket: Ref, text: str, now: float) -> Intent:
    return Intent(
        id="",
        kind=KIND,
        issue=issue.id,
        episode=issue.reopened,
        account=issue.account,
        playbook="",
        step=KIND,
        occasion="opened",
        recipient=str(ticket),
        channel=ticket.desk,
        status="pending",
        due_at=now,
        created_at=now,
        payload={"desk": ticket.desk, "ticket": ticket.number, "note": text},
    )
