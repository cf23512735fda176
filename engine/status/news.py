"""What subscribers are written: planned as intents for the outbox, worded at the moment they leave."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session, col, select

from engine.config.model import Config
from engine.config.model.status import StatusConfig
from engine.ids import derive
from engine.links import LIFETIME, Claims, Links
from engine.policy.facts import Subscription
from engine.status import book, subscribers
from engine.status.subscribers import PREFIX
from engine.status.words import words
from engine.store.models import Intent, StatusEntry, StatusUpdate, Subscriber

CONFIRM, UPDATE = "_status/confirm", "_status/update"
SHOWN = 5
"""Updates of an entry that a subscriber is shown."""


def confirmation(row: Subscriber, channel: str, now: float) -> Intent:
    """Return what asks a subscriber to confirm."""
    return _intent(row, channel, now, step="confirm", issue="", payload={"template": CONFIRM})


def announcement(update: StatusUpdate, row: Subscriber, channel: str, now: float) -> Intent:
    """Return what tells a subscriber of an update; once for each."""
    said = {"template": UPDATE, "update": update.id}
    return _intent(row, channel, now, step=f"update {update.id}", issue=update.entry, payload=said)


def subscription(session: Session, intent: Intent, row: Subscriber, now: float) -> Subscription:
    """Return what decides whether a mail to a subscriber is still wanted."""
    confirming = intent.step == "confirm"
    latest = None if confirming else subscribers.latest(session, intent.issue)
    return Subscription(
        state=row.state if row.state != "pending" or row.expires_at >= now else "expired",
        confirming=confirming,
        wanted=latest is not None and subscribers.wants(row.components, latest.components),
        latest=latest is not None and latest.id == intent.payload.get("update"),
    )


def thread(session: Session, intent: Intent) -> str:
    """Return the provider's id of the first mail to the same subscriber about the same entry."""
    if not intent.issue:
        return ""
    same = select(Intent.provider_id).where(
        Intent.issue == intent.issue, Intent.recipient == intent.recipient, Intent.status == "sent"
    )
    return session.exec(same.order_by(col(Intent.sent_at), col(Intent.id))).first() or ""


def variables(
    session: Session, config: Config, status: StatusConfig, links: Links, intent: Intent, row: Subscriber, now: float
) -> dict[str, Any]:
    """Return what the templates of `_status` may speak of (`engine.config.variables.NEWS`)."""
    sender, base = config.main.sender, config.main.listen.public_url.rstrip("/")
    entry = subscribers.entry_of(session, intent.issue)
    said = book.updates(session, [entry.id])[entry.id][:SHOWN] if entry else []
    return {
        "now": now,
        "sender": {
            "company": sender.company,
            "help_url": sender.help_url,
            "postal_address": sender.postal_address,
        },
        "page": {"title": status.title or sender.company, "url": f"{base}/status"},
        "entry": _entry(entry, status, base, row.locale) if entry else {},
        "updates": [_said(each, row.locale) for each in said],
        "links": _links(links, row, intent, now),
    }


def _intent(row: Subscriber, channel: str, now: float, *, step: str, issue: str, payload: Mapping[str, Any]) -> Intent:
    return Intent(
        id=derive("int", "status", row.id, step, repr(row.asked_at) if step == "confirm" else ""),
        kind="status",
        issue=issue,
        playbook="",
        step=step,
        occasion="announced",
        recipient=f"{PREFIX}{row.id}",
        status="pending",
        due_at=now,
        created_at=now,
        payload={**payload, "channels": [channel], "purpose": "service"},
    )


def _entry(entry: StatusEntry, status: StatusConfig, base: str, locale: str) -> dict[str, Any]:
    labels = [status.components[name].label for name in entry.components if name in status.components]
    return {
        "title": entry.title,
        "kind": entry.kind,
        "state": words(locale)[entry.state],
        "impact": words(locale)[f"impact_{entry.impact}"],
        "components": labels,
        "starts_at": entry.started_at,
        "ends_at": entry.ends_at,
        "url": f"{base}/status/{entry.id}",
    }


def _said(update: StatusUpdate, locale: str) -> dict[str, Any]:
    return {"at": update.at, "state": words(locale)[update.state], "text": update.text}


def _links(links: Links, row: Subscriber, intent: Intent, now: float) -> dict[str, str]:
    uses: Sequence[tuple[str, float]] = (
        ("confirm", row.expires_at),
        ("choose", now + LIFETIME),
        ("leave", now + LIFETIME),
    )
    return {use: links.url(Claims(use, intent.id, row.id, row.address, "service", end)) for use, end in uses}
