"""Everything a decision is taken from, read out of the database at the moment it is taken (C13)."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, or_, select

from engine.config.model import Config, Per
from engine.entities import Person, person
from engine.issues.book import active_issues, view
from engine.issues.silences import active, current, inhibited
from engine.issues.view import IssueView
from engine.playbooks import CLOSING, TOLD, Told, open_outreach
from engine.policy.caps import Sent
from engine.policy.consent import Entry
from engine.policy.facts import ChannelFacts, Facts, IssueFacts, PolicyFacts, StepFacts, Suppressed
from engine.policy.holdout import draw
from engine.policy.stops import halts
from engine.policy.variants import words
from engine.policy.worth import Appraiser, Worth
from engine.store.models import Consent, CustomerContact, Intent, Issue, Suppression, Ticket
from outreach.render import Templates

CONVERSATION = 4 * 3600.0
"""A customer who contacted us about an issue is in conversation with us for so many seconds."""
NOTHING = IssueFacts("", "dismissed", "low", -1)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts, and the rows they came from that sending needs."""

    facts: Facts
    issue: Issue | None
    person: Person | None


class Gatherer:
    """Gathers under one configuration."""

    def __init__(self, config: Config, channels: Mapping[str, ChannelFacts], templates: Templates) -> None:
        self._config = config
        self._channels = channels
        self._templates = templates
        self._sessions = [each.kind for each in channels.values() if each.session]
        self._appraiser = Appraiser()
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
            step=self._step(session, intent, seen, person),
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
            wrote=self._wrote(session, person, now),
        )
        return Gathered(facts, issue, person)

    def _caps(self) -> list[Per]:
        limits = [each.limits.per_customer for each in self._config.playbooks.values()]
        return [*self._config.policy.caps.values(), *(each for each in limits if each)]

    def _person(self, session: Session, intent: Intent) -> Person | None:
        if intent.kind != "message" or not intent.recipient:
            return None
        return person(session, intent.recipient, intent.account, self._config.main.locale)

    def _step(self, session: Session, intent: Intent, issue: IssueView | None, person: Person | None) -> StepFacts:
        payload, playbook = intent.payload, self._config.playbooks.get(intent.playbook)
        chosen = words(session, self._templates, intent, issue)
        promotion = self._promotion(intent)
        return StepFacts(
            playbook=intent.playbook,
            episode=intent.episode,
            purpose="marketing" if promotion else str(payload.get("purpose", "service")),
            channels=tuple(payload.get("channels", ())),
            emergency=str(payload.get("emergency", "")),
            unless=payload.get("unless"),
            template=chosen.template,
            experiment=chosen.experiment,
            arm=chosen.arm,
            approved=bool(person and self._templates.has_approval(chosen.template, person.locale)),
            promotion=promotion,
            through=self._through(intent),
            holdout=playbook.holdout if playbook else 0.0,
            draw=draw(intent.playbook, intent.account or "", intent.issue),
        )

    def _promotion(self, intent: Intent) -> str:
        """Return the words that make a service message marketing; a closing one is as the one that it closes (C16)."""
        service = str(intent.payload.get("purpose", "service")) == "service"
        if intent.kind != "message" or intent.occasion in CLOSING or not service:
            return ""
        return self._templates.promotion(str(intent.payload.get("template", "")))

    def _wrote(self, session: Session, person: Person | None, now: float) -> dict[str, float]:
        """Return when the person last wrote, on the kinds of channels that ask for it."""
        if person is None or not self._sessions:
            return {}
        latest = sql_select(col(CustomerContact.channel), func.max(CustomerContact.at)).where(
            col(CustomerContact.subject) == person.id,
            col(CustomerContact.channel).in_(self._sessions),
            col(CustomerContact.at) <= now,
        )
        rows = session.execute(latest.group_by(col(CustomerContact.channel))).all()
        return {str(kind): float(at) for kind, at in rows}

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


def _conversation(session: Session, intent: Intent, now: float) -> str:
    row = session.exec(
        select(CustomerContact).where(
            CustomerContact.issue == intent.issue,
            CustomerContact.account == intent.account,
            CustomerContact.at > now - CONVERSATION,
            CustomerContact.at <= now,
        )
    ).first()
    return row.id if row else ""
