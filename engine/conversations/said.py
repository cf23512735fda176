"""One thing a person said, with what is due on it: as events, and as turns of the thread."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.conversations import book
from engine.conversations.people import Correspondent
from engine.conversations.reactions import Reaction
from engine.events import make_event
from engine.events.reserved import PROSE
from engine.store.models import Issue, Turn
from outreach.replies import Meaning, Reading

if TYPE_CHECKING:
    from engine.conversations.listener import Heard

_CONSENT: Mapping[str, Mapping[str, str]] = {
    "stop": {"state": "withdrawn", "purpose": "*"},
    "may_stop": {"state": "suspended", "purpose": "*"},
    "start": {"state": "granted", "purpose": "service"},
}


@dataclass(frozen=True, slots=True)
class Said:
    """What was said."""

    heard: "Heard"
    people: tuple[Correspondent, ...]
    conversation: str
    reading: Reading
    reaction: Reaction
    answer: str
    issue: Issue | None
    now: float

    @property
    def person(self) -> Correspondent:
        """Who is meant."""
        return self.people[0]

    @property
    def meaning(self) -> Meaning:
        """What it asks for."""
        return self.reading.meaning

    def events(self) -> Iterator[bytes]:
        """Yield all that follows, as events: their ids derive from the provider's."""
        yield self._event("forewarn.reply", self.person.id, self._reply(), book.reply_id(self.heard.key))
        yield from self._consents()
        if self.reaction.hand_over:
            yield self._event("forewarn.contact", self.person.id, self._contact())
        if self.meaning is Meaning.NOT_MINE and self.issue is not None:
            yield self._event("forewarn.verdict", self.issue.subject, self._verdict(self.issue))

    def turns(self) -> Iterator[Turn]:
        """Yield what goes into the thread."""
        yield self._turn("in", self._text(), self.reaction.hand_over)
        if self.answer:
            yield self._turn("out", self.answer)

    def _turn(self, way: str, text: str, hand_over: str = "") -> Turn:
        heard = self.heard
        return Turn(
            id=book.turn_id(heard.source, book.reply_id(heard.key), way),
            conversation=self.conversation,
            at=self.now,
            way=way,
            channel=heard.kind,
            address=self.person.address,
            text=text,
            meaning=self.meaning,
            hand_over=hand_over,
        )

    def _consents(self) -> Iterator[bytes]:
        """Yield what it means for the ledger, of everyone who has the address (C2)."""
        found = "may_stop" if self.reading.may_stop else str(self.meaning)
        if found not in _CONSENT:
            return
        for each in self.people:
            data = {"address": each.address, "channel": self.heard.kind, "source": self.heard.source}
            said = {**data, "wording": self._text(), **_CONSENT[found]}
            yield self._event("forewarn.consent", each.id, said, f"{self.heard.key}:{each.id}:consent")

    def _reply(self) -> dict[str, object]:
        heard, later = self.heard, self.answer and self.heard.way == "later"
        given = {
            "channel": heard.kind,
            "meaning": self.meaning,
            "conversation": self.conversation,
            "text": self._text(),
            "address": self.person.address,
            "account": self.person.account,
            "issue": self.person.issue,
            "message": self.person.intent,
            "answer": self.answer,
            "via": heard.channel if later else "",
            "thread": heard.thread if later else "",
            "hand_over": self.reaction.hand_over,
            "number": heard.number,
            "others": [issue for issue, _, _ in self.person.others],
        }
        return {name: value for name, value in given.items() if value}

    def _contact(self) -> dict[str, object]:
        said = {"channel": self.heard.kind, "text": self._text()}
        return {**said, "address": self.person.address, "issue": self.person.issue}

    def _verdict(self, issue: Issue) -> dict[str, object]:
        """Return the customer's word as a verdict: they do not see it, which proves nothing."""
        about = {"issue": issue.id, "detector": issue.detector, "series": issue.series}
        note = f"{self.person.id} says that it is not about them, or that they noticed nothing"
        return {"verdict": "unclear", **about, "who": self.person.id, "note": note}

    def _text(self) -> str:
        """Return what was said, cut where an event holds no more: the rest must not lose an opt-out."""
        text = self.heard.text or self.heard.button
        return text if len(text) <= PROSE else text[: PROSE - 1] + "…"

    def _event(self, type_: str, subject: str, data: Mapping[str, object], id_: str = "") -> bytes:
        id_ = id_ or f"{self.heard.key}:{type_.rpartition('.')[2]}"
        return make_event(type_, subject, data, id=id_, source=self.heard.source, time=self.now)
