"""Whether something planned is done now: `decide`, a pure function of its facts, and every answer has its reason.

The rules stand in `RULES` in the order they are asked; the first that objects decides.

1. What forbids it for good: nobody to tell, an objection, an opt-out, no consent, no address that works
   (`engine.policy.reach`).
2. What makes it pointless: the issue has ended (or not ended), moved on, or was told of already; a silence, an issue
   that explains it, a ticket or conversation of the customer's on the same matter; and last, so that both its arms are
   those who would have been told, the holdout (`engine.policy.holdout`).
3. What keeps it back: a kill switch (`engine.policy.stops`), for a channel only where it is the last way.
4. What makes it early: quiet hours and caps. They are asked together, so that `until` is a moment at which all allow
   it. A held message is decided again when it comes due: by then it may be pointless.

A closing message is a promise to someone who was told (C16): it goes on the channel and to the address they were told
on, passes caps, silences, inhibition and collision, but neither opt-outs nor quiet hours. An emergency class passes
quiet hours and caps (C6), never an opt-out. Tickets and escalations are for our own people: only what makes them
pointless counts; a note on a ticket is always made.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from detectors.durations import Duration
from engine.config.model import SAFETY, Per
from engine.issues.view import ACTIVE
from engine.playbooks import CLOSING
from engine.policy.caps import free_at
from engine.policy.contact_hours import contact_hours
from engine.policy.facts import Check, Decision, Facts, Reason
from engine.policy.holdout import is_held_out
from engine.policy.reach import Way, best, in_flight, ways
from engine.policy.stops import Leaving, halted

STOPPED_WAIT = 60.0
"""Seconds after which it is asked again whether a kill switch is still on."""
OPENING_WAIT = 60.0
"""Seconds after which it is asked again whether the opening message has gone out."""
_ROUNDS = 100
"""Hours and caps push each other on at most so often; a policy that needs more allows nothing."""
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
    trail: list[Check] = []
    for rule in RULES[facts.kind]:
        found = rule(facts)
        trail.append(Check(rule.__name__.lstrip("_"), found is None, found.detail if found else ""))
        if found is not None:
            return replace(found, trail=tuple(trail))
    way = best(facts) if facts.kind == "message" else None
    channel, address = (way.channel, way.address) if way else ("", "")
    return Decision("send", Reason.ALLOWED, None, channel, address, _allowed(facts), tuple(trail))


def _allowed(facts: Facts) -> str:
    """Return why it is sent, and what is special about it."""
    step, said = facts.step, [Reason.ALLOWED.sentence]
    said += [f"Emergency, approved by {step.emergency}."] if step.emergency else []
    said += [f"Arm {step.arm} of {step.experiment}."] if step.experiment else []
    said += [f"Marketing, as it says {step.promotion!r} (C10)."] if step.promotion else []
    return " ".join(said)


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
    if Reason.STOPPED in obstacles:
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


def _going(facts: Facts) -> Decision | None:
    """No kill switch is on."""
    halt = halted(facts.halts, Leaving(facts.step.playbook, facts.step.template, facts.step.through))
    if halt is not None:
        return _stop(facts, f"Stop {halt.id}.")
    stuck = facts.kind == "message" and best(facts) is None
    return _stop(facts, "Every channel it could go by is stopped.") if stuck else None


def _timely(facts: Facts) -> Decision | None:
    """It is an hour at which they may be contacted (C5), and they were not contacted too often (C15)."""
    barriers = list(_barriers(facts))
    first = next((each for each in barriers if each.free(facts.now) != facts.now), None)
    if first is None:
        return None
    until = _free(facts.now, barriers)
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
        _going,
        _timely,
    ),
    "ticket": (*_STILL_SO, _unsilenced, _uninhibited, _no_ticket_yet, _going),
    "escalate": (*_STILL_SO, _unsilenced, _uninhibited, _going),
    "annotate": (),
}
"""By the kind of what is planned: the rules, in the order they are asked."""


@dataclass(frozen=True, slots=True)
class _Barrier:
    """Something that gives way with time."""

    reason: Reason
    note: str
    free: Callable[[float], float | None]
    """From a moment to the first one, from there on, at which it gives way; None: never."""


def _barriers(facts: Facts) -> Iterator[_Barrier]:
    person, way = facts.person, best(facts)
    if person is None or way is None:
        return
    if in_flight(facts):
        asked_again = facts.now + OPENING_WAIT
        yield _Barrier(Reason.AWAITING_OPENING, "", lambda at: max(at, asked_again))
    if facts.step.emergency:
        return
    hours = contact_hours(person, facts.policy.hours, facts.policy.regions)
    yield _Barrier(Reason.QUIET_HOURS, f"By {hours.basis}.", hours.next)
    if facts.occasion not in CLOSING:
        yield from _caps(facts, way, hours.zones)


def _caps(facts: Facts, way: Way, zones: Sequence[str]) -> Iterator[_Barrier]:
    kind = facts.channels[way.channel].kind
    for name, cap in facts.policy.caps.items():
        if name in {"all", facts.step.purpose, kind}:
            times = [sent.at for sent in facts.sends if name in {"all", sent.purpose, sent.channel}]
            yield _Barrier(Reason.CAPPED, _per(name, cap), partial(free_at, cap, times, zones))
    cap_of_playbook = facts.policy.per_customer
    if cap_of_playbook is not None:
        name = facts.step.playbook
        times = [sent.at for sent in facts.sends if (sent.playbook, sent.occasion) == (name, "opened")]
        limit = partial(free_at, cap_of_playbook, times, zones)
        yield _Barrier(Reason.PER_CUSTOMER, _per(f"playbook {name}", cap_of_playbook), limit)


def _free(now: float, barriers: Sequence[_Barrier]) -> float | None:
    """Return the first moment from `now` on at which every barrier gives way."""
    moment = now
    for _ in range(_ROUNDS):
        later = moment
        for barrier in barriers:
            found = barrier.free(later)
            if found is None:
                return None
            later = found
        if later == moment:
            return moment
        moment = later
    return None


def _stop(facts: Facts, note: str) -> Decision:
    return Decision("hold", Reason.STOPPED, facts.now + STOPPED_WAIT, detail=f"{Reason.STOPPED.sentence} {note}")


def _skip(reason: Reason, note: str = "") -> Decision:
    return Decision("skip", reason, detail=f"{reason.sentence} {note}".strip())


def _per(name: str, cap: Per) -> str:
    span = "per day" if cap.calendar and cap.seconds == 86400.0 else f"per {Duration(cap.seconds)}"
    return f"The cap of {name} is {cap.count} {span}."


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
