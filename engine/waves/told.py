"""Whom an incident was told to: by one of its issues, so that nobody hears of it by each."""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from sqlalchemy import select as sql_select
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
    incidents = _incidents_of(session, asked)
    told = _told_of(session, set(incidents.values()), {each.recipient for each in asked if each.issue in incidents})
    found = {}
    for intent in asked:
        others = told.get((incidents.get(intent.issue, ""), intent.recipient), ())
        issues = dict.fromkeys(each.issue for each in others if each.issue != intent.issue)
        found[intent.id] = next((id_ for id_ in issues if open_outreach(e for e in others if e.issue == id_)), "")
    return {id_: ToldOf(other, _ticket_of(session, other)) for id_, other in found.items() if other}


def _ticket_of(session: Session, issue: str) -> str:
    """Return the one ticket of the open incident an issue is in, if there is one that is not over."""
    incident = session.get(Incident, of(session, issue) or "")
    tickets = of_issue(session, incident.issue) if incident else ()
    own = (each for each in tickets if incident and each.intent == made_by(incident.id) and not each.over)
    return next((str(each.ref) for each in own), "")


def _incidents_of(session: Session, intents: Sequence[Intent]) -> dict[str, str]:
    """Return the open incident that each issue is in."""
    if not intents or not _any_open(session):
        return {}
    found = session.execute(_OPEN, {"issues": {each.issue for each in intents}})
    return {row.issue: row.incident for row in found}


def _told_of(session: Session, incidents: Set[str], recipients: Set[str]) -> dict[tuple[str, str], list[Intent]]:
    """Return, by incident and recipient, what they were told of issues of it."""
    found: dict[tuple[str, str], list[Intent]] = defaultdict(list)
    if incidents:
        named = {"incidents": incidents, "recipients": recipients}
        for incident, intent in session.execute(_SENT_OF, named).all():
            found[incident, intent.recipient].append(intent)
    return found


def _any_open(session: Session) -> bool:
    return session.exec(select(Incident.id).where(Incident.status == "open").limit(1)).first() is not None


_OPEN = (
    sql_select(col(IncidentMember.issue), col(IncidentMember.incident))
    .join(Incident, col(Incident.id) == unindexed(IncidentMember.incident))
    .where(among(IncidentMember.issue, "issues"), col(Incident.status) == "open")
)
_SENT_OF = (
    sql_select(col(IncidentMember.incident), Intent)
    .join(Intent, unindexed(Intent.issue) == IncidentMember.issue)
    .where(
        among(Intent.recipient, "recipients"),
        among(unindexed(IncidentMember.incident), "incidents"),
        unindexed(Intent.status).in_(TOLD),
    )
    .order_by(col(Intent.created_at), col(Intent.id))
)
"""Found from the recipients: an incident may have ten thousand issues, a person a few messages."""
