"""Everything a decision is taken from, read out of the database at the moment it is taken (C13)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import func
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, or_, select

from engine.config.model import Config, Per
from engine.conversations import book
from engine.entities import Person, person
from engine.issues.book import active_issues, view
from engine.issues.silences import active, current, inhibited
from engine.issues.view import IssueView
from engine.playbooks import REPLY, TOLD, Told, open_outreach
from engine.policy import choice
from engine.policy.caps import Sent
from engine.policy.consent import Entry
from engine.policy.experience import Experience
from engine.policy.facts import ChannelFacts, Facts, IssueFacts, PolicyFacts, StepFacts, Suppressed
from engine.policy.holdout import draw
from engine.policy.reach import left_open
from engine.policy.stops import halts
from engine.policy.worth import Appraiser, Worth
from engine.store.models import Consent, CustomerContact, Intent, Issue, Suppression, Ticket
from engine.waves import incidents
from engine.waves.keeper import Waves

CONVERSATION = 4 * 3600.0
"""A customer who contacted us about an issue is in conversation with us for so many seconds."""
TICKET_PATIENCE = 3600.0
"""Seconds for which a message waits for a desk that cannot be reached."""
NOTHING = IssueFacts("", "dismissed", "low", -1)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts, and the rows they came from that sending needs."""

    facts: Facts
    issue: Issue | None
    person: Person | None


class Gatherer:
    """Gathers under one configuration; of waves, where it is given those it is to keep."""

    def __init__(self, config: Config, channels: Mapping[str, ChannelFacts], waves: Waves | None = None) -> None:
        self._config = config
        self._channels = channels
        self._appraiser = Appraiser()
        self._experience = Experience(tuple(config.playbooks))
        self._waves = waves
        self._memory = max((cap.seconds for cap in self._caps()), default=0.0) + 2 * 86400.0

    def gather(self, session: Session, intent: Intent, now: float) -> Gathered:
        """Return what there is to know about `intent` at `now` (epoch seconds)."""
        issue = session.get(Issue, intent.issue, with_for_update=True)  # no end passes unseen before it leaves
        seen = view(issue) if issue else None
        person = self._person(session, intent)
        facts = Facts(
            now=now,
            occasion=intent.occasion,  # type: ignore[arg-type]  # the column holds what playbooks.Occasion lists
            kind=intent.kind,  # type: ignore[arg-type]  # as above
            issue=_issue(seen),
            step=self._step(intent),
            person=person,
            channels=self._channels,
            policy=self._policy(intent),
            consents=_consents(session, person),
            suppressions=_suppressions(session, person),
            sends=self._sends(session, person, now),
            told=_told(session, intent),
            silence=_silence(session, seen, now),
            inhibited_by=self._inhibited_by(session, seen),
            open_ticket=_open_ticket(session, intent, issue),
            conversation=_conversation(session, intent, now),
            worth=self._worth(session, intent, issue, now),
            halts=halts(session),
            ticket_due=self._ticket_due(session, intent, issue, now),
            wave=self._waves.of(session, intent, now) if self._waves else None,
            incident=_incident(session, intent, issue, now),
        )
        return Gathered(self._with_beliefs(session, facts, intent), issue, person)

    def _with_beliefs(self, session: Session, facts: Facts, intent: Intent) -> Facts:
        """Add how often those channels work among which there is a choice."""
        left = left_open(facts)
        if len(left) < 2 or facts.person is None:
            return facts
        beliefs = self._experience.beliefs(session, facts.person, left, facts.now)
        return replace(facts, beliefs=beliefs, draw=choice.draw(intent.id))

    def _caps(self) -> list[Per]:
        limits = [each.limits.per_customer for each in self._config.playbooks.values()]
        return [*self._config.policy.caps.values(), *(each for each in limits if each)]

    def _person(self, session: Session, intent: Intent) -> Person | None:
        if intent.kind != "message" or not intent.recipient:
            return None
        return person(session, intent.recipient, intent.account, self._config.main.locale)

    def _step(self, intent: Intent) -> StepFacts:
        payload, playbook = intent.payload, self._config.playbooks.get(intent.playbook)
        return StepFacts(
            playbook=intent.playbook,
            episode=intent.episode,
            purpose=str(payload.get("purpose", "service")),
            channels=tuple(payload.get("channels", ())),
            emergency=str(payload.get("emergency", "")),
            unless=payload.get("unless"),
            template=str(payload.get("template", "")),
            through=self._through(intent),
            holdout=playbook.holdout if playbook else 0.0,
            draw=draw(intent.playbook, intent.account or "", intent.issue),
            address=str(payload.get("address", "")),
        )

    def _through(self, intent: Intent) -> tuple[str, ...]:
        if intent.kind == "ticket":
            return (str(intent.payload.get("desk", "")),)
        target = self._config.main.escalations.get(str(intent.payload.get("to", "")))
        return (target.channel,) if target else ()

    def _worth(self, session: Session, intent: Intent, issue: Issue | None, now: float) -> Worth | None:
        playbook = self._config.playbooks.get(intent.playbook)
        if intent.kind != "message" or issue is None or playbook is None or playbook.worth is None:
            return None
        return self._appraiser.worth(session, playbook.name, playbook.worth, issue.detector, now)

    def _ticket_due(self, session: Session, intent: Intent, issue: Issue | None, now: float) -> bool:
        """Return whether the ticket that demand of the class `human` gets is not made yet, and still may be soon."""
        detector = self._config.detectors.get(issue.detector) if issue else None
        if intent.kind != "message" or detector is None or detector.demand.class_ != "human":
            return False
        waiting = select(Intent.id).where(
            Intent.issue == intent.issue,
            Intent.playbook == intent.playbook,
            Intent.kind == "ticket",
            Intent.episode == intent.episode,
            col(Intent.status).in_(("pending", "claimed", "sending", "unknown")),
            col(Intent.created_at) > now - TICKET_PATIENCE,
        )
        return session.exec(waiting).first() is not None

    def _policy(self, intent: Intent) -> PolicyFacts:
        playbook = self._config.playbooks.get(intent.playbook)
        return PolicyFacts.of(self._config.policy, playbook.limits if playbook else None)

    def _sends(self, session: Session, person: Person | None, now: float) -> tuple[Sent, ...]:
        """Return what the person was sent as far back as any cap looks, without the texts."""
        if person is None:
            return ()
        at = func.coalesce(Intent.sent_at, Intent.claimed_at, Intent.created_at)
        purpose = func.coalesce(col(Intent.payload)["purpose"].as_string(), "service")
        rows = session.execute(
            sql_select(at, col(Intent.channel), purpose, col(Intent.playbook), col(Intent.occasion)).where(
                col(Intent.recipient) == person.id,
                col(Intent.kind) == "message",
                col(Intent.occasion) != REPLY,
                col(Intent.status).in_(("sending", "sent", "unknown")),
                col(Intent.claimed_at) >= now - self._memory,
            )
        )
        return tuple(Sent(at, self._kind(channel), *rest) for at, channel, *rest in rows)

    def _kind(self, channel: str) -> str:
        found = self._channels.get(channel)
        return found.kind if found else channel

    def _inhibited_by(self, session: Session, issue: IssueView | None) -> str:
        rules = self._config.policy.inhibit
        if not rules or issue is None:
            return ""
        narrow = issue.account if all("account" in rule.equal for rule in rules) else None
        found = inhibited(active_issues(session, narrow), issue, rules)
        return found.id if found else ""


def _issue(seen: IssueView | None) -> IssueFacts:
    if seen is None:
        return NOTHING
    return IssueFacts(seen.id, seen.status, seen.severity, seen.reopened, seen.flapping, seen.opened_at)


def _consents(session: Session, person: Person | None) -> tuple[Entry, ...]:
    if person is None:
        return ()
    values = [value for _, value in person.addresses]
    rows = session.exec(select(Consent).where(or_(Consent.entity == person.id, col(Consent.address).in_(values)))).all()
    return tuple(Entry.of(row) for row in rows)


def _suppressions(session: Session, person: Person | None) -> tuple[Suppressed, ...]:
    if person is None:
        return ()
    values = [value for _, value in person.addresses]
    rows = session.exec(select(Suppression).where(col(Suppression.address).in_(values))).all()
    return tuple(Suppressed(row.address, row.channel, row.reason) for row in rows)


def _told(session: Session, intent: Intent) -> Told | None:
    others = session.exec(
        select(Intent).where(
            Intent.issue == intent.issue,
            Intent.recipient == intent.recipient,
            Intent.id != intent.id,
            col(Intent.status).in_(TOLD),
        )
    ).all()
    return next(iter(open_outreach(others)), None)


def _silence(session: Session, issue: IssueView | None, now: float) -> str:
    found = active(current(session, now), issue, now) if issue else None
    return found.id if found else ""


def _open_ticket(session: Session, intent: Intent, issue: Issue | None) -> str:
    """Return the number of an open ticket on the same matter, or ""."""
    if issue is None:
        return ""
    found = select(Ticket).where(Ticket.status != "resolved")
    if intent.kind == "ticket":
        rows = session.exec(found.where(Ticket.issue == issue.id, Ticket.external != intent.id)).all()
    else:  # a ticket that waits, or that the playbooks made of this very issue, is no reason to be silent
        live = found.where(
            Ticket.status == "claimed", Ticket.account == (issue.account or ""), Ticket.issue != issue.id
        )
        rows = [row for row in session.exec(live).all() if issue.detector in row.tags]
    return str(rows[0].number) if rows else ""


def _incident(session: Session, intent: Intent, issue: Issue | None, now: float) -> str:
    if intent.kind != "ticket" or intent.step == incidents.STEP or issue is None:
        return ""
    return incidents.taken_in(session, issue, now)


def _conversation(session: Session, intent: Intent, now: float) -> str:
    row = session.exec(
        select(CustomerContact).where(
            CustomerContact.issue == intent.issue,
            CustomerContact.account == intent.account,
            CustomerContact.at > now - CONVERSATION,
            CustomerContact.at <= now,
        )
    ).first()
    return row.id if row else book.live(session, intent.issue, intent.account, now)
