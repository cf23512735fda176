"""Everything a decision is taken from, read out of the database at the moment it is taken (C13).

What is asked of the database is asked once for a whole batch (`engine.policy.known`). Within a batch no decision sees
another, so nobody is in it twice: the dispatcher sees to that.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace
from sqlmodel import Session

from engine.config.model import Config
from engine.entities import Person
from engine.policy import choice, lookups
from engine.policy.experience import Experience
from engine.policy.facts import ChannelFacts, Facts, IssueFacts, Outage, PolicyFacts, Tried
from engine.policy.known import Known, Reader
from engine.policy.reach import left_open
from engine.policy.steps import Steps
from engine.policy.stops import halts
from engine.policy.together import Gathering
from engine.policy.variants import Arms
from engine.policy.worth import Appraiser, Worth
from engine.status.news import subscription
from engine.status.subscribers import as_person, of_recipient
from engine.store.models import Entity, Intent, Issue
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


class Gatherer:
    """Gathers under one configuration."""

    def __init__(self, config: Config, channels: Mapping[str, ChannelFacts], templates: Templates) -> None:
        self._config = config
        self._channels = channels
        self._steps = Steps(config, templates, sessions=any(each.session for each in channels.values()))
        self._reader = Reader(config, channels, self._steps)
        self._appraiser = Appraiser()
        self._experience = Experience(tuple(config.playbooks))
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
        known = self._reader.known(session, intents, now)
        gathered = [
            self._news(session, intent, now, outages)
            if intent.kind == "status"
            else self._gathered(session, known, intent, now, outages)
            for intent in intents
        ]
        return self._with_beliefs(session, gathered, intents, now)

    def _gathered(
        self, session: Session, known: Known, intent: Intent, now: float, outages: tuple[Outage, ...]
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
            before=known.before.get(intent.id),
            silence=known.silence(issue, now),
            inhibited_by=self._reader.inhibited_by(known, known.views.get(intent.issue)),
            open_ticket=known.tickets.get(intent.id, ""),
            conversation=known.conversations.get((intent.issue, intent.account), ""),
            worth=self._worth(session, intent, issue, now),
            halts=known.halts,
            ticket_due=known.made.get(intent.id, "") is None,
            ticket=known.made.get(intent.id) or "",
            incident=known.incidents.get(intent.id, ""),
            told_with=known.told_with[intent.id].issue if intent.id in known.told_with else "",
            incident_ticket=known.told_with[intent.id].ticket if intent.id in known.told_with else "",
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
            sends=next(iter(self._reader.sends(session, everyone, now).values()), ()),
            halts=halts(session),
            subscription=asked,
            tried=tuple(Tried(**each) for each in intent.payload.get("tried", ())),
            outages=outages,
        )
        return Gathered(facts, None, person)

    def _worth(self, session: Session, intent: Intent, issue: Issue | None, now: float) -> Worth | None:
        playbook = self._config.playbooks.get(intent.playbook)
        if intent.kind != "message" or issue is None or playbook is None or playbook.worth is None:
            return None
        return self._appraiser.worth(session, playbook.name, playbook.worth, issue.detector, now)


def _issue(row: Issue | None) -> IssueFacts:
    if row is None:
        return NOTHING
    return IssueFacts(row.id, row.status, row.severity, row.reopened, row.flapping, row.opened_at)
