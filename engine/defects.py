"""Defects: demand of the class `remove` is not only answered, its cause gets an owner and a price.

The first issue of such a detector opens a defect for the detector's owner; while it is open, all further issues of the
detector count to it, with the contacts they cause and what these cost. Whoever removed the cause closes it. What comes
after that opens a new one, which says what it came back from.
"""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct
from sqlalchemy import distinct, func
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, or_, select

from engine.config.model import Config
from engine.errors import Permanent
from engine.ids import derive
from engine.issues.view import Transition
from engine.store import outbox
from engine.store.database import lock
from engine.store.models import CustomerContact, Defect, Intent, Issue

TEMPLATE = "_common/defect"


class Figures(Struct, frozen=True):
    """What a defect has caused so far."""

    issues: int
    accounts: int
    contacts: int
    """Customers who contacted us about one of its issues."""
    cost: float | None
    """What the contacts cost; None where no playbook says what one costs."""


def record(session: Session, transitions: Iterable[Transition], config: Config) -> list[Defect]:
    """Open the defects that `transitions` show; returns the new ones. Their owners are told where they can be."""
    opened = []
    for transition in transitions:
        detector = config.detectors.get(transition.issue.detector)
        shown = transition.kind in ("opened", "reopened") and not transition.issue.shadow
        if not shown or detector is None or detector.demand.class_ != "remove":
            continue
        if current(session, detector.name) is None and _is_first(session, detector.name):
            opened.append(_open(session, transition, config))
    return opened


def _is_first(session: Session, detector: str) -> bool:
    """Say whether still no defect is open once whoever was about to open one is done: another partition may be."""
    lock(session, f"defect {detector}")
    return current(session, detector) is None


def _open(session: Session, transition: Transition, config: Config) -> Defect:
    issue = transition.issue
    detector = config.detectors[issue.detector]
    before = _latest(session, detector.name)
    made = Defect(
        id=derive("dft", detector.name, issue.id, issue.reopened),
        detector=detector.name,
        owner=detector.owner,
        source=detector.demand.source,
        title=detector.about,
        issue=issue.id,
        opened_at=issue.noticed_at if transition.kind == "opened" else transition.at,
        after=before.id if before else "",
        price=contact_price(config, detector.name),
    )
    session.add(made)
    session.flush()
    if detector.owner in config.main.escalations:
        outbox.add(session, [_told(made, transition.at)])
    return made


def _told(defect: Defect, now: float) -> Intent:
    said = {"id": defect.id, "owner": defect.owner, "title": defect.title, "after": defect.after}
    return Intent(
        id=derive("int", defect.id),
        kind="notify",
        issue=defect.issue,
        playbook="",
        step="defect",
        occasion="opened",
        recipient=defect.owner,
        status="pending",
        due_at=now,
        created_at=now,
        payload={"template": TEMPLATE, "to": defect.owner, "unless": None, "defect": said},
    )


def current(session: Session, detector: str) -> Defect | None:
    """Return the open defect of a detector."""
    return session.exec(select(Defect).where(Defect.detector == detector, col(Defect.closed_at).is_(None))).first()


def _latest(session: Session, detector: str) -> Defect | None:
    found = select(Defect).where(Defect.detector == detector)
    return session.exec(found.order_by(col(Defect.opened_at).desc(), col(Defect.id))).first()


def defects(session: Session, *, owner: str = "", past: bool = False) -> Sequence[Defect]:
    """Return the open defects, or with `past` all, the latest first; of one owner if given."""
    found = select(Defect)
    if owner:
        found = found.where(Defect.owner == owner)
    if not past:
        found = found.where(col(Defect.closed_at).is_(None))
    return session.exec(found.order_by(col(Defect.opened_at).desc(), col(Defect.id))).all()


def figures(session: Session, defect: Defect, since: float = 0.0, until: float = float("inf")) -> Figures:
    """Return what a defect has caused, in a span of time if one is given."""
    begin, end = max(since, defect.opened_at), min(until, defect.closed_at or float("inf"))
    its = (col(Issue.detector) == defect.detector, col(Issue.shadow).is_(False))
    within = (col(Issue.updated_at) >= begin, col(Issue.noticed_at) < end)
    count = sql_select(func.count(), func.count(distinct(col(Issue.account))))
    issues, accounts = session.execute(count.where(*its, *within)).one()
    asked = sql_select(func.count(distinct(col(CustomerContact.id)))).where(
        *its, col(CustomerContact.issue) == Issue.id, col(CustomerContact.at) >= begin, col(CustomerContact.at) < end
    )
    contacts = session.scalar(asked) or 0
    return Figures(issues, accounts, contacts, None if defect.price is None else defect.price * contacts)


def contact_price(config: Config, detector: str) -> float | None:
    """Return what a contact about a detector's issues costs, as the first playbook has it that says so."""
    playbooks = (
        each for each in config.playbooks.values() if any(fnmatchcase(detector, glob) for glob in each.when.detector)
    )
    return next((each.worth.contact for each in playbooks if each.worth is not None), None)


def close(session: Session, id_: str, who: str, now: float, note: str = "") -> Defect:
    """Say that the cause is removed. Raises Permanent where there is no such defect, or it is closed."""
    row = _open_one(session, id_)
    row.closed_at, row.closed_by, row.note = now, who, note
    session.add(row)
    return row


def refer(session: Session, id_: str, reference: str) -> Defect:
    """Say where it is worked on. Raises Permanent where there is no such defect, or it is closed."""
    row = _open_one(session, id_)
    row.reference = reference
    session.add(row)
    return row


def _open_one(session: Session, id_: str) -> Defect:
    row = session.get(Defect, id_)
    if row is None or row.closed_at is not None:
        raise Permanent(f"no defect {id_!r} is open", remedy="see `forewarn defects list`")
    return row


def by_owner(session: Session, since: float, until: float) -> dict[str, Figures]:
    """Return, by owner, what the defects that were open in a span of time caused in it."""
    there = select(Defect).where(
        col(Defect.opened_at) < until, or_(col(Defect.closed_at).is_(None), col(Defect.closed_at) > since)
    )
    found: dict[str, Figures] = {}
    for defect in session.exec(there.order_by(col(Defect.owner), col(Defect.id))).all():
        one = figures(session, defect, since, until)
        found[defect.owner] = _sum(found[defect.owner], one) if defect.owner in found else one
    return found


def _sum(one: Figures, other: Figures) -> Figures:
    costs = [each.cost for each in (one, other) if each.cost is not None]
    cost = sum(costs) if costs else None
    return Figures(one.issues + other.issues, one.accounts + other.accounts, one.contacts + other.contacts, cost)
