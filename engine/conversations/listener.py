"""Hears what people answer: understands it, writes it down as events, and returns what is said back at once.

The events are durable before the thread is committed and before anything is said. What is told again, because a
provider repeats itself or a button was pressed twice, gets the same answer and changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import structlog
from sqlmodel import Session

from engine.clock import Clock
from engine.config.model import Config
from engine.conversations import book
from engine.conversations.answers import Answers, templates_of
from engine.conversations.people import Correspondent
from engine.conversations.reactions import MOST, Reaction, react, silenced, unclear
from engine.conversations.said import Said
from engine.errors import InvalidEvent
from engine.intake import Intake
from engine.links import Links
from engine.policy.consent import Standing
from engine.store.database import Database
from engine.store.models import Issue, Turn
from outreach.replies import Meaning, Reading

log = structlog.get_logger()
Way = Literal["at once", "later", "none"]
"""How an answer gets back: with the response to the provider's request, as a message of its own, or not at all."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Something a person said."""

    source: str
    """Of the events."""
    key: str
    """The provider's id of it: the same when it is told again."""
    kind: str
    """Of the channel; `page` for a button of ours."""
    who: Callable[[Session], list[Correspondent]]
    """All who are known by the address; the first is who is meant."""
    text: str = ""
    button: str = ""
    understood: Literal["", "stop", "start", "help"] = ""
    """What the provider understood, and answered."""
    way: Way = "none"
    channel: str = ""
    """Name of the channel that carries an answer later."""
    thread: str = ""
    """What such an answer follows there."""
    vouched: Callable[[Session], bool] = lambda _: True
    """Whether they are who they say they are. An opt-out is taken from anyone; its end is not."""
    number: str = ""
    """Which number is to be called, where they said one."""


class Spoken(NamedTuple):
    """What is said back at once."""

    text: str = ""
    locale: str = ""


_ENDED = (Standing.WITHDRAWN, Standing.OBJECTED)


@dataclass(frozen=True, slots=True)
class Listener:
    """Hears under one configuration. Safe to use from several threads."""

    config: Config
    database: Database
    intake: Intake
    links: Links
    clock: Clock

    def hear(self, heard: Heard) -> Spoken:
        """Take what was said; return what is said back at once, if anything.

        Raises Retryable if it cannot be kept now, InvalidEvent if it never can.
        """
        now = self.clock.time()
        with self.database.transaction() as session:
            if _turn(session, heard, "in") is not None:
                return self._again(session, heard)
            said = self._said(session, heard, now)
            if said is None:
                return Spoken()
            self._publish(said)
            for turn in said.turns():
                session.merge(turn)
        return Spoken(said.answer, self._locale(said.person)) if heard.way == "at once" else Spoken()

    def _again(self, session: Session, heard: Heard) -> Spoken:
        answer = _turn(session, heard, "out")
        if answer is None or heard.way != "at once":
            return Spoken()
        return Spoken(answer.text, self._locale(heard.who(session)[0]))

    def _locale(self, person: Correspondent) -> str:
        return person.locale or self.config.main.locale

    def _said(self, session: Session, heard: Heard, now: float) -> Said | None:
        """Return what was said and what is due; None for one word of a flood."""
        people = heard.who(session)
        person = people[0]
        conversation = book.conversation(session, person, heard.key, now)
        state = book.state(session, conversation, person, now)
        reading = self._reading(heard, person)
        if reading.meaning is Meaning.START and not heard.vouched(session):
            reading = Reading(Meaning.OTHER)
        if state.lately > MOST and self._is_noise(session, heard, person, reading):
            log.warning("more answers than are read", conversation=conversation.id, source=heard.source, key=heard.key)
            return None
        reaction = react(reading, state, self.config.policy.conversations.turns)
        answer, reaction = self._answer(session, heard, person, reading, reaction, now)
        if unclear(reaction):
            reading = Reading(Meaning.OTHER)  # it says nothing of any of them
        issue = session.get(Issue, person.issue) if person.issue else None
        return Said(heard, tuple(people), conversation.id, reading, reaction, answer, issue, now)

    def _is_noise(self, session: Session, heard: Heard, person: Correspondent, reading: Reading) -> bool:
        """Return whether a word of a flood is passed over: all are but what asks for an end that has not come (C2)."""
        if reading.meaning is not Meaning.STOP and not reading.may_stop:
            return True
        answers = Answers(self.config, templates_of(self.config), self.links)
        known = answers.standing(session, person, heard.kind)
        return known in _ENDED or (reading.meaning is not Meaning.STOP and known is Standing.SUSPENDED)

    def _reading(self, heard: Heard, person: Correspondent) -> Reading:
        if heard.understood:
            return Reading(Meaning(heard.understood))
        grammar = templates_of(self.config).grammar
        return grammar.read(heard.text, self._locale(person), heard.button)

    def _answer(
        self, session: Session, heard: Heard, person: Correspondent, reading: Reading, due: Reaction, now: float
    ) -> tuple[str, Reaction]:
        """Return the words of what is due, and what is due if they cannot be had."""
        if not due.answer or heard.understood or heard.kind == "page":
            return "", due
        answers = Answers(self.config, templates_of(self.config), self.links)
        if self._may(session, answers, heard, person, reading.meaning):
            text = answers.words(session, due.answer, heard.kind, person, heard.number or person.address, now)
            if text:
                return text, due
        return "", silenced(reading.meaning, due)

    def _may(self, session: Session, answers: Answers, heard: Heard, person: Correspondent, meaning: Meaning) -> bool:
        """Return whether an answer may be given: the confirmation of an opt-out only at once (C3)."""
        if meaning is Meaning.STOP:
            return heard.way == "at once"
        if heard.way == "none" or (heard.way == "later" and not person.intent):
            return False
        return meaning is Meaning.START or answers.allowed(session, person, heard.kind)

    def _publish(self, said: Said) -> None:
        done = self.intake.accept(b"\n".join(said.events()), "web")
        if done.rejects:
            first = done.rejects[0]
            raise InvalidEvent(f"{first.reason}: {first.detail}", remedy="it is a dead letter")


def _turn(session: Session, heard: Heard, way: str) -> Turn | None:
    return session.get(Turn, book.turn_id(heard.source, book.reply_id(heard.key), way))
