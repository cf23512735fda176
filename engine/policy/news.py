"""The rules of news: what subscribers of the status page are told, and what not. Pure, as all rules of `decide`."""

from detectors.durations import Duration
from engine.policy.caps import free_at
from engine.policy.decision import Decision, skip
from engine.policy.facts import Facts
from engine.policy.reasons import Reason

CAP = "status"
"""The cap that counts for news, and no other does."""


def subscribed(facts: Facts) -> Decision | None:
    """They asked for it: to be asked for a confirmation, or confirmed, to be told of this."""
    asked = facts.subscription
    if asked is None or asked.state != ("pending" if asked.confirming else "confirmed"):
        return _not_subscribed(f"The subscription is {asked.state}." if asked else "It is gone.")
    return None if asked.confirming or asked.wanted else _not_subscribed("Not to these components.")


def latest_word(facts: Facts) -> Decision | None:
    """Nothing newer was said of the same."""
    asked = facts.subscription
    if asked is None or asked.confirming or asked.latest:
        return None
    return skip(Reason.OUTDATED)


def not_too_much(facts: Facts) -> Decision | None:
    """They were not written to too often, if the policy has a cap of news (C15)."""
    cap = facts.policy.caps.get(CAP)
    if cap is None:
        return None
    until = free_at(cap, [sent.at for sent in facts.sends], ("UTC",), facts.now)
    note = f"The cap of {CAP} is {cap.count} per {Duration(cap.seconds)}."
    if until is None:
        return skip(Reason.NEVER, note)
    if until <= facts.now:
        return None
    return Decision("hold", Reason.CAPPED, until, detail=f"{Reason.CAPPED.sentence} {note}")


def _not_subscribed(note: str) -> Decision:
    return Decision("skip", Reason.NOT_SUBSCRIBED, detail=f"{Reason.NOT_SUBSCRIBED.sentence} {note}")
