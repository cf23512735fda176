"""The built-in desk's tickets, on the engine's own tables: made once, claimed, noted on, resolved with a verdict."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from sqlalchemy import func
from sqlmodel import Session, col, select

from engine.clock import Clock
from engine.errors import Permanent, told_to_connectors
from engine.events import make_event
from engine.ids import derive
from engine.intake import Intake
from engine.store.database import Database
from engine.store.models import Issue, Ticket, TicketNote
from outreach.base import Change, Draft, Status, TicketState
from outreach.drafts import verdict as verdict_of

Verdict = Literal["true", "false", "unclear"]
CHANGED = 1000
"""Tickets told at once as changed."""
STATUSES = {"open": Status.OPEN, "claimed": Status.OPEN, "pending": Status.PENDING, "resolved": Status.SOLVED}
SEVERITY_FIRST = {"critical": 0, "high": 1, "medium": 2, "low": 3}


class Tickets:
    """Implements `outreach.tickets.builtin.TicketStore`, and what agents do with tickets."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # -- what the desk asks for

    def add(self, draft: Draft) -> int:
        """Keep a ticket once for each `draft.id`; returns its number."""
        with self._writing() as session:
            known = self._of(session, draft.id)
            if known is not None:
                return known.number
            latest = session.exec(select(func.max(col(Ticket.number)))).one()
            ticket = self._ticket(draft, (latest or 0) + 1)
            session.add(ticket)
            return ticket.number

    def annotate(self, number: int, note: str, picture: bytes = b"") -> bool:
        """Add an internal note, with an SVG picture, once; False if there is no such ticket."""
        with self._writing() as session:
            ticket = self._find(session, number)
            if ticket is None:
                return False
            id_, now = derive("tkn", ticket.id, "engine", note), self._clock.time()
            if session.get(TicketNote, id_) is None:
                session.add(
                    TicketNote(id=id_, ticket=ticket.id, at=now, who="engine", text=note, picture=picture.decode())
                )
                ticket.updated_at = now
            return True

    def noted(self, number: int, words: str) -> bool:
        """Say whether a ticket has a note with these words."""
        found = select(TicketNote.id).join(Ticket, col(Ticket.id) == col(TicketNote.ticket))
        with self._reading() as session:
            where = (Ticket.number == number, col(TicketNote.text).contains(words, autoescape=True))
            return session.exec(found.where(*where)).first() is not None

    def link(self, number: int, parent: int) -> bool:
        """Make a ticket one of an incident's `parent`; False if there is no such ticket or parent."""
        with self._writing() as session:
            ticket, above = self._find(session, number), self._find(session, parent)
            if ticket is None or above is None:
                return False
            ticket.parent, ticket.updated_at = parent, self._clock.time()
            return True

    def update(self, number: int, change: Change) -> bool:
        """Change a ticket; False if there is no such one. One that was resolved this way can still get a verdict."""
        with self._writing() as session:
            ticket = self._find(session, number)
            if ticket is None:
                return False
            ticket.updated_at = self._clock.time()
            ticket.severity = change.severity or ticket.severity
            ticket.tags = list(dict.fromkeys([*ticket.tags, *change.tags]))
            if change.status:
                self._move(ticket, change.status)
            return True

    @staticmethod
    def _move(ticket: Ticket, status: Status) -> None:
        """Give a ticket a status in the words of this desk; one that somebody works on stays claimed while open."""
        opened = "claimed" if ticket.assignee else "open"
        ticket.status = {Status.OPEN: opened, Status.PENDING: "pending"}.get(status, "resolved")
        ticket.resolved_at = ticket.updated_at if ticket.status == "resolved" else None

    def changed(self, since: float) -> list[TicketState]:
        """Return the tickets that changed since (epoch seconds), oldest first, in the words of all desks."""
        found = select(Ticket).where(col(Ticket.updated_at) >= since)
        with self._reading() as session:
            rows = session.exec(found.order_by(col(Ticket.updated_at), col(Ticket.number)).limit(CHANGED)).all()
        return [_state(row) for row in rows]

    def number_of(self, draft_id: str) -> int | None:
        """Return the number of the ticket made from a draft."""
        with self._reading() as session:
            found = self._of(session, draft_id)
            return found.number if found else None

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with told_to_connectors(), self._database.transaction() as session:
            yield session

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with told_to_connectors(), self._database.reading() as session:
            yield session

    # -- what agents do

    def open(self, *, queue: str = "", limit: int = 100) -> list[Ticket]:
        """Return tickets not yet resolved, the worst first, then the oldest."""
        found = select(Ticket).where(Ticket.status != "resolved")
        if queue:
            found = found.where(Ticket.queue == queue)
        with self._database.reading() as session:
            rows = session.exec(found.order_by(col(Ticket.opened_at)).limit(10 * limit)).all()
        return sorted(rows, key=lambda row: SEVERITY_FIRST.get(row.severity, 9))[:limit]

    def get(self, number: int) -> tuple[Ticket, Sequence[TicketNote]]:
        """Return a ticket and its notes, oldest first. Raises Permanent if there is none."""
        with self._database.reading() as session:
            ticket = self._need(session, number)
            notes = session.exec(select(TicketNote).where(TicketNote.ticket == ticket.id).order_by(col(TicketNote.at)))
            return ticket, notes.all()

    def claim(self, number: int, who: str, intake: Intake) -> Ticket:
        """Let `who` work on it, which acknowledges its issue: an event in the log says so.

        Raises Permanent if somebody else does, or it is resolved.
        """
        ticket = self._claim(number, who)
        with self._database.reading() as session:
            issue = session.get(Issue, ticket.issue)
        if issue is not None:
            data = {"what": "acknowledge", "issue": issue.id, "who": who, "note": f"ticket {number}"}
            id_, now = derive("act", ticket.id, "claim", who), self._clock.time()
            event = make_event("forewarn.action", issue.subject, data, id=id_, source="forewarn/desk", time=now)
            intake.accept(event, "desk")
        return ticket

    def _claim(self, number: int, who: str) -> Ticket:
        with self._database.transaction() as session:
            ticket = self._need(session, number)
            if ticket.status == "resolved" or ticket.assignee not in ("", who):
                state = "is resolved" if ticket.status == "resolved" else f"is with {ticket.assignee}"
                raise Permanent(f"ticket {number} {state}", remedy="pick another: `forewarn tickets list`")
            ticket.status, ticket.assignee, ticket.updated_at = "claimed", who, self._clock.time()
            return ticket

    def note(self, number: int, who: str, text: str) -> None:
        """Write an internal note. Raises Permanent if there is no such ticket."""
        with self._database.transaction() as session:
            ticket = self._need(session, number)
            ticket.updated_at = self._clock.time()
            session.merge(_note(ticket, who, text, ticket.updated_at))

    def resolve(self, number: int, who: str, verdict: Verdict, note: str, intake: Intake) -> Ticket:
        """End it with a verdict, which goes into the log as an event: the detector learns from it."""
        with self._database.transaction() as session:
            ticket = self._need(session, number)
            if ticket.status == "resolved" and ticket.verdict:
                raise Permanent(f"ticket {number} was resolved before, with verdict {ticket.verdict}")
            issue = session.get(Issue, ticket.issue)
        if issue is not None:
            intake.accept(self._verdict(ticket, issue, who, verdict, note), "desk")
        with self._database.transaction() as session:
            ticket = self._need(session, number)
            now = self._clock.time()
            ticket.status, ticket.verdict, ticket.assignee = "resolved", verdict, ticket.assignee or who
            ticket.resolved_at = ticket.updated_at = now
            if note:
                session.add(_note(ticket, who, note, now))
            return ticket

    def _verdict(self, ticket: Ticket, issue: Issue, who: str, verdict: Verdict, note: str) -> bytes:
        data = {
            "verdict": verdict,
            "issue": issue.id,
            "detector": issue.detector,
            "series": issue.series,
            "who": who,
            "note": note,
        }
        now = self._clock.time()
        return make_event(
            "forewarn.verdict", issue.subject, data, id=f"ticket-{ticket.number}", source="forewarn/desk", time=now
        )

    def _ticket(self, draft: Draft, number: int) -> Ticket:
        now = self._clock.time()
        return Ticket(
            id=derive("tkt", draft.id),
            number=number,
            external=draft.id,
            issue=str(draft.evidence.get("issue", "")),
            account=draft.account,
            queue=draft.queue,
            subject=draft.subject,
            body=draft.body,
            severity=draft.severity,
            requester=draft.requester,
            status="open",
            evidence=dict(draft.evidence),
            picture=draft.picture.decode(),
            next_step=draft.next_step,
            parent=int(draft.parent) if draft.parent.isascii() and draft.parent.isdigit() else None,
            tags=list(draft.tags),
            opened_at=now,
            updated_at=now,
        )

    @staticmethod
    def _of(session: Session, draft_id: str) -> Ticket | None:
        return session.exec(select(Ticket).where(Ticket.external == draft_id)).first()

    @staticmethod
    def _find(session: Session, number: int) -> Ticket | None:
        return session.exec(select(Ticket).where(Ticket.number == number)).first()

    @classmethod
    def _need(cls, session: Session, number: int) -> Ticket:
        found = cls._find(session, number)
        if found is None:
            raise _unknown(number)
        return found


def picture_url(ticket: Ticket) -> str:
    """Return the evidence picture as a data URL, for pages that may load nothing."""
    return "data:image/svg+xml;base64," + base64.b64encode(ticket.picture.encode()).decode()


def _note(ticket: Ticket, who: str, text: str, now: float) -> TicketNote:
    id_ = derive("tkn", ticket.id, who, repr(now), text)
    return TicketNote(id=id_, ticket=ticket.id, at=now, who=who, text=text)


def _state(ticket: Ticket) -> TicketState:
    return TicketState(
        str(ticket.number),
        STATUSES.get(ticket.status, Status.OPEN),
        ticket.updated_at,
        ticket.verdict or verdict_of(ticket.tags),
        ticket.assignee,
    )


def _unknown(number: int) -> Permanent:
    return Permanent(f"there is no ticket {number}", remedy="list them with `forewarn tickets list`")
