"""Rules for what forbids something for good, and for what makes it pointless: `skip`, with the reason."""

from engine.config.model import SAFETY
from engine.issues.view import ACTIVE
from engine.playbooks import CLOSING
from engine.policy.decision import Decision, skip
from engine.policy.facts import Facts
from engine.policy.holdout import is_held_out
from engine.policy.reach import ways
from engine.policy.reasons import Reason

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


def recipient(facts: Facts) -> Decision | None:
    """There is someone to tell."""
    return None if facts.person else skip(Reason.NO_RECIPIENT)


def reachable(facts: Facts) -> Decision | None:
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
    return skip(reason, f"Tried {tried}." if tried else "")


def current(facts: Facts) -> Decision | None:
    """It is about the issue's present episode."""
    if facts.step.episode == facts.issue.episode:
        return None
    return skip(Reason.SUPERSEDED, f"Planned in episode {facts.step.episode}, now {facts.issue.episode}.")


def true_still(facts: Facts) -> Decision | None:
    """What it says of the issue is still so."""
    status = facts.issue.status
    if facts.occasion in CLOSING:
        ended = "dismissed" if facts.occasion == "dismissed" else "resolved"
        return None if status == ended else skip(Reason.MOOT, f"The issue is {status}.")
    return None if status in ACTIVE else skip(Reason.MOOT, f"The issue is {status}.")


def unless(facts: Facts) -> Decision | None:
    """Nobody did what makes the step needless."""
    acknowledged = facts.step.unless == "acknowledged" and facts.issue.status == "acknowledged"
    return skip(Reason.ACKNOWLEDGED) if acknowledged else None


def told_once(facts: Facts) -> Decision | None:
    """Opening messages go to those who do not know, closing ones to those who were told, once each (C16)."""
    if facts.occasion in CLOSING:
        return None if facts.told else skip(Reason.NOT_TOLD)
    if facts.told:
        return skip(Reason.ALREADY_TOLD, f"By {facts.told.channel or 'a message on its way'}.")
    return None


def one_message(facts: Facts) -> Decision | None:
    """They were not told of the same cause already, by another issue of theirs."""
    known = facts.told_with and facts.occasion not in CLOSING and not facts.step.emergency
    return skip(Reason.TOLD_OF_INCIDENT, f"Issue {facts.told_with}.") if known else None


def steady(facts: Facts) -> Decision | None:
    """The issue does not come and go."""
    return skip(Reason.FLAPPING) if facts.issue.flapping and facts.occasion == "opened" else None


def unsilenced(facts: Facts) -> Decision | None:
    """No silence covers it."""
    silenced = facts.silence and facts.occasion not in CLOSING
    return skip(Reason.SILENCED, f"Silence {facts.silence}.") if silenced else None


def uninhibited(facts: Facts) -> Decision | None:
    """No other issue explains it."""
    inhibited = facts.inhibited_by and facts.occasion not in CLOSING
    return skip(Reason.INHIBITED, f"Issue {facts.inhibited_by}.") if inhibited else None


def no_collision(facts: Facts) -> Decision | None:
    """The customer is not already being helped with it (C17)."""
    if facts.occasion in CLOSING:
        return None
    if facts.open_ticket:
        return skip(Reason.OPEN_TICKET, f"Ticket {facts.open_ticket}.")
    return skip(Reason.CONVERSATION, f"Conversation {facts.conversation}.") if facts.conversation else None


def no_ticket_yet(facts: Facts) -> Decision | None:
    """There is no ticket on the same matter."""
    return skip(Reason.OPEN_TICKET, f"Ticket {facts.open_ticket}.") if facts.open_ticket else None


def worthwhile(facts: Facts) -> Decision | None:
    """Telling is worth what it costs; of what may harm people they are told whatever it costs."""
    safety = facts.issue.severity in SAFETY or facts.step.emergency
    if facts.worth is None or facts.occasion in CLOSING or safety or facts.worth.expected > 0.0:
        return None
    return skip(Reason.NOT_WORTH, facts.worth.sentence)


def drawn(facts: Facts) -> Decision | None:
    """It is not held out to measure what telling is worth."""
    return skip(Reason.HELD_OUT) if is_held_out(facts) else None


def one_ticket(facts: Facts) -> Decision | None:
    """No incident that the issue is part of has a ticket."""
    return skip(Reason.PART_OF_INCIDENT, f"Incident {facts.incident}.") if facts.incident else None


def not_refused(facts: Facts) -> Decision | None:
    """Nobody who was asked refused that so many are told, or left it unanswered."""
    state = facts.wave.state if facts.wave and not facts.step.emergency else ""
    reason = {"refused": Reason.REFUSED, "expired": Reason.UNANSWERED}.get(state)
    return skip(reason, facts.wave.why) if reason and facts.wave else None
