"""Rules for what keeps something back, makes it early, or has no room for it now: `hold`, with the reason."""

from collections.abc import Collection
from datetime import UTC, datetime

from engine.playbooks import CLOSING
from engine.policy import together
from engine.policy.barriers import barriers, free
from engine.policy.decision import Decision, skip
from engine.policy.facts import WRITTEN, Facts, Outage
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


def ticket_first(facts: Facts) -> Decision | None:
    """Whoever is told that a person deals with it, can rely on it."""
    if facts.occasion in CLOSING or facts.step.emergency or not facts.ticket_due:
        return None
    until = facts.now + TICKET_WAIT
    return Decision("hold", Reason.AWAITING_TICKET, until, detail=Reason.AWAITING_TICKET.sentence)


def few_enough(facts: Facts) -> Decision | None:
    """No more are told at a time than are usual, or than is known to do no harm."""
    wave = facts.wave
    if wave is None or facts.step.emergency or not wave.full:
        return None
    reason = Reason.AWAITING_APPROVAL if wave.state == "asking" else Reason.BLAST_RADIUS
    return Decision("hold", reason, max(wave.until, facts.now), detail=f"{reason.sentence} {wave.why}".strip())


def going(facts: Facts) -> Decision | None:
    """No kill switch is on."""
    halt = halted(facts.halts, Leaving(facts.step.playbook, facts.step.template, facts.step.through))
    if halt is not None:
        return _stop(facts, f"Stop {halt.id}.")
    stuck = facts.kind in WRITTEN and best(facts) is None and not _away(facts, {way.channel for way in ways(facts)})
    return _stop(facts, "Every channel it could go by is stopped.") if stuck else None


def answering(facts: Facts) -> Decision | None:
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


def alone(facts: Facts) -> Decision | None:
    """It need not wait for what else there is to tell the same person."""
    until = together.waits_until(facts)
    if until is None:
        return None
    detail = f"{Reason.GATHERING.sentence} Until {_utc(until)}."
    return Decision("hold", Reason.GATHERING, until, detail=detail)


def room(facts: Facts) -> Decision | None:
    """There is room for it: at the provider, and with those who answer."""
    gate = facts.gate
    if gate is None:
        return None
    detail = f"{gate.reason.sentence} {gate.detail} Until {_utc(gate.until)}."
    return Decision("hold", gate.reason, gate.until, detail=" ".join(detail.split()))


def timely(facts: Facts) -> Decision | None:
    """It is an hour at which they may be contacted (C5), and they were not contacted too often (C15)."""
    standing = list(barriers(facts))
    first = next((each for each in standing if each.free(facts.now) != facts.now), None)
    if first is None:
        return None
    until = free(facts.now, standing)
    if until is None:
        return skip(_LASTING.get(first.reason, first.reason), first.note)
    detail = f"{first.reason.sentence} {first.note} Until {_utc(until)}."
    return Decision("hold", first.reason, until, detail=detail)


def _stop(facts: Facts, note: str) -> Decision:
    return Decision("hold", Reason.STOPPED, facts.now + STOPPED_WAIT, detail=f"{Reason.STOPPED.sentence} {note}")


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
