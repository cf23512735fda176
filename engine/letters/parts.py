"""What a letter is made of and where it goes: the world outside, a message with its channel, what an intent keeps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.policy.facts import ChannelFacts
from engine.store.models import Intent
from engine.wording import Speaker
from outreach.base import Channel, Message, Receipt, TicketDesk
from outreach.forms import Laid
from outreach.render import Templates


@dataclass(frozen=True, slots=True)
class Outside:
    """The parts that speak to the world."""

    channels: Mapping[str, Channel]
    desks: Mapping[str, TicketDesk]
    templates: Templates
    speaker: Speaker

    @property
    def facts(self) -> dict[str, ChannelFacts]:
        """What decisions know of the channels."""
        return {name: ChannelFacts(each.kind, each.address, each.session) for name, each in self.channels.items()}


class Posted(NamedTuple):
    """A message, and the channel it goes by."""

    channel: Channel
    message: Message

    def send(self) -> Receipt:
        """Try once."""
        return self.channel.send(self.message)


class Letter(NamedTuple):
    """Something ready to go."""

    send: Callable[[], Receipt]
    columns: Mapping[str, Any]
    """What the intent keeps of it: channel, address, and in the payload the text as it goes out."""
    posted: Posted | None = None
    """The message, where it is one: several may go at once (`Channel.send_all`)."""
    laid: Laid | None = None
    """Its HTML, where `columns` keep only what is its own (`engine.store.pages`)."""

    @property
    def html(self) -> str:
        """Its HTML; empty: it has none."""
        return self.posted.message.html if self.posted else ""

    @classmethod
    def of(cls, channel: Channel, message: Message, columns: Mapping[str, Any], laid: Laid | None = None) -> "Letter":
        """Return a message ready to go."""
        posted = Posted(channel, message)
        return cls(posted.send, columns, posted, laid)


class Addressed(NamedTuple):
    """An intent that is about to be written, with the address it goes to."""

    id: str
    kind: str
    playbook: str
    occasion: str
    thread: str
    address: str
    payload: Mapping[str, Any]

    @classmethod
    def of(cls, intent: Intent, address: str, payload: Mapping[str, Any]) -> "Addressed":
        """Return an intent with another address and payload."""
        return cls(intent.id, intent.kind, intent.playbook, intent.occasion, intent.thread, address, payload)


class Form(NamedTuple):
    """Which words, and how they travel."""

    channel: str
    template: str
    locale: str
    session_until: float = 0.0
    """Until when free words may be sent, on a channel that asks for a session."""
