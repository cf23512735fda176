"""Incidents: issues of many customers with one cause, which get one ticket instead of one each."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import func
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from engine.config.model import Config, DeskConfig, PlaybookConfig, TicketStep
from engine.desks.known import INCIDENT as STEP
from engine.desks.known import Ref, made_by, of_issue
from engine.desks.notes import on_incident, under
from engine.ids import derive
from engine.issues.view import ACTIVE
from engine.store import outbox
from engine.store.among import among
from engine.store.database import insert_ignore
from engine.store.models import Incident, IncidentMember, Intent, Issue, WaveRow
from engine.waves.wave import CALM

log = structlog.get_logger()
NAMED = 20
"""Accounts that the ticket names."""
TEMPLATE = "_common/incident"


def declare(session: Session, playbook: PlaybookConfig, row: WaveRow, config: Config, now: float) -> Incident | None:
    """Make an incident of the issues a wave is about, with one ticket. None: the first issue is gone, or is in one."""
    first = session.get(Issue, row.issue)
    alike = _alike(session, first, row.opened_at - CALM) if first is not None else ()
    if first is None or _is_known(session, row, alike, now) or of(session, first.id) is not None:
        return None
    made = Incident(
        id=derive("inc", row.id),
        title=title(config, first.detector),
        detector=first.detector,
        opened_at=row.opened_at,
        status="open",
        issue=first.id,
        wave=row.id,
    )
    begin(session, made, first, playbook, now)
    for issue in alike:
        join(session, made.id, issue, now)
    return made


def title(config: Config, detector: str) -> str:
    """Return what an incident is called that a detector noticed."""
    known = config.detectors.get(detector)
    return known.about if known and known.about else detector


def begin(session: Session, incident: Incident, first: Issue, playbook: PlaybookConfig | None, now: float) -> None:
    """Write down a new incident, with one ticket if there is a playbook that says where tickets go."""
    session.add(incident)
    session.flush()
    if playbook is not None:
        outbox.add(session, [one_ticket(incident, first, playbook, now)])
    log.warning("incident declared", incident=incident.id, title=incident.title, detector=incident.detector)


def _is_known(session: Session, row: WaveRow, alike: Sequence[str], now: float) -> bool:
    """Return whether a wave is about an incident that is open already: it has most of the issues, and gets the rest."""
    incident = shared(session, alike)
    if incident is None or incident.wave:
        return False
    incident.wave = row.id
    session.add(incident)
    for issue in alike:
        join(session, incident.id, issue, now)
    return True


def shared(session: Session, issues: Collection[str]) -> Incident | None:
    """Return the open incident that half of `issues` or more are in."""
    count = func.count()
    found = (
        sql_select(col(IncidentMember.incident), count)
        .join(Incident, col(Incident.id) == IncidentMember.incident)
        .where(among(IncidentMember.issue, "issues"), col(Incident.status) == "open")
        .group_by(col(IncidentMember.incident))
        .order_by(count.desc(), col(IncidentMember.incident))
    )
    most = session.execute(found, {"issues": issues}).first() if issues else None
    return session.get(Incident, most[0]) if most is not None and 2 * most[1] >= len(issues) else None


def _alike(session: Session, first: Issue, since: float) -> Sequence[str]:
    found = select(Issue.id).where(
        Issue.detector == first.detector,
        col(Issue.status).in_(ACTIVE),
        col(Issue.noticed_at) >= since,
        col(Issue.shadow).is_(False),
    )
    return session.exec(found).all()


def one_ticket(incident: Incident, issue: Issue, playbook: PlaybookConfig, now: float) -> Intent:
    """Return the one ticket, where the playbook's own would go."""
    step = next((each for each in playbook.steps if isinstance(each, TicketStep)), TicketStep(TEMPLATE))
    return Intent(
        id=made_by(incident.id),
        kind="ticket",
        issue=issue.id,
        episode=issue.reopened,
        account=None,
        playbook=playbook.name,
        step=STEP,
        occasion="opened",
        recipient=step.queue,
        channel=step.desk,
        status="pending",
        due_at=now,
        created_at=now,
        payload={
            "template": TEMPLATE,
            "otherwise": step.template,
            "queue": step.queue,
            "desk": step.desk,
            "unless": None,
            "incident": incident.id,
        },
    )


def join(session: Session, incident: str, issue: str, now: float) -> None:
    """Count an issue among an incident's; one that is in an incident stays there."""
    insert_ignore(session, IncidentMember, [IncidentMember(issue=issue, incident=incident, at=now)])


def of(session: Session, issue: str) -> str | None:
    """Return the open incident an issue is in."""
    found = select(Incident.id).join(IncidentMember, col(IncidentMember.incident) == Incident.id)
    return session.exec(found.where(IncidentMember.issue == issue, Incident.status == "open")).first()


def taken_in(session: Session, intents: Iterable[tuple[Intent, Issue | None]], now: float) -> dict[str, str]:
    """Return, by the id of each ticket to be made, the open incident that its issue is, or from now on is, part of."""
    asked = [(intent, issue) for intent, issue in intents if issue and intent.kind == "ticket" and intent.step != STEP]
    open_now = session.exec(select(Incident).where(Incident.status == "open")).all() if asked else ()
    found = {}
    for intent, issue in asked if open_now else ():
        incident = of(session, issue.id) or next((each.id for each in open_now if _takes(each, issue)), None)
        if incident is not None:
            join(session, incident, issue.id, now)
            found[intent.id] = incident
    return found


def _takes(incident: Incident, issue: Issue) -> bool:
    alike = issue.detector == incident.detector and issue.status in ACTIVE and not issue.shadow
    return alike and incident.opened_at <= issue.noticed_at + CALM and _has_cause(incident, issue)


def _has_cause(incident: Incident, issue: Issue) -> bool:
    """Return whether an issue has in common what the others have, as far as its account shows it.

    Where the cause lies in assets, the signals tell (`engine.incidents`).
    """
    values: Mapping[str, str] = incident.cause.get("values", {})
    known: Mapping[str, Any] = issue.evidence.get("attributes", {})
    return all(str(known.get(name)) == value for name, value in values.items())


def members(session: Session, incident: str) -> Sequence[Issue]:
    """Return the issues of an incident, the first opened first."""
    found = select(Issue).join(IncidentMember, col(IncidentMember.issue) == Issue.id)
    within = found.where(IncidentMember.incident == incident)
    return session.exec(within.order_by(col(Issue.opened_at), col(Issue.id))).all()


def summary(session: Session, incident: str) -> dict[str, Any]:
    """Return what a template says of an incident: its id and title, and how many it concerns so far."""
    row = session.get(Incident, incident)
    if row is None:
        raise LookupError(f"there is no incident {incident}")
    accounts = [issue.account or issue.subject for issue in members(session, incident)]
    named = sorted({account.partition("/")[2] for account in accounts})
    return {
        "id": row.id,
        "title": row.title,
        "issues": len(accounts),
        "accounts": len(named),
        "some": named[:NAMED],
        "cause": row.cause.get("words", ""),
        "asked": bool(row.wave),
    }


def settle(session: Session, desks: Mapping[str, DeskConfig], now: float) -> list[Incident]:
    """End the incidents none of whose issues is active any more, and say so on their tickets; returns them."""
    ended = []
    for incident in session.exec(select(Incident).where(Incident.status == "open")).all():
        statuses = set(session.exec(_statuses(incident.id)).all())
        if statuses.isdisjoint(ACTIVE):
            incident.status = "dismissed" if statuses == {"dismissed"} else "resolved"
            incident.ended_at = now
            session.add(incident)
            outbox.add(session, _ending(session, incident, desks, now))
            ended.append(incident)
    return ended


def _ending(session: Session, incident: Incident, desks: Mapping[str, DeskConfig], now: float) -> list[Intent]:
    first = session.get(Issue, incident.issue)
    own = [each for each in of_issue(session, incident.issue) if each.intent == made_by(incident.id)]
    text = f"The incident is over: all of its issues are, and it counts as {incident.status}."
    return [on_incident(first, each, text, desks, now) for each in own if first and not each.over]


def parent(session: Session, issue: str, desk: str) -> str:
    """Return the number at a desk of the ticket of the open incident that an issue is in; empty while there is none."""
    found = above(session, issue, desk)
    return found.number if found else ""


def above(session: Session, issue: str, desk: str) -> Ref | None:
    """Return the ticket that one about an issue is part of, where both are at one desk."""
    row = session.get(Incident, of(session, issue) or "")
    tickets = of_issue(session, row.issue) if row else ()
    own = (each for each in tickets if row and each.intent == made_by(row.id) and not each.over)
    return next((each.ref for each in own if each.ref.desk == desk), None)


def join_parent(session: Session, intent: Intent, number: str, now: float) -> None:
    """Make a new ticket one of its incident's, where that has got a ticket while this one was made."""
    issue, ticket = session.get(Issue, intent.issue), Ref(intent.channel, number)
    found = None if intent.payload.get("parent") or issue is None else above(session, issue.id, ticket.desk)
    if found is not None and issue is not None and found != ticket:
        outbox.add(session, [under(issue, ticket, found, now)])


def linked(session: Session, intent: Intent, number: str, now: float) -> None:
    """Once the one ticket is made, make those that some of the issues have already parts of it."""
    incident = str(intent.payload.get("incident", ""))
    subordinate(session, members(session, incident), Ref(intent.channel, number), now)


def subordinate(session: Session, issues: Iterable[Issue], ticket: Ref, now: float) -> None:
    """Make the tickets that issues have already parts of the one ticket of their incident."""
    notes = [
        under(issue, each.ref, ticket, now)
        for issue in issues
        for each in of_issue(session, issue.id)
        if each.ref.desk == ticket.desk and each.ref != ticket and not each.over
    ]
    outbox.add(session, notes)


def _statuses(incident: str) -> SelectOfScalar[str]:
    found = select(Issue.status).join(IncidentMember, col(IncidentMember.issue) == Issue.id)
    return found.where(IncidentMember.incident == incident).distinct()
