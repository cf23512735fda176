"""What is counted of a wave: who is told, who waits, what is usual, how those told took it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, distinct, func, or_
from sqlalchemy import select as sql_select
from sqlmodel import Session, col

from engine.store.database import unindexed
from engine.store.models import Consent, CustomerContact, Intent, Label
from engine.waves.reactions import Reactions
from engine.waves.wave import CALM, Seen

DAY = 86400.0
LOOK_BACK = 28 * DAY
ENOUGH_DAYS = 7
"""With fewer days of history nothing is usual yet."""
BUSY_DAY = 0.9
"""The quantile of days whose busiest hour is a busy hour: one bad day a month does not make the next one usual."""


@dataclass(frozen=True, slots=True)
class Members:
    """Who belongs to a wave: the messages of a playbook that were planned, or told, in a span of time."""

    since: float
    until: float = math.inf


_planned = unindexed(col(Intent.created_at))
"""When it was planned, as a value that no index is looked up by: most of all there ever was were planned by then."""
_GONE = ("sending", "sent", "unknown")
_WAITING = ("pending", "claimed")


def seen(session: Session, playbook: str, members: Members, now: float, most: int) -> Seen:
    """Return how many were told by a playbook, and how many wait, of the `members` of a wave.

    Who waits is counted up to `most` + 1.
    """
    told = (*_told(playbook, members.since), _planned <= members.until)
    number = session.scalar(sql_select(func.count(distinct(col(Intent.recipient)))).where(*told))
    waiting: Select[tuple[str]] = sql_select(col(Intent.recipient).label("who")).where(
        *_waiting(playbook, members, now)
    )
    some = waiting.distinct().limit(most + 1).subquery()
    return Seen(number or 0, session.scalar(sql_select(func.count()).select_from(some)) or 0)


def waits(session: Session, playbook: str, members: Members, now: float) -> bool:
    """Return whether any of `members` is still to be told."""
    some = sql_select(col(Intent.id)).where(*_waiting(playbook, members, now)).limit(1)
    return session.scalar(some) is not None


def grows(session: Session, playbook: str, free: int, now: float) -> bool:
    """Return whether more than `free` people were to be told within the last hour, whatever became of it."""
    recent = sql_select(col(Intent.recipient)).where(*_opening(playbook), col(Intent.created_at) >= now - CALM)
    some = recent.distinct().limit(free + 1).subquery()
    return (session.scalar(sql_select(func.count()).select_from(some)) or 0) > free


def usual(session: Session, playbook: str, now: float) -> int:
    """Return how many a playbook tells in the busiest hour of a busy day; 0 while too little is known."""
    hour = func.floor(col(Intent.claimed_at) / CALM)
    count = func.count(distinct(col(Intent.recipient)))
    rows = session.execute(sql_select(hour, count).where(*_told(playbook, now - LOOK_BACK)).group_by(hour))
    return _busy({int(at): int(number) for at, number in rows if at is not None}, now)


def _busy(by_hour: dict[int, int], now: float) -> int:
    """Return a quantile of the days' busiest hours, days on which nobody was told counted."""
    peaks: dict[int, int] = {}
    for hour, count in by_hour.items():
        day = int(hour * CALM // DAY)
        peaks[day] = max(peaks.get(day, 0), count)
    days = int(now // DAY) - min(peaks, default=int(now // DAY))
    if days < ENOUGH_DAYS:
        return 0
    peaks.pop(int(now // DAY), None)  # today is not over
    ranked = sorted([*peaks.values(), *[0] * (days - len(peaks))])
    return ranked[min(len(ranked) - 1, int(BUSY_DAY * len(ranked)))]


def reactions(session: Session, playbook: str, since: float) -> Reactions:
    """Return how those took it who were told by a playbook since then."""
    told = sql_select(col(Intent.recipient), col(Intent.issue), col(Intent.sent_at), col(Intent.delivery))
    them = told.where(*_told(playbook, since)).subquery().c
    after = {table: col(table.at) >= them.sent_at for table in (Consent, CustomerContact)}

    def number(*where: ColumnElement[bool]) -> int:
        return session.scalar(sql_select(func.count(distinct(them.recipient))).where(*where)) or 0

    return Reactions(
        told=number(),
        opt_outs=number(col(Consent.entity) == them.recipient, after[Consent], col(Consent.state).in_(_LEFT)),
        complaints=number(them.delivery == "complained"),
        bounces=number(them.delivery.in_(("bounced", "failed"))),
        replies=number(col(CustomerContact.issue) == them.issue, after[CustomerContact]),
        wrong=number(col(Label.issue) == them.issue, col(Label.verdict) == "false"),
    )


_LEFT = ("withdrawn", "objected", "suspended")


def _waiting(playbook: str, members: Members, now: float) -> Iterable[ColumnElement[bool]]:
    """Those planned meanwhile, and those planned before whose turn is within the hour: at night many wait for it."""
    meanwhile = col(Intent.created_at) >= members.since
    soon = col(Intent.due_at) <= now + CALM
    return (
        *_opening(playbook),
        col(Intent.status).in_(_WAITING),
        _planned <= members.until,
        or_(meanwhile, soon),
    )


def _told(playbook: str, since: float) -> Iterable[ColumnElement[bool]]:
    return (*_opening(playbook), col(Intent.status).in_(_GONE), col(Intent.claimed_at) >= since)


def _opening(playbook: str) -> Iterable[ColumnElement[bool]]:
    return (col(Intent.playbook) == playbook, col(Intent.kind) == "message", col(Intent.occasion) == "opened")
