"""Whom an incident was told to: by one of its issues, so that nobody hears of it by each."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import select as sql_select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from engine.desks.known import made_by, of_issue
from engine.playbooks import TOLD, open_outreach
from engine.store.among import among
from engine.store.database import unindexed
from engine.store.models import Incident, IncidentMember, Intent
from engine.waves.incidents import of


class ToldOf(NamedTuple):
    """What somebody was told of an incident: by which other issue; and the incident's ticket, if there is one."""

    issue: str
    ticket: str


def told_with(session: Session, intents: Iterable[Intent]) -> dict[str, ToldOf]:
    """Return, by the id of each opening message, by which other issue of its incident the recipient was told.

    What has ended for them since does not count: then it is news that it is not over.
    """
    asked = [each for each in intents if (each.kind, each.occasion) == ("message", "opened")]
    named = {"issues": {each.issue for each in asked}, "recipients": {each.recipient for each in asked}}
    by: dict[tuple[str, str], list[Intent]] = defaultdict(list)
    for issue, other in session.execute(_SENT_WITH, named).all() if asked and _any_open(session) else ():
        by[issue, other.recipient].append(other)
    found = {}
    for intent in asked:
        others = by.get((intent.issue, intent.recipient), ())
        issues = dict.fromkeys(each.issue for each in others)
        found[intent.id] = next((id_ for id_ in issues if open_outreach(e for e in others if e.issue == id_)), "")
    return {id_: ToldOf(other, _ticket_of(session, other)) for id_, other in found.items() if other}


def _ticket_of(session: Session, issue: str) -> str:
    """Return the one ticket of the open incident an issue is in, if there is one that is not over."""
    incident = session.get(Incident, of(session, issue) or "")
    tickets = of_issue(session, incident.issue) if incident else ()
    own = (each for each in tickets if incident and each.intent == made_by(incident.id) and not each.over)
    return next((str(each.ref) for each in own), "")


def _any_open(session: Session) -> bool:
    return session.exec(select(Incident.id).where(Incident.status == "open").limit(1)).first() is not None


_MINE, _THEIRS = aliased(IncidentMember), aliased(IncidentMember)
_SENT_WITH = (
    sql_select(col(_MINE.issue), Intent)
    .join(Incident, col(Incident.id) == _MINE.incident)
    .join(_THEIRS, (col(_THEIRS.incident) == _MINE.incident) & (col(_THEIRS.issue) != _MINE.issue))
    .join(Intent, col(Intent.issue) == _THEIRS.issue)
    .where(
        among(_MINE.issue, "issues"),
        col(Incident.status) == "open",
        among(Intent.recipient, "recipients"),
        unindexed(Intent.status).in_(TOLD),
    )
    .order_by(col(Intent.created_at), col(Intent.id))
)
"""What recipients were told of other issues of the open incidents that issues are in."""
