"""Whether something planned is done now: `decide`, a pure function of its facts, and every answer has its reason.

The rules stand in `RULES` in the order they are asked; the first that objects decides. What 1 and 2 say is in
`engine.policy.pointless`, the rest in `engine.policy.early`.

1. What forbids it for good: nobody to tell, an objection, an opt-out, no consent, no address that works
   (`engine.policy.reach`).
2. What makes it pointless: the issue has ended (or not ended), moved on, or was told of already, or another of the same
   incident was; a silence, an issue that explains it, a ticket or conversation of the customer's on the same matter;
   and last, so that both its arms are those who would have been told, the holdout (`engine.policy.holdout`).
3. What keeps it back: a kill switch (`engine.policy.stops`), for a channel only where it is the last way.
4. What makes it early: quiet hours and caps; they are asked together, so that `until` is a moment at which all allow
   it. Then the wave it is part of (`engine.waves`). A held message is decided again when it comes due: by then it may
   be pointless.
5. What may be told together with more to the same person: it waits a little for that (`engine.policy.together`).
6. What has no room now: a provider or ticket desk that is away, that takes only so much at a time, or people who could
   not answer all who would call (`engine.traffic`). It is asked last, as who asks takes a place in the queue.

A closing message is a promise to someone who was told (C16): it goes on the channel and to the address they were told
on, passes caps, silences, inhibition and collision, but neither opt-outs nor quiet hours. An emergency class passes
quiet hours and caps (C6), never an opt-out. Tickets and escalations are for our own people: only what makes them
pointless counts; a note on a ticket is always made, and so is the ticket of a conversation. An answer to what somebody
wrote just now asks for consent and an address, and nothing else.


News of the status page (`status`) go to those who asked for them and confirmed it. Opt-outs, suppressions and kill
switches hold; contact hours do not, as an outage is told of while it lasts, to people of whom no zone was asked; of
caps the one called `status` alone counts. What a later word has overtaken is not sent any more.
"""

from collections.abc import Callable, Mapping
from functools import cache

from msgspec.structs import replace

from engine.playbooks import REPLY
from engine.policy import early, pointless, together
from engine.policy.decision import Check, Decision
from engine.policy.facts import WRITTEN, Facts
from engine.policy.news import latest_word, not_too_much, subscribed
from engine.policy.reach import best
from engine.policy.reasons import Reason


def decide(facts: Facts) -> Decision:
    """Return what is to be done about `facts`, and why. The same facts give the same decision."""
    rules = _rules(facts)
    for place, rule in enumerate(rules):
        found = rule(facts)
        if found is not None:
            return replace(
                found, trail=(*_passed(rules)[:place], Check(_name(rule), passed=False, detail=found.detail))
            )
    way = best(facts) if facts.kind in WRITTEN else None
    channel, address, propensity = (way.channel, way.address, way.propensity) if way else ("", "", 1.0)
    return Decision("send", Reason.ALLOWED, None, channel, address, _allowed(facts), propensity, _passed(rules))


def _allowed(facts: Facts) -> str:
    """Return why it is sent, and what is special about it."""
    step, said = facts.step, [Reason.ALLOWED.sentence]
    said += [f"Emergency, approved by {step.emergency}."] if step.emergency else []
    said += [f"Arm {step.arm} of {step.experiment}."] if step.experiment else []
    said += [f"Marketing, as it says {step.promotion!r} (C10)."] if step.promotion else []
    said += together.sentence(facts.digest)
    return " ".join(said)


@cache
def _passed(rules: "tuple[Rule, ...]") -> tuple[Check, ...]:
    """Return the trail of a decision that none of these rules objected to: the same object each time."""
    return tuple(Check(_name(rule)) for rule in rules)


def _name(rule: "Rule") -> str:
    return rule.__name__


Rule = Callable[[Facts], Decision | None]
_STILL_SO: tuple[Rule, ...] = (pointless.current, pointless.true_still, pointless.unless)
RULES: Mapping[str, tuple[Rule, ...]] = {
    "message": (
        pointless.recipient,
        pointless.reachable,
        *_STILL_SO,
        pointless.told_once,
        pointless.one_message,
        pointless.steady,
        pointless.unsilenced,
        pointless.uninhibited,
        pointless.no_collision,
        pointless.worthwhile,
        pointless.drawn,
        pointless.not_refused,
        early.going,
        early.ticket_first,
        early.answering,
        early.timely,
        early.few_enough,
        early.alone,
        early.room,
    ),
    "ticket": (
        *_STILL_SO,
        pointless.unsilenced,
        pointless.uninhibited,
        pointless.no_ticket_yet,
        pointless.one_ticket,
        early.going,
        early.answering,
        early.room,
    ),
    "escalate": (*_STILL_SO, pointless.unsilenced, pointless.uninhibited, early.going, early.answering, early.room),
    "notify": (early.going, early.answering, early.room),
    "annotate": (),
    "status": (pointless.recipient, subscribed, pointless.reachable, latest_word, early.going, not_too_much),
}
"""By the kind of what is planned: the rules, in the order they are asked."""


REPLIES: Mapping[str, tuple[Rule, ...]] = {
    "message": (pointless.recipient, pointless.reachable, early.going),
    "ticket": (),
}
"""Of what an answer of a customer's causes: they wrote just now, and are answered as far as the ledger allows it; a
conversation is always put before a person.
"""


def _rules(facts: Facts) -> tuple[Rule, ...]:
    return REPLIES[facts.kind] if facts.occasion == REPLY else RULES[facts.kind]
