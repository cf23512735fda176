"""What is due on an answer: pure functions of what was understood and of how far the conversation has come.

- A plain request is answered by a fixed text: at most `turns` times in a conversation. What comes then is a person's.
- Broken, call me, distress and anything not understood are a person's at once, and the one text says so.
- Once a person has it, no text is sent but the confirmation of an opt-out, which is sent once (C3).
- What was told together in one message is answered together: a bare "fixed" is asked once which of them it means, and
  then it is a person's. If the message told of several ends, "fixed" agrees with all of them.
- "Fixed" ends nothing by itself: an issue ends when its detector sees nothing any more, or an operator says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from outreach.replies import Meaning, Reading

MOST = 30
"""Answers of one conversation that are read within an hour: more are a flood, of which a person is told once."""

Why = Literal[
    "",
    "call",
    "broken",
    "broken_again",
    "distress",
    "may_stop",
    "unclear",
    "which",
    "turns",
    "unanswerable",
    "goes_on",
    "flood",
]
"""Why a person takes over."""

_ANSWERS: Mapping[Meaning, str] = {
    Meaning.STOP: "stopped",
    Meaning.START: "started",
    Meaning.FIXED: "fixed",
    Meaning.BROKEN: "broken",
    Meaning.CALL: "call",
    Meaning.HELP: "help",
    Meaning.NOT_MINE: "not_mine",
    Meaning.DISTRESS: "distress",
    Meaning.OTHER: "person",
}
"""Names of templates below `_replies`."""
_PERSONS: Mapping[Meaning, Why] = {
    Meaning.BROKEN: "broken",
    Meaning.CALL: "call",
    Meaning.DISTRESS: "distress",
    Meaning.OTHER: "unclear",
}
_OF_ONE = frozenset({Meaning.FIXED, Meaning.NOT_MINE})
"""What says something of one thing; of several it does not say of which."""
WHICH = "which"
"""The answer that asks."""
_NEEDS_ANSWER = frozenset({Meaning.HELP, Meaning.NOT_MINE, Meaning.START})
"""What cannot just be noted."""


@dataclass(frozen=True, slots=True)
class State:
    """How far a conversation has come."""

    answers: int = 0
    """Texts sent without a person."""
    with_person: bool = False
    lately: int = 0
    """Answers of theirs within the last hour."""
    confirmed: bool = False
    """Whether their opt-out was confirmed, and not taken back since."""
    closed: bool = False
    """Whether we last told them that it was over."""
    several: bool = False
    """Whether what is answered told of several things that are still open, or of several ends."""
    asked: bool = False
    """Whether they were asked which of several they mean."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What is due."""

    answer: str = ""
    """Name of the template that answers; empty: nothing is said."""
    hand_over: Why = ""


def react(reading: Reading, state: State, turns: int) -> Reaction:
    """Return what is due on `reading`.

    >>> react(Reading(Meaning.HELP), State(answers=1), 2), react(Reading(Meaning.HELP), State(answers=2), 2)
    (Reaction(answer='help', hand_over=''), Reaction(answer='', hand_over='turns'))
    """
    meaning = reading.meaning
    if meaning is Meaning.STOP:
        return Reaction("" if state.confirmed else _ANSWERS[meaning])
    if state.lately >= MOST:
        return Reaction(hand_over="flood")
    if reading.may_stop:
        return Reaction(hand_over="distress" if meaning is Meaning.DISTRESS else "may_stop")
    if meaning is Meaning.THANKS:
        return Reaction()
    if state.several and meaning in _OF_ONE and not (state.closed and meaning is Meaning.FIXED):
        return _which(state, turns)
    return _answered(meaning, state, turns)


def silenced(meaning: Meaning, reaction: Reaction) -> Reaction:
    """Return what is due where the answer cannot be given: no consent, no words, no way."""
    needs: Why = "which" if unclear(reaction) else "unanswerable" if meaning in _NEEDS_ANSWER else ""
    return Reaction(hand_over=reaction.hand_over or needs)


def unclear(reaction: Reaction) -> bool:
    """Return whether it is not known which of several things was meant."""
    return WHICH in (reaction.answer, reaction.hand_over)


def _which(state: State, turns: int) -> Reaction:
    if state.with_person:
        return Reaction(hand_over="which")
    if state.asked or state.answers >= turns:
        return Reaction(_ANSWERS[Meaning.OTHER] if state.answers < turns else "", "which")
    return Reaction(WHICH)


def _answered(meaning: Meaning, state: State, turns: int) -> Reaction:
    why: Why = _PERSONS.get(meaning, "")
    if why == "broken" and state.closed:
        why = "broken_again"
    if state.with_person:
        return Reaction(hand_over=why or ("goes_on" if meaning in _NEEDS_ANSWER else ""))
    if state.answers >= turns:
        return Reaction(hand_over=why or "turns")
    return Reaction(_ANSWERS[meaning], why)
