"""What a page shows of a run beside its numbers: messages as customers read them, a ticket, decisions with reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, func, select

from engine.config.model import SEVERITIES, Config
from engine.policy.reasons import Reason
from engine.showcase.page import picture_url, span
from engine.store import pages
from engine.store.models import DecisionRow, Entity, Intent, Issue, SignalRow, Ticket

SENTENCES = {each.value: each.sentence for each in Reason}


@dataclass(frozen=True, slots=True)
class Shown:
    """A message that went out."""

    name: str
    address: str
    at: float
    subject: str
    text: str
    html: str
    locale: str
    why: str


@dataclass(frozen=True, slots=True)
class ShownTicket:
    """A ticket as an agent finds it."""

    number: int
    subject: str
    body: str
    queue: str
    severity: str
    opened_at: float
    picture: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Reasoned:
    """How often something was decided for one reason."""

    verdict: str
    reason: str
    sentence: str
    count: int


@dataclass(frozen=True, slots=True)
class IssuesOf:
    """The issues of one detector."""

    detector: str
    about: str
    total: int
    without_cause: int = 0
    severities: dict[str, int] = field(default_factory=dict)


def mails(session: Session, locales: Sequence[str], shy: Sequence[str] = ()) -> list[Shown]:
    """Return an opening e-mail in each of the languages, about different things where there are any.

    Messages about issues whose id is in `shy` are passed over.
    """
    found: list[Shown] = []
    used: set[str] = set()
    for locale in locales:
        rows = [row for row in _opening(session, shy) if _language(row) == locale and pages.any_of(row)]
        rows.sort(key=lambda row: row.playbook in used)
        if rows:
            used.add(rows[0].playbook)
            found.append(_shown(session, rows[0]))
    return found


def texts(session: Session, shy: Sequence[str] = ()) -> list[Shown]:
    """Return one opening text message, or none if none went out."""
    rows = [row for row in _opening(session, shy) if row.payload.get("text") and not pages.any_of(row)]
    return [_shown(session, row) for row in rows[:1]]


def ticket(session: Session, shy: Sequence[str] = ()) -> ShownTicket | None:
    """Return the ticket that tells most: of the worst severity, with the longest picture."""
    found = select(Ticket).where(col(Ticket.issue).not_in(shy)).order_by(col(Ticket.number))
    rows = session.exec(found).all()
    if not rows:
        return None
    best = max(rows, key=lambda row: (_points(row), SEVERITIES.index(row.severity), -row.number))
    return ShownTicket(
        number=best.number,
        subject=best.subject,
        body=best.body,
        queue=best.queue,
        severity=best.severity,
        opened_at=best.opened_at,
        picture=picture_url(best.picture),
        next_step=best.next_step,
    )


def decisions(session: Session) -> list[Reasoned]:
    """Return every verdict with its reasons, the most frequent first."""
    kinds = select(DecisionRow.verdict, DecisionRow.reason, func.count()).group_by(
        DecisionRow.verdict, DecisionRow.reason
    )
    order = ("send", "hold", "skip")
    rows = [Reasoned(verdict, reason, SENTENCES[reason], int(n)) for verdict, reason, n in session.exec(kinds)]
    return sorted(rows, key=lambda row: (order.index(row.verdict), -row.count, row.reason))


def issues(session: Session, config: Config, without_cause: Sequence[str] = ()) -> list[IssuesOf]:
    """Return the issues by detector, those with most of them first."""
    severities: dict[str, dict[str, int]] = {}
    kinds = select(Issue.detector, Issue.severity, func.count()).group_by(Issue.detector, Issue.severity)
    for detector, severity, number in session.exec(kinds):
        severities.setdefault(detector, {})[severity] = int(number)
    found = session.exec(select(Issue.detector).where(col(Issue.id).in_(without_cause))).all()
    rows = [
        IssuesOf(
            detector=detector,
            about=config.detectors[detector].about if detector in config.detectors else "",
            total=sum(counts.values()),
            without_cause=found.count(detector),
            severities={name: counts[name] for name in reversed(SEVERITIES) if name in counts},
        )
        for detector, counts in severities.items()
    ]
    return sorted(rows, key=lambda row: (-row.total, row.detector))


def _opening(session: Session, shy: Sequence[str]) -> Sequence[Intent]:
    sent = select(Intent).where(Intent.kind == "message", Intent.occasion == "opened", Intent.status == "sent")
    order = (col(Intent.sent_at), col(Intent.id))
    return session.exec(sent.where(col(Intent.issue).not_in(shy)).order_by(*order)).all()


def _language(row: Intent) -> str:
    return str(row.payload.get("locale", "")).partition("-")[0]


def _points(row: Ticket) -> int:
    return min(len(row.evidence.get("points", ())), 30)


def _shown(session: Session, row: Intent) -> Shown:
    person = session.get(Entity, row.recipient)
    said: dict[str, Any] = row.payload
    return Shown(
        name=(person and person.name) or row.recipient,
        address=row.address,
        at=row.sent_at or row.created_at,
        subject=str(said.get("subject", "")),
        text=str(said.get("text", "")),
        html=pages.html(session, said),
        locale=str(said.get("locale", "")),
        why=_why(session, row, person),
    )


def _why(session: Session, row: Intent, person: Entity | None) -> str:
    taken = session.exec(select(DecisionRow).where(DecisionRow.intent == row.id).order_by(col(DecisionRow.at))).all()
    role = " and ".join(person.roles) if person and person.roles else "contact"
    parts = [_seen(session, row), f"Playbook {row.playbook} tells the {role} person"]
    parts[1] += f" on the channel they prefer, {row.channel}." if _prefers(person, row) else f" by {row.channel}."
    held = next((each for each in taken if each.verdict == "hold"), None)
    if held is not None and row.sent_at is not None:
        parts.append(f"It waited {span(row.sent_at - held.at)}: {_lower(SENTENCES[held.reason])}")
    sent = next((each for each in taken if each.verdict == "send"), None)
    if sent is not None:
        parts.append(
            f"Consent, local hours, caps and silences were looked at when it left: {_lower(SENTENCES[sent.reason])}"
        )
    return " ".join(part for part in parts if part)


def _seen(session: Session, row: Intent) -> str:
    """Return what was known of the issue when the message left, in words."""
    signals = select(SignalRow).where(SignalRow.issue == row.issue, col(SignalRow.seen_at) <= row.sent_at)
    latest = session.exec(signals.order_by(col(SignalRow.seen_at).desc(), col(SignalRow.at).desc())).first()
    return str(latest.evidence.get("explanation", "")) if latest else ""


def _prefers(person: Entity | None, row: Intent) -> bool:
    return bool(person and person.prefers and person.prefers[0] == row.channel)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
