"""How a person is reached: on the first channel of a step's list that has an address, consent, and no suppression.

`preferred` in a step's list stands for the person's own channels, in their order. If nothing else is listed and they
named none that is configured, every configured channel stands for it. A closing message goes where the opening went.
"""

from dataclasses import dataclass

from engine.entities import Person
from engine.playbooks import CLOSING, Told
from engine.policy.consent import ALLOWED, Standing, Use, standing
from engine.policy.facts import Facts, Reason
from engine.policy.stops import blocked
from outreach.address import unfit

_STANDING = {
    Standing.OBJECTED: Reason.OBJECTED,
    Standing.WITHDRAWN: Reason.OPTED_OUT,
    Standing.SUSPENDED: Reason.SUSPENDED,
    Standing.MISSING: Reason.NO_CONSENT,
    Standing.UNWRITTEN: Reason.NOT_WRITTEN,
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to reach a person, and what stands against it."""

    channel: str
    address: str
    obstacle: Reason | None = None
    cause: str = ""
    """More of it, where there is more to say."""


def ways(facts: Facts) -> list[Way]:
    """Return every way to reach the person that the step names, in the order they are tried."""
    if facts.person is None:
        return []
    if facts.occasion in CLOSING:
        return [_closing_way(facts, facts.told)] if facts.told else []
    names = _names(facts, facts.person)
    return [way for name in names for way in _by_channel(facts, name, facts.person)]


def best(facts: Facts) -> Way | None:
    """Return the first way nothing stands against; None: the person cannot be reached."""
    return next((way for way in ways(facts) if way.obstacle is None), None)


def _names(facts: Facts, person: Person) -> list[str]:
    """Return the names of the channels to try, `preferred` replaced by the person's own."""
    own = [name for wanted in person.prefers for name in _named(facts, wanted)]
    listed = [name for each in facts.step.channels for name in (own if each == "preferred" else [each])]
    if not listed and facts.step.channels:
        listed = list(facts.channels)
    return [name for name in dict.fromkeys(listed) if name in facts.channels]


def _named(facts: Facts, wanted: str) -> list[str]:
    """Return the channel of this name, or else those of this kind."""
    if wanted in facts.channels:
        return [wanted]
    return [name for name, channel in facts.channels.items() if channel.kind == wanted]


def _by_channel(facts: Facts, name: str, person: Person) -> list[Way]:
    kind = facts.channels[name].address
    values = [value for known, value in person.addresses if known == kind]
    return [_weighed(facts, name, value) for value in values] or [Way(name, "", Reason.NO_ADDRESS)]


def _weighed(facts: Facts, name: str, address: str) -> Way:
    if name not in facts.channels or not address:
        return Way(name, address, Reason.NO_ADDRESS)
    kind = facts.channels[name].kind
    found = standing(
        facts.consents,
        Use(address, kind, facts.step.purpose),
        facts.policy.revocation_scope,
        facts.policy.consent,
    )
    if found not in ALLOWED:
        return Way(name, address, _STANDING[found])
    if blocked(facts.halts, name):
        return Way(name, address, Reason.STOPPED)
    if any(each.address == address and each.channel in {"*", kind} for each in facts.suppressions):
        return Way(name, address, Reason.SUPPRESSED)
    if cause := unfit(facts.channels[name].address, address, facts.policy.role_addresses):
        return Way(name, address, Reason.UNFIT, cause)
    return Way(name, address, None if facts.step.approved or in_session(facts, name) else Reason.NO_SESSION)


def in_session(facts: Facts, name: str) -> bool:
    """Return whether free words may be sent by a channel now: the person wrote to us lately, where that is needed."""
    channel = facts.channels[name]
    return not channel.session or facts.now < session_until(facts, name)


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
