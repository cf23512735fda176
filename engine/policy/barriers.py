"""What makes a message early, and gives way with time: contact hours (C5), caps (C15), the message it follows."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

from detectors.durations import Duration
from engine.config.model import Per
from engine.playbooks import CLOSING
from engine.policy.caps import Sent, free_at
from engine.policy.contact_hours import contact_hours
from engine.policy.facts import Facts
from engine.policy.reach import Way, best, in_flight
from engine.policy.reasons import Reason

OPENING_WAIT = 60.0
"""Seconds after which it is asked again whether the opening message has gone out."""
_ROUNDS = 100
"""Hours and caps push each other on at most so often; a policy that needs more allows nothing."""


class Barrier(NamedTuple):
    """Something that gives way with time."""

    reason: Reason
    note: str
    free: Callable[[float], float | None]
    """From a moment to the first one, from there on, at which it gives way; None: never."""


def barriers(facts: Facts) -> Iterator[Barrier]:
    """Yield what a message by its best way has to wait for."""
    person, way = facts.person, best(facts)
    if person is None or way is None:
        return
    if in_flight(facts):
        asked_again = facts.now + OPENING_WAIT
        yield Barrier(Reason.AWAITING_OPENING, "", lambda at: max(at, asked_again))
    if facts.step.emergency:
        return
    hours = contact_hours(person, facts.policy.hours, facts.policy.regions)
    yield Barrier(Reason.QUIET_HOURS, f"By {hours.basis}.", hours.next)
    if facts.occasion not in CLOSING:
        yield from _caps(facts, way, hours.zones)


def _caps(facts: Facts, way: Way, zones: Sequence[str]) -> Iterator[Barrier]:
    counted = {"all", facts.step.purpose, facts.channels[way.channel].kind}
    for name, cap in facts.policy.caps.items():
        if name in counted:
            times = contacts([sent for sent in facts.sends if name in {"all", sent.purpose, sent.channel}])
            yield Barrier(Reason.CAPPED, _per(name, cap), partial(free_at, cap, times, zones))
    cap_of_playbook = facts.policy.per_customer
    if cap_of_playbook is not None:
        name = facts.step.playbook
        times = contacts([sent for sent in facts.sends if (sent.playbook, sent.occasion) == (name, "opened")])
        limit = partial(free_at, cap_of_playbook, times, zones)
        yield Barrier(Reason.PER_CUSTOMER, _per(f"playbook {name}", cap_of_playbook), limit)


def contacts(sends: Sequence[Sent]) -> list[float]:
    """Return when they were contacted: what was told together was one contact.

    >>> contacts([Sent(1.0, "sms", ""), Sent(2.0, "sms", "", digest="a"), Sent(2.0, "sms", "", digest="a")])
    [1.0, 2.0]
    """
    if not sends:
        return []
    together: dict[str, float] = {}
    alone = [sent.at for sent in sends if not sent.digest or together.setdefault(sent.digest, sent.at) is None]
    return [*alone, *together.values()]


def free(now: float, standing: Sequence[Barrier]) -> float | None:
    """Return the first moment from `now` on at which every barrier gives way."""
    moment = now
    for _ in range(_ROUNDS):
        later = moment
        for barrier in standing:
            found = barrier.free(later)
            if found is None:
                return None
            later = found
        if later == moment:
            return moment
        moment = later
    return None


@cache
def _per(name: str, cap: Per) -> str:
    span = "per day" if cap.calendar and cap.seconds == 86400.0 else f"per {Duration(cap.seconds)}"
    return f"The cap of {name} is {cap.count} {span}."
