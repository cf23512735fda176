"""What agents read on tickets that are there already, as intents of the outbox: none is lost, none written twice."""

from collections.abc import Iterator

from sqlmodel import Session, col, select

from engine.events import ReplyEvent
from engine.ids import derive
from engine.issues.view import raised
from engine.playbooks import REPLY
from engine.store.models import Intent, Issue, Ticket

KIND = "annotate"


def on_issue(session: Session, event: ReplyEvent, issue: Issue, text: str, now: float) -> Iterator[Intent]:
    """Yield the note on every ticket of an issue; where surely this is still broken, it becomes a step graver."""
    change = {"severity": raised(issue.severity)} if event.meaning == "broken" and not event.others else {}
    for ticket in _tickets(session, issue.id):
        yield _note(event, issue.id, ticket, text, change, now)


def on_conversation(event: ReplyEvent, handed: Intent, now: float) -> Iterator[Intent]:
    """Yield the note of what came since a conversation was handed over; before there is a ticket, it will have it."""
    if handed.status == "sent" and handed.provider_id:
        yield _note(event, handed.issue, handed, f"{event.subject} ({event.channel}): {event.text}", {}, now)


def _tickets(session: Session, issue: str) -> list[Intent]:
    """Return the intents whose tickets about an issue are open, as far as is known."""
    made = select(Intent).where(
        Intent.issue == issue, Intent.kind == "ticket", Intent.status == "sent", Intent.occasion != REPLY
    )
    over = set(session.exec(select(Ticket.external).where(Ticket.issue == issue, Ticket.status == "resolved")).all())
    return [each for each in session.exec(made.order_by(col(Intent.id))).all() if each.id not in over]


def _note(event: ReplyEvent, issue: str, ticket: Intent, text: str, change: dict[str, str], now: float) -> Intent:
    return Intent(
        id=derive("int", ticket.id, KIND, event.source, event.id),
        kind=KIND,
        issue=issue,
        episode=ticket.episode,
        account=ticket.account,
        playbook="",
        step=KIND,
        occasion="opened",
        recipient=ticket.provider_id,
        channel=ticket.channel,
        status="pending",
        due_at=now,
        created_at=now,
        payload={"desk": ticket.channel, "ticket": ticket.provider_id, "note": text, "change": change},
    )
