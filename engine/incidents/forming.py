"""What becomes of a case in the store: one incident, with its issues and one ticket, whoever else has noticed it."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from engine.config.model import Config
from engine.desks.known import Ref, made_by
from engine.ids import derive
from engine.incidents.cases import Case
from engine.issues.book import view
from engine.issues.view import ACTIVE
from engine.playbooks import matching
from engine.store.models import Incident, IncidentMember, Intent, Issue
from engine.waves.incidents import begin, join, shared, subordinate, title


def grow(session: Session, config: Config, case: Case, issues: Sequence[Issue], now: float) -> Incident | None:
    """Count `issues` among the incident of a case, which is declared if there is none. None: all of it is over.

    An incident that has half of the issues already is the one: what many customers have was noticed as many were to be
    told of it (`engine.waves`), or by another detector.
    """
    found = session.exec(select(Incident).where(Incident.key == case.id)).first()
    incident = found or _noticed(session, case, issues) or _declared(session, config, case, issues, now)
    if incident is None:
        return None
    _explain(session, config, case, incident)
    _reopen(session, incident, issues)
    fresh = [each for each in issues if session.get(IncidentMember, each.id) is None]
    for issue in fresh:
        join(session, incident.id, issue.id, now)
    if (ticket := _ticket(session, incident)) is not None:
        subordinate(session, fresh, ticket, now)
    return incident


def _noticed(session: Session, case: Case, issues: Sequence[Issue]) -> Incident | None:
    incident = shared(session, {each.id for each in issues})
    if incident is not None and not incident.key:
        incident.key = case.id
        session.add(incident)
    return incident


def _declared(session: Session, config: Config, case: Case, issues: Sequence[Issue], now: float) -> Incident | None:
    active = [each for each in issues if each.status in ACTIVE]
    if not active:
        return None
    first = min(active, key=lambda each: (each.opened_at, each.id))
    made = Incident(
        id=derive("inc", case.id),
        title=title(config, case.detector),
        detector=case.detector,
        opened_at=case.began,
        status="open",
        issue=first.id,
        key=case.id,
    )
    begin(session, made, first, next(iter(matching(config.playbooks.values(), view(first))), None), now)
    return made


def _explain(session: Session, config: Config, case: Case, incident: Incident) -> None:
    """Write down what is in common, as it is known by now."""
    rules = config.policy.incidents
    names = rules.dimensions if rules is not None else ()
    values = {names[at]: value for at, value in case.cause.values}
    cause = {"words": case.words, "kind": case.cause.kind, "values": values}
    if incident.key == case.id and incident.cause != cause:
        incident.cause = cause
        session.add(incident)


def _reopen(session: Session, incident: Incident, issues: Sequence[Issue]) -> None:
    """Go on with an incident that was over, as one of its issues is not."""
    if incident.status != "open" and any(each.status in ACTIVE for each in issues):
        incident.status, incident.ended_at = "open", None
        session.add(incident)


def _ticket(session: Session, incident: Incident) -> Ref | None:
    """Return the one ticket, if it is made."""
    intent = session.get(Intent, made_by(incident.id))
    return Ref(intent.channel, intent.provider_id) if intent is not None and intent.status == "sent" else None


def issues_of(session: Session, ids: Sequence[str]) -> Sequence[Issue]:
    """Return issues by id, kept from others until the transaction ends; none of those on trial."""
    found = select(Issue).where(col(Issue.id).in_(ids), col(Issue.shadow).is_(False)).order_by(col(Issue.id))
    return session.exec(found.with_for_update()).all()
