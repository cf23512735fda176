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
from engine.policy.consent import Entry, Scope
from engine.policy.stops import Halt
from engine.policy.worth import Worth

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
    STOPPED = "stopped", "Somebody threw the kill switch: it waits until that is taken back."
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
    kind: Literal["message", "ticket", "escalate", "annotate"] = "message"
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
    wrote: Mapping[str, float] = field(default_factory=dict)
    """When the person last wrote to us, by kind of channel, where it matters."""

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
    trail: tuple[Check, ...] = ()
    """Every rule that was looked at, in order."""

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found
