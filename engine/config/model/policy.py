"""What holds for every contact: the values of policy.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from detectors.durations import Duration
from engine.config.model.calendars import DAYS, Day
from engine.config.model.digests import DigestConfig
from engine.config.model.incidents import IncidentConfig
from engine.config.model.places import Clock, Per
from engine.config.model.playbooks import When


class Hours(msgspec.Struct, frozen=True):
    """Local hours in which people may be contacted: `{from: "08:00", to: "21:00"}`, minutes after midnight."""

    from_: int
    to: int


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an issue of `source` is active, issues of `target` that agree in `equal` cause no contact."""

    source: When
    target: When
    equal: tuple[str, ...] = ("account",)
    """account, or attributes of the account (`region`, `plan` …)."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """`{warn: 0.1%, halt: 0.3%}`: shares of what was sent."""

    warn: float
    halt: float


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """When what goes by a channel for a purpose is warned of, and halted (C9)."""

    window: int = 10_000
    """Judged by so many of the latest sends."""
    least: int = 100
    """Fewer sends say nothing."""
    complaints: Threshold = Threshold(0.001, 0.003)
    bounces: Threshold = Threshold(0.05, 0.1)
    """Dead addresses. Amazon SES puts senders under review at 5 % and pauses them at 10 %
    (https://docs.aws.amazon.com/ses/latest/dg/faqs-enforcement.html)."""


@dataclass(frozen=True, slots=True)
class ConversationConfig:
    """`conversations: {desk: builtin, queue: default, turns: 2}`: where answers of customers go that need a person."""

    desk: str = "builtin"
    queue: str = "default"
    turns: int = 2
    """How often one conversation is answered by a fixed text, 2 at most; what comes then is a person's."""


MOST_TURNS = 2


@dataclass(frozen=True, slots=True)
class Approvals:
    """`{to: on-call, expires: 12h}`: who is asked when a person must agree, and for how long the question stands."""

    to: str = ""
    """A name under `escalations:` in forewarn.yaml; empty: the question stands in the console and nowhere else."""
    expires: Duration = Duration(12 * 3600.0)
    """After that nobody is told any more of what was asked about."""


@dataclass(frozen=True, slots=True)
class Shift:
    """`{agents: 6, days: [mon, tue], from: "08:00", to: "18:00"}`: who answers then; shifts at one time add up."""

    agents: int
    days: tuple[Day, ...] = DAYS
    from_: Clock = Clock(0)
    to: Clock = Clock(24 * 60)
    """Over midnight if it is not later than `from`."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`{contacts_per_agent: 12 per 1h, agents: 6}`: we tell no more people than those on duty can talk to."""

    contacts_per_agent: Per
    agents: int | tuple[Shift, ...]
    """A number, or the roster; outside of all shifts nobody is on duty."""
    zone: str = "UTC"
    """IANA zone of the roster."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What makes up for trouble: `{kind: credit, amount: 10, about: A credit of 10 euros}`."""

    kind: Literal["credit", "extension", "other"]
    amount: float
    """What it costs us, in the currency of the budget."""
    about: str
    """For agents, and for customers where the kind says nothing of it."""
    lasts: Duration | None = None
    """Of an extension: how long."""


@dataclass(frozen=True, slots=True)
class GoodwillConfig:
    """What agents and playbooks may grant customers, and how much of it."""

    currency: str
    """ISO 4217, as EUR."""
    budget: Per
    """In the currency: `5000 per 30d`, of any thirty days."""
    remedies: Mapping[str, Remedy]
    per_account: Per | None = None
    """The most that one account gets: `100 per 90d`."""
    granters: tuple[str, ...] = ()
    """Who may grant, by the name of their token or user; empty: every agent. Playbooks always may."""


@dataclass(frozen=True, slots=True)
class PolicyConfig:
    """`policy.yaml`: what holds for every contact, whatever the playbook."""

    hours: Hours = Hours(8 * 60, 21 * 60)
    regions: Mapping[str, Hours] = field(default_factory=dict)
    """Stricter hours by country or subdivision: `US-FL: {from: "08:00", to: "20:00"}`."""
    caps: Mapping[str, Per] = field(default_factory=dict)
    """By channel kind, by purpose, or `all`: `{sms: 2 per day, all: 4 per day}` (C15)."""
    consent: Mapping[str, Literal["required", "implied"]] = field(default_factory=dict)
    """By channel kind or `channel/purpose`; sms, whatsapp and voice, and marketing on any, are always required (C1)."""
    revocation_scope: Literal["program", "all"] = "all"
    reopen_within: Duration = Duration(3600.0)
    flap: Per = Per(3, 86400.0, False)
    """More reopenings than this and the issue is held open until calm for `reopen_within`."""
    inhibit: tuple[Inhibition, ...] = ()
    streams: StreamLimits = StreamLimits()
    conversations: ConversationConfig = ConversationConfig()
    approvals: Approvals = Approvals()
    pace: Pace | None = None
    goodwill: GoodwillConfig | None = None
    role_addresses: tuple[str, ...] = ()
    """Mailboxes of roles (RFC 2142) that may be written to all the same: `noc`, or `abuse@acme.example` alone."""
    digest: DigestConfig | None = None
    """When several issues are told to a person in one message; None: each is a message of its own."""
    incidents: IncidentConfig | None = None
    """When issues of many customers are one incident; None: only where people are asked whether so many are told."""
