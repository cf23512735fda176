"""The outbox: what is to be done once, and how far it has come. It decides nothing; it loses and doubles nothing.

Every change of a status goes through `TRANSITIONS` and is compared and set in one statement, so that of two who try the
same, one succeeds. Call these functions within `Database.transaction()`. What is done for one intent after the other by
`hold`, `mark_sending` and `settle` is done for a batch by `engine.store.batches`.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, bindparam, func, tuple_, update
from sqlmodel import Session, col, select

from engine.errors import Permanent
from engine.store import plain
from engine.store.among import among
from engine.store.database import insert_ignore, unindexed
from engine.store.models import Intent


class Status(StrEnum):
    """How far an intent has come."""

    PENDING = "pending"
    """Waits until `due_at`."""
    CLAIMED = "claimed"
    """A dispatcher has it and is looking whether it still holds; nothing has left."""
    SENDING = "sending"
    """The request may have left: committed before the call, so that a crash is seen as an unknown outcome."""
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    """It may have been taken. It is asked about, never simply sent again."""


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.CLAIMED, Status.SKIPPED, Status.PENDING}),
    Status.CLAIMED: frozenset({Status.SENDING, Status.SKIPPED, Status.FAILED, Status.PENDING}),
    Status.SENDING: frozenset({Status.SENT, Status.FAILED, Status.UNKNOWN, Status.PENDING}),
    Status.UNKNOWN: frozenset({Status.SENT, Status.FAILED, Status.PENDING, Status.UNKNOWN}),
    Status.SENT: frozenset({Status.SKIPPED, Status.PENDING}),
    Status.FAILED: frozenset(),
    Status.SKIPPED: frozenset(),
}
"""From → to. `sending` goes back to `pending` only when it surely was not taken, `sent` to `skipped` only when the
provider gave it back, and to `pending` only when the provider says that it did not arrive: then it goes another way."""

PREPARE = "prepare"
"""Who holds this lock (`engine.store.database.lock`) decides alone: what one person was sent, how many are told and
what is left of a budget is counted over all batches."""
_TABLE = Intent.__table__  # type: ignore[attr-defined]  # SQLModel makes it
DUE = (
    select(Intent)
    .where(col(Intent.status) == bindparam("status"), col(Intent.due_at) <= bindparam("now"))
    .order_by(col(Intent.due_at), col(Intent.id))
    .limit(bindparam("limit", type_=Integer))
)
"""What to look at: it walks the index and stops after `limit`, however large the table is. Made once, as to make it
takes longer than to find that there is nothing."""

_PENDING = unindexed(Intent.status) == Status.PENDING
_CLAIM = (
    update(_TABLE)
    .where(
        col(Intent.id).in_(select(Intent.id).where(among(Intent.id, "ids"), _PENDING).with_for_update(skip_locked=True))
    )
    .where(_PENDING)
    .values(status=Status.CLAIMED.value, claimed_by=bindparam("by"), claimed_at=bindparam("now"))
    .returning(_TABLE)
)


class IllegalTransition(Permanent):
    """An intent is not where the caller believes it to be, e.g. its claim was released and somebody else has it."""


class Released(NamedTuple):
    """How many intents of a dispatcher that died were freed."""

    pending: int
    """Were claimed: nothing had left."""
    unknown: int
    """Were being sent: it may have left."""


class Held(NamedTuple):
    """An intent that a dispatcher has, and since when by that one's clock."""

    id: str
    by: str
    since: float | None


class Overdue(NamedTuple):
    """What is due and not taken yet."""

    count: int  # type: ignore[assignment]  # a tuple's own count() has no use here
    oldest: float
    """Seconds since the first of it was due."""


def add(session: Session, intents: Sequence[Intent]) -> int:
    """Put in what is not there yet, by id; returns how many were new."""
    return insert_ignore(session, Intent, intents)


def due(session: Session, now: float, limit: int, kinds: Collection[str] | None = None) -> list[Intent]:
    """Return up to `limit` pending intents whose time has come, the longest overdue first."""
    return _due(session, Status.PENDING, now, limit, kinds)


def overdue(session: Session, now: float) -> Overdue:
    """Return how much is due and not taken yet, and for how long the oldest of it has been."""
    waiting = (col(Intent.status) == Status.PENDING) & (col(Intent.due_at) <= now)
    count, since = session.execute(select(func.count(), func.min(col(Intent.due_at))).where(waiting)).one()
    return Overdue(count, now - since if count else 0.0)


def unknown(session: Session, now: float, limit: int, kinds: Collection[str] | None = None) -> list[Intent]:
    """Return up to `limit` intents whose outcome is to be asked about now, in the order of `due_at`."""
    return _due(session, Status.UNKNOWN, now, limit, kinds)


def held_outside(session: Session, since: float) -> Sequence[Intent]:
    """Return messages sent since then of which the provider has not said that they left it."""
    sent = select(Intent).where(
        Intent.kind == "message",
        Intent.status == Status.SENT,
        col(Intent.sent_at) >= since,
        col(Intent.delivery).in_(("", "queued")),
        Intent.provider_id != "",
    )
    return session.exec(sent.order_by(col(Intent.sent_at), col(Intent.id))).all()


def claim(session: Session, ids: Collection[str], by: str, now: float) -> list[Intent]:
    """Take those of `ids` that are pending and that nobody else is taking; return them, the longest overdue first.

    Rows another transaction has locked are passed over (SKIP LOCKED on PostgreSQL; SQLite has one writer at a time).
    They are returned as plain values that no session looks after: what is changed on them is not written.
    """
    claimed: list[Intent] = plain.rows(session, _CLAIM, {"ids": ids, "by": by, "now": now})
    return sorted(claimed, key=lambda intent: (intent.due_at, intent.id))


def mark_sending(session: Session, id_: str, by: str, now: float, **chosen: object) -> Intent:
    """Say that it is about to leave; commit before it does. `chosen` are columns settled at the claim, e.g. `address`.

    Raises IllegalTransition when `by` does not have it: then it must not be sent.
    """
    changes = {"attempts": col(Intent.attempts) + 1, "claimed_at": now, **chosen}
    return _move(session, id_, Status.SENDING, changes, col(Intent.claimed_by) == by)


def settle(
    session: Session,
    id_: str,
    to: Status,
    *,
    now: float,
    by: str = "",
    due_at: float | None = None,
    **told: object,
) -> Intent:
    """Write down what became of it. `told` are columns the answer fills: `detail`, `provider_id`, `payload` …

    `by`, when given, must still have it: a dispatcher that was thought dead cannot undo what its successor does.
    `due_at` says when to try again (`pending`, which needs it) or to ask again (`unknown`).
    Raises IllegalTransition when it cannot have come to that from where it is.
    """
    changes: dict[str, object] = {"status": to, **told}
    if to is Status.PENDING:
        if due_at is None:
            raise ValueError("what is to be tried again needs a due_at")
        changes |= {"claimed_by": "", "claimed_at": None}
    if due_at is not None:
        changes["due_at"] = due_at
    if to is Status.SENT:
        changes["sent_at"] = now
    return _move(session, id_, to, changes, *([col(Intent.claimed_by) == by] if by else []))


def not_arrived(session: Session, id_: str, now: float, tried: Mapping[str, str]) -> Intent:
    """Let what was sent and, as the provider says, did not arrive be decided anew; `tried` is the way it went.

    Raises IllegalTransition unless it is sent.
    """
    row = session.get(Intent, id_)
    payload = {**row.payload, "tried": [*row.payload.get("tried", ()), dict(tried)]} if row else {}
    changes = {"due_at": now, "claimed_by": "", "claimed_at": None}
    sent = col(Intent.status) == Status.SENT
    return _move(session, id_, Status.PENDING, {**changes, "payload": payload}, sent)


def hold(session: Session, id_: str, until: float, detail: str = "") -> Intent:
    """Put it back until `until`; nothing has left. Raises IllegalTransition unless it is pending or claimed."""
    changes = {"due_at": until, "claimed_by": "", "claimed_at": None, "detail": detail}
    before_sending = col(Intent.status).in_([Status.PENDING, Status.CLAIMED])
    return _move(session, id_, Status.PENDING, changes, before_sending)


def revive(session: Session, id_: str, now: float, *, origins: Collection[Status] = (Status.FAILED,)) -> Intent:
    """Let an intent that has ended be tried anew, as often as a new one: an operator's word, outside of `TRANSITIONS`.

    With `sent` or `unknown` among `origins` the person may get it twice. Raises IllegalTransition for any other status.
    """
    changes = {"status": Status.PENDING, "due_at": now, "attempts": 0, "claimed_by": "", "claimed_at": None}
    moved = _change(session, (col(Intent.id) == id_) & col(Intent.status).in_(origins), changes)
    if not moved:
        raise _illegal(session, id_, Status.PENDING)
    return moved[0]


def cancel(session: Session, *where: ColumnElement[bool], detail: str = "") -> int:
    """Skip what is pending and matches all of `where`; returns how many. What is claimed is re-checked by its owner."""
    pending = col(Intent.status) == Status.PENDING
    for condition in where:
        pending &= condition
    return len(_change(session, pending, {"status": Status.SKIPPED, "detail": detail}))


def hasten(session: Session, *where: ColumnElement[bool], now: float) -> int:
    """Let what waits and matches all of `where` be due now; returns how many."""
    waiting = col(Intent.status) == Status.PENDING
    for condition in where:
        waiting &= condition
    return len(_change(session, waiting, {"due_at": now}))


def take_back(session: Session, ids: Collection[str], by: str) -> int:
    """Put back what `by` has of `ids` and surely did not send; returns how many that were."""
    mine = col(Intent.id).in_(ids) & (col(Intent.claimed_by) == by)
    free = {"status": Status.PENDING, "claimed_by": "", "claimed_at": None}
    claimed = _change(session, mine & (col(Intent.status) == Status.CLAIMED), free)
    counted = {**free, "attempts": col(Intent.attempts) - 1}
    leaving = _change(session, mine & (col(Intent.status) == Status.SENDING), counted)
    return len(claimed) + len(leaving)


def release_stale(session: Session, before: float) -> Released:
    """Free what dead dispatchers took before epoch second `before`: claimed → pending, sending → unknown."""
    return _release(session, col(Intent.claimed_at) < before)


def held(session: Session) -> list[Held]:
    """Return all that dispatchers have now, by their ids."""
    taken = col(Intent.status).in_([Status.CLAIMED, Status.SENDING])
    query = select(Intent.id, Intent.claimed_by, Intent.claimed_at).where(taken).order_by(col(Intent.id))
    return [Held(*row) for row in session.exec(query)]


def release_held(session: Session, lost: Collection[Held]) -> Released:
    """Free what dead dispatchers have, unless it is not as it was seen any more; as `release_stale`."""
    if not lost:
        return Released(0, 0)
    seen = tuple_(col(Intent.id), col(Intent.claimed_by), col(Intent.claimed_at)).in_(lost)
    return _release(session, seen)


def _release(session: Session, stale: ColumnElement[bool]) -> Released:
    freed = {"status": Status.PENDING, "claimed_by": "", "claimed_at": None}
    lost = {"status": Status.UNKNOWN, "detail": "the dispatcher stopped while sending"}
    claimed = _change(session, stale & (col(Intent.status) == Status.CLAIMED), freed)
    sending = _change(session, stale & (col(Intent.status) == Status.SENDING), lost)
    return Released(len(claimed), len(sending))


def counts(session: Session) -> dict[str, int]:
    """Return how many intents there are by status."""
    query = select(Intent.status, func.count()).group_by(Intent.status).order_by(Intent.status)
    return dict(session.exec(query).all())


def _due(session: Session, status: Status, now: float, limit: int, kinds: Collection[str] | None) -> list[Intent]:
    query = DUE if kinds is None else DUE.where(col(Intent.kind).in_(kinds))
    return list(session.scalars(query, {"status": status, "now": now, "limit": limit}))


def _move(session: Session, id_: str, to: Status, changes: Mapping[str, object], *where: ColumnElement[bool]) -> Intent:
    """Change one intent, if `TRANSITIONS` and `where` allow it."""
    origins = [origin for origin, targets in TRANSITIONS.items() if to in targets]
    allowed = (col(Intent.id) == id_) & col(Intent.status).in_(origins)
    for condition in where:
        allowed &= condition
    moved = _change(session, allowed, {**changes, "status": to})
    if not moved:
        raise _illegal(session, id_, to)
    return moved[0]


def _change(session: Session, where: ColumnElement[bool], changes: Mapping[str, Any]) -> list[Intent]:
    statement = update(Intent).where(where).values(**changes).returning(Intent)
    fresh = {"synchronize_session": False, "populate_existing": True}  # objects read before show the change too
    return list(session.scalars(statement, execution_options=fresh))


def _illegal(session: Session, id_: str, to: Status) -> IllegalTransition:
    found = session.exec(select(Intent.status, Intent.claimed_by).where(Intent.id == id_)).first()
    if found is None:
        return IllegalTransition("there is no such intent", place=id_)
    owner = f" (claimed by {found[1]})" if found[1] else ""
    return IllegalTransition(f"cannot become {to}: it is {found[0]}{owner}", place=id_)
