"""Incidents as people look at them: what is in common, how many it concerns, where its ticket is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from engine.desks.known import made_by, of_issue
from engine.issues.view import ACTIVE
from engine.store.models import Incident, Issue
from engine.waves.incidents import members


@dataclass(frozen=True, slots=True)
class Shown:
    """An incident with what is counted of it."""

    row: Incident
    issues: Sequence[Issue]
    """The first opened first."""
    ticket: str
    """Number of its one ticket, at a vendor's desk after the desk's name; empty: it is not made yet."""

    @property
    def cause(self) -> str:
        """What is in common, in words; empty: nobody looked, as it was declared because so many were to be told."""
        return str(self.row.cause.get("words", ""))

    @property
    def accounts(self) -> int:
        """How many accounts it concerns."""
        return len({each.account or each.subject for each in self.issues})

    @property
    def active(self) -> int:
        """How many of its issues are not over."""
        return sum(each.status in ACTIVE for each in self.issues)

    def plain(self) -> dict[str, Any]:
        """Return it as plain values, without its issues."""
        counted = {"issues": len(self.issues), "active": self.active, "accounts": self.accounts, "ticket": self.ticket}
        row = self.row.model_dump(exclude={"key", "issue", "cause"})
        values = {name: self.row.cause.get(name, empty) for name, empty in (("kind", ""), ("values", {}))}
        return {**row, "cause": self.cause, **values, **counted}


def incidents(session: Session, *, past: bool = False, limit: int = 100) -> list[Shown]:
    """Return the open incidents, or with `past` all, the latest first."""
    found = select(Incident).order_by(col(Incident.opened_at).desc(), col(Incident.id)).limit(limit)
    rows = session.exec(found if past else found.where(Incident.status == "open")).all()
    return [shown(session, row) for row in rows]


def shown(session: Session, row: Incident) -> Shown:
    """Return one."""
    own = [each for each in of_issue(session, row.issue) if each.intent == made_by(row.id)]
    return Shown(row, members(session, row.id), str(own[0].ref) if own else "")
