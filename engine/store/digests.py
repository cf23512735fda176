"""What is told together: several intents that are one message. Each keeps its own row, and all share what became of it.

Each row says in its payload which of them the message is named after, and who they all are. That holds for the way it
went last: what is decided anew goes with others, or by itself.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, or_, select

from engine.store.database import unindexed
from engine.store.models import Intent
from engine.store.outbox import Status

TOGETHER = "together"
"""Key of the payload: `{"first": id, "ids": [id, …], "headline": …}`."""
GATHERING = "gathering"
"""What the row of an intent says that waits for others (`engine.policy.reasons.Reason`)."""


def mark(payload: Mapping[str, Any], ids: Sequence[str], headline: str) -> dict[str, Any]:
    """Return a payload that says with whom it is told; the first of `ids` is the one the message is named after."""
    return {**payload, TOGETHER: {"first": ids[0], "ids": list(ids), "headline": headline}}


def alone(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload that says nothing of others."""
    return {name: value for name, value in payload.items() if name != TOGETHER}


def first(intent: Intent) -> str:
    """Return the id under which the message of an intent went out."""
    return str(intent.payload.get(TOGETHER, {}).get("first", intent.id))


def headline(intent: Intent) -> str:
    """Return in a few words what one of several was about; empty where it went by itself."""
    return str(intent.payload.get(TOGETHER, {}).get("headline", ""))


def counted() -> ColumnElement[bool]:
    """Return the condition of being the one that counts where several were one message, or the only one."""
    return func.coalesce(col(Intent.payload)[TOGETHER]["first"].as_string(), col(Intent.id)) == Intent.id


def members(session: Session, intent: Intent) -> list[Intent]:
    """Return the intents that the message of `intent` told of, `intent` first: itself, where it went by itself."""
    ids = [each for each in intent.payload.get(TOGETHER, {}).get("ids", ()) if each != intent.id]
    if not ids:
        return [intent]
    rows = session.exec(select(Intent).where(col(Intent.id).in_(ids)).order_by(col(Intent.id))).all()
    return [intent, *(row for row in rows if first(row) == first(intent) and row.provider_id == intent.provider_id)]


def waiting(
    session: Session, recipients: Collection[str], playbooks: Collection[str], occasions: Collection[str], now: float
) -> list[Intent]:
    """Return the pending messages to those people, of those playbooks and occasions, that are due or wait for others.

    They are looked at only, oldest first: who tells them claims them.
    """
    found = select(Intent).where(
        col(Intent.recipient).in_(recipients),
        Intent.kind == "message",
        col(Intent.occasion).in_(occasions),
        unindexed(Intent.playbook).in_(playbooks),
        unindexed(Intent.status) == Status.PENDING,
        or_(col(Intent.due_at) <= now, Intent.detail == GATHERING),
    )
    return list(session.exec(found.order_by(col(Intent.created_at), col(Intent.id))).all())
