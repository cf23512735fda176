"""What playbooks offer with a message: reserved from the budget for goodwill where the message is claimed, granted when
it has gone, and released when it has not.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from engine import goodwill
from engine.config.model import GoodwillConfig
from engine.goodwill import GRANTED, RELEASED, RESERVED, Wish
from engine.ids import derive
from engine.store.models import GoodwillGrant, Intent

Keep = Callable[[Session, GoodwillConfig | None, Wish, float], GoodwillGrant]
"""How what a message offers is taken: `reserve`, or `imagined`."""
OUT = ("claimed", "sending", "sent", "unknown")
"""States of a message that has gone, may have, or is about to."""


def offer(intent: Intent) -> Wish | None:
    """Return what a message offers, if anything."""
    named = str(intent.payload.get("offer") or "")
    if not named or not intent.account:
        return None
    id_ = derive("gwl", intent.issue, intent.episode, intent.account, named)
    who = f"playbook {intent.playbook}"
    return Wish(id_, named, intent.account, who, intent.issue, f"offered by step {intent.step}", intent.id)


def reserve(session: Session, config: GoodwillConfig | None, wish: Wish, now: float) -> GoodwillGrant:
    """Keep what a message offers: once for each account and issue, however many of its people are told.

    Raises `goodwill.Refused`, with the reason.
    """
    found = session.get(GoodwillGrant, wish.id, with_for_update=True)  # `settle` may be about to release it
    if found is not None and found.status != RELEASED:
        return found
    remedy, rules = goodwill.known(config, wish.remedy)
    return goodwill.take(session, rules, remedy, wish, RESERVED, now)


def imagined(_: Session, config: GoodwillConfig | None, wish: Wish, now: float) -> GoodwillGrant:
    """Return what a message would offer, and take nothing: for looking at its words before anything is claimed.

    Raises `goodwill.Refused` where there is no such remedy.
    """
    remedy, rules = goodwill.known(config, wish.remedy)
    return goodwill.row(wish, rules.currency, remedy, RESERVED, now)


def settle(session: Session, intent: Intent, status: str) -> None:
    """Grant what a message offered if it has gone, keep it while that is not known, and else release it.

    What is tried again later is reserved again then.
    """
    wish = offer(intent)
    if wish is None:
        return
    session.get(GoodwillGrant, wish.id, with_for_update=True)  # of two that fail at once, the second sees the first
    if status == "sent":
        _move(session, wish.id, (RESERVED,), GRANTED)
    elif status in {"pending", "failed", "skipped"} and not _others(session, intent):
        _move(session, wish.id, (RESERVED, GRANTED), RELEASED)


def told(config: GoodwillConfig | None, grant: GoodwillGrant) -> Mapping[str, Any]:
    """Return what templates read of a remedy."""
    known = config.remedies.get(grant.remedy) if config else None
    return {
        "name": grant.remedy,
        "kind": known.kind if known else "other",
        "about": known.about if known else grant.remedy,
        "amount": goodwill.major(grant.amount, grant.currency),
        "currency": grant.currency,
        "lasts": float(known.lasts) if known and known.lasts else None,
    }


def _others(session: Session, intent: Intent) -> bool:
    """Return whether another message that offers the same has gone, or may have."""
    offered = func.coalesce(col(Intent.payload)["offer"].as_string(), "")
    query = select(Intent.id).where(
        Intent.issue == intent.issue,
        Intent.episode == intent.episode,
        Intent.account == intent.account,
        Intent.id != intent.id,
        col(Intent.status).in_(OUT),
        offered == str(intent.payload["offer"]),
    )
    return session.exec(query).first() is not None


def _move(session: Session, id_: str, before: Sequence[str], after: str) -> None:
    row = col(GoodwillGrant.id) == id_
    session.execute(update(GoodwillGrant).where(row, col(GoodwillGrant.status).in_(before)).values(status=after))
