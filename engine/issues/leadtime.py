"""How long before a customer contacted us, or the thing failed, we had told them."""

from sqlalchemy import func
from sqlmodel import Session, col, select

from engine.config.model import SEVERITIES
from engine.playbooks import TOLD
from engine.store.database import insert_ignore
from engine.store.models import Intent, Issue, LeadTime

AFTERMATH = 86400.0
"""A contact within so many seconds of an issue's end is still taken to be about it."""


def reached(session: Session, account: str, at: float, by: str, issue: str = "") -> str:
    """Record that `account` contacted us, or failed, at `at` (epoch seconds); returns the issue it was about, or "".

    It is the issue that was named, else the worst of those the account had then (of equals the latest). Only the first
    contact or failure about an issue counts.
    """
    found = session.get(Issue, issue) if issue else _about(session, account, at)
    if found is None:
        return ""
    if session.get(LeadTime, (found.id, account)) is None:
        warned = _warned_at(session, found.id, account, at)
        lead = None if warned is None else at - warned
        made = LeadTime(issue=found.id, account=account, warned_at=warned, reached_at=at, by=by, lead_s=lead)
        insert_ignore(session, LeadTime, [made])  # another of the account's people may do so at the same moment
    return found.id


def _about(session: Session, account: str, at: float) -> Issue | None:
    ended = col(Issue.resolved_at)
    candidates = session.exec(
        select(Issue).where(
            Issue.account == account,
            col(Issue.shadow).is_(False),
            Issue.opened_at <= at,
            ended.is_(None) | (ended >= at - AFTERMATH),
        )
    ).all()
    return max(candidates, key=_weight, default=None)


def _weight(issue: Issue) -> tuple[bool, int, float]:
    return issue.resolved_at is None, SEVERITIES.index(issue.severity), issue.opened_at


def _warned_at(session: Session, issue: str, account: str, at: float) -> float | None:
    first = select(func.min(col(Intent.sent_at))).where(
        Intent.issue == issue,
        Intent.account == account,
        Intent.kind == "message",
        Intent.occasion == "opened",
        col(Intent.status).in_(TOLD),
        col(Intent.sent_at) <= at,
    )
    return session.exec(first).one()
