"""From the outbox to the other side: claim, decide again, write down that it leaves, send, write down what came of it.

Each message costs one transaction between two sends: it settles the one before and prepares the next. So a crash leaves
at most one outcome unknown, and that one is asked about, never simply sent again (C18).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import structlog
from sqlmodel import Session

from engine import offers
from engine.clock import Clock
from engine.config.model import Config
from engine.deliveries import known, suppress
from engine.ids import derive
from engine.letters import Outside, Writer
from engine.policy import stops, variants
from engine.policy.decide import decide
from engine.policy.facts import ChannelFacts, Decision, Facts, Reason
from engine.policy.gather import Gathered, Gatherer
from engine.policy.holdout import assign
from engine.store import outbox
from engine.store.database import Database
from engine.store.models import DecisionRow, Intent, ReceiptRow, Stop
from engine.store.outbox import Status
from outreach.base import Channel, Outcome, Receipt
from outreach.render import TemplateError
from outreach.retry import attempts, delay

log = structlog.get_logger()
BATCH = 50
"""Intents claimed at once."""
ARMS = (Reason.ALLOWED, Reason.HELD_OUT)
"""Reasons of decisions that put a customer into an arm of a holdout: those who are, or would have been, told."""
HELD_OUTSIDE = 86400.0
"""Seconds for which a provider may hold a message."""
ASK_AGAIN = 300.0
"""Seconds between two questions about an unknown outcome."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """Something written down as leaving, and how to send it."""

    intent: Intent
    send: Callable[[], Receipt]


class Dispatcher:
    """Works off the outbox. One caller at a time; several dispatchers may share a database."""

    def __init__(
        self, config: Config, database: Database, outside: Outside, clock: Clock, *, name: str = "dispatcher"
    ) -> None:
        self._database = database
        self._outside = outside
        self._clock = clock
        self._name = name
        facts = {key: ChannelFacts(each.kind, each.address, each.session) for key, each in outside.channels.items()}
        self._gatherer = Gatherer(config, facts, outside.templates)
        self._writer = Writer(config, outside)
        self._notes: list[tuple[str, str]] = []

    def run_once(self, limit: int = BATCH) -> int:
        """Deal with up to `limit` intents that are due; returns how many there were."""
        self.recall()
        claimed = self._claim(limit)
        leaving: Leaving | None = None
        receipt: Receipt | None = None
        for intent in claimed:
            with self._database.transaction() as session:
                self._settle(session, leaving, receipt)
                leaving = self._prepare(session, intent)
            receipt = leaving.send() if leaving else None
            self._annotate()
        if leaving:
            with self._database.transaction() as session:
                self._settle(session, leaving, receipt)
        return len(claimed)

    def recover(self) -> None:
        """After a start: what this dispatcher had claimed is free again, what it was sending is unknown."""
        with self._database.transaction() as session:
            released = outbox.release_stale(session, float("inf"))
        if released.pending or released.unknown:
            log.info("outbox recovered", pending=released.pending, unknown=released.unknown)

    def reconcile(self, limit: int = BATCH) -> int:
        """Ask about intents whose outcome is unknown; returns how many became known."""
        with self._database.reading() as session:
            asked = outbox.unknown(session, self._clock.time(), limit)
        return sum(self._ask(intent) for intent in asked)

    def recall(self) -> int:
        """Ask providers to give back what they hold of what was stopped since; returns how much they did."""
        with self._database.reading() as session:
            asked = stops.unrecalled(session)
        return sum(self._recall(stop) for stop in asked)

    def _recall(self, stop: Stop) -> int:
        now = self._clock.time()
        with self._database.reading() as session:
            held = [
                intent for intent in outbox.held_outside(session, now - HELD_OUTSIDE) if self._concerns(stop, intent)
            ]
        done = [self._recalled(intent, stop) for intent in held]
        with self._database.transaction() as session:
            stops.recalled(session, stop.id, self._clock.time())
        return sum(done)

    def _concerns(self, stop: Stop, intent: Intent) -> bool:
        """Return whether a message was stopped, by a channel whose provider may still hold it."""
        channel = self._outside.channels.get(intent.channel)
        if channel is None or type(channel).recall is Channel.recall:
            return False
        template = str(intent.payload.get("template", ""))
        halt = stops.Halt(stop.id, stop.scope, stop.name)  # type: ignore[arg-type]  # the column holds what Scope lists
        return stops.halted([halt], stops.Leaving(intent.playbook, template, (intent.channel,))) is not None

    def _recalled(self, intent: Intent, stop: Stop) -> bool:
        receipt = self._outside.channels[intent.channel].recall(intent.provider_id)
        now = self._clock.time()
        with self._database.transaction() as session:
            session.add(_receipt(intent, receipt, now, "recall"))
            if receipt.outcome is Outcome.ACCEPTED:
                recalled = outbox.settle(
                    session, intent.id, Status.SKIPPED, now=now, detail=f"recalled: stop {stop.id}"
                )
                offers.settle(session, recalled)
        return receipt.outcome is Outcome.ACCEPTED

    def _annotate(self) -> None:
        """Write the notes that decisions left for open tickets."""
        while self._notes:
            ticket, note = self._notes.pop()
            self._outside.desks["builtin"].annotate(ticket, note)

    def _claim(self, limit: int) -> list[Intent]:
        now = self._clock.time()
        with self._database.reading() as session:
            ids = [intent.id for intent in outbox.due(session, now, limit)]
        if not ids:
            return []
        with self._database.transaction() as session:
            return outbox.claim(session, ids, self._name, now)

    # -- before: what is true now, what is decided, what it says

    def _prepare(self, session: Session, intent: Intent) -> Leaving | None:
        """Decide about a claimed intent; returns what is to be sent, already written down as leaving."""
        now = self._clock.time()
        try:
            return self._decided(session, intent, now)
        except TemplateError as error:
            log.warning("template failed", intent=intent.id, error=str(error))
            failed = outbox.settle(session, intent.id, Status.FAILED, now=now, by=self._name, detail=str(error))
            offers.settle(session, failed)
            return None

    def _decided(self, session: Session, intent: Intent, now: float) -> Leaving | None:
        gathered = self._gatherer.gather(session, intent, now)
        decision = decide(gathered.facts)
        session.merge(_row(intent, gathered, decision, now))  # tried anew at the same moment: the same decision
        if decision.reason in ARMS:
            assign(session, intent, gathered.facts, now)
        if decision.verdict == "hold":
            outbox.hold(session, intent.id, decision.until or now, decision.reason)
            return None
        if decision.verdict == "skip":
            outbox.settle(session, intent.id, Status.SKIPPED, now=now, by=self._name, detail=decision.reason)
            self._collision(gathered, decision, intent)
            return None
        letter = self._writer.write(session, intent, gathered, decision, now)
        self._assign(session, intent, gathered.facts, now)
        return Leaving(outbox.mark_sending(session, intent.id, self._name, now, **letter.columns), letter.send)

    def _assign(self, session: Session, intent: Intent, facts: Facts, now: float) -> None:
        """Store the arm of an A/B experiment that the account is told in."""
        step = facts.step
        if step.experiment:
            base = self._outside.templates.settings(step.template)
            variants.assign(session, intent, step.experiment, step.arm, variants.share(base, step.arm), now)

    def _collision(self, gathered: Gathered, decision: Decision, intent: Intent) -> None:
        """Where the customer is being helped already, whoever helps is told what we saw (C17)."""
        if decision.reason is Reason.OPEN_TICKET and intent.kind == "message" and gathered.issue:
            note = f"Forewarn did not write to {intent.recipient}, as this ticket is open: {gathered.issue.summary}"
            self._notes.append((gathered.facts.open_ticket, note))

    # -- after: what came of it

    def _settle(self, session: Session, leaving: Leaving | None, receipt: Receipt | None) -> None:
        if leaving is None or receipt is None:
            return
        now = self._clock.time()
        intent = leaving.intent
        session.add(_receipt(intent, receipt, now, "attempt"))
        told = {"detail": receipt.detail, "provider_id": receipt.provider_id}
        status, due = self._next(intent, receipt, now)
        settled = outbox.settle(session, intent.id, status, now=now, by=self._name, due_at=due, **told)
        known(session, settled, now)
        offers.settle(session, settled)
        if receipt.suppress and intent.address:
            suppress(session, intent.address, self._kind(intent), f"refused: {receipt.code or receipt.detail}", now)

    def _next(self, intent: Intent, receipt: Receipt, now: float) -> tuple[Status, float | None]:
        """Return what an attempt leads to, and when it is looked at again."""
        match receipt.outcome:
            case Outcome.ACCEPTED:
                return Status.SENT, None
            case Outcome.UNKNOWN:
                return Status.UNKNOWN, now + ASK_AGAIN
            case Outcome.RETRY if intent.attempts < attempts(self._rhythm(intent)):
                wait = delay(intent.attempts, intent.id, self._rhythm(intent))
                return Status.PENDING, now + max(wait, receipt.retry_after or 0.0)
            case _:
                return Status.FAILED, None

    def _ask(self, intent: Intent) -> bool:
        """Ask the other side about an unknown outcome; what it cannot tell stays unknown, and is asked again."""
        receipt = self._writer.looked_for(intent)
        outcome = receipt.outcome if receipt else Outcome.UNKNOWN
        now = self._clock.time()
        status = {
            Outcome.ACCEPTED: Status.SENT,
            Outcome.RETRY: Status.PENDING,
            Outcome.PERMANENT: Status.FAILED,
        }.get(outcome, Status.UNKNOWN)
        with self._database.transaction() as session:
            if receipt:
                session.add(_receipt(intent, receipt, now, "reconcile"))
            due = now if status is Status.PENDING else now + ASK_AGAIN
            told = {"provider_id": receipt.provider_id} if receipt and receipt.provider_id else {}
            settled = outbox.settle(session, intent.id, status, now=now, due_at=due, **told)
            known(session, settled, now)
            offers.settle(session, settled)
        return status is not Status.UNKNOWN

    def _rhythm(self, intent: Intent) -> Literal["default", "webhook"]:
        """Return the schedule of attempts: Standard Webhooks has one of its own."""
        return "webhook" if self._kind(intent) == "webhook" else "default"

    def _kind(self, intent: Intent) -> str:
        channel = self._outside.channels.get(intent.channel)
        return channel.kind if channel else "*"


def _row(intent: Intent, gathered: Gathered, decision: Decision, now: float) -> DecisionRow:
    return DecisionRow(
        id=derive("dec", intent.id, intent.attempts, repr(now)),
        at=now,
        issue=intent.issue,
        intent=intent.id,
        playbook=intent.playbook,
        step=intent.step,
        recipient=intent.recipient,
        channel=decision.channel,
        verdict=decision.verdict,
        reason=decision.reason.value,
        until=decision.until,
        facts={"facts": gathered.facts.plain(), "decision": decision.plain()},
    )


def _receipt(intent: Intent, receipt: Receipt, now: float, kind: str) -> ReceiptRow:
    return ReceiptRow(
        id=derive("rcp", intent.id, kind, intent.attempts, repr(now)),
        intent=intent.id,
        at=now,
        kind=kind,
        outcome=receipt.outcome.value,
        code=receipt.code,
        detail=receipt.detail,
    )
