"""A wave, and how it goes on: pure functions of what was counted."""

import math
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec.structs import replace

from engine.config.model import BlastRadius, Limits
from engine.waves.reactions import Reactions, objection

State = Literal["canary", "watching", "going", "asking", "refused", "expired"]
CALM = 3600.0
"""Seconds: those told within it belong together, and a wave for which nobody waited so long is over."""
BUSY = 2
"""A busy hour may be so many times as busy as those that were, and is no wave."""
MARGIN = 1.5
"""What was agreed to for an audience holds for one up to so many times as large."""
TWO = 2
"""People who must agree where something is amiss."""


class Wave(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a wave stands."""

    id: str
    state: State
    usual: int
    """How many are told within an hour on a busy day of the past."""
    allowance: int
    """How many may be told as things stand."""
    audience: int
    """Told and waiting."""
    told: int = 0
    approved: int = 0
    """For how large an audience people agreed."""
    watched_from: float | None = None
    until: float = 0.0
    """When it is looked at again if nobody says anything (epoch seconds)."""
    why: str = ""

    @property
    def full(self) -> bool:
        """Whether nobody else may be told for now."""
        return self.state == "asking" or self.told >= self.allowance


@dataclass(frozen=True, slots=True)
class Seen:
    """What was counted."""

    told: int
    waiting: int
    """At least: counting stops where it makes no difference."""

    @property
    def audience(self) -> int:
        """All who are, or would be, told."""
        return self.told + self.waiting


@dataclass(frozen=True, slots=True)
class Question:
    """What people are to agree to."""

    why: str
    needed: int


def begun(id_: str, seen: Seen, usual: int, limits: Limits) -> Wave | None:
    """Return the wave that begins now; None: it is a number as on other days.

    >>> begun("w", Seen(told=3, waiting=5), 4, Limits()), begun("w", Seen(told=3, waiting=90), 4, Limits()).allowance
    (None, 25)
    """
    free = at_first(usual, limits.blast_radius)
    if seen.audience <= free and not _asks(limits, seen, usual):
        return None
    return Wave(id_, "canary", usual, free, seen.audience, seen.told)


def at_first(usual: int, radius: BlastRadius) -> int:
    """Return how many are told before anybody looks: a share of the most, or as many as a busy hour tells.

    >>> at_first(0, BlastRadius(max=200, canary=0.05)), at_first(30, BlastRadius(max=200, canary=0.05))
    (10, 60)
    """
    return min(radius.max, max(math.ceil(radius.canary * radius.max), BUSY * usual))


def advanced(wave: Wave, seen: Seen, reactions: Reactions, limits: Limits, now: float) -> tuple[Wave, Question | None]:
    """Return where a wave stands at `now`, and what people are to be asked."""
    wave = replace(wave, audience=max(wave.audience, seen.audience), told=seen.told)
    if wave.state in ("asking", "refused", "expired"):
        return wave, None
    question = _question(wave, reactions, limits)
    if question is not None:
        return replace(wave, state="asking", why=question.why), question
    return _onward(wave, limits.blast_radius, now), None


def _question(wave: Wave, reactions: Reactions, limits: Limits) -> Question | None:
    against = objection(reactions, limits.blast_radius)
    if against and not wave.approved:
        return Question(f"{wave.told} were told, and {against}.", TWO)
    if wave.audience <= wave.approved:
        return None
    if wave.audience > limits.blast_radius.max:
        text = f"{wave.audience} would be told, and the most is {limits.blast_radius.max}"
        return Question(f"{text}; {wave.usual} in a busy hour so far.", TWO)
    if _asks(limits, Seen(wave.told, wave.audience - wave.told), wave.usual):
        assert limits.approve is not None
        return Question(f"{wave.audience} would be told, and a person must agree where {limits.approve.text}.", 1)
    return None


def _onward(wave: Wave, radius: BlastRadius, now: float) -> Wave:
    """Watch once the canary has been told, and go on once it was watched."""
    if wave.state == "canary" and wave.told >= wave.allowance:
        wave = replace(wave, state="watching", watched_from=now)
    if wave.watched_from is not None and wave.state == "watching":
        until = wave.watched_from + float(radius.watch)
        wave = replace(wave, until=until, why=f"The first {wave.allowance} are watched.")
        if now >= until:
            wave = replace(wave, state="going", why="")
    if wave.state == "going":
        wave = replace(wave, allowance=max(radius.max, wave.approved))
    return wave


def agreed(wave: Wave) -> Wave:
    """Return the wave after people agreed."""
    approved = math.ceil(MARGIN * wave.audience)
    return replace(wave, state="going", approved=approved, allowance=approved, why="")


def _asks(limits: Limits, seen: Seen, usual: int) -> bool:
    return limits.approve is not None and bool(limits.approve.value({"audience": seen.audience, "usual": usual}))
