"""Whether a message is worth sending at all: what a contact it saves would cost, against the message and the annoyance.

How likely a customer is to contact us about an issue, and how often an issue turns out to be none, is learned for each
detector from its own issues: from those that nobody was told of, as who is told may call for being told. Both begin at
the playbook's own guess, which counts like twenty issues (the mean of a beta distribution).
"""

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, exists, select

from engine.config.model import WorthConfig
from engine.store.models import CustomerContact, Intent, Issue, Label

LOOK_BACK = 180 * 86400.0
GUESS_WEIGHT = 20.0
"""Issues that the playbook's guess counts like."""
FRESH = 600.0
"""Seconds for which what was counted is used again."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What sending is worth, in the company's currency; what it is made of goes into the stored decision."""

    contact: float
    """What a contact costs us."""
    message: float
    """What the message costs."""
    needless: float
    """What it costs that somebody was told of an issue that was none."""
    calls: float
    """Probability that a customer who is not told contacts us."""
    wrong: float
    """Probability that the issue is none."""
    untold: int = 0
    """Issues that nobody was told of: `calls` is learned from them."""
    judged: int = 0
    """Issues with a verdict: `wrong` is learned from them."""

    @property
    def expected(self) -> float:
        """What is gained by sending, on average.

        >>> round(Worth(contact=10.0, message=0.1, needless=2.0, calls=0.3, wrong=0.1).expected, 2)
        2.7
        """
        return self.calls * self.contact - self.message - self.wrong * self.needless

    @property
    def sentence(self) -> str:
        """How it comes about, for people."""
        gain = f"{self.calls:.0%} of {self.contact:g} for a contact"
        loss = f"{self.message:g} for the message and {self.wrong:.0%} of {self.needless:g} for a needless one"
        return f"Expected value {self.expected:.2f}: {gain}, less {loss}."


def appraised(session: Session, given: WorthConfig, detector: str, now: float) -> Worth:
    """Return what telling of the detector's issues is worth, by what is known at `now` (epoch seconds)."""
    untold, called = _untold(session, detector, now)
    judged, wrong = _judged(session, detector, now)
    return Worth(
        contact=given.contact,
        message=given.message,
        needless=given.needless,
        calls=(GUESS_WEIGHT * given.calls + called) / (GUESS_WEIGHT + untold),
        wrong=(GUESS_WEIGHT * given.wrong + wrong) / (GUESS_WEIGHT + judged),
        untold=untold,
        judged=judged,
    )


def _untold(session: Session, detector: str, now: float) -> tuple[int, int]:
    """Return how many ended issues nobody was told of, and about how many of these a customer contacted us."""
    told = exists().where(col(Intent.issue) == Issue.id, col(Intent.kind) == "message", col(Intent.status) == "sent")
    called = exists().where(col(CustomerContact.issue) == Issue.id)
    ended = (
        col(Issue.detector) == detector,
        col(Issue.status).in_(("resolved", "dismissed")),
        col(Issue.opened_at) >= now - LOOK_BACK,
        col(Issue.shadow).is_(False),
        ~told,
    )
    count = select(func.count()).select_from(Issue)
    return session.exec(count.where(*ended)).one(), session.exec(count.where(*ended, called)).one()


def _judged(session: Session, detector: str, now: float) -> tuple[int, int]:
    verdicts = select(col(Label.verdict), func.count()).where(
        col(Label.detector) == detector, col(Label.at) >= now - LOOK_BACK, col(Label.verdict).in_(("true", "false"))
    )
    counts = dict(session.exec(verdicts.group_by(col(Label.verdict))).all())
    return sum(counts.values()), counts.get("false", 0)


class Appraiser:
    """Appraises, and remembers for some minutes what it found."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Worth]] = {}

    def worth(self, session: Session, playbook: str, given: WorthConfig, detector: str, now: float) -> Worth:
        """Return what telling is worth."""
        key = f"{playbook}\0{detector}"
        at, known = self._known.get(key, (float("-inf"), None))
        if known is None or not 0.0 <= now - at < FRESH:
            known = appraised(session, given, detector, now)
            self._known[key] = (now, known)
        return known
