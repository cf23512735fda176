"""Before it leaves: what is true now, what is decided, what it says; written down in the transaction of the claim."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from sqlmodel import Session

from engine import offers
from engine.config.model import Config
from engine.desks.known import Ref
from engine.desks.notes import instead
from engine.dispatching.rows import decision_row
from engine.dispatching.sending import Leaving, Sender
from engine.letters import Writer
from engine.policy import variants
from engine.policy.decide import decide
from engine.policy.facts import Decision, Facts, Reason
from engine.policy.gather import Gathered, Gatherer
from engine.policy.holdout import assignment
from engine.store import outbox
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
        self, config: Config, gatherer: Gatherer, writer: Writer, traffic: Traffic, sender: Sender, name: str
    ) -> None:
        self._config = config
        self._gatherer = gatherer
        self._writer = writer
        self._traffic = traffic
        self._sender = sender
        self._name = name
        self._waves = Waves(config)

    def prepare(self, session: Session, intents: Sequence[Intent], now: float) -> Prepared:
        """Decide about claimed intents, which are the session's no more; what leaves is written down as leaving."""
        self._traffic.look(session, now)
        self._waves.look()
        done = Prepared()
        gathered = self._gatherer.gather_all(session, intents, now, self._traffic.outages(now))
        pairs = zip(intents, gathered, strict=True)
        for intent, known in sorted(pairs, key=lambda pair: -rank(pair[1].facts)):  # the most urgent ask first
            self._one(session, intent, known, now, done)
        upsert(session, DecisionRow, done.decisions, ["id"])
        insert_ignore(session, Assignment, done.arms)
        outbox.add(session, done.notes)
        lost = set(change_all(session, self._name, done.changes))
        done.leaving = [each for each in done.leaving if each.intent.id not in lost]
        return done

    def _one(self, session: Session, intent: Intent, known: Gathered, now: float, done: Prepared) -> None:
        facts, wave = known.facts, self._waves.of(session, intent, now)
        if wave is not None:
            facts = replace(facts, wave=wave)
            known = replace(known, facts=facts)
        decision = decide(facts)
        if decision.verdict == "send":
            if self._busy(intent, known, decision, now, done):
                return
            facts = self._with_gate(session, intent, known, decision, now)
            decision = decision if facts.gate is None else decide(facts)
        done.decisions.append(decision_row(intent, facts, decision, now))
        if decision.reason in ARMS and (arm := assignment(intent, facts, now)) is not None:
            done.arms.append(arm)
        if decision.verdict == "send":
            self._write(session, intent, known, decision, now, done)
        else:
            self._keep(intent, known, decision, now, done)

    def _busy(self, intent: Intent, known: Gathered, decision: Decision, now: float, done: Prepared) -> bool:
        """Return whether its channel has its share of this batch; then it waits, undecided, for another."""
        channel = _through(known.facts, decision)
        if done.by_channel[channel] < self._sender.share(channel):
            return False
        until = now + SLOW_WAIT if self._sender.slow(channel) else intent.due_at
        done.changes.append(_held(intent, until, intent.detail))
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
            done.changes.append(_ended(intent, Status.FAILED, str(error)))
            offers.settle(session, intent, Status.FAILED)
            return
        before = intent.channel, intent.address
        chosen = letter.columns
        same_way = (chosen.get("channel", before[0]), chosen.get("address", before[1])) == before
        attempts = intent.attempts + 1 if same_way else 1
        vars(intent).update(chosen, attempts=attempts, claimed_at=now)  # no session looks for what is changed on it
        self._waves.sent(intent)
        done.by_channel[_through(known.facts, decision)] += 1
        done.changes.append(_leaving(intent))
        done.leaving.append(Leaving(intent, letter.send, known.facts))
        if (arm := variants.assignment(intent, known.facts.step, now)) is not None:
            done.arms.append(arm)

    def _keep(self, intent: Intent, known: Gathered, decision: Decision, now: float, done: Prepared) -> None:
        if decision.verdict == "hold":
            done.changes.append(_held(intent, decision.until or now, decision.reason))
            return
        failed = decision.reason is Reason.UNDELIVERABLE
        detail = known.facts.tried[-1].why if failed and known.facts.tried else decision.reason
        done.changes.append(_ended(intent, Status.FAILED if failed else Status.SKIPPED, detail))
        if decision.reason is Reason.OPEN_TICKET and known.issue:  # whoever helps is told what we saw (C17)
            done.notes.append(instead(known.issue, intent, Ref.of(known.facts.open_ticket), now))


def _through(facts: Facts, decision: Decision) -> str:
    """Return the channel, or of a ticket the desk, by which it goes."""
    return decision.channel or next(iter(facts.step.through), "")


def _held(intent: Intent, until: float, detail: str) -> dict[str, Any]:
    return _change(intent, Status.PENDING, detail, due_at=until, claimed_by="", claimed_at=None)


def _ended(intent: Intent, status: Status, detail: str) -> dict[str, Any]:
    return _change(intent, status, detail)


def _leaving(intent: Intent) -> dict[str, Any]:
    names = ("channel", "address", "payload", "attempts", "claimed_at")
    anew = {"provider_id": "", "delivery": "", "sent_at": None}  # of a way by which it did not arrive
    return _change(intent, Status.SENDING, intent.detail, **{name: getattr(intent, name) for name in names}, **anew)


def _change(intent: Intent, status: Status, detail: str, **columns: Any) -> dict[str, Any]:
    return {"id": intent.id, "status": status.value, "detail": str(detail), "claimed_by": intent.claimed_by, **columns}
