"""What the ledgers keep of a decision and of a try: rows, as their tables' columns."""

from typing import Any

from engine.ids import derive
from engine.policy.decision import Decision
from engine.policy.facts import Facts
from engine.store.models import Intent
from outreach.base import Receipt


def decision_row(intent: Intent, facts: Facts, decision: Decision, now: float) -> dict[str, Any]:
    """Return a decision's row. Tried anew at the same moment, by the same way, it is the same row.

    Of the facts what is as it mostly is goes without saying; `Facts.read` knows it.
    """
    return {
        "id": derive("dec", intent.id, intent.attempts, len(facts.tried), repr(now)),
        "at": now,
        "issue": intent.issue,
        "intent": intent.id,
        "playbook": intent.playbook,
        "step": intent.step,
        "recipient": intent.recipient,
        "channel": decision.channel,
        "verdict": decision.verdict,
        "reason": decision.reason.value,
        "until": decision.until,
        "facts": {"facts": facts, "decision": decision},
    }


def receipt_row(intent: Intent, receipt: Receipt, now: float, kind: str) -> dict[str, Any]:
    """Return the row of a try (`attempt`), or of a question about one (`reconcile`, `recall`)."""
    return {
        "id": derive("rcp", intent.id, kind, intent.channel, intent.address, intent.attempts, repr(now)),
        "intent": intent.id,
        "at": now,
        "kind": kind,
        "outcome": receipt.outcome.value,
        "code": receipt.code,
        "detail": receipt.detail,
        "channel": intent.channel,
        "address": intent.address,
        "provider_id": receipt.provider_id,
        "raw": {},
    }
