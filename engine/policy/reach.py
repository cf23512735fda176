"""How a person is reached: on the first channel of a step's list that has an address, consent, and no suppression.

`preferred` in a step's list stands for the person's own channels, in their order. `best` stands for the channels listed
after it, or for all: of those that are open one is drawn, the more often the better it works for this person
(`engine.policy.choice`), and the others follow. If nothing but `preferred` is listed, and the person named none that is
configured, it is `best` of all. A closing message goes where the opening went; of an issue that is back, where the
person was told of it before, if they did not name a channel themselves.

A way by which the message did not arrive is not tried again, and one whose provider has been away for long is passed
over: the next one is taken, under the same consent.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from engine.config.model import BEST, PREFERRED
from engine.entities import Person
from engine.playbooks import CLOSING, Told
from engine.policy.choice import Belief, chosen, propensities
from engine.policy.consent import ALLOWED, Standing, Use, standing
from engine.policy.facts import Facts, Tried
from engine.policy.reasons import Reason
from engine.policy.stops import blocked
from outreach.address import unfit

ITSELF = "entity"
"""The kind of address that everyone has: what is kept for them, they read where they are."""
_STANDING = {
    Standing.OBJECTED: Reason.OBJECTED,
    Standing.WITHDRAWN: Reason.OPTED_OUT,
    Standing.SUSPENDED: Reason.SUSPENDED,
    Standing.MISSING: Reason.NO_CONSENT,
    Standing.UNWRITTEN: Reason.NOT_WRITTEN,
}


class Way(msgspec.Struct, frozen=True, gc=False):
    """One way to reach a person, and what stands against it."""

    channel: str
    address: str
    obstacle: Reason | None = None
    propensity: float = 1.0
    """With which probability it was drawn among those that were open."""
    cause: str = ""
    """More of the obstacle, where there is more to say."""


class _Looked(NamedTuple):
    """The ways that facts leave open."""

    facts: Facts | None
    ways: Sequence[Way]
    best: Way | None


_latest = [_Looked(None, (), None)]
"""Of the facts that were looked at last: one decision asks for them again and again. It is read and written whole."""


def ways(facts: Facts) -> Sequence[Way]:
    """Return every way to reach the person that the step names, in the order they are tried."""
    return _look(facts).ways


def _look(facts: Facts) -> _Looked:
    found = _latest[0]
    if found.facts is not facts:
        all_ = _ways(facts)
        found = _latest[0] = _Looked(facts, all_, next((way for way in all_ if way.obstacle is None), None))
    return found


def _ways(facts: Facts) -> Sequence[Way]:
    if facts.person is None:
        return []
    if facts.occasion in CLOSING:
        return [_closing_way(facts, facts.told)] if facts.told else []
    listed, left = _names(facts, facts.person)
    fixed = [way for name in listed for way in _by_channel(facts, name, facts.person)]
    found = [*fixed, *_drawn(facts, [way for name in left for way in _by_channel(facts, name, facts.person)])]
    return _as_before(found, facts.before) if facts.before and not _wishes(facts, facts.person) else found


def _as_before(found: list[Way], before: Told) -> list[Way]:
    """Return ways with that first by which the person was told of the issue when it was there before."""
    same = [way for way in found if (way.channel, way.address) == (before.channel, before.address)]
    return [*(replace(way, propensity=1.0) for way in same), *(way for way in found if way not in same)]


def _wishes(facts: Facts, person: Person) -> bool:
    """Return whether the person's own channels go first."""
    return PREFERRED in facts.step.channels and any(_named(facts, wanted) for wanted in person.prefers)


def best(facts: Facts) -> Way | None:
    """Return the first way nothing stands against; None: the person cannot be reached."""
    return _look(facts).best


def another(facts: Facts, tried: Tried) -> bool:
    """Return whether, once this way has failed, one is left that may be open now or later."""
    left = ways(replace(facts, tried=(*facts.tried, tried)))
    return any(way.obstacle in {None, Reason.STOPPED, Reason.UNREACHABLE} for way in left)


def left_open(facts: Facts) -> list[str]:
    """Return the channels among which experience is to choose."""
    channels = facts.step.channels
    named = BEST not in channels and any(each in facts.channels for each in channels)
    if named or facts.person is None or facts.occasion in CLOSING:
        return []
    return _names(facts, facts.person)[1]


def _names(facts: Facts, person: Person) -> tuple[list[str], list[str]]:
    """Return the channels to try in their order, `preferred` replaced by the person's own; and those left to choose."""
    own = [name for wanted in person.prefers for name in _named(facts, wanted)]
    fixed, after = _split(facts.step.channels)
    listed = [name for each in fixed for name in (own if each == PREFERRED else [each])]
    left = after or (list(facts.channels) if BEST in facts.step.channels else [])
    if not listed and not left and facts.step.channels:
        left = list(facts.channels)
    known = [name for name in dict.fromkeys(listed) if name in facts.channels]
    return known, [name for name in dict.fromkeys(left) if name in facts.channels and name not in known]


def _split(channels: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return what stands before `best`, and after it."""
    at = channels.index(BEST) if BEST in channels else len(channels)
    return channels[:at], channels[at + 1 :]


def _drawn(facts: Facts, found: list[Way]) -> list[Way]:
    """Return ways in the order they are tried: the one drawn of those that are open, then those that work best."""
    free = list(dict.fromkeys(way.channel for way in found if way.obstacle is None))
    if len(free) < 2 or not facts.beliefs:
        return found
    beliefs = {name: facts.beliefs.get(name, Belief()) for name in free}
    shares = propensities(beliefs)
    first = chosen(shares, facts.draw)
    ordered = sorted(found, key=lambda way: (way.channel != first, -beliefs.get(way.channel, Belief()).mean))
    return [replace(way, propensity=shares[first]) if way.channel == first else way for way in ordered]


def _named(facts: Facts, wanted: str) -> list[str]:
    """Return the channel of this name, or else those of this kind."""
    if wanted in facts.channels:
        return [wanted]
    return [name for name, channel in facts.channels.items() if channel.kind == wanted]


def _by_channel(facts: Facts, name: str, person: Person) -> list[Way]:
    if facts.step.address:
        return [_weighed(facts, name, facts.step.address)]
    kind = facts.channels[name].address
    values = [person.id] if kind == ITSELF else [value for known, value in person.addresses if known == kind]
    return [_weighed(facts, name, value) for value in values] or [Way(name, "", Reason.NO_ADDRESS)]


def _weighed(facts: Facts, name: str, address: str) -> Way:
    if name not in facts.channels or not address:
        return Way(name, address, Reason.NO_ADDRESS)
    obstacle, cause = _refused(facts, name, address), ""
    if obstacle is None and (cause := unfit(facts.channels[name].address, address, _given(facts, address))):
        obstacle = Reason.UNFIT
    if obstacle is None and not facts.step.approved and not in_session(facts, name):
        obstacle = Reason.NO_SESSION
    return Way(name, address, obstacle, cause=cause)


def _refused(facts: Facts, name: str, address: str) -> Reason | None:
    """Return what the ledgers, the provider or an operator have against it."""
    kind = facts.channels[name].kind
    use = Use(address, kind, facts.step.purpose)
    found = standing(facts.consents, use, facts.policy.revocation_scope, facts.policy.consent)
    if found not in ALLOWED:
        return _STANDING[found]
    if any((each.channel, each.address) == (name, address) for each in facts.tried):
        return Reason.UNDELIVERABLE
    if blocked(facts.halts, name, facts.step.purpose):
        return Reason.STOPPED
    if any(each.channel == name and each.lasting for each in facts.outages):
        return Reason.UNREACHABLE
    dead = any(each.address == address and each.channel in {"*", kind} for each in facts.suppressions)
    return Reason.SUPPRESSED if dead else None


def _given(facts: Facts, address: str) -> tuple[str, ...]:
    """Return the roles' mailboxes that may be written to: a subscriber gave theirs, an answer goes where they wrote."""
    own = (address,) if facts.kind == "status" or facts.step.address else ()
    return facts.policy.role_addresses + own


def in_session(facts: Facts, name: str) -> bool:
    """Return whether free words may be sent by a channel now: the person wrote to us lately, where that is needed."""
    return not facts.channels[name].session or facts.now < session_until(facts, name)


def session_until(facts: Facts, name: str) -> float:
    """Return until when free words may be sent by a channel that asks for a session, epoch seconds; 0.0: no session."""
    channel = facts.channels[name]
    wrote = facts.wrote.get(channel.kind)
    return 0.0 if wrote is None else wrote + channel.session


def _closing_way(facts: Facts, told: Told) -> Way:
    if in_flight(facts) and not told.address:
        return Way(told.channel, "")
    return _weighed(facts, told.channel, told.address)


def in_flight(facts: Facts) -> bool:
    """Return whether the message that a closing one follows may not have gone yet."""
    told = facts.told
    return facts.occasion in CLOSING and told is not None and told.status in {"claimed", "sending"}
