"""What the ledgers keep of a decision and of a try: rows, as their tables' columns."""

from dataclasses import fields
from operator import attrgetter
from typing import Any

import msgspec

from engine.ids import derive
from engine.policy.facts import Decision, Facts
from engine.store.models import Intent
from outreach.base import Receipt


def decision_row(intent: Intent, facts: Facts, decision: Decision, now: float) -> dict[str, Any]:
    """Return a decision's row. Tried anew at the same moment, by the same way, it is the same row."""
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
        "facts": {"facts": _facts(facts), "decision": _decision(decision)},
    }


def _facts(facts: Facts) -> dict[str, Any]:
    """Return facts to be encoded as they are; `Facts.read` knows those that are left out, as there is nothing in them.

    What is the same for all is encoded once.
    """
    given = {name: value for name, value in zip(_FIELDS, _values(facts), strict=True) if value or name == "now"}
    return given | {name: _encoded(given[name]) for name in _SHARED if name in given}


def _decision(decision: Decision) -> dict[str, Any]:
    given: dict[str, Any] = dict(zip(_OF_DECISION, _decided(decision), strict=True))
    return given | {"trail": _encoded(decision.trail) if decision.verdict == "send" else decision.trail}


def _encoded(value: object) -> msgspec.Raw:
    """Return a value's JSON. Values that are kept are known by what they are: the same object, encoded once."""
    _, found = _known.get(id(value), (None, None))
    if found is None:
        if len(_known) >= _MOST:
            _known.clear()
        found = msgspec.Raw(msgspec.json.encode(value))
        _known[id(value)] = value, found  # kept with it, so that nothing else gets its id
    return found


_FIELDS = tuple(each.name for each in fields(Facts))
_OF_DECISION = tuple(each.name for each in fields(Decision))
_values, _decided = attrgetter(*_FIELDS), attrgetter(*_OF_DECISION)
_SHARED = ("channels", "policy")
_MOST = 64
_known: dict[int, tuple[object, msgspec.Raw]] = {}


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
