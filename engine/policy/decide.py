"""Whether something planned is done now: `decide`, a pure function of its facts, and every answer has its reason.

The rules stand in `RULES` in the order they are asked; the first that objects decides.

1. What forbids it for good: nobody to tell, an objection, an opt-out, no consent, no address that works
   (`engine.policy.reach`).
2. What makes it pointless: the issue has ended (or not ended), moved on, or was told of already; a silence, an issue
   that explains it, a ticket or conversation of the customer's on the same matter; and last, so that both its arms are
   those who would have been told, the holdout (`engine.policy.holdout`).
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

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import cache

from msgspec.structs import replace

from engine.config.model import SAFETY
from engine.issues.view import ACTIVE
from engine.playbooks import CLOSING, REPLY
from engine.policy import together
from engine.policy.barriers import barriers, free
from engine.policy.decision import Check, Decision
from engine.policy.facts import WRITTEN, Facts, Outage
from engine.policy.holdout import is_held_out
from engine.policy.news import latest_word, not_too_much, subscribed
from engine.policy.reach import best, ways
from engine.policy.reasons import Reason
from engine.policy.stops import Leaving, halted

STOPPED_WAIT = 60.0
"""Seconds after which it is asked again whether a kill switch is still on."""
TICKET_WAIT = 30.0
"""Seconds after which it is asked again whether the ticket is made."""
_LASTING = {
    Reason.QUIET_HOURS: Reason.NO_HOURS,
    Reason.CAPPED: Reason.NEVER,
    Reason.PER_CUSTOMER: Reason.NEVER,
}
"""What it is called if it never gives way."""
_GRAVITY = (
    Reason.OBJECTED,
    Reason.OPTED_OUT,
    Reason.SUSPENDED,
    Reason.UNDELIVERABLE,
    Reason.SUPPRESSED,
    Reason.NOT_WRITTEN,
    Reason.NO_CONSENT,
    Reason.UNFIT,
    Reason.NO_SESSION,
    Reason.NO_ADDRESS,
)
"""Where no channel will do, the gravest obstacle is the reason given."""


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
    return rule.__name__.lstrip("_")


def _recipient(facts: Facts) -> Decision | None:
    """There is someone to tell."""
    return None if facts.person else _skip(Reason.NO_RECIPIENT)


def _reachable(facts: Facts) -> Decision | None:
    """Some way to them is open: consent, opt-outs, suppressions, addresses (C1, C2, C4, C11)."""
    if facts.occasion in CLOSING and facts.told is None:
        return None
    found = ways(facts)
    if any(way.obstacle is None for way in found):
        return None
    obstacles = {way.obstacle for way in found}
    if obstacles & {Reason.STOPPED, Reason.UNREACHABLE}:
        return None  # a channel may come back
    reason = next((each for each in _GRAVITY if each in obstacles), Reason.NO_ADDRESS)
    tried = ", ".join(f"{way.channel}: {way.cause or way.obstacle}" for way in found)
    return _skip(reason, f"Tried {tried}." if tried else "")


def _current(facts: Facts) -> Decision | None:
    """It is about the issue's present episode."""
    if facts.step.episode == facts.issue.episode:
        return None
    return _skip(Reason.SUPERSEDED, f"Planned in episode {facts.step.episode}, now {facts.issue.episode}.")


def _true_still(facts: Facts) -> Decision | None:
    """What it says of the issue is still so."""
    status = facts.issue.status
    if facts.occasion in CLOSING:
        ended = "dismissed" if facts.occasion == "dismissed" else "resolved"
        return None if status == ended else _skip(Reason.MOOT, f"The issue is {status}.")
    return None if status in ACTIVE else _skip(Reason.MOOT, f"The issue is {status}.")


def _unless(facts: Facts) -> Decision | None:
    """Nobody did what makes the step needless."""
    acknowledged = facts.step.unless == "acknowledged" and facts.issue.status == "acknowledged"
    return _skip(Reason.ACKNOWLEDGED) if acknowledged else None


def _told_once(facts: Facts) -> Decision | None:
    """Opening messages go to those who do not know, closing ones to those who were told, once each (C16)."""
    if facts.occasion in CLOSING:
        return None if facts.told else _skip(Reason.NOT_TOLD)
    if facts.told:
        return _skip(Reason.ALREADY_TOLD, f"By {facts.told.channel or 'a message on its way'}.")
    return None


def _steady(facts: Facts) -> Decision | None:
    """The issue does not come and go."""
    return _skip(Reason.FLAPPING) if facts.issue.flapping and facts.occasion == "opened" else None


def _unsilenced(facts: Facts) -> Decision | None:
    """No silence covers it."""
    silenced = facts.silence and facts.occasion not in CLOSING
    return _skip(Reason.SILENCED, f"Silence {facts.silence}.") if silenced else None


def _uninhibited(facts: Facts) -> Decision | None:
    """No other issue explains it."""
    inhibited = facts.inhibited_by and facts.occasion not in CLOSING
    return _skip(Reason.INHIBITED, f"Issue {facts.inhibited_by}.") if inhibited else None


def _no_collision(facts: Facts) -> Decision | None:
    """The customer is not already being helped with it (C17)."""
    if facts.occasion in CLOSING:
        return None
    if facts.open_ticket:
        return _skip(Reason.OPEN_TICKET, f"Ticket {facts.open_ticket}.")
    return _skip(Reason.CONVERSATION, f"Conversation {facts.conversation}.") if facts.conversation else None


def _no_ticket_yet(facts: Facts) -> Decision | None:
    """There is no ticket on the same matter."""
    return _skip(Reason.OPEN_TICKET, f"Ticket {facts.open_ticket}.") if facts.open_ticket else None


def _worthwhile(facts: Facts) -> Decision | None:
    """Telling is worth what it costs; of what may harm people they are told whatever it costs."""
    safety = facts.issue.severity in SAFETY or facts.step.emergency
    if facts.worth is None or facts.occasion in CLOSING or safety or facts.worth.expected > 0.0:
        return None
    return _skip(Reason.NOT_WORTH, facts.worth.sentence)


def _drawn(facts: Facts) -> Decision | None:
    """It is not held out to measure what telling is worth."""
    return _skip(Reason.HELD_OUT) if is_held_out(facts) else None


def _one_ticket(facts: Facts) -> Decision | None:
    """No incident that the issue is part of has a ticket."""
    return _skip(Reason.PART_OF_INCIDENT, f"Incident {facts.incident}.") if facts.incident else None


def _ticket_first(facts: Facts) -> Decision | None:
    """Whoever is told that a person deals with it, can rely on it."""
    if facts.occasion in CLOSING or facts.step.emergency or not facts.ticket_due:
        return None
    until = facts.now + TICKET_WAIT
    return Decision("hold", Reason.AWAITING_TICKET, until, detail=Reason.AWAITING_TICKET.sentence)


def _not_refused(facts: Facts) -> Decision | None:
    """Nobody who was asked refused that so many are told, or left it unanswered."""
    state = facts.wave.state if facts.wave and not facts.step.emergency else ""
    reason = {"refused": Reason.REFUSED, "expired": Reason.UNANSWERED}.get(state)
    return _skip(reason, facts.wave.why) if reason and facts.wave else None


def _few_enough(facts: Facts) -> Decision | None:
    """No more are told at a time than are usual, or than is known to do no harm."""
    wave = facts.wave
    if wave is None or facts.step.emergency or not wave.full:
        return None
    reason = Reason.AWAITING_APPROVAL if wave.state == "asking" else Reason.BLAST_RADIUS
    return Decision("hold", reason, max(wave.until, facts.now), detail=f"{reason.sentence} {wave.why}".strip())


def _going(facts: Facts) -> Decision | None:
    """No kill switch is on."""
    halt = halted(facts.halts, Leaving(facts.step.playbook, facts.step.template, facts.step.through))
    if halt is not None:
        return _stop(facts, f"Stop {halt.id}.")
    stuck = facts.kind in WRITTEN and best(facts) is None and not _away(facts, {way.channel for way in ways(facts)})
    return _stop(facts, "Every channel it could go by is stopped.") if stuck else None


def _answering(facts: Facts) -> Decision | None:
    """The provider it goes by is there; for a while one that is not is waited for."""
    way = best(facts) if facts.kind == "message" else None
    names = {way.channel} if way else set(facts.step.through) or {each.channel for each in ways(facts)}
    away = _away(facts, names)
    if not away:
        return None
    until = max(min(each.until for each in away), facts.now)
    named = ", ".join(each.channel for each in away)
    return Decision("hold", Reason.UNREACHABLE, until, detail=f"{Reason.UNREACHABLE.sentence} {named}.")


def _away(facts: Facts, names: Collection[str]) -> list[Outage]:
    return [each for each in facts.outages if each.channel in names]


def _alone(facts: Facts) -> Decision | None:
    """It need not wait for what else there is to tell the same person."""
    until = together.waits_until(facts)
    if until is None:
        return None
    detail = f"{Reason.GATHERING.sentence} Until {_utc(until)}."
    return Decision("hold", Reason.GATHERING, until, detail=detail)


def _room(facts: Facts) -> Decision | None:
    """There is room for it: at the provider, and with those who answer."""
    gate = facts.gate
    if gate is None:
        return None
    detail = f"{gate.reason.sentence} {gate.detail} Until {_utc(gate.until)}."
    return Decision("hold", gate.reason, gate.until, detail=" ".join(detail.split()))


def _timely(facts: Facts) -> Decision | None:
    """It is an hour at which they may be contacted (C5), and they were not contacted too often (C15)."""
    standing = list(barriers(facts))
    first = next((each for each in standing if each.free(facts.now) != facts.now), None)
    if first is None:
        return None
    until = free(facts.now, standing)
    if until is None:
        return _skip(_LASTING.get(first.reason, first.reason), first.note)
    detail = f"{first.reason.sentence} {first.note} Until {_utc(until)}."
    return Decision("hold", first.reason, until, detail=detail)


Rule = Callable[[Facts], Decision | None]
_STILL_SO: tuple[Rule, ...] = (_current, _true_still, _unless)
RULES: Mapping[str, tuple[Rule, ...]] = {
    "message": (
        _recipient,
        _reachable,
        *_STILL_SO,
        _told_once,
        _steady,
        _unsilenced,
        _uninhibited,
        _no_collision,
        _worthwhile,
        _drawn,
        _not_refused,
        _going,
        _ticket_first,
        _answering,
        _timely,
        _few_enough,
        _alone,
        _room,
    ),
    "ticket": (*_STILL_SO, _unsilenced, _uninhibited, _no_ticket_yet, _one_ticket, _going, _answering, _room),
    "escalate": (*_STILL_SO, _unsilenced, _uninhibited, _going, _answering, _room),
    "notify": (_going, _answering, _room),
    "annotate": (),
    "status": (_recipient, subscribed, _reachable, latest_word, _going, not_too_much),
}
"""By the kind of what is planned: the rules, in the order they are asked."""


REPLIES: Mapping[str, tuple[Rule, ...]] = {"message": (_recipient, _reachable, _going), "ticket": ()}
"""Of what an answer of a customer's causes: they wrote just now, and are answered as far as the ledger allows it; a
conversation is always put before a person.
"""


def _rules(facts: Facts) -> tuple[Rule, ...]:
    return REPLIES[facts.kind] if facts.occasion == REPLY else RULES[facts.kind]


def _stop(facts: Facts, note: str) -> Decision:
    return Decision("hold", Reason.STOPPED, facts.now + STOPPED_WAIT, detail=f"{Reason.STOPPED.sentence} {note}")


def _skip(reason: Reason, note: str = "") -> Decision:
    return Decision("skip", reason, detail=f"{reason.sentence} {note}".strip())


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
