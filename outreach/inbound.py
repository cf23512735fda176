"""What comes back: what became of a message, what people answer or press, what agents do with a ticket.

A connector that is called back turns a request into these. It believes nothing that is not signed, as its vendor signs;
whoever takes the request over HTTP knows nothing of vendors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable
from urllib.parse import parse_qsl

from outreach.base import Delivery, TicketState


class ForgedError(Exception):
    """The request is not from whom it says, or from too long ago, or was here before. The text says what to check."""


class UnreadableError(ValueError):
    """The request is genuine and says nothing that can be read; the text names the field."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in."""

    url: str
    """As the other side knows it: our public address, path and query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    time: float
    """When it came, epoch seconds."""

    @property
    def form(self) -> Mapping[str, str]:
        """The body as a form; of repeated fields the last.

        >>> Request("https://x/", {}, b"From=%2B1555&Body=stop", 0.0).form["From"]
        '+1555'
        """
        pairs = parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=500)
        return dict(pairs)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The provider tells what became of a message."""

    provider_id: str
    state: Delivery
    code: str = ""
    """The provider's error number."""
    address: str = ""
    suppress: bool = False
    """The address is dead or refuses us."""
    raw: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replied:
    """A person wrote to us."""

    provider_id: str
    """The provider's id of what they wrote: the same when it is told again."""
    sender: str
    """Their address there."""
    text: str
    thread: str = ""
    """`provider_id` of the message of ours that it answers, if the provider says so."""
    button: str = ""
    """What they pressed instead of writing: a key of a telephone, the value of a button."""
    understood: Literal["", "stop", "start", "help"] = ""
    """What the provider already understood, and answered: an opt-out, its end, or a call for help."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Someone of ours said that they look after it."""

    thread: str
    """`provider_id` of the message they pressed a button on."""
    who: str
    action: str = "acknowledge"
    """`acknowledge` or `resolve`."""
    id: str = ""
    """The provider's id of it: the same when it is told again."""


@dataclass(frozen=True, slots=True)
class Ticketed:
    """A ticket is not as it was."""

    state: TicketState


@dataclass(frozen=True, slots=True)
class Unread:
    """Something came that cannot be read; it is kept for a person to look at."""

    why: str
    raw: bytes


Inbound = Delivered | Replied | Acknowledged | Ticketed | Unread


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request said, and what is answered."""

    told: Sequence[Inbound] = ()
    body: str = ""
    media_type: str = "text/plain"
    status: int = 200


@runtime_checkable
class CalledBack(Protocol):
    """A connector that its provider calls back."""

    kind: str
    vendor: str
    """Whose words these are: part of the source of the events that are made of them."""

    def receive(self, request: Request) -> Answer:
        """Return what a request says. Raises ForgedError if it is not the provider's, UnreadableError if no use."""

    def reply(self, text: str, locale: str = "en") -> Answer | None:
        """Return the answer that brings `text`, in the language `locale`, to who wrote; None: none is carried back."""


@runtime_checkable
class Polled(CalledBack, Protocol):
    """A connector that looks itself for what came back."""

    def poll(self, take: Callable[[Inbound], None]) -> int:
        """Hand on what came since; returns how many were read. What `take` raises passes through, and comes again.

        Raises OSError where nothing can be read now.
        """
