"""The outbox, many intents at a time: what is due, and what becomes of a batch, in one statement each."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Update, bindparam, update
from sqlalchemy import select as sql_select
from sqlmodel import Session, col

from engine.store.among import one_of
from engine.store.database import change_many
from engine.store.models import Intent
from engine.store.outbox import DUE, TRANSITIONS, Status

NEXT = DUE.with_only_columns(
    col(Intent.id), col(Intent.kind), col(Intent.issue), col(Intent.recipient), maintain_column_froms=True
)
"""The same, without what only the one who claims it needs."""


class Upcoming(NamedTuple):
    """An intent that is due, as far as it matters for who goes with whom in a batch."""

    id: str
    kind: str
    issue: str
    recipient: str


def upcoming(session: Session, now: float, limit: int) -> list[Upcoming]:
    """Return up to `limit` pending intents whose time has come, the longest overdue first."""
    rows = session.execute(NEXT, {"status": Status.PENDING, "now": now, "limit": limit})
    return [Upcoming(*row) for row in rows]


def change_all(session: Session, by: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Change a batch of intents that `by` has; returns the ids of those it no longer has, which stay as they are.

    Each row has `id` and `status` beside the columns it sets; what `TRANSITIONS` does not allow is not done either.
    """
    alike: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        alike.setdefault((row["status"], *row), []).append(row)
    return [id_ for group in alike.values() for id_ in _change_alike(session, by, group)]


def _change_alike(session: Session, by: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Change rows that set the same columns, and become the same, in one go."""
    names = tuple(name for name in rows[0] if name != "id")
    new = [(f"new_{name}", name) for name in names]
    given = [{"which": row["id"], "by": by, **{to: row[name] for to, name in new}} for row in rows]
    if change_many(session, _change(Status(rows[0]["status"]), names), given) == len(rows):
        return []
    return _lost(session, rows)


@cache
def _change(to: Status, names: tuple[str, ...]) -> Update:
    """Return the statement that sets these columns, where that is allowed; to make it takes longer than to run it."""
    origins = [origin.value for origin, targets in TRANSITIONS.items() if to in targets]
    table = Intent.__table__  # type: ignore[attr-defined]  # SQLModel makes it
    mine = (
        (table.c.id == bindparam("which")) & one_of(table.c.status, origins) & (table.c.claimed_by == bindparam("by"))
    )
    return update(table).where(mine).values({name: bindparam(f"new_{name}") for name in names})


def _lost(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return which of `rows` were not changed."""
    found = sql_select(col(Intent.id), col(Intent.status), col(Intent.claimed_by))
    now = {row.id: row for row in session.execute(found.where(col(Intent.id).in_([row["id"] for row in rows])))}
    return [
        row["id"]
        for row in rows
        if row["id"] not in now
        or (now[row["id"]].status, now[row["id"]].claimed_by) != (row["status"], row["claimed_by"])
    ]
