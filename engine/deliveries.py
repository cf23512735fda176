"""What providers say of our messages, written where it belongs, or kept until it is known which message is meant.

A provider may call back before its answer to our request has been written down, or when that answer was lost and the
message is still to be asked about (C18). What it says is kept for a day under the id it gave, and applied in the same
transaction that writes this id down. What nobody has claimed by then becomes a dead letter.

It may say later that a message did not arrive: then it goes another way, if there is one and nothing else was told.
"""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlmodel import Session, col, select

from engine import offers
from engine.events import DeliveryEvent, line_of
from engine.ids import derive
from engine.issues.view import ACTIVE
from engine.policy.streams import count
from engine.store import digests, outbox
from engine.store.database import insert_ignore, upsert
from engine.store.models import Consent, EarlyDelivery, Intent, Issue, ReceiptRow, Suppression

KEPT = 86_400.0
"""Seconds for which what is said of an unknown message is kept. Twilio gives up sending after 10 hours at the latest
(https://www.twilio.com/docs/messaging/api/message-resource, ValidityPeriod)."""
PROGRESS = ("", "unknown", "queued", "sent", "delivered", "read", "bounced", "failed", "complained")
"""Delivery states in the order in which one replaces another: callbacks repeat and come in any order."""
LOST, ARRIVED = frozenset({"bounced", "failed"}), frozenset({"delivered", "read"})
"""States that say that it did not arrive, and that it did."""


def take(session: Session, event: DeliveryEvent, now: float) -> None:
    """Write down what `event` says of the message it means; if there is none yet, keep it."""
    meant = _meant(session, event.intent, event.provider_id)
    if not meant:
        kept = EarlyDelivery(
            id=_id(event), provider_id=event.provider_id, intent=event.intent, kept_at=now, event=_plain(event)
        )
        insert_ignore(session, EarlyDelivery, [kept])
    else:
        _apply_all(session, meant, event, now)


def known(session: Session, intent: Intent, now: float) -> None:
    """Count a message that was sent, and apply what was said of it before it was known under its provider's id."""
    if intent.status == outbox.Status.SENT:
        count(session, [intent], sent=1)
    if intent.provider_id:
        kept = select(EarlyDelivery).where(col(EarlyDelivery.provider_id) == intent.provider_id)
        for early in session.exec(kept.order_by(col(EarlyDelivery.kept_at), col(EarlyDelivery.id))).all():
            _claim(session, early, digests.members(session, intent), now)


def known_all(session: Session, provider_ids: Collection[str], now: float) -> None:
    """Apply what was said of a batch of messages before they were known under these ids."""
    kept = select(EarlyDelivery).where(col(EarlyDelivery.provider_id).in_(provider_ids))
    rows = session.exec(kept.order_by(col(EarlyDelivery.kept_at), col(EarlyDelivery.id))).all() if provider_ids else ()
    for early in rows:
        if meant := _meant(session, early.intent, early.provider_id):
            _claim(session, early, meant, now)


def sweep(session: Session, now: float) -> list[tuple[str, bytes]]:
    """Apply what is kept of messages known by now, and forget what has been kept for too long; return that.

    Each with the reason and the event. Two transactions that do not see each other, one that keeps and one that writes
    the id down, would leave the word lying: here it is found.
    """
    named = col(EarlyDelivery.intent) == Intent.id
    known_by_now = (col(EarlyDelivery.intent) == "") & (col(EarlyDelivery.provider_id) == Intent.provider_id)
    for meant in (named, known_by_now):  # two questions that each have an index: many may wait that are not ours
        found = {
            early.id: (early, intent) for early, intent in session.exec(select(EarlyDelivery, Intent).where(meant))
        }
        for early, intent in found.values():
            _claim(session, early, digests.members(session, intent), now)
    session.flush()
    overdue = session.exec(select(EarlyDelivery).where(col(EarlyDelivery.kept_at) <= now - KEPT)).all()
    for early in overdue:
        session.delete(early)
    return [(_cause(early), line_of(_event(early))) for early in overdue]


def suppress(session: Session, address: str, channel: str, reason: str, now: float) -> None:
    """Send nothing to `address` on `channel` (a kind, or `*`) from now on; the first reason stays."""
    insert_ignore(session, Suppression, [Suppression(address=address, channel=channel, reason=reason, at=now)])


def _meant(session: Session, intent: str, provider_id: str) -> list[Intent]:
    """Return the message that is spoken of, locked: a dispatcher may be about to send it another way.

    Of one that told of several things together, all of them.
    """
    named = [intent] if intent else _known_as(session, provider_id)
    if not named:
        return []
    session.flush()  # the rows are read anew
    rows = session.exec(select(Intent).where(col(Intent.id).in_(named)).order_by(Intent.id).with_for_update()).all()
    return digests.members(session, rows[0]) if len(rows) == 1 else list(rows)


def _known_as(session: Session, provider_id: str) -> Sequence[str]:
    """Return the ids of the messages that the provider knows, or knew, by this id."""
    if not provider_id:
        return []
    now = session.exec(select(Intent.id).where(col(Intent.provider_id) == provider_id).order_by(Intent.id)).first()
    if now is not None:
        return [now]
    return session.exec(select(ReceiptRow.intent).where(col(ReceiptRow.provider_id) == provider_id).distinct()).all()


def _claim(session: Session, early: EarlyDelivery, meant: Sequence[Intent], now: float) -> None:
    _apply_all(session, meant, _event(early), now)
    session.delete(early)


def _apply_all(session: Session, meant: Sequence[Intent], event: DeliveryEvent, now: float) -> None:
    """Apply what was said of one message to all that it told of; it is counted once."""
    for number, intent in enumerate(meant):
        _apply(session, intent, event, now, counted=number == 0)


def _apply(session: Session, intent: Intent, event: DeliveryEvent, now: float, *, counted: bool) -> None:
    earlier = _earlier(session, intent, event.provider_id)
    channel, address = (earlier or intent).channel, (earlier or intent).address
    session.merge(
        ReceiptRow(
            id=_id(event) if counted else derive("rcp", event.source, event.id, intent.id),
            intent=intent.id,
            at=event.time,
            kind="delivery",
            outcome=event.state,
            code=event.code,
            detail=event.detail,
            channel=channel,
            address=address,
            provider_id=event.provider_id,
            raw=event.raw,
        )
    )
    if event.state in {"bounced", "complained"} and address:
        suppress(session, address, event.channel or "*", f"{event.state} {event.code}".strip(), now)
    if event.state == "complained":
        _complained(session, intent, event, address)
    if earlier is None and _rank(event.state) > _rank(intent.delivery):
        before, intent.delivery = intent.delivery, event.state
        if counted and event.state in {"bounced", "complained"}:
            count(session, [intent], **{event.state: 1})
        if event.state in LOST and before not in ARRIVED:
            _another_way(session, intent, event, now)


def _earlier(session: Session, intent: Intent, provider_id: str) -> ReceiptRow | None:
    """Return the try that the provider speaks of, if the message has gone another way since."""
    if not provider_id or intent.provider_id == provider_id:
        return None
    tries = select(ReceiptRow).where(ReceiptRow.intent == intent.id, ReceiptRow.kind == "attempt")
    return session.exec(tries.where(col(ReceiptRow.provider_id) == provider_id)).first()


def _another_way(session: Session, intent: Intent, event: DeliveryEvent, now: float) -> None:
    """Let an opening message that did not arrive be decided anew, for another way, while its issue is open."""
    session.flush()
    issue = session.get(Issue, intent.issue)
    opening = intent.kind == "message" and intent.occasion == "opened" and intent.status == outbox.Status.SENT
    if opening and issue is not None and issue.status in ACTIVE:
        why = f"{event.state} {event.code} {event.detail}".strip()
        tried = {"channel": intent.channel, "address": intent.address, "why": why}
        again = outbox.not_arrived(session, intent.id, now, tried)
        offers.settle(session, again, again.status)


def _complained(session: Session, intent: Intent, event: DeliveryEvent, address: str) -> None:
    """Take a complaint for what it says: no more of this (C9). It ends the purpose it came of, by this channel."""
    if intent.recipient:
        withdrawn = Consent(
            id=derive("con", event.source, event.id),
            at=event.time,
            entity=intent.recipient,
            address=address,
            channel=event.channel or "*",
            purpose=str(intent.payload.get("purpose", "service")),
            state="withdrawn",
            source=event.source,
            wording=f"complaint: {event.code or event.detail}",
        )
        upsert(session, Consent, [withdrawn], ["id"])


def _id(event: DeliveryEvent) -> str:
    return derive("rcp", event.source, event.id)


def _rank(state: str) -> int:
    return PROGRESS.index(state) if state in PROGRESS else 1


def _plain(event: DeliveryEvent) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(event).items() if name != "line"}


def _event(early: EarlyDelivery) -> DeliveryEvent:
    return msgspec.convert({**early.event, "line": 0}, DeliveryEvent)


def _cause(early: EarlyDelivery) -> str:
    hours = f"within {KEPT / 3600:.0f} h"
    if early.intent:
        return f"data.intent: there was no message {early.intent!r:.80} {hours}"
    return f"data.provider_id: no message of ours came to have the id {early.provider_id!r:.80} {hours}"
