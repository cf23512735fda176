"""What was stopped and is still with a provider: it is asked to give it back."""

from collections.abc import Sequence

from engine import offers
from engine.clock import Clock
from engine.dispatching.rows import receipt_row
from engine.letters import Outside
from engine.policy import stops
from engine.store import digests, outbox
from engine.store.database import Database, insert_all
from engine.store.models import Intent, ReceiptRow, Stop
from engine.store.outbox import Status
from outreach.base import Channel, Outcome

HELD_OUTSIDE = 86400.0
"""Seconds for which a provider may hold a message."""


class Recaller:
    """Asks providers to give back what they hold of what was stopped."""

    def __init__(self, database: Database, outside: Outside, clock: Clock) -> None:
        self._database = database
        self._outside = outside
        self._clock = clock

    def recall(self) -> int:
        """Ask for what was stopped since; returns how much was given back."""
        with self._database.reading() as session:
            asked = stops.unrecalled(session)
        return sum(self._recall(stop) for stop in asked)

    def _recall(self, stop: Stop) -> int:
        now = self._clock.time()
        with self._database.reading() as session:
            held = [
                intent for intent in outbox.held_outside(session, now - HELD_OUTSIDE) if self._concerns(stop, intent)
            ]
            messages = {digests.first(intent): digests.members(session, intent) for intent in held}
        done = [self._recalled(told, stop) for told in messages.values()]
        with self._database.transaction() as session:
            stops.recalled(session, stop.id, self._clock.time())
        return sum(done)

    def _concerns(self, stop: Stop, intent: Intent) -> bool:
        """Return whether a message was stopped, by a channel whose provider may still hold it."""
        channel = self._outside.channels.get(intent.channel)
        if channel is None or type(channel).recall is Channel.recall:
            return False
        return _stopped(stop, intent)

    def _recalled(self, told: Sequence[Intent], stop: Stop) -> bool:
        """Ask for one message; those it told of that were not stopped are decided anew, and go without the others."""
        receipt = self._outside.channels[told[0].channel].recall(told[0].provider_id)
        now = self._clock.time()
        with self._database.transaction() as session:
            insert_all(session, ReceiptRow, [receipt_row(intent, receipt, now, "recall") for intent in told])
            for intent in told if receipt.outcome is Outcome.ACCEPTED else ():
                status = Status.SKIPPED if _stopped(stop, intent) else Status.PENDING
                offers.settle(session, intent, status)
                outbox.settle(session, intent.id, status, now=now, due_at=now, detail=f"recalled: stop {stop.id}")
        return receipt.outcome is Outcome.ACCEPTED


def _stopped(stop: Stop, intent: Intent) -> bool:
    halt = stops.Halt(stop.id, stop.scope, stop.name)  # type: ignore[arg-type]  # the column holds what Scope lists
    return stops.halted([halt], _leaving(intent)) is not None


def _leaving(intent: Intent) -> stops.Leaving:
    said = intent.payload
    purpose = str(said.get("purpose", "service"))
    return stops.Leaving(intent.playbook, str(said.get("template", "")), (intent.channel,), purpose)
