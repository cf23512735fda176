"""The event types that carry what the engine itself needs: `forewarn.*`. Their fields are the keys of `data`.

Everything here is in the log like any telemetry, so a replay knows at every moment who was who, what they had consented
to and what became of each message.
"""

import re
from functools import cache
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import available_timezones

import msgspec
from msgspec import Meta, Struct

Scalar = str | int | float | bool | None
Text = Annotated[str, Meta(min_length=1)]
Name = Annotated[str, Meta(max_length=300)]
Word = Annotated[str, Meta(max_length=100)]
Words = Annotated[list[Word], Meta(max_length=100)]
PROSE = 20_000
"""Characters of what people wrote, in an event."""
Prose = Annotated[str, Meta(max_length=PROSE)]
PREFIX = "forewarn."
EVERYONE = "fleet"
"""The subject of what concerns everyone; such an event goes to every partition."""
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}")


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone_problem(zone: str) -> str:
    if zone and zone not in _zones():
        return f"data.zone: no IANA time zone is called {zone!r:.80}, write one as in 'Europe/Vienna'"
    return ""


class Control(Struct, kw_only=True, frozen=True):
    """A reserved event. `id`, `source` and `subject` are the envelope's."""

    type: ClassVar[str]
    renamed: ClassVar[dict[str, str]] = {}
    """Fields whose key in `data` is another word, because the envelope has one of that name."""
    id: str
    source: str
    subject: str
    time: float
    """Epoch seconds; the time of arrival if the event gave none."""
    line: int
    """Its position in the batch it came in."""

    def problem(self) -> str:
        """Return what is wrong with it beyond what types can say, as ``place: cause``; empty if nothing is."""
        return ""


class Address(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a person can be reached."""

    kind: Literal["email", "phone", "url", "slack", "pagerduty"]
    value: Annotated[str, Meta(min_length=1, max_length=2048)]


class EntityEvent(Control, kw_only=True, frozen=True):
    """What is known of an account (`account/…`), a person (`contact/…`) or an asset (any other subject).

    It replaces all that was known before.
    """

    type = "forewarn.entity"
    parent: str | None = None
    """The subject it belongs to."""
    name: Name = ""
    locale: Word = ""
    zone: Word = ""
    """IANA zone, e.g. `Europe/Vienna`."""
    country: Word = ""
    region: Word = ""
    roles: Words = []
    prefers: Words = []
    """Channels, the preferred first."""
    addresses: Annotated[list[Address], Meta(max_length=100)] = []
    attributes: Annotated[dict[str, Scalar], Meta(max_length=100)] = {}
    deleted: bool = False

    def problem(self) -> str:
        """Return whether the zone is unknown."""
        return _zone_problem(self.zone)


class ConsentEvent(Control, kw_only=True, frozen=True):
    """A person allowed contact, or took that back."""

    type = "forewarn.consent"
    renamed = {"given_in": "source"}
    state: Literal["granted", "withdrawn", "suspended", "objected"]
    address: str = ""
    """Empty: all of the person's."""
    channel: str = "*"
    purpose: str = "service"
    written: bool = False
    given_in: Name = ""
    """`data.source`: where the person said so, e.g. a form."""
    wording: Prose = ""


class PreferenceEvent(Control, kw_only=True, frozen=True):
    """A person said how they want to be told. Their own word outranks what `forewarn.entity` says of them.

    It replaces all they said before; what is empty is as the entity has it.
    """

    type = "forewarn.preference"
    prefers: Annotated[list[Word], Meta(max_length=20)] = []
    """Channels, the preferred first."""
    locale: Word = ""
    zone: Word = ""

    def problem(self) -> str:
        """Return whether the zone is unknown."""
        return _zone_problem(self.zone)


class ContactEvent(Control, kw_only=True, frozen=True):
    """A customer reached us."""

    type = "forewarn.contact"
    channel: Text
    text: Prose = ""
    address: str = ""
    issue: str = ""


class ReplyEvent(Control, kw_only=True, frozen=True):
    """A person answered a message of ours, or pressed a button on its page. What is for a person is a contact too."""

    type = "forewarn.reply"
    channel: Text
    """Kind of the channel, or `page`."""
    meaning: Text
    """As `outreach.replies.Meaning` has it."""
    conversation: Text
    text: Prose = ""
    address: str = ""
    account: str = ""
    issue: str = ""
    message: str = ""
    """The intent of the message that was answered."""
    answer: str = ""
    """What was answered without a person."""
    via: str = ""
    """Name of the channel that is to carry the answer; empty: it went back at once."""
    thread: str = ""
    """What the answer follows there."""
    hand_over: str = ""
    """Why a person takes over; empty: none has to."""
    number: str = ""
    """Which number is to be called."""
    others: list[str] = []
    """The other open issues that the same message told of: which of them is meant is not known."""


class OutcomeEvent(Control, kw_only=True, frozen=True):
    """Something that counts in the end: a failure, a churn, a renewal, a purchase."""

    type = "forewarn.outcome"
    what: Text
    value: float | None = None


class VerdictEvent(Control, kw_only=True, frozen=True):
    """What an agent found out about a signal."""

    type = "forewarn.verdict"
    verdict: Literal["true", "false", "unclear", "missed"]
    detector: str
    series: str
    issue: str = ""
    who: str = ""
    note: str = ""


class DeliveryEvent(Control, kw_only=True, frozen=True):
    """What a provider says became of a message."""

    type = "forewarn.delivery"
    state: Text
    intent: str = ""
    provider_id: str = ""
    channel: str = ""
    code: str = ""
    detail: str = ""
    address: str = ""
    raw: dict[str, Any] = {}

    def problem(self) -> str:
        """Return whether it does not say which message it is about."""
        return "" if self.intent or self.provider_id else "data: intent or provider_id must name a message"


class TicketEvent(Control, kw_only=True, frozen=True):
    """How a ticket of ours stands at a vendor's desk; the subject is the issue's."""

    type = "forewarn.ticket"
    desk: Text
    """Its name in desks.yaml."""
    ticket: Text
    """The desk's number."""
    status: Literal["open", "pending", "solved", "closed"]
    updated: float
    """When it last changed by the desk's clock, epoch seconds: what is older than what is known changes nothing."""
    assignee: str = ""
    verdict: Literal["", "true", "false", "unclear"] = ""
    intent: str = ""
    """What made it: where only the log is left, this and the issue say whose ticket it is."""
    issue: str = ""
    url: str = ""

    def problem(self) -> str:
        """Return whether the address is none that a page may link to."""
        safe = not self.url or self.url.startswith(("https://", "http://"))
        return "" if safe else "data.url: an address begins with https://"


class ActionEvent(Control, kw_only=True, frozen=True):
    """What an operator or agent did."""

    type = "forewarn.action"
    what: Literal["acknowledge", "resolve", "dismiss", "note", "silence", "unsilence"]
    who: Text
    issue: str = ""
    note: str = ""
    matcher: dict[str, str] = {}
    starts_at: float | None = None
    ends_at: float | None = None
    recurring: dict[str, Any] = {}
    silence: str = ""


PRIVACY, ERASED = "forewarn/privacy", "erased"
"""Who writes that somebody was erased, and how it is called."""


class ChangeEvent(Control, kw_only=True, frozen=True):
    """What was changed on purpose: a release, a migration, another plan. The subject `fleet` stands for everyone."""

    type = "forewarn.change"
    what: Text
    lasts: Annotated[float, Meta(gt=0, le=366 * 86400.0)] | None = None
    """Seconds for which it is felt; None: as long as the calendar says that names it."""
    detectors: list[str] = []
    """Names or globs: which detectors it concerns; none: all."""
    reset: bool = False
    """Whether what these have learned of the subject is worth nothing any more."""
    who: str = ""
    note: str = ""

    @property
    def erases(self) -> bool:
        """Whether it says that all that is kept of the subject was erased (C11): nothing may know them any more."""
        return self.source == PRIVACY and self.what == ERASED


class ModelEvent(Control, kw_only=True, frozen=True):
    """Keep what a detector has learned so far, or take it back to what was kept. The subject is `fleet`."""

    type = "forewarn.model"
    what: Literal["keep", "revert"]
    detectors: list[str] = []
    """Names or globs; none: all."""
    version: Text
    """Under which name it is kept."""
    who: str = ""
    note: str = ""

    def problem(self) -> str:
        """Return whether the subject is not the fleet, or the version no name for a file."""
        if self.subject != EVERYONE:
            return f"subject: models are everyone's, write {EVERYONE!r}"
        return "" if _VERSION.fullmatch(self.version) else "data.version: use letters, digits, - and . only, at most 64"


class GoodwillEvent(Control, kw_only=True, frozen=True):
    """An agent granted a remedy to the account that is the subject; written by the engine itself."""

    type = "forewarn.goodwill"
    remedy: Text
    amount: Annotated[int, Meta(ge=0)]
    """In the smallest unit of the currency."""
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    who: Text
    issue: str = ""
    why: str = ""


class TickEvent(Control, kw_only=True, frozen=True):
    """Time passed, though nothing may have happened. Written by the engine itself; the subject is `engine/…`."""

    type = "forewarn.tick"

    def problem(self) -> str:
        """Return whether the subject is not the engine."""
        return "" if self.subject.startswith("engine/") else "subject: a tick's subject begins with 'engine/'"


class CohortEvent(Control, kw_only=True, frozen=True):
    """Where cohorts were over all partitions. Written by the engine itself; the subject is `engine/…`."""

    type = "forewarn.cohort"
    detector: Text
    cohorts: list[tuple[str, float, float | None, float | None, int, int]]
    """Of each its key, the window's start, centre and spread (none where nobody is seen), members seen, and young."""

    def problem(self) -> str:
        """Return whether the subject is not the engine."""
        return "" if self.subject.startswith("engine/") else "subject: a cohort's subject begins with 'engine/'"


RESERVED: tuple[type[Control], ...] = (
    EntityEvent,
    ConsentEvent,
    PreferenceEvent,
    ContactEvent,
    ReplyEvent,
    OutcomeEvent,
    VerdictEvent,
    DeliveryEvent,
    TicketEvent,
    ActionEvent,
    ChangeEvent,
    ModelEvent,
    GoodwillEvent,
    TickEvent,
    CohortEvent,
)
ENVELOPE = {field.name for field in msgspec.structs.fields(Control)}


def data_struct(event: type[Control]) -> type[Struct]:
    """Return the type of `data` of a reserved event: its fields that are not the envelope's, and no others."""
    fields = [field for field in msgspec.structs.fields(event) if field.name not in ENVELOPE]
    return msgspec.defstruct(
        f"{event.__name__}Data",
        [(field.name, field.type, _default(field)) for field in fields],
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
        rename=event.renamed,
    )


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return msgspec.field(default=field.default)
