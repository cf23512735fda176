"""The holdout: a share of issues of which customers are not told, so that what telling is worth can be measured.

Who is held out is drawn for each account and issue, seeded by the playbook's name: the same draw at every claim, in a
replay and on any machine, and the same for everyone of the account. It is stored the first time it is asked for.
Tickets and escalations are made all the same, and nothing is held out where people may come to harm: critical issues
and emergencies.
"""

from typing import Any

from engine.config.model import SAFETY
from engine.ids import derive, drawn
from engine.policy.facts import Facts
from engine.store.models import Intent


def draw(playbook: str, account: str, issue: str) -> float:
    """Return where the draw of an account and an issue fell, from 0 to under 1.

    >>> draw("api", "account/acme", "iss_1") == draw("api", "account/acme", "iss_1")
    True
    """
    return drawn(b"holdout", playbook, account, issue)


def is_held_out(facts: Facts) -> bool:
    """Return whether an opening message is held back, to measure what it would have been worth."""
    return _is_drawn(facts) and facts.step.draw < facts.step.holdout


def _is_drawn(facts: Facts) -> bool:
    """Return whether there is a draw at all: of opening messages, where nobody may come to harm."""
    opening = facts.kind == "message" and facts.occasion == "opened"
    safety = facts.issue.severity in SAFETY or bool(facts.step.emergency)
    return opening and facts.step.holdout > 0.0 and not safety


def assignment(intent: Intent, facts: Facts, now: float) -> dict[str, Any] | None:
    """Return the row of `Assignment` that says the arm of the intent's account and issue; None: nothing is drawn."""
    if not _is_drawn(facts):
        return None
    return {
        "id": derive("asg", "holdout", intent.playbook, intent.account or "", intent.issue),
        "experiment": f"holdout {intent.playbook}",
        "account": intent.account or "",
        "issue": intent.issue,
        "arm": "held" if is_held_out(facts) else "told",
        "share": facts.step.holdout,
        "at": now,
    }
