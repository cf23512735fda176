"""What is told together: the words of several messages to one person as one message.

Each has its own template's words for that (`digest.txt.j2`); the template `_common/digest`, or `_common/ends`, says
around them what is said once: how to check that it is genuine, why this person gets it, and how to stop it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog
from sqlmodel import Session

from engine import offers
from engine.config.model import Config
from engine.letters import Addressed, Letter, Outside, Writer
from engine.policy.decision import Decision
from engine.policy.gather import Gathered
from engine.policy.together import FRAMES
from engine.store import pages
from engine.store.digests import alone, mark
from engine.store.models import Intent
from engine.store.outbox import Status
from outreach.base import Channel, Message
from outreach.render import Rendered, TemplateError
from outreach.segments import segments

log = structlog.get_logger()


class Told(NamedTuple):
    """A message that was decided to be sent, and all that is known about it."""

    intent: Intent
    known: Gathered
    decision: Decision


@dataclass(frozen=True, slots=True)
class Item:
    """What one of several says."""

    told: Told
    intent: Addressed
    """With the address, and what it offers."""
    words: Mapping[str, Any]
    said: Rendered

    def data(self) -> dict[str, str]:
        """Return it as the template around it reads it."""
        lines = (line.strip() for line in self.said.text.splitlines())
        text = "\n".join(line for line in lines if line)
        return {"headline": self.said.subject, "text": text, "link": self.words["links"]["page"]}


@dataclass(frozen=True, slots=True)
class Digest:
    """Several messages as one."""

    told: Sequence[Told]
    """Those it tells of; the message is named after the first."""
    letter: Letter
    columns: Mapping[str, Mapping[str, Any]]
    """What each intent keeps of it, by id."""


class Digester:
    """Writes digests under one configuration."""

    def __init__(self, config: Config, outside: Outside, writer: Writer) -> None:
        self._segments = config.main.sms_segments
        self._outside = outside
        self._writer = writer

    def write(self, session: Session, told: Sequence[Told], now: float) -> Digest | None:
        """Return the first of `told` with as many of the others as one message holds; None: it goes by itself.

        What has no words that can be filled in goes by itself too, and fails or not as it would have.
        """
        items = [item for each in told if (item := self._item(session, each, now)) is not None]
        found = self._fitting(items, now) if items and items[0].told is told[0] else None
        kept = {each.intent.id for each in found.told} if found else set()
        for item in items:
            if item.intent.id not in kept:
                offers.settle(session, item.told.intent, Status.PENDING)
        return found

    def _item(self, session: Session, told: Told, now: float) -> Item | None:
        try:
            intent, words = self._writer.worded(session, told.intent, told.known, told.decision, now)
            locale = told.known.person.locale if told.known.person else ""
            said = self._outside.templates.render(told.known.facts.step.template, "digest", locale, words)
        except TemplateError as error:
            log.warning("template failed", intent=told.intent.id, error=str(error))
            return None
        return Item(told, intent, words, said)

    def _fitting(self, items: Sequence[Item], now: float) -> Digest | None:
        channel = self._outside.channels[items[0].told.decision.channel]
        for count in range(len(items), 1, -1):
            try:
                text = self._text(channel, items[:count], now)
            except TemplateError as error:
                log.warning("template failed", template=FRAMES[items[0].intent.occasion], error=str(error))
                return None
            if not channel.plain or segments(text.text.strip()).messages <= self._segments:
                return self._digest(channel, items[:count], text)
        return None

    def _text(self, channel: Channel, items: Sequence[Item], now: float) -> Rendered:
        first = items[0].words
        links = {f"page_{n}": item.words["links"]["page"] for n, item in enumerate(items, 1)}
        links |= {f"article_{n}": each["url"] for n, item in enumerate(items, 1) if (each := item.words.get("article"))}
        told = ("sender", "customer", "person", "next_update_at")
        words = {
            **{name: first[name] for name in told},
            "now": now,
            "links": {**first["links"], **links},
            "items": [item.data() for item in items],
        }
        person = items[0].told.known.person
        kind = "sms" if channel.plain else "email"
        frame = FRAMES[items[0].intent.occasion]
        return self._outside.templates.render(frame, kind, person.locale if person else "", words)

    def _digest(self, channel: Channel, items: Sequence[Item], text: Rendered) -> Digest:
        first = items[0]
        message = Message(
            id=first.intent.id,
            to=first.intent.address,
            text=text.text,
            subject="" if channel.plain else text.subject,
            html="" if channel.plain else text.html,
            thread=first.intent.thread,
            also=_also(items),
            session_until=self._writer.session_until(first.told.known, first.told.decision),
            unsubscribe_url=first.words["links"].get("unsubscribe", ""),
            data={"issues": [item.words["issue"] for item in items], "occasion": first.intent.occasion},
            locale=text.locale,
        )
        ids = [each.intent.id for each in items]
        said = {"subject": message.subject, "text": message.text, "locale": text.locale}
        said |= {} if channel.plain else pages.said(text)
        columns = {item.intent.id: _columns(item, message.to, said, ids) for item in items}
        letter = Letter.of(channel, message, columns[first.intent.id], None if channel.plain else text.laid)
        return Digest([item.told for item in items], letter, columns)


def _also(items: Sequence[Item]) -> tuple[str, ...]:
    """Return the threads of the others."""
    threads = dict.fromkeys(item.intent.thread for item in items if item.intent.thread)
    return tuple(each for each in threads if each != items[0].intent.thread)


def _columns(item: Item, to: str, said: Mapping[str, Any], ids: Sequence[str]) -> Mapping[str, Any]:
    payload = mark({**alone(item.intent.payload), **said}, ids, item.said.subject)
    return {"channel": item.told.decision.channel, "address": to, "payload": payload}
