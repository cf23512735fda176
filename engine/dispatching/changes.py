"""What becomes of an intent while it is prepared: changes of its row, for `engine.store.batches.change_all`."""

from typing import Any

from engine.store.models import Intent
from engine.store.outbox import Status


def as_it_was(intent: Intent) -> dict[str, Any]:
    """Put back what was claimed to go along and does not: nothing was decided about it."""
    return held(intent, intent.due_at, intent.detail)


def held(intent: Intent, until: float, detail: str) -> dict[str, Any]:
    """Return the row of one that is put back until then."""
    return _change(intent, Status.PENDING, detail, due_at=until, claimed_by="", claimed_at=None)


def ended(intent: Intent, status: Status, detail: str) -> dict[str, Any]:
    """Return the row of one that will not leave."""
    return _change(intent, status, detail)


def leaving(intent: Intent) -> dict[str, Any]:
    """Return the row of one that is about to leave, by the way and in the words it has."""
    row = _change(
        intent,
        Status.SENDING,
        intent.detail,
        channel=intent.channel,
        address=intent.address,
        payload=intent.payload,
        attempts=intent.attempts,
        claimed_at=intent.claimed_at,
    )
    went = intent.provider_id or intent.delivery or intent.sent_at  # by a way by which it did not arrive
    return row | {"provider_id": "", "delivery": "", "sent_at": None} if went else row


def _change(intent: Intent, status: Status, detail: str, **columns: Any) -> dict[str, Any]:
    return {"id": intent.id, "status": status.value, "detail": str(detail), "claimed_by": intent.claimed_by, **columns}
