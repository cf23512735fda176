"""Everything a decision is taken from, read out of the database at the moment it is taken (C13).

What is asked of the database is asked once for a whole batch (`engine.policy.lookups`). Within a batch no decision sees
another, so nobody is in it twice: the dispatcher sees to that.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec
from msgspec.structs import replace
from sqlmodel import Session

from engine.config.model import Config, Per
from engine.entities import Person
from engine.issues.book import view
from engine.issues.silences import active, current, inhibited
from engine.issues.view import IssueView
from engine.playbooks import Told, matches
from engine.policy import choice, lookups
from engine.policy.caps import Sent
from engine.policy.consent import Entry
from engine.policy.experience import Experience
from engine.policy.facts import ChannelFacts, Facts, IssueFacts, Outage, PolicyFacts, Suppressed, Tried
from engine.policy.reach import left_open
from engine.policy.recipients import recipients, with_parents
from engine.policy.steps import Steps
from engine.policy.stops import Halt, halts
from engine.policy.together import Gathering
from engine.policy.variants import Arms
from engine.policy.worth import Appraiser, Worth
from engine.status.news import subscription
from engine.status.subscribers import as_person, of_recipient
from engine.store.models import Entity, Intent, Issue, Silence
from engine.waves.incidents import taken_in
from outreach.render import TemplateError, Templates

NOTHING = IssueFacts("", "dismissed", "low", -1)


class Gathered(msgspec.Struct, frozen=True, gc=False):
    """The facts, and the rows they came from that sending needs."""

    facts: Facts
    issue: Issue | None
    person: Person | None
    account: Entity | None = None
    wrong: TemplateError | None = None
    """Why nothing can be written."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a batch."""

    issues: Mapping[str, Issue]
    views: Mapping[str, IssueView]
    """Of issues that another may inhibit."""
    accounts: Mapping[str, Entity]
    """With all other entities that were asked for."""
    persons: Mapping[tuple[str, str | None], Person]
    consents: Mapping[str, tuple[Entry, ...]]
    suppressions: Mapping[str, tuple[Suppressed, ...]]
    sends: Mapping[str, tuple[Sent, ...]]
    told: Mapping[str, Told]
    silences: Sequence[Silence]
    active: Mapping[str | None, Sequence[IssueView]]
    tickets: Mapping[str, str]
    conversations: Mapping[tuple[str, str | None], str]
    made: Mapping[str, str | None]
    """Of intents whose demand needs a person: the number of the ticket, None while it is not made yet."""
    incidents: Mapping[str, str]
    halts: tuple[Halt, ...]
    arms: Arms
    wrote: Mapping[str, Mapping[str, float]]


class Gatherer:
    """Gathers under one configuration."""

    def __init__(self, config: Config, channels: Mapping[str, ChannelFacts], templates: Templates) -> None:
        self._config = config
        self._channels = channels
        self._sessions = {each.kind for each in channels.values() if each.session}
        self._steps = Steps(config, templates, sessions=bool(self._sessions))
        self._appraiser = Appraiser()
        self._inhibitable: dict[str, bool] = {}
        self._experience = Experience(tuple(config.playbooks))
        self._memory = max((cap.seconds for cap in self._caps()), default=0.0) + 2 * 86400.0
        limits = {name: each.limits for name, each in config.playbooks.items()}
        self._policies = {name: PolicyFacts.of(config.policy, each) for name, each in limits.items()}
        self._policy = PolicyFacts.of(config.policy)
        self._gathering = Gathering(config, templates)

    def gather(self, session: Session, intent: Intent, now: float) -> Gathered:
        """Return what there is to know about `intent` at `now` (epoch seconds)."""
        return self.gather_all(session, [intent], now)[0]

    def gather_all(
        self, session: Session, intents: Sequence[Intent], now: float, outages: tuple[Outage, ...] = ()
    ) -> list[Gathered]:
        """Return what there is to know about each of `intents`, of which no two go to one person."""
        known = self._known(session, intents, now)
        gathered = [
            self._news(session, intent, now, outages)
            if intent.kind == "status"
            else self._gathered(session, known, intent, now, outages)
            for intent in intents
        ]
        return self._with_beliefs(session, gathered, intents, now)

    def _gathered(
        self, session: Session, known: _Known, intent: Intent, now: float, outages: tuple[Outage, ...]
    ) -> Gathered:
        issue = known.issues.get(intent.issue)
        person = known.persons.get((intent.recipient, intent.account)) if intent.kind == "message" else None
        who = person.id if person else ""
        planned = self._steps.planned(intent, issue, person, known.arms)
        about = _issue(issue)
        facts = Facts(
            now=now,
            occasion=intent.occasion,  # type: ignore[arg-type]  # the column holds what playbooks.Occasion lists
            kind=intent.kind,  # type: ignore[arg-type]  # as above
            issue=about,
            step=planned.facts,
            person=person,
            channels=self._channels,
            policy=self._policies.get(intent.playbook, self._policy),
            consents=known.consents.get(who, ()),
            suppressions=known.suppressions.get(who, ()),
            sends=known.sends.get(who, ()),
            told=known.told.get(intent.id),
            silence=_silence(known.silences, issue, now),
            inhibited_by=self._inhibited_by(known, known.views.get(intent.issue)),
            open_ticket=known.tickets.get(intent.id, ""),
            conversation=known.conversations.get((intent.issue, intent.account), ""),
            worth=self._worth(session, intent, issue, now),
            halts=known.halts,
            ticket_due=known.made.get(intent.id, "") is None,
            ticket=known.made.get(intent.id) or "",
            incident=known.incidents.get(intent.id, ""),
            tried=tuple(Tried(**each) for each in intent.payload.get("tried", ())),
            outages=outages,
            wrote=known.wrote.get(who, {}),
            digest=self._gathering.of(intent, about, planned.facts, person),
        )
        account = known.accounts.get(issue.account or "") if issue else None
        return Gathered(facts, issue, person, account, planned.wrong)

    def _with_beliefs(
        self, session: Session, gathered: Sequence[Gathered], intents: Sequence[Intent], now: float
    ) -> list[Gathered]:
        """Add how often those channels work among which there is a choice."""
        left = [(each.facts.person, left_open(each.facts)) for each in gathered]
        asked = {person: channels for person, channels in left if person and len(channels) > 1}
        if not asked:
            return list(gathered)
        beliefs = self._experience.beliefs(session, asked, now)
        return [
            replace(each, facts=replace(each.facts, beliefs=beliefs[each.facts.person], draw=choice.draw(intent.id)))
            if each.facts.person in beliefs
            else each
            for each, intent in zip(gathered, intents, strict=True)
        ]

    def _known(self, session: Session, intents: Sequence[Intent], now: float) -> _Known:
        issues = lookups.issues(session, {intent.issue for intent in intents})
        views = {id_: view(row) for id_, row in issues.items() if self._may_be_inhibited(row.detector)}
        told_of = [(each.recipient, each.account) for each in intents if each.kind == "message" and each.recipient]
        accounts = {row.account for row in issues.values() if row.account}
        named = {each for pair in told_of for each in pair if each} | accounts
        known = with_parents(session, named)
        persons = recipients(session, known, told_of, self._config.main.locale)
        everyone = list({person.id: person for person in persons.values()}.values())
        return _Known(
            issues=issues,
            views=views,
            accounts=known,
            persons=persons,
            consents=lookups.consents(session, everyone),
            suppressions=lookups.suppressions(session, everyone),
            sends=self._sends(session, everyone, now),
            told=lookups.told(session, intents),
            silences=current(session, now),
            active=self._active(session, views),
            tickets=lookups.open_tickets(session, [(each, issues.get(each.issue)) for each in intents]),
            conversations=lookups.conversations(session, list(issues), now),
            made=lookups.tickets_made(session, [each for each in intents if self._human(each, issues)], now),
            incidents=taken_in(session, [(each, issues.get(each.issue)) for each in intents], now),
            halts=halts(session),
            arms=self._steps.arms(session, intents),
            wrote=lookups.wrote(session, everyone, self._sessions, now),
        )

    def _human(self, intent: Intent, issues: Mapping[str, Issue]) -> bool:
        """Return whether a message is about demand that needs a person."""
        issue = issues.get(intent.issue)
        detector = self._config.detectors.get(issue.detector) if issue else None
        return intent.kind == "message" and detector is not None and detector.demand.class_ == "human"

    def _news(self, session: Session, intent: Intent, now: float, outages: tuple[Outage, ...]) -> Gathered:
        """Gather of news for a subscriber of the status page: there is no issue, and nobody's account.

        Who asks anew after having left is asked to confirm: only what was said of the address itself counts then.
        """
        row = of_recipient(session, intent.recipient)
        person = as_person(row) if row else None
        asked = subscription(session, intent, row, now) if row else None
        everyone = [person] if person else []
        spoken = [replace(each, id="") for each in everyone] if asked and asked.confirming else everyone
        facts = Facts(
            now=now,
            occasion="announced",
            kind="status",
            issue=NOTHING,
            step=self._steps.planned(intent, None, person, Arms()).facts,
            person=person,
            channels=self._channels,
            policy=self._policy,
            consents=next(iter(lookups.consents(session, spoken).values()), ()),
            suppressions=next(iter(lookups.suppressions(session, everyone).values()), ()),
            sends=next(iter(self._sends(session, everyone, now).values()), ()),
            halts=halts(session),
            subscription=asked,
            tried=tuple(Tried(**each) for each in intent.payload.get("tried", ())),
            outages=outages,
        )
        return Gathered(facts, None, person)

    def _caps(self) -> list[Per]:
        limits = [each.limits.per_customer for each in self._config.playbooks.values()]
        return [*self._config.policy.caps.values(), *(each for each in limits if each)]

    def _worth(self, session: Session, intent: Intent, issue: Issue | None, now: float) -> Worth | None:
        playbook = self._config.playbooks.get(intent.playbook)
        if intent.kind != "message" or issue is None or playbook is None or playbook.worth is None:
            return None
        return self._appraiser.worth(session, playbook.name, playbook.worth, issue.detector, now)

    def _sends(self, session: Session, persons: Collection[Person], now: float) -> dict[str, tuple[Sent, ...]]:
        """Return what each person was sent as far back as any cap looks."""
        found = lookups.sends(session, persons, now - self._memory)
        return {
            who: tuple(replace(each, channel=self._kind(each.channel)) for each in sent) for who, sent in found.items()
        }

    def _kind(self, channel: str) -> str:
        found = self._channels.get(channel)
        return found.kind if found else channel

    def _active(self, session: Session, views: Mapping[str, IssueView]) -> Mapping[str | None, Sequence[IssueView]]:
        """Return the active issues that may inhibit those, by account where every rule asks for the same one."""
        rules = self._config.policy.inhibit
        may_be = {each.account for each in views.values() if any(matches(rule.target, each) for rule in rules)}
        return lookups.active_of(session, may_be if self._narrow else None) if may_be else {}

    def _may_be_inhibited(self, detector: str) -> bool:
        """Return whether a rule speaks of issues of this detector."""
        if detector not in self._inhibitable:
            globs = (glob for rule in self._config.policy.inhibit for glob in rule.target.detector)
            self._inhibitable[detector] = any(fnmatchcase(detector, glob) for glob in globs)
        return self._inhibitable[detector]

    @property
    def _narrow(self) -> bool:
        return all("account" in rule.equal for rule in self._config.policy.inhibit)

    def _inhibited_by(self, known: _Known, issue: IssueView | None) -> str:
        if issue is None or not self._config.policy.inhibit:
            return ""
        others = known.active.get(issue.account if self._narrow else None, ())
        found = inhibited(others, issue, self._config.policy.inhibit)
        return found.id if found else ""


def _issue(row: Issue | None) -> IssueFacts:
    if row is None:
        return NOTHING
    return IssueFacts(row.id, row.status, row.severity, row.reopened, row.flapping, row.opened_at)


def _silence(silences: Sequence[Silence], issue: Issue | None, now: float) -> str:
    found = active(silences, issue, now) if issue else None
    return found.id if found else ""
