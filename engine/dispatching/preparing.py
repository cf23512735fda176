"""Before it leaves: what is true now, what is decided, what it says; written down in the transaction of the claim."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import structlog
from msgspec.structs import replace
from sqlmodel import Session

from engine import offers
from engine.config.model import Config
from engine.desks.known import Ref
from engine.desks.notes import beside, instead
from engine.digests import Digest, Digester, Told
from engine.dispatching.changes import as_it_was, ended, held, leaving
from engine.dispatching.companions import Along
from engine.dispatching.rows import decision_row
from engine.dispatching.sending import Companion, Leaving, Sender
from engine.letters import Writer
from engine.policy import together, variants
from engine.policy.decide import decide
from engine.policy.decision import Decision
from engine.policy.facts import Facts
from engine.policy.gather import Gathered, Gatherer
from engine.policy.holdout import assignment
from engine.policy.reasons import Reason
from engine.store import outbox, pages
from engine.store.batches import change_all
from engine.store.database import insert_ignore, upsert
from engine.store.models import Assignment, DecisionRow, Intent
from engine.store.outbox import Status
from engine.traffic import Asked, Traffic, rank
from engine.waves.keeper import Waves
from outreach.render import TemplateError

log = structlog.get_logger()
ARMS = (Reason.ALLOWED, Reason.HELD_OUT)
"""Reasons of decisions that put a customer into an arm of a holdout: those who are, or would have been, told."""
NOBODY: Along = {}
Pair = tuple[Intent, Gathered]
_GATED = frozenset({"message", "ticket", "escalate", "notify"})
"""Kinds of what goes to a provider that may be away: the built-in desk and notes on tickets never wait."""
SLOW_WAIT = 1.0
"""Seconds after which what found a slow channel busy is looked at again."""


@dataclass(slots=True)
class Prepared:
    """What a batch became."""

    leaving: list[Leaving] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    """Of the intents' rows."""
    arms: list[dict[str, Any]] = field(default_factory=list)
    notes: list[Intent] = field(default_factory=list)
    """What is to be noted on open tickets (C17)."""
    by_channel: Counter[str] = field(default_factory=Counter)


class Preparer:
    """Prepares batches for one dispatcher, under one configuration."""

    def __init__(
        self,
        config: Config,
        gatherer: Gatherer,
        writer: Writer,
        digester: Digester,
        traffic: Traffic,
        sender: Sender,
        waves: Waves,
        name: str,
    ) -> None:
        self._config = config
        self._gatherer = gatherer
        self._writer = writer
        self._digester = digester
        self._traffic = traffic
        self._sender = sender
        self._name = name
        self._waves = waves

    def prepare(self, session: Session, intents: Sequence[Intent], now: float, along: Along = NOBODY) -> Prepared:
        """Decide about claimed intents; what leaves is written down as leaving.

        `along` are claimed too: they are told with theirs, or are as they were.
        """
        self._traffic.look(session, now)
        self._waves.look()
        done = Prepared()
        everyone = [*intents, *chain.from_iterable(along.values())]
        gathered = self._gatherer.gather_all(session, everyone, now, self._traffic.outages(now))
        known = {intent.id: each for intent, each in zip(everyone, gathered, strict=True)}
        for intent in sorted(intents, key=lambda each: -rank(known[each.id].facts)):  # the most urgent ask first
            others = [(each, known[each.id]) for each in along.get(intent.id, ())]
            self._one(session, intent, known[intent.id], now, done, others)
        upsert(session, DecisionRow, done.decisions, ["id"])
        insert_ignore(session, Assignment, done.arms)
        outbox.add(session, done.notes)
        self._traffic.tell(session)
        pages.keep(session, [each.letter.laid for each in done.leaving])
        lost = set(change_all(session, self._name, done.changes))
        if lost:
            done.leaving = [each for each in done.leaving if lost.isdisjoint(each.ids)]
        return done

    def _one(
        self, session: Session, intent: Intent, known: Gathered, now: float, done: Prepared, others: Sequence[Pair] = ()
    ) -> None:
        known = self._with_wave(session, intent, known, now)
        facts = known.facts
        decision = decide(facts)
        if decision.verdict == "send":
            if self._busy(intent, known, decision, now, done):
                done.changes += [as_it_was(other) for other, _ in others]
                return
            facts = self._with_gate(session, intent, known, decision, now)
            decision = decision if facts.gate is None else decide(facts)
        digest = self._digest(session, Told(intent, known, decision), others, now, done) if others else None
        if digest is not None:
            self._write_digest(digest, now, done)
            return
        self._record(intent, facts, decision, now, done)
        if decision.verdict == "send":
            self._write(session, intent, known, decision, now, done)
        else:
            self._keep(intent, known, decision, now, done)

    def _with_wave(self, session: Session, intent: Intent, known: Gathered, now: float) -> Gathered:
        wave = self._waves.of(session, intent, now)
        return known if wave is None else replace(known, facts=replace(known.facts, wave=wave))

    def _record(self, intent: Intent, facts: Facts, decision: Decision, now: float, done: Prepared) -> None:
        done.decisions.append(decision_row(intent, facts, decision, now))
        if decision.reason in ARMS and (arm := assignment(intent, facts, now)) is not None:
            done.arms.append(arm)

    def _digest(
        self, session: Session, leading: Told, others: Sequence[Pair], now: float, done: Prepared
    ) -> Digest | None:
        """Return a message with those of `others` that it tells of too; the rest of them is as it was, or decided."""
        joining = self._joining(session, leading, others, now, done)
        digest = self._digester.write(session, [leading, *joining], now) if joining else None
        told = {each.intent.id for each in digest.told} if digest else set()
        done.changes += [as_it_was(each.intent) for each in joining if each.intent.id not in told]
        return digest

    def _joining(
        self, session: Session, leading: Told, others: Sequence[Pair], now: float, done: Prepared
    ) -> list[Told]:
        """Decide about those that may go along: what is held or skipped stays behind, what goes another way waits."""
        way = together.way_of(leading.known.facts) if leading.decision.verdict == "send" else None
        found: list[Told] = []
        for intent, gathered in others:
            known = self._with_wave(session, intent, gathered, now) if way else gathered
            along = together.along(known.facts)
            if way is None or along is None:
                done.changes.append(as_it_was(intent))
                continue
            decision = decide(along)
            if decision.verdict != "send":
                self._record(intent, along, decision, now, done)
                self._keep(intent, known, decision, now, done)
            elif (decision.channel, decision.address) != (way.channel, way.address):
                done.changes.append(as_it_was(intent))
            else:
                found.append(Told(intent, replace(known, facts=along), decision))
        return found

    def _write_digest(self, digest: Digest, now: float, done: Prepared) -> None:
        """Write down that several leave as one message."""
        for each in digest.told:
            facts = together.told_with(each.known.facts, len(digest.told) - 1)
            self._record(each.intent, facts, decide(facts), now, done)
            self._leaves(each.intent, digest.columns[each.intent.id], now, done)
        first, *others = digest.told
        along = tuple(Companion(each.intent, each.known.facts) for each in others)
        done.by_channel[first.decision.channel] += 1
        done.leaving.append(Leaving(first.intent, digest.letter, first.known.facts, along))

    def _busy(self, intent: Intent, known: Gathered, decision: Decision, now: float, done: Prepared) -> bool:
        """Return whether its channel has its share of this batch; then it waits, undecided, for another."""
        channel = _through(known.facts, decision)
        if done.by_channel[channel] < self._sender.share(channel):
            return False
        until = now + SLOW_WAIT if self._sender.slow(channel) else intent.due_at
        done.changes.append(held(intent, until, intent.detail))
        return True

    def _with_gate(self, session: Session, intent: Intent, known: Gathered, decision: Decision, now: float) -> Facts:
        """Return the facts with what keeps it back at the last moment, if anything."""
        playbook = self._config.playbooks.get(intent.playbook)
        guess = playbook.worth.calls if playbook and playbook.worth else None
        detector = known.issue.detector if known.issue else ""
        asked = Asked(intent.id, _through(known.facts, decision), decision.address, known.facts, detector, guess)
        gate = self._traffic.ask(session, asked, now) if intent.kind in _GATED else None
        return replace(known.facts, gate=gate) if gate else known.facts

    def _write(
        self, session: Session, intent: Intent, known: Gathered, decision: Decision, now: float, done: Prepared
    ) -> None:
        try:
            letter = self._writer.write(session, intent, known, decision, now)
        except TemplateError as error:
            log.warning("template failed", intent=intent.id, error=str(error))
            done.changes.append(ended(intent, Status.FAILED, str(error)))
            offers.settle(session, intent, Status.FAILED)
            return
        self._leaves(intent, letter.columns, now, done)
        done.by_channel[_through(known.facts, decision)] += 1
        done.leaving.append(Leaving(intent, letter, known.facts))
        if (arm := variants.assignment(intent, known.facts.step, now)) is not None:
            done.arms.append(arm)

    def _leaves(self, intent: Intent, chosen: Mapping[str, Any], now: float, done: Prepared) -> None:
        """Write down that an intent leaves, by the way that was chosen."""
        before = intent.channel, intent.address
        same_way = (chosen.get("channel", before[0]), chosen.get("address", before[1])) == before
        attempts = intent.attempts + 1 if same_way else 1
        for name, value in (*chosen.items(), ("attempts", attempts), ("claimed_at", now)):
            setattr(intent, name, value)  # no session looks for what is changed on it
        self._waves.sent(intent)
        done.changes.append(leaving(intent))

    def _keep(self, intent: Intent, known: Gathered, decision: Decision, now: float, done: Prepared) -> None:
        if decision.verdict == "hold":
            done.changes.append(held(intent, decision.until or now, decision.reason))
            return
        failed = decision.reason is Reason.UNDELIVERABLE
        detail = known.facts.tried[-1].why if failed and known.facts.tried else decision.reason
        done.changes.append(ended(intent, Status.FAILED if failed else Status.SKIPPED, detail))
        if decision.reason is Reason.OPEN_TICKET and known.issue:  # whoever helps is told what we saw (C17)
            done.notes.append(instead(known.issue, intent, Ref.of(known.facts.open_ticket), now))
        if decision.reason is Reason.TOLD_OF_INCIDENT and known.issue and known.facts.incident_ticket:
            done.notes.append(beside(known.issue, intent, Ref.of(known.facts.incident_ticket), now))


def _through(facts: Facts, decision: Decision) -> str:
    """Return the channel, or of a ticket the desk, by which it goes."""
    return decision.channel or next(iter(facts.step.through), "")
