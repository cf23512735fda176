"""After it left: what came of it, what is tried again, and when; and by which other way, where one failed for good."""

from collections.abc import Sequence
from typing import Any, Literal

import structlog
from sqlmodel import Session

from engine import offers
from engine.clock import Clock
from engine.deliveries import known, known_all, suppress
from engine.desks.known import INCIDENT
from engine.desks.states import done
from engine.dispatching.rows import receipt_row
from engine.dispatching.sending import Back, Leaving
from engine.letters import Outside, Writer
from engine.policy import streams
from engine.policy.facts import Facts, Tried
from engine.policy.reach import another
from engine.store import digests, outbox
from engine.store.batches import change_all
from engine.store.database import Database, upsert
from engine.store.models import Intent, ReceiptRow
from engine.store.outbox import Status
from engine.traffic import Traffic
from engine.waves.incidents import join_parent, linked
from outreach.base import Outcome, Receipt
from outreach.retry import attempts, delay

log = structlog.get_logger()
ASK_AGAIN = 300.0
"""Seconds between two questions about an unknown outcome."""

OPTED_OUT = frozenset({"21610", "63014"})
"""Codes by which a provider says that the person refused us there (C14): that is no reason to try elsewhere."""


class Settler:
    """Writes down what came of what one dispatcher sent."""

    def __init__(
        self, database: Database, outside: Outside, writer: Writer, traffic: Traffic, clock: Clock, name: str
    ) -> None:
        self._database = database
        self._outside = outside
        self._writer = writer
        self._traffic = traffic
        self._clock = clock
        self._name = name

    def settle(self, back: Sequence[Back], now: float, *, again: bool = False) -> None:
        """Write down what came of a batch at `now`; `again`: it may be written down already."""
        answered = [(each.leaving, each.receipt) for each in back if each.receipt is not None]
        for leaving, receipt in answered if not again else ():
            self._traffic.told(leaving.intent.channel, receipt, now)
        lost = self._database.repeat(lambda session: self._written(session, answered, now, again=again), shared=True)
        if lost:
            log.warning("another dispatcher took it for lost", intents=lost)

    def _written(
        self, session: Session, answered: Sequence[tuple[Leaving, Receipt]], now: float, *, again: bool
    ) -> list[str]:
        """Write down what came, all of it or nothing; returns the intents that another took for lost."""
        came = [(each, receipt) for leaving, receipt in answered for each in leaving.intents]
        receipts = [receipt_row(intent, got, now, "attempt") for intent, got in came]
        if again and receipts and session.get(ReceiptRow, receipts[0]["id"]) is not None:
            return []
        changes = [change for leaving, receipt in answered for change in self._changes(leaving, receipt, now)]
        lost = change_all(session, self._name, changes)
        upsert(session, ReceiptRow, receipts, ["id"])
        known_all(session, [receipt.provider_id for _, receipt in answered if receipt.provider_id], now)
        taken = [leaving.intent for leaving, got in answered if got.outcome is Outcome.ACCEPTED]
        streams.count(session, [intent for intent in taken if intent.id not in lost], sent=1)
        for leaving, receipt in answered:
            self._suppress(session, leaving.intent, receipt, now)
            self._desk_did(session, leaving.intent, receipt, now)
        for (intent, _), change in zip(came, changes, strict=True):
            if intent.id not in lost:
                offers.settle(session, intent, change["status"])
        return lost

    def reconcile(self, limit: int) -> int:
        """Ask about intents whose outcome is unknown; returns how many became known."""
        with self._database.reading() as session:
            asked = outbox.unknown(session, self._clock.time(), limit)
            groups = {each.id: digests.members(session, each) for each in asked}
        seen: set[str] = set()
        known_now = 0
        for intent in asked:
            if intent.id not in seen:
                together = [each for each in groups[intent.id] if each.status == Status.UNKNOWN]
                seen |= {each.id for each in together}
                known_now += self._ask(together)
        return known_now

    def _changes(self, leaving: Leaving, receipt: Receipt, now: float) -> list[dict[str, Any]]:
        """Return what an attempt makes of the rows of all that it told of: they come due again together."""
        pairs = [(leaving.intent, leaving.facts), *leaving.along]
        rows = [self._change(intent, receipt, facts, now) for intent, facts in pairs]
        again = rows[0].get("due_at")
        return [row | {"due_at": again} if again is not None and "due_at" in row else row for row in rows]

    def _change(self, intent: Intent, receipt: Receipt, facts: Facts, now: float) -> dict[str, Any]:
        """Return what an attempt makes of its intent's row."""
        row: dict[str, Any] = {"id": intent.id, "detail": receipt.detail, "provider_id": receipt.provider_id}
        match receipt.outcome:
            case Outcome.ACCEPTED:
                return row | {"status": Status.SENT.value, "claimed_by": self._name, "sent_at": now}
            case Outcome.UNKNOWN:
                return row | {"status": Status.UNKNOWN.value, "claimed_by": self._name, "due_at": now + ASK_AGAIN}
            case Outcome.RETRY if self._traffic.paused_by(
                intent.channel, receipt
            ):  # the provider's pause, not this message's fault
                wait = receipt.retry_after or 0.0
                return row | _again(now + wait) | {"attempts": max(intent.attempts - 1, 0)}
            case Outcome.RETRY if intent.attempts < attempts(self._rhythm(intent)):
                wait = delay(intent.attempts, intent.id, self._rhythm(intent))
                return row | _again(now + max(wait, receipt.retry_after or 0.0))
            case _:
                return row | self._failed(intent, receipt, facts, now)

    def _failed(self, intent: Intent, receipt: Receipt, facts: Facts, now: float) -> dict[str, Any]:
        """Let a message that failed on one way be decided anew, if there is another; else it has failed for good."""
        tried = Tried(intent.channel, intent.address, receipt.detail)
        if intent.kind != "message" or receipt.code in OPTED_OUT or not another(facts, tried):
            return {"status": Status.FAILED.value, "claimed_by": self._name}
        log.info("falls back", intent=intent.id, channel=intent.channel, why=receipt.detail)
        return _again(now) | {"provider_id": "", "payload": _with_tried(intent, receipt)}

    def _suppress(self, session: Session, intent: Intent, receipt: Receipt, now: float) -> None:
        if receipt.suppress and intent.address:
            suppress(session, intent.address, self._kind(intent), f"refused: {receipt.code or receipt.detail}", now)
            streams.count(session, [intent], sent=1, bounced=1)

    def _desk_did(self, session: Session, intent: Intent, receipt: Receipt, now: float) -> None:
        """Take up what a ticket desk did."""
        desk = self._outside.desks.get(intent.channel)
        if desk is not None and receipt.outcome is Outcome.ACCEPTED:
            done(session, intent, desk, receipt, now)
            if intent.kind == "ticket":
                take_up = linked if intent.step == INCIDENT else join_parent
                take_up(session, intent, receipt.provider_id, now)

    def _ask(self, together: Sequence[Intent]) -> int:
        """Ask the other side about an unknown outcome; what it cannot tell stays unknown, and is asked again.

        A message that it says it refused is decided anew: for another way, or, where there is none, as failed. Of what
        was told together it is asked once, and the answer holds for all; returns of how many it became known.
        """
        receipt = self._writer.looked_for(together[0])
        outcome = receipt.outcome if receipt else Outcome.UNKNOWN
        now = self._clock.time()
        elsewhere = outcome is Outcome.PERMANENT and together[0].kind == "message"
        status = Status.PENDING if elsewhere else _KNOWN_BY.get(outcome, Status.UNKNOWN)
        told: dict[str, Any] = {"provider_id": receipt.provider_id} if receipt and receipt.provider_id else {}
        due = now if status is Status.PENDING else now + ASK_AGAIN
        with self._database.transaction(shared=True) as session:
            settled = []
            for each in together:
                tried: dict[str, Any] = {"payload": _with_tried(each, receipt)} if receipt and elsewhere else {}
                settled.append(outbox.settle(session, each.id, status, now=now, due_at=due, **told, **tried))
                if receipt:
                    upsert(session, ReceiptRow, [receipt_row(each, receipt, now, "reconcile")], ["id"])
                offers.settle(session, settled[-1], settled[-1].status)
            known(session, settled[0], now)
            if receipt:
                self._desk_did(session, settled[0], receipt, now)
        return 0 if status is Status.UNKNOWN else len(together)

    def _rhythm(self, intent: Intent) -> Literal["default", "webhook"]:
        """Return the schedule of attempts: Standard Webhooks has one of its own."""
        return "webhook" if self._kind(intent) == "webhook" else "default"

    def _kind(self, intent: Intent) -> str:
        channel = self._outside.channels.get(intent.channel)
        return channel.kind if channel else "*"


_KNOWN_BY = {Outcome.ACCEPTED: Status.SENT, Outcome.RETRY: Status.PENDING, Outcome.PERMANENT: Status.FAILED}
"""What the other side's answer about an unknown outcome makes of it."""


def _with_tried(intent: Intent, receipt: Receipt) -> dict[str, Any]:
    """Return the payload with the way it went and failed."""
    tried = {"channel": intent.channel, "address": intent.address, "why": receipt.detail}
    return {**intent.payload, "tried": [*intent.payload.get("tried", ()), tried]}


def _again(due: float) -> dict[str, Any]:
    return {"status": Status.PENDING.value, "claimed_by": "", "claimed_at": None, "due_at": due}
