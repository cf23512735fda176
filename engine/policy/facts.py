"""What a decision is taken from: plain values, stored and read again by `forewarn explain`.

What is as by default is not written down, so the defaults here and of what is named here are what old decisions were
taken from: they never change.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from engine.config.model import Hours, Limits, Per, PolicyConfig
from engine.entities import Person
from engine.playbooks import Occasion, Told
from engine.policy.caps import Sent
from engine.policy.choice import Belief
from engine.policy.consent import Entry, Scope
from engine.policy.reasons import Reason
from engine.policy.stops import Halt
from engine.policy.worth import Worth
from engine.waves.wave import Wave

WRITTEN = ("message", "status")
"""The kinds of what goes to people outside, by a channel that is chosen for them."""


class IssueFacts(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The issue as it is now."""

    id: str
    status: str
    severity: str
    episode: int
    flapping: bool = False
    opened_at: float = 0.0


class StepFacts(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
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


class ChannelFacts(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A configured channel."""

    kind: str
    """email, sms, webhook …"""
    address: str
    """The kind of address it sends to: email, phone or url."""
    session: float = 0.0
    """Seconds for which free words may be sent after the person wrote; 0: at any time."""


class Suppressed(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An address nothing is sent to."""

    address: str
    channel: str
    """A channel kind or `*`."""
    reason: str = ""


class Tried(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A way by which the message was tried, and did not arrive."""

    channel: str
    address: str
    why: str = ""


class Outage(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A channel whose provider does not answer."""

    channel: str
    since: float
    until: float
    """When it is asked again whether it is back, or when patience ends."""
    lasting: bool = False
    """It has been away for so long that messages go another way, where there is one."""


class Gate(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Why something that may be sent does not leave yet (`engine.traffic`)."""

    reason: Reason
    until: float
    detail: str = ""


class Subscription(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a subscriber of the status page asked for, as it stands now."""

    state: str
    """pending, expired (it was never confirmed), confirmed or ended."""
    confirming: bool
    """Whether what is planned asks for the confirmation."""
    wanted: bool = True
    """Whether they want to hear of the components it is about."""
    latest: bool = True
    """Whether nothing was said since of the same entry."""


class Digest(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Of a message that may be told with others: on what terms, and with whom it goes."""

    until: float
    """Up to when it waits for others (epoch seconds)."""
    at_most: int
    along: bool = False
    """Whether another that is due takes it along."""
    others: int = 0
    """How many others are told with it."""


class PolicyFacts(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The values of the policy, and of the playbook's limits, that held."""

    hours: Hours = Hours(8 * 60, 21 * 60)
    regions: Mapping[str, Hours] = msgspec.field(default_factory=dict)
    caps: Mapping[str, Per] = msgspec.field(default_factory=dict)
    consent: Mapping[str, str] = msgspec.field(default_factory=dict)
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


class Facts(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """All that `decide` looks at."""

    now: float
    occasion: Occasion
    issue: IssueFacts
    step: StepFacts
    kind: Literal["message", "ticket", "escalate", "annotate", "notify", "status"] = "message"
    person: Person | None = None
    channels: Mapping[str, ChannelFacts] = msgspec.field(default_factory=dict)
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
    before: Told | None = None
    """How the person was told of this issue when it was there before."""
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
    beliefs: Mapping[str, Belief] = msgspec.field(default_factory=dict)
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
    wrote: Mapping[str, float] = msgspec.field(default_factory=dict)
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
