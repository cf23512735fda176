"""What a decision is taken from, and what it is: plain values, stored and read again by `forewarn explain`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import msgspec

from engine.config.model import Hours, Limits, Per, PolicyConfig
from engine.entities import Person
from engine.playbooks import Occasion, Told
from engine.policy.caps import Sent
from engine.policy.choice import Belief
from engine.policy.consent import Entry, Scope
from engine.policy.stops import Halt
from engine.policy.worth import Worth
from engine.waves.wave import Wave

WRITTEN = ("message", "status")
"""The kinds of what goes to people outside, by a channel that is chosen for them."""
Verdict = Literal["send", "hold", "skip"]


class Reason(StrEnum):
    """Why a decision is what it is. Each has a sentence for people, `Reason.sentence`."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> "Reason":
        """Make a member that is its name in the store and knows its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    ALLOWED = "allowed", "No rule stands against it."
    NO_RECIPIENT = "no_recipient", "Nobody of this account is in the audience, or the person is gone."
    OBJECTED = "objected", "The person objected to being contacted (C11)."
    OPTED_OUT = "opted_out", "The person opted out (C2, C4)."
    SUSPENDED = "suspended", "The person may have opted out, and somebody has yet to read what they wrote (C2)."
    NO_CONSENT = "no_consent", "No consent is stored that this channel or purpose needs (C1)."
    NOT_WRITTEN = "not_written", "Marketing needs written consent, and what is stored was not written (C1)."
    SUPPRESSED = "suppressed", "The address is dead, or refuses us (C9, C14)."
    NO_ADDRESS = "no_address", "The person has no address on any channel of the step."
    UNFIT = "unfit", "The address is none that people may be written to at."
    NO_SESSION = "no_session", "Outside of 24 hours after the person wrote, only an approved template may go (C12)."
    MOOT = "moot", "What it would say is no longer so."
    SUPERSEDED = "superseded", "It is about an earlier episode of the issue."
    ACKNOWLEDGED = "acknowledged", "Somebody acknowledged the issue, and the step asks for nobody having done so."
    NOT_TOLD = "not_told", "The person was never told of the issue, or has heard its end already (C16)."
    ALREADY_TOLD = "already_told", "The person was told of this issue and has not heard its end yet."
    FLAPPING = "flapping", "The issue comes and goes: it is told of once it is calm, not each time."
    SILENCED = "silenced", "A silence covers the issue."
    INHIBITED = "inhibited", "Another issue that explains this one is active."
    OPEN_TICKET = "open_ticket", "There is an open ticket on the same matter: it is annotated instead (C17)."
    CONVERSATION = "conversation", "The customer is talking to us about it right now (C17)."
    QUIET_HOURS = "quiet_hours", "It is not an hour at which this person may be contacted (C5)."
    NO_HOURS = "no_hours", "There is no hour at which this person may be contacted (C5)."
    CAPPED = "capped", "The person has had as many messages as the policy allows (C15)."
    NEVER = "never", "A cap of none forbids it (C15)."
    PER_CUSTOMER = "per_customer", "The person has had as many messages as the playbook allows (C15)."
    HELD_OUT = "held_out", "It is one of the few that nobody is told of, to measure what telling is worth."
    NOT_WORTH = "not_worth", "Telling would cost more than it saves."
    REFUSED = "refused", "People were asked whether so many are to be told, and refused."
    UNANSWERED = "unanswered", "People were asked whether so many are to be told, and nobody agreed in time."
    AWAITING_APPROVAL = "awaiting_approval", "So many are to be told that people must agree first."
    BLAST_RADIUS = "blast_radius", "More are to be told than on other days: others wait while the first are watched."
    PART_OF_INCIDENT = "part_of_incident", "The issue is one of many with one cause, for which there is one ticket."
    TOLD_OF_INCIDENT = "told_of_incident", "The person was told of another issue with the same cause already."
    STOPPED = "stopped", "Somebody threw the kill switch: it waits until that is taken back."
    AWAITING_TICKET = "awaiting_ticket", "A person is to deal with it, and the ticket is not made yet."
    RATE_LIMITED = "rate_limited", "The provider takes only so many at a time: it waits for its turn."
    PACED = "paced", "More would call than those on duty can talk to: it waits for its turn."
    UNREACHABLE = "unreachable", "The provider does not answer: it waits, or goes another way."
    UNDELIVERABLE = "undeliverable", "It was tried, and did not arrive."
    NOT_SUBSCRIBED = (
        "not_subscribed",
        "Nobody is subscribed with this address, or not to this, or it was not confirmed.",
    )
    OUTDATED = "outdated", "A later word about the same says more."
    GATHERING = "gathering", "It waits a little for what else there is to tell this person."
    AWAITING_OPENING = "awaiting_opening", "The message it follows is still on its way."


@dataclass(frozen=True, slots=True)
class IssueFacts:
    """The issue as it is now."""

    id: str
    status: str
    severity: str
    episode: int
    flapping: bool = False
    opened_at: float = 0.0


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What was planned: the playbook's step, in the episode it was planned in."""

    playbook: str
    episode: int
    purpose: str = "service"
    channels: tuple[str, ...] = ("preferred",)
    emergency: str = ""
    """Name of the approver of an emergency class (C6)."""
    unless: str | None = None
    template: str = ""
    experiment: str = ""
    """The A/B experiment the message is part of; empty: none."""
    arm: str = ""
    """Which of its words the account reads; the template is then that arm's."""
    share: float = 0.0
    """Which share of the accounts is meant to read them."""
    approved: bool = False
    """Whether WhatsApp approved a template that says it."""
    promotion: str = ""
    """The words for which a service message counts as marketing (C10)."""
    through: tuple[str, ...] = ()
    """Of a ticket the desk, of an escalation the channel, that the playbook names."""
    holdout: float = 0.0
    """The playbook's share of issues of which customers are not told."""
    draw: float = 1.0
    """Where the draw of this account and issue fell: below the share it is held out."""
    address: str = ""
    """Of an answer: where the person wrote from."""


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """A configured channel."""

    kind: str
    """email, sms, webhook …"""
    address: str
    """The kind of address it sends to: email, phone or url."""
    session: float = 0.0
    """Seconds for which free words may be sent after the person wrote; 0: at any time."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """An address nothing is sent to."""

    address: str
    channel: str
    """A channel kind or `*`."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """A way by which the message was tried, and did not arrive."""

    channel: str
    address: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Outage:
    """A channel whose provider does not answer."""

    channel: str
    since: float
    until: float
    """When it is asked again whether it is back, or when patience ends."""
    lasting: bool = False
    """It has been away for so long that messages go another way, where there is one."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Why something that may be sent does not leave yet (`engine.traffic`)."""

    reason: Reason
    until: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a subscriber of the status page asked for, as it stands now."""

    state: str
    """pending, expired (it was never confirmed), confirmed or ended."""
    confirming: bool
    """Whether what is planned asks for the confirmation."""
    wanted: bool = True
    """Whether they want to hear of the components it is about."""
    latest: bool = True
    """Whether nothing was said since of the same entry."""


@dataclass(frozen=True, slots=True)
class Digest:
    """Of a message that may be told with others: on what terms, and with whom it goes."""

    until: float
    """Up to when it waits for others (epoch seconds)."""
    at_most: int
    along: bool = False
    """Whether another that is due takes it along."""
    others: int = 0
    """How many others are told with it."""


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """The values of the policy, and of the playbook's limits, that held."""

    hours: Hours = Hours(8 * 60, 21 * 60)
    regions: Mapping[str, Hours] = field(default_factory=dict)
    caps: Mapping[str, Per] = field(default_factory=dict)
    consent: Mapping[str, str] = field(default_factory=dict)
    revocation_scope: Scope = "all"
    per_customer: Per | None = None
    role_addresses: tuple[str, ...] = ()
    """Mailboxes of roles that may be written to all the same."""

    @classmethod
    def of(cls, policy: PolicyConfig, limits: Limits | None = None) -> "PolicyFacts":
        """Take them out of the configuration."""
        return cls(
            hours=policy.hours,
            regions=dict(policy.regions),
            caps=dict(policy.caps),
            consent=dict(policy.consent),
            revocation_scope=policy.revocation_scope,
            per_customer=limits.per_customer if limits else None,
            role_addresses=policy.role_addresses,
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """All that `decide` looks at."""

    now: float
    occasion: Occasion
    issue: IssueFacts
    step: StepFacts
    kind: Literal["message", "ticket", "escalate", "annotate", "notify", "status"] = "message"
    person: Person | None = None
    channels: Mapping[str, ChannelFacts] = field(default_factory=dict)
    """The configured channels by name, in their order."""
    policy: PolicyFacts = PolicyFacts()
    consents: tuple[Entry, ...] = ()
    """Every entry of the person's ledger, and of their addresses'."""
    suppressions: tuple[Suppressed, ...] = ()
    """Of the person's addresses."""
    sends: tuple[Sent, ...] = ()
    """What the person was sent, as far back as any cap looks."""
    told: Told | None = None
    """The person's open outreach about this issue, without the intent that is being decided."""
    silence: str = ""
    """Id of the silence that covers the issue."""
    inhibited_by: str = ""
    """Id of the issue that inhibits it."""
    open_ticket: str = ""
    """A ticket on the same matter that is not this issue's own doing: the customer's, or an agent's."""
    conversation: str = ""
    """A live conversation with the customer on the same matter."""
    worth: Worth | None = None
    """What telling is worth, where the playbook says what a contact costs."""
    halts: tuple[Halt, ...] = ()
    """The kill switches that are on."""
    ticket_due: bool = False
    """Of demand that needs a person: the ticket of the same issue and playbook is not made yet, and may be soon."""
    ticket: str = ""
    """And its number, once it is."""
    beliefs: Mapping[str, Belief] = field(default_factory=dict)
    """Of channels the step leaves to experience: how often each works for this person (`engine.policy.experience`)."""
    draw: float = 0.0
    """Where the draw between them fell."""
    wave: Wave | None = None
    """Of an opening message: those who are told with this person, where they are more than usual."""
    incident: str = ""
    """Of a ticket: the open incident its issue is part of, where this is not that incident's own ticket."""
    told_with: str = ""
    """Of an opening message: another issue of the same open incident that the person was told of."""
    incident_ticket: str = ""
    """And the ticket of that incident, if there is one."""
    tried: tuple[Tried, ...] = ()
    """The ways by which this message did not arrive."""
    outages: tuple[Outage, ...] = ()
    """Channels whose provider does not answer."""
    gate: Gate | None = None
    """What keeps back what nothing else stands against; asked last, as who asks takes a place in the queue."""
    subscription: Subscription | None = None
    """Of news of the status page: what the subscriber asked for; None: there is no such subscriber any more."""
    wrote: Mapping[str, float] = field(default_factory=dict)
    """When the person last wrote to us, by kind of channel, where it matters."""
    digest: Digest | None = None
    """Of an opening or closing message that may be told with others; None: it goes by itself."""

    def plain(self) -> dict[str, Any]:
        """Return them as plain JSON values, to be stored with the decision."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> "Facts":
        """Return what `plain` wrote down, so that a stored decision can be taken again."""
        return msgspec.convert(plain, cls)


@dataclass(frozen=True, slots=True)
class Check:
    """One rule and what it said."""

    rule: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Send, hold until, or skip; and why."""

    verdict: Verdict
    reason: Reason
    until: float | None = None
    """Of a hold: the moment at which it is to be decided again (epoch seconds)."""
    channel: str = ""
    """Name of the channel to send on."""
    address: str = ""
    detail: str = ""
    """One sentence."""
    propensity: float = 1.0
    """With which probability this channel was taken, where several were left to experience."""
    trail: tuple[Check, ...] = ()
    """Every rule that was looked at, in order."""

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found
