"""How likely somebody calls who was told: learned for each detector from those who were told of its issues.

It begins at the playbook's guess of those who call without being told, which counts like twenty messages (the mean of a
beta distribution).
"""

from sqlalchemy import func
from sqlmodel import Session, col, exists, select

from engine.policy.worth import FRESH, GUESS_WEIGHT, LOOK_BACK
from engine.store.models import CustomerContact, Intent, Issue


class Callers:
    """Knows how likely a call is, and remembers for some minutes what it counted."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, float, int]] = {}

    def likely(self, session: Session, detector: str, guess: float, now: float) -> float:
        """Return the probability that a message about an issue of `detector` makes a person contact us."""
        at, called, sent = self._known.get(detector, (float("-inf"), 0.0, 0))
        if not 0.0 <= now - at < FRESH:
            called, sent = counted(session, detector, now)
            self._known[detector] = (now, called, sent)
        return (GUESS_WEIGHT * guess + called) / (GUESS_WEIGHT + sent)


def counted(session: Session, detector: str, now: float) -> tuple[float, int]:
    """Return how many contacts there were about issues that were told of, and how many messages told of them."""
    told = (
        col(Intent.kind) == "message",
        col(Intent.occasion) == "opened",
        col(Intent.status) == "sent",
        col(Intent.sent_at) >= now - LOOK_BACK,
    )
    messages = select(func.count()).select_from(Intent).join(Issue, col(Issue.id) == Intent.issue)
    sent = session.exec(messages.where(*told, col(Issue.detector) == detector)).one()
    after = exists().where(*told, col(Intent.issue) == CustomerContact.issue, col(Intent.sent_at) <= CustomerContact.at)
    contacts = select(func.count()).select_from(CustomerContact).join(Issue, col(Issue.id) == CustomerContact.issue)
    called = session.exec(contacts.where(after, col(Issue.detector) == detector)).one()
    return float(min(called, sent)), sent
