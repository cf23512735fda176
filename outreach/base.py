"""What a channel is: a message in, a receipt out. What a ticket desk is: a draft in, a receipt out.

A channel never raises for what the other side says or for a failed connection: it returns a receipt whose outcome names
the reaction. It raises only for its own bugs and for a configuration it was never valid with.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal

Purpose = Literal["service", "marketing"]


class Outcome(StrEnum):
    """What became of one attempt to send."""

    ACCEPTED = "accepted"
    """The other side took it and answers for it from now on."""
    RETRY = "retry"
    """Surely not taken, and the same attempt may succeed later."""
    PERMANENT = "permanent"
    """Surely not taken, and it never will be."""
    UNKNOWN = "unknown"
    """The request left and no answer came: it may have been taken. Never simply sent again (C18): `Channel.find`."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of one attempt."""

    outcome: Outcome
    detail: str = ""
    """The other side's words, or ours: place, cause, remedy."""
    provider_id: str = ""
    """The id under which the other side knows it, e.g. a Twilio SID, a Message-ID."""
    code: str = ""
    """The other side's code: an SMTP reply, an HTTP status, a vendor's error number."""
    retry_after: float | None = None
    """Seconds the other side asked to wait."""
    suppress: bool = False
    """The address is dead or refuses us: nothing is sent to it again (C9, C14)."""


class Delivery(StrEnum):
    """What a provider tells later of a message it accepted. Ordered: a later one is never undone by an earlier one."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    BOUNCED = "bounced"
    FAILED = "failed"
    COMPLAINED = "complained"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Message:
    """One text for one person on one channel, ready to go."""

    id: str
    """The outbox id. The same for each attempt; ids at providers are derived from it."""
    to: str
    """An e-mail address, an E.164 number, a URL."""
    text: str
    subject: str = ""
    html: str = ""
    purpose: Purpose = "service"
    thread: str = ""
    """`provider_id` of the message this one answers or follows; empty for a first one."""
    also: tuple[str, ...] = ()
    """Of more that it follows: where the ends of several are told together, which were told of one by one."""
    unsubscribe_url: str = ""
    """The RFC 8058 address; empty where the purpose does not ask for one."""
    data: Mapping[str, object] = field(default_factory=dict)
    """What a machine on the other side reads (webhook): JSON values only."""
    locale: str = "en"
    """The language of the words, as BCP 47 has it: who speaks needs it."""
    content: str = ""
    """The provider's id of an approved template that says it (WhatsApp); empty where there is none."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What goes into that template."""
    session_until: float = 0.0
    """Until when the person may be written to freely, as they wrote to us (WhatsApp), epoch seconds."""
    topic: str = "message"
    """What a machine on the other side is told that it is: `forewarn.message` (webhook)."""
    secrets: tuple[str, ...] = ()
    """What it is signed with, where each reader has a secret of their own (webhook)."""
    choices: Mapping[str, str] = field(default_factory=dict)
    """What the person may answer by a key or a button: the key, and what it says."""


ADDRESSES = ("email", "phone", "url", "slack", "pagerduty", "entity")
"""The kinds of address there are; `entity` is the person or account itself, which reads what is kept for it."""


class Channel(ABC):
    """The base of every channel. One file with one subclass under `outreach/channels/`.

    The constructor is the config schema, as it is for detectors: keyword-only annotated parameters, ValueError with
    what is allowed. `address` names the kind of address the channel sends to.
    """

    kind: ClassVar[str]
    """The name in YAML: `type: email`."""
    address: ClassVar[str]
    """One of `ADDRESSES`."""
    plain: ClassVar[bool] = False
    """Whether it carries text only (SMS): no subject, no HTML."""
    spacing: ClassVar[float] = 0.0
    """Seconds that the provider wants between two messages to one address."""
    session: ClassVar[float] = 0.0
    """Seconds for which free words may be sent after the person wrote (WhatsApp); 0: at any time."""

    @abstractmethod
    def send(self, message: Message) -> Receipt:
        """Try once. Blocks at most for the channel's own time-out."""

    def send_all(self, messages: Iterable[Message]) -> Iterator[Receipt]:
        """Try each once, in order; a receipt is there as soon as it is known. Some channels are faster so.

        An error breaks the message whose receipt is due; no other has been sent whose receipt was not given.
        """
        return map(self.send, messages)

    def find(self, message: Message) -> Receipt | None:
        """Ask the provider whether `message` was taken, after an UNKNOWN. None: it cannot tell.

        ACCEPTED: it was; RETRY: surely it was not, so it may be sent; anything else stays UNKNOWN.
        """
        return None

    def recall(self, provider_id: str) -> Receipt:
        """Take a message back that the provider holds and has not sent yet. ACCEPTED: it will not be sent."""
        return Receipt(Outcome.PERMANENT, f"{self.kind} sends at once: {provider_id or 'nothing'} cannot be recalled")

    def check(self) -> str:
        """Return what is wrong with reaching the provider now, or an empty string; sends nothing."""
        return ""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket to be made: what an agent needs to act without asking."""

    id: str
    """The outbox id; the desk's external id, by which a second creation is recognised."""
    queue: str
    subject: str
    body: str
    severity: str
    account: str
    requester: str = ""
    """The e-mail address of the customer's contact person, if there is one."""
    tags: Sequence[str] = ()
    evidence: Mapping[str, object] = field(default_factory=dict)
    """JSON: value, expected, band, points, explanation."""
    picture: bytes = b""
    """The evidence as an SVG picture."""
    next_step: str = ""
    parent: str = ""
    """The desk's number of the incident's ticket that this one belongs to; empty where there is none."""


class Status(StrEnum):
    """Where a ticket stands, in the words of all desks."""

    OPEN = "open"
    PENDING = "pending"
    """Somebody waits: for the customer, a supplier, a date."""
    SOLVED = "solved"
    CLOSED = "closed"
    """For good: nothing can be added."""


@dataclass(frozen=True, slots=True)
class TicketState:
    """What agents made of a ticket."""

    ticket: str
    """The desk's number."""
    status: Status
    updated: float
    """When it last changed, epoch seconds."""
    verdict: str = ""
    """`true`, `false` or `unclear`, as an agent said by a field or a tag `forewarn-…`; empty: nothing yet."""
    assignee: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different about a ticket; what is None or empty stays."""

    status: Status | None = None
    severity: str | None = None
    tags: Sequence[str] = ()
    """Added to those there are."""


class TicketDesk(ABC):
    """The base of every ticket desk. One file with one subclass under `outreach/tickets/`.

    As channels, a desk never raises for what the other side says; `states` and `receive` have errors of their own.
    """

    kind: ClassVar[str]

    @abstractmethod
    def create(self, draft: Draft) -> Receipt:
        """Make the ticket, once for each `draft.id`; `provider_id` is the desk's number for it.

        A desk without an idempotency key looks for `draft.id` before it makes one.
        """

    @abstractmethod
    def annotate(self, ticket: str, note: str, picture: bytes = b"") -> Receipt:
        """Add an internal note, with the evidence as an SVG picture attached, to the ticket of that number."""

    @abstractmethod
    def link(self, ticket: str, parent: str) -> Receipt:
        """Make a ticket one of the incident's `parent`."""

    @abstractmethod
    def update(self, ticket: str, change: Change) -> Receipt:
        """Change a ticket."""

    @abstractmethod
    def states(self, since: float) -> "Sequence[TicketState] | Receipt":
        """Return our tickets that changed since that time (epoch seconds), oldest first, or why they can't be read."""

    def find(self, draft: Draft) -> Receipt | None:
        """Look a ticket up by `draft.id`, as `Channel.find`."""
        return None

    @abstractmethod
    def noted(self, ticket: str, words: str) -> Receipt:
        """Look for a note with these words after an UNKNOWN, as `find`: its reference (`outreach.drafts.reference`)."""

    def page(self, ticket: str) -> str:
        """Return the address at which an agent reads a ticket, or an empty string."""
        return ""

    def check(self) -> str:
        """Return what is wrong with reaching the desk now, or an empty string; makes nothing."""
        return ""

    def close(self) -> None:
        """Let go of connections."""
