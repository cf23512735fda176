"""Tickets as the engine knows them: one view of those of the built-in desk and of those at vendors' desks.

Whoever asks whether there is an open ticket, or lists them, asks here.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import literal
from sqlmodel import Session, col, or_, select

from engine.config.model import BUILTIN, SEVERITIES
from engine.ids import derive
from engine.store.among import among
from engine.store.models import DeskTicket, Incident, Ticket

INCIDENT = "incident"
"""The step of an intent that makes the one ticket of an incident."""
OVER = ("resolved", "solved", "closed")
"""The states of a ticket on which nobody works any more, in the words of all desks."""


class Ref(NamedTuple):
    """Which ticket: a desk and its number there; of the built-in desk the number alone.

    >>> str(Ref("builtin", "7")), str(Ref("support", "SUP-7")), Ref.of("support/SUP-7").number
    ('7', 'support/SUP-7', 'SUP-7')
    """

    desk: str
    number: str

    def __str__(self) -> str:
        return self.number if self.desk == BUILTIN else f"{self.desk}/{self.number}"

    @classmethod
    def of(cls, text: str) -> "Ref":
        """Read what `str` wrote."""
        desk, _, number = text.rpartition("/")
        return cls(desk or BUILTIN, number)


@dataclass(frozen=True, slots=True)
class Known:
    """A ticket, whichever desk has it."""

    ref: Ref
    name: str
    """What people call it."""
    url: str
    """Where it is read: a path of the console, or the desk's own page; empty where that is not known."""
    intent: str
    issue: str
    account: str
    queue: str
    subject: str
    severity: str
    status: str
    """open, claimed, pending or resolved; at a vendor's desk solved or closed instead of resolved."""
    assignee: str
    verdict: str
    opened_at: float

    @property
    def over(self) -> bool:
        """Whether nobody works on it any more."""
        return self.status in OVER

    @property
    def live(self) -> bool:
        """Whether somebody works on it now."""
        return not self.over and bool(self.assignee)


def made_by(incident: str) -> str:
    """Return the id of the intent that makes the one ticket of an incident."""
    return derive("int", incident, INCIDENT)


def of_incidents(session: Session, issue: str) -> set[str]:
    """Return by which intents tickets of incidents are made that begin with an issue: they are not its own."""
    return {made_by(each) for each in session.exec(select(Incident.id).where(Incident.issue == issue)).all()}


def ticket_id(desk: str, number: str) -> str:
    """Return the id of the row of a vendor's ticket."""
    return derive("dtk", desk, number)


def of_issue(session: Session, issue: str) -> list[Known]:
    """Return every ticket about an issue, the oldest first."""
    own = session.exec(select(Ticket).where(Ticket.issue == issue)).all()
    theirs = session.exec(select(DeskTicket).where(DeskTicket.issue == issue)).all()
    return _by_age(own, theirs)


def open_tickets(session: Session, *, queue: str = "", desk: str = "", limit: int = 100) -> list[Known]:
    """Return tickets that are not over, the worst first, then the oldest; of one queue or desk if it is named."""
    own = select(Ticket).where(col(Ticket.status).not_in(OVER)).order_by(col(Ticket.opened_at))
    theirs = select(DeskTicket).where(col(DeskTicket.status).not_in(OVER)).order_by(col(DeskTicket.opened_at))
    if queue:
        own, theirs = own.where(Ticket.queue == queue), theirs.where(DeskTicket.queue == queue)
    if desk:
        own, theirs = own.where(literal(desk == BUILTIN)), theirs.where(DeskTicket.desk == desk)
    found = _by_age(session.exec(own.limit(10 * limit)).all(), session.exec(theirs.limit(10 * limit)).all())
    return sorted(found, key=lambda each: -_gravity(each.severity))[:limit]


_ABOUT = select(Ticket).where(
    col(Ticket.status).not_in(OVER), or_(among(Ticket.issue, "issues"), among(Ticket.account, "accounts"))
)
_THEIRS_ABOUT = select(DeskTicket).where(
    col(DeskTicket.status).not_in(OVER), or_(among(DeskTicket.issue, "issues"), among(DeskTicket.account, "accounts"))
)


def open_about(
    session: Session, issues: Collection[str], accounts: Collection[str]
) -> list[tuple[Known, Collection[str]]]:
    """Return open tickets about any of `issues` or of any of `accounts`, the oldest first, with the detectors meant."""
    asked = {"issues": issues, "accounts": accounts}
    found: list[tuple[Known, Collection[str]]] = [(_own(row), row.tags) for row in session.scalars(_ABOUT, asked)]
    found += [(_theirs(row), (row.detector,)) for row in session.scalars(_THEIRS_ABOUT, asked)]
    return sorted(found, key=lambda each: (each[0].opened_at, each[0].ref))


def find(session: Session, ref: Ref) -> DeskTicket | None:
    """Return what is known of a vendor's ticket."""
    return session.get(DeskTicket, ticket_id(*ref))


def known_at(session: Session, ref: Ref) -> Known | None:
    """Return a vendor's ticket as it is listed; None if nothing is known of it."""
    row = find(session, ref)
    return _theirs(row) if row is not None else None


def _by_age(own: Iterable[Ticket], theirs: Iterable[DeskTicket]) -> list[Known]:
    found = [*map(_own, own), *map(_theirs, theirs)]
    return sorted(found, key=lambda each: (each.opened_at, each.ref))


def _own(row: Ticket) -> Known:
    number = str(row.number)
    return _known(row, Ref(BUILTIN, number), f"#{number}", f"/tickets/{number}", row.external)


def _theirs(row: DeskTicket) -> Known:
    return _known(row, Ref(row.desk, row.number), f"{row.desk} {row.name or row.number}", row.url, row.intent)


def _known(row: Ticket | DeskTicket, ref: Ref, name: str, url: str, intent: str) -> Known:
    return Known(
        ref=ref,
        name=name,
        url=url,
        intent=intent,
        issue=row.issue,
        account=row.account,
        queue=row.queue,
        subject=row.subject,
        severity=row.severity,
        status=row.status,
        assignee=row.assignee,
        verdict=row.verdict,
        opened_at=row.opened_at,
    )


def _gravity(severity: str) -> int:
    known: Sequence[str] = SEVERITIES
    return known.index(severity) if severity in known else -1
