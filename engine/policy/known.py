"""What is known of a batch of intents: every question of `engine.policy.lookups`, asked once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from msgspec.structs import replace
from sqlmodel import Session

from engine.config.model import Config, Per
from engine.entities import Person
from engine.issues.book import view
from engine.issues.silences import active, current, inhibited
from engine.issues.view import IssueView
from engine.playbooks import Told, matches, open_outreach, told_before
from engine.policy import lookups
from engine.policy.caps import Sent
from engine.policy.consent import Entry
from engine.policy.facts import ChannelFacts, Suppressed
from engine.policy.recipients import recipients, with_parents
from engine.policy.steps import Steps
from engine.policy.stops import Halt, halts
from engine.policy.variants import Arms
from engine.store.models import Entity, Intent, Issue, Silence
from engine.waves.incidents import taken_in
from engine.waves.told import ToldOf, told_with


@dataclass(frozen=True, slots=True)
class Known:
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
    before: Mapping[str, Told]
    """By message, how the same step told its recipient of the issue when it was there before."""
    silences: Sequence[Silence]
    active: Mapping[str | None, Sequence[IssueView]]
    tickets: Mapping[str, str]
    conversations: Mapping[tuple[str, str | None], str]
    made: Mapping[str, str | None]
    """Of intents whose demand needs a person: the number of the ticket, None while it is not made yet."""
    incidents: Mapping[str, str]
    told_with: Mapping[str, ToldOf]
    """By message, what its recipient was told of the incident that its issue is in."""
    halts: tuple[Halt, ...]
    arms: Arms
    wrote: Mapping[str, Mapping[str, float]]

    def silence(self, issue: Issue | None, now: float) -> str:
        """Return the silence that covers an issue."""
        found = active(self.silences, issue, now) if issue else None
        return found.id if found else ""


class Reader:
    """Reads it under one configuration."""

    def __init__(self, config: Config, channels: Mapping[str, ChannelFacts], steps: Steps) -> None:
        self._config = config
        self._channels = channels
        self._sessions = {each.kind for each in channels.values() if each.session}
        self._steps = steps
        self._inhibitable: dict[str, bool] = {}
        self._memory = max((cap.seconds for cap in self._caps()), default=0.0) + 2 * 86400.0

    def known(self, session: Session, intents: Sequence[Intent], now: float) -> Known:
        """Return what is known of `intents` at `now`."""
        issues = lookups.issues(session, {intent.issue for intent in intents})
        views = {id_: view(row) for id_, row in issues.items() if self._may_be_inhibited(row.detector)}
        told_of = [(each.recipient, each.account) for each in intents if each.kind == "message" and each.recipient]
        accounts = {row.account for row in issues.values() if row.account}
        named = {each for pair in told_of for each in pair if each} | accounts
        known = with_parents(session, named)
        persons = recipients(session, known, told_of, self._config.main.locale)
        everyone = list({person.id: person for person in persons.values()}.values())
        told = lookups.told(session, intents)
        return Known(
            issues=issues,
            views=views,
            accounts=known,
            persons=persons,
            consents=lookups.consents(session, everyone),
            suppressions=lookups.suppressions(session, everyone),
            sends=self.sends(session, everyone, now),
            told={id_: found[0] for id_, rows in told.items() if (found := open_outreach(rows))},
            before=_before(intents, told),
            silences=current(session, now),
            active=self._active(session, views),
            tickets=lookups.open_tickets(session, [(each, issues.get(each.issue)) for each in intents]),
            conversations=lookups.conversations(session, list(issues), now),
            made=lookups.tickets_made(session, [each for each in intents if self._human(each, issues)], now),
            incidents=taken_in(session, [(each, issues.get(each.issue)) for each in intents], now),
            told_with=told_with(session, intents),
            halts=halts(session),
            arms=self._steps.arms(session, intents),
            wrote=lookups.wrote(session, everyone, self._sessions, now),
        )

    def sends(self, session: Session, persons: Collection[Person], now: float) -> dict[str, tuple[Sent, ...]]:
        """Return what each person was sent as far back as any cap looks."""
        found = lookups.sends(session, persons, now - self._memory)
        return {
            who: tuple(replace(each, channel=self._kind(each.channel)) for each in sent) for who, sent in found.items()
        }

    def inhibited_by(self, known: Known, issue: IssueView | None) -> str:
        """Return the issue that explains another one, while it is active."""
        if issue is None or not self._config.policy.inhibit:
            return ""
        others = known.active.get(issue.account if self._narrow else None, ())
        found = inhibited(others, issue, self._config.policy.inhibit)
        return found.id if found else ""

    def _human(self, intent: Intent, issues: Mapping[str, Issue]) -> bool:
        """Return whether a message is about demand that needs a person."""
        issue = issues.get(intent.issue)
        detector = self._config.detectors.get(issue.detector) if issue else None
        return intent.kind == "message" and detector is not None and detector.demand.class_ == "human"

    def _caps(self) -> list[Per]:
        limits = [each.limits.per_customer for each in self._config.playbooks.values()]
        return [*self._config.policy.caps.values(), *(each for each in limits if each)]

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


def _before(intents: Sequence[Intent], told: Mapping[str, Sequence[Intent]]) -> dict[str, Told]:
    found = {each.id: told_before(each, told[each.id]) for each in intents if each.id in told}
    return {id_: before for id_, before in found.items() if before is not None}
