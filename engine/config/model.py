"""The configuration, as typed values. The dataclasses are the schema: `engine/config/reader.py` fills them from YAML.

A field is a key; a field named with a trailing underscore is the key without it (`for_` → `for`). A field without a
default must be given. `Place` fields are filled with the position of the mapping itself and are no keys.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NewType, get_args

import msgspec

from detectors.base import Detector
from detectors.durations import Duration
from engine.config.digest_model import DigestConfig, Digested
from engine.config.incident_model import IncidentConfig
from engine.config.log_model import LogConfig
from engine.expressions import Expression

if TYPE_CHECKING:
    from engine.config.status_model import StatusConfig
    from outreach.render import Templates

Clock = NewType("Clock", int)
"""A time of day, in minutes after midnight."""


class Place(NamedTuple):
    """Where something was written; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


NOWHERE = Place("", 0, 0)


class Of(NamedTuple):
    """`3 of 5`: so many of the last so many observations."""

    hits: int
    of: int


class Per(NamedTuple):
    """`1 per 24h`: at most so many within so long; `2 per day` counts calendar days of the recipient's zone."""

    count: int  # type: ignore[assignment]  # a tuple's own count() has no use here
    seconds: float
    calendar: bool


@dataclass(frozen=True, slots=True)
class Measure:
    """How a window's events become one value: in YAML `count`, or a key and an argument: `{ratio: "status >= 500"}`."""

    kind: Literal["count", "rate", "ratio", "sum", "mean", "min", "max", "quantile", "distinct", "gap", "last"]
    of: Expression | None = None
    """The field or computed value; for ratio the condition whose share is taken; None for count, rate and gap."""
    q: float = 0.95
    """For quantile: ``{quantile: latency_ms, q: 0.99}``."""


@dataclass(frozen=True, slots=True)
class Input:
    """Something a learned kind is told of its subjects; exactly one of event, outcome and detector says where from.

    `{event: machine.error, where: "code == 'e1'"}` that it happened · `{event: machine.state, value: heat}` a number ·
    `{outcome: failure}` what is to be foretold · `{detector: api-errors}` what another detector makes of it.
    """

    event: str = ""
    """A type of event; `forewarn.contact`: the customer reached us."""
    outcome: str = ""
    """The `what` of `forewarn.outcome`; `contact`: the customer reached us."""
    detector: str = ""
    where: Expression | None = None
    value: Expression | None = None
    each: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A field and its values: an input for each, `{event: machine.error, each: {code: [e1, e2]}}`."""
    place: Place = NOWHERE

    @property
    def role(self) -> Literal["event", "signal", "outcome", "score"]:
        """What it is to the kind."""
        if self.outcome:
            return "outcome"
        return "score" if self.detector else "event" if self.value is None else "signal"


STAGE_REACHED = Measure("last", Expression.parse("stage"))
"""Of a sequence of events: the number of the step that was reached last."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Which events become which series; or which other detectors a composite listens to."""

    event: str | tuple[str, ...] = ()
    """One event type; or several, whose position in the list expressions may name as `stage`, from 0."""
    by: tuple[str, ...] = ()
    """Keys of the series: `subject`, `account` (found through the entities), a kind of subject, a field of `data`."""
    measure: Measure = STAGE_REACHED
    """May be left out only for a sequence of event types, where it is the step that was reached last."""
    every: Duration = Duration(60.0)
    """Length of the tumbling window."""
    where: Expression | None = None
    compute: Mapping[str, Expression] = field(default_factory=dict)
    """Computed fields, usable in `where`, `measure` and each other in the order written."""
    min_events: int = 1
    """A window with fewer events yields no observation."""
    missing: Literal["skip", "zero"] | None = None
    """What a window without events is; None: zero for count and rate, else skip."""
    inputs: Mapping[str, Input] = field(default_factory=dict)
    """Instead of an event and a measure: all that a learned kind is told, each under a name."""
    score_on: str = ""
    """Of a learned kind: subjects are scored when such an event of theirs comes, and not every so often."""
    signals: tuple[str, ...] = ()
    """Instead of events: names of the detectors whose signals are watched; `by` is then account, if left out."""
    place: Place = NOWHERE

    @property
    def events(self) -> tuple[str, ...]:
        """The event types, in the order written."""
        return (self.event,) if isinstance(self.event, str) else self.event

    @property
    def names(self) -> tuple[str, ...]:
        """What the numbers in its observations stand for: detectors, or event types."""
        return self.signals or self.events


@dataclass(frozen=True, slots=True)
class Raise:
    """When scores become a signal, and when it is over."""

    score: float | None = None
    """None: the kind's own `raise_score`."""
    for_: Of = Of(1, 1)
    clear: Duration = Duration(0.0)
    """How long it must have been calm."""


@dataclass(frozen=True, slots=True)
class ArticleText:
    """An article in another language."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Article:
    """What customers can do themselves: `{title: Make room, url: "https://…", locales: {de: {title: …, url: …}}}`."""

    title: str
    url: str
    locales: Mapping[str, ArticleText] = field(default_factory=dict)
    """The same in other languages."""

    def told(self, locale: str) -> Mapping[str, str]:
        """Return what templates read.

        >>> Article("Room", "https://x", {"de": ArticleText("Platz", "https://y")}).told("de-AT")["title"]
        'Platz'
        """
        tag = locale.replace("_", "-")
        found = self.locales.get(tag) or self.locales.get(tag.partition("-")[0]) or self
        return {"title": found.title, "url": found.url}


@dataclass(frozen=True, slots=True)
class Demand:
    """Which kind of demand this saves, and what generates it."""

    class_: Literal["remove", "automate", "human"] = "automate"
    source: str = ""
    article: Article | None = None
    """Of `automate`: what customers are shown, as `article` in templates."""


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)


@dataclass(frozen=True, slots=True)
class Weekly:
    """`{days: [sat, sun], from: "22:00", to: "06:00"}`, minutes after midnight; over midnight if `to` is not later."""

    days: tuple[Day, ...] = DAYS
    from_: Clock = Clock(0)
    to: Clock = Clock(24 * 60)


@dataclass(frozen=True, slots=True)
class Dates:
    """`{from: 2026-12-24, to: 2026-12-26}`: whole days, the last one included."""

    from_: date
    to: date


@dataclass(frozen=True, slots=True)
class CalendarConfig:
    """An entry of `calendars.yaml`: when something is known to be otherwise. What is given adds up."""

    name: str
    weekly: tuple[Weekly, ...] = ()
    dates: tuple[Dates, ...] = ()
    holidays: tuple[str, ...] = ()
    """Public holidays of countries or subdivisions: ISO 3166 codes, `AT` or `US-CA`."""
    changes: tuple[str, ...] = ()
    """What `forewarn.change` events declare: deployment, migration …"""
    lasts: Duration = Duration(1800.0)
    """How long a declared change is felt, where the event does not say."""
    zone: str = "UTC"
    """IANA zone of days and hours."""
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Widen:
    """`{widen: 2}`: twice as many decades of evidence are asked for, and bands are twice as wide."""

    widen: float


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """One file under `detectors/`."""

    name: str
    about: str
    watch: Watch
    model: Detector
    """Already built, never fed: each use deep-copies it."""
    owner: str = ""
    raise_: Raise = Raise()
    severity: Mapping[str, Expression] = field(default_factory=dict)
    """Severity → condition over value, score, expected, low, high, extras; the worst that holds counts; none: low."""
    grace: Duration = Duration(0.0)
    """A new series is scored in silence for so long after its first observation."""
    min_samples: int = 0
    """And for so many observations."""
    demand: Demand = Demand()
    shadow: bool = False
    """On trial: what it finds is recorded and measured, and causes nothing."""
    calendars: Mapping[str, Literal["suspend"] | Widen] = field(default_factory=dict)
    """Name in calendars.yaml → suspend (nothing is judged, nothing is learned) or widen."""
    reset_on: tuple[str, ...] = ()
    """Declared changes after which a series is learned anew: migration, plan-change …"""
    place: Place = NOWHERE


SEVERITIES = ("low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class When:
    """Which issues a playbook answers; all given must match."""

    detector: tuple[str, ...]
    """Names or globs; in YAML one or a list."""
    severity: tuple[str, ...] = ()
    """Empty: any."""
    where: Expression | None = None
    """Over value, score, subject, account and `account.<attribute>`."""


@dataclass(frozen=True, slots=True)
class TicketStep:
    """`ticket: {desk: builtin, queue: tier-2, template: api-errors/agent}`; the desk is a name in desks.yaml."""

    template: str
    desk: str = "builtin"
    queue: str = "default"
    audience: tuple[str, ...] = ()
    """Roles: the ticket's customer is the first with any of them and an e-mail address, else the first with one."""
    after: Duration = Duration(0.0)
    unless: Literal["acknowledged", "resolved"] | None = None
    place: Place = NOWHERE


PREFERRED, BEST = "preferred", "best"
"""What may stand in a step's list of channels instead of a name."""


@dataclass(frozen=True, slots=True)
class Offer:
    """`{remedy: credit-10, when: "severity == 'high'"}`: goodwill that goes with a message, while its budget lasts."""

    remedy: str
    """A name under `goodwill.remedies` of policy.yaml."""
    when: Expression | None = None
    """Over what a playbook's `where` may name; None: always."""


@dataclass(frozen=True, slots=True)
class MessageStep:
    """`message: {audience: technical, channels: [preferred, email, sms], template: api-errors/notice}`"""

    template: str
    on: Literal["opened", "resolved", "dismissed", "expired"] = "opened"
    """resolved, dismissed (a correction) and expired go to those told before, on the same thread and channel."""
    audience: tuple[str, ...] = ()
    """Roles; a person with any of them is told; empty: everyone of the account."""
    channels: tuple[str, ...] = ("preferred",)
    """Tried in this order; `preferred` stands for the person's own, `best` for those after it, as they have worked."""
    purpose: Literal["service", "marketing"] = "service"
    emergency: str = ""
    """Name of the approver who made this an emergency class (C6): passes quiet hours and caps."""
    after: Duration = Duration(0.0)
    unless: Literal["acknowledged", "resolved"] | None = None
    offer: Offer | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class EscalateStep:
    """`escalate: {after: 30m, unless: acknowledged, to: on-call}`"""

    after: Duration
    to: str
    """A name under `escalations:` in forewarn.yaml: a channel and an address."""
    template: str = "_common/escalation"
    unless: Literal["acknowledged", "resolved"] | None = "acknowledged"
    place: Place = NOWHERE


Step = TicketStep | MessageStep | EscalateStep


@dataclass(frozen=True, slots=True)
class WorthConfig:
    """`{contact: 12, calls: 30%, message: 0.05, needless: 1.5, wrong: 10%}`, money in the company's own currency."""

    contact: float
    """What it costs that a customer contacts us."""
    calls: float = 0.3
    """A guess of how likely one does who is not told; the engine learns it."""
    message: float = 0.0
    """What a message costs."""
    needless: float = 0.0
    """What it costs in annoyance that one was told of what was none."""
    wrong: float = 0.1
    """A guess of how often that is; the engine learns it from verdicts."""


SAFETY = ("critical",)
"""Severities of which everyone is told: nobody is held out."""
MOST_HELD_OUT = 0.5
"""A larger share would hold back more than it tells."""


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """`{max: 200, canary: 5%, watch: 30m}`: how many a playbook may tell at about the same time, and how carefully.

    More than usual, and `canary` of `max` are told first; what they make of it is watched for `watch`, and only then
    are others told. More than `max`, and two people must agree. The shares are of those told; more than that of them,
    beyond what chance explains, and nobody else is told before two people agree.
    """

    max: int = 500
    canary: float = 0.05
    watch: Duration = Duration(1800.0)
    opt_outs: float = 0.02
    complaints: float = 0.003
    bounces: float = 0.05
    replies: float = 0.3
    """Customers who contact us after they were told."""
    wrong: float = 0.2
    """Issues that a person found to be false alarms."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a playbook beyond the policy."""

    per_customer: Per | None = None
    blast_radius: BlastRadius = BlastRadius()
    approve: Expression | None = None
    """Over `audience` and `usual`: where it holds, nobody is told before a person agreed: `"audience > 50"`."""


@dataclass(frozen=True, slots=True)
class PlaybookConfig:
    """One file under `playbooks/`."""

    name: str
    when: When
    steps: tuple[Step, ...]
    about: str = ""
    limits: Limits = Limits()
    holdout: float = 0.0
    """Share of issues of which customers are not told, to measure what telling is worth: `5%`; never critical ones."""
    worth: WorthConfig | None = None
    """What telling is worth; None: it is always worth it."""
    expire: Duration = Duration(14 * 86400.0)
    """An issue still open after so long is closed as expired, and those told are told so (C16)."""
    article: Article | None = None
    """What customers can do themselves, instead of the detector's."""
    digest: Digested = None
    """When its messages are told together with others, instead of the policy's; `never`: each goes by itself."""
    place: Place = NOWHERE


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


@dataclass(frozen=True, slots=True)
class Sending:
    """How a channel is sent by: those keys of an entry of `channels.yaml` that are the engine's."""

    provider: str = ""
    """Channels that name the same one share its rate, its breaker and its pauses; empty: the channel for itself."""
    rate: Per | None = None
    """`10 per 1s`: what the provider takes."""
    connections: int = 4
    """How many messages are sent at the same time."""
    batch: int = 64
    """How many are written down as leaving at once: so many outcomes, at most, a crash leaves unknown."""
    breaker: Per = Per(5, 60.0, False)
    """So many failures of the provider in a row within so long, and it is left alone for a while."""
    cool_down: Duration = Duration(30.0)
    """For how long at first; twice as long after each probe that fails, up to a quarter of an hour."""
    fall_back_after: Duration = Duration(300.0)
    """When it has been away for so long, messages go by the next channel of their step."""


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """An entry of `channels.yaml`: a name, a `type` and what that type's constructor takes."""

    name: str
    type: str
    params: Mapping[str, Any]
    """Read against the constructor; secrets already resolved."""
    place: Place = NOWHERE
    sending: Sending = Sending()


BUILTIN = "builtin"
"""The name of the desk that is always there."""


@dataclass(frozen=True, slots=True)
class DeskConfig(ChannelConfig):
    """An entry of `desks.yaml`: a ticket desk, written as a channel is, with keys of its own."""

    poll: Duration = Duration(60.0)
    """How often it is asked what became of our tickets; `never` or 0: only what its webhook tells is known."""
    on_end: Literal["note", "solve"] = "note"
    """What happens to an open ticket when its issue ends: a note says so, or it is solved too."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is told when nobody acts: a channel of `channels.yaml` and an address on it."""

    channel: str
    address: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the web part listens."""

    host: str = "127.0.0.1"
    port: int = 8321
    public_url: str = "http://127.0.0.1:8321"


@dataclass(frozen=True, slots=True)
class EventRules:
    """Which events are taken, and how far out of order."""

    known: tuple[str, ...] = ()
    """Event types, or globs (`app.*`), that are taken though no detector watches them."""
    lateness: Duration = Duration(60.0)
    """How far behind the newest event a window stays open."""
    future: Duration = Duration(300.0)
    """An event later than this ahead of its arrival is refused."""
    idle: Duration = Duration(30 * 86400.0)
    """A series of which nothing came for so long leaves memory for the disk, until something does."""
    partitions: int = 1


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept."""

    events: Duration = Duration(30 * 86400.0)
    dead_letters: Duration = Duration(90 * 86400.0)
    snapshots: int = 3
    models: int = 14
    """Versions of what each detector has learned; one is kept every day."""


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Where issues, the outbox and all that is known of customers are kept."""

    url: str = ""
    """`postgresql://user@host/database?sslmode=verify-full`, without a password; empty: a file in the data folder."""
    password: str = ""
    """`{env: NAME}` or `{file: PATH}`."""
    pool: int = 10
    """Connections of one process at most."""


IN_DATABASE = "database"
"""In place of the URL of snapshots."""


@dataclass(frozen=True, slots=True)
class SnapshotsConfig:
    """Where snapshots and versions of models are kept; workers on several machines share them."""

    url: str = ""
    """`s3://bucket/forewarn`, `file:///mnt/shared/forewarn`, or `database`; empty: the data folder."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who messages come from."""

    company: str
    """As customers know it."""
    postal_address: str = ""
    """Required as soon as any template is marketing (C7)."""
    help_url: str = ""


@dataclass(frozen=True, slots=True)
class MainConfig:
    """`forewarn.yaml`."""

    sender: Sender
    data: str = "var"
    """Folder of the log, the database and the snapshots, relative to the configuration folder."""
    templates: str = "../templates"
    locale: str = "en"
    """For people whose locale is not known."""
    listen: Listen = Listen()
    events: EventRules = EventRules()
    retention: Retention = Retention()
    store: StoreConfig = StoreConfig()
    snapshots: SnapshotsConfig = SnapshotsConfig()
    log: LogConfig = LogConfig()
    link_secret: str = ""
    """What links to customers are signed with, `{env: NAME}` or `{file: PATH}`: the same for all processes. Empty: a
    secret made at the first start and kept in the data folder."""
    snapshot_every: Duration = Duration(60.0)
    report_at: str = "06:00"
    """UTC time of the daily report."""
    escalations: Mapping[str, Escalation] = field(default_factory=dict)
    sms_segments: int = 3
    """Text messages that one text may take before `forewarn check` warns."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything under one configuration folder."""

    folder: Path
    main: MainConfig
    policy: PolicyConfig
    detectors: Mapping[str, DetectorConfig]
    playbooks: Mapping[str, PlaybookConfig]
    channels: Mapping[str, ChannelConfig]
    calendars: Mapping[str, CalendarConfig] = field(default_factory=dict)
    files: Sequence[str] = ()
    """Every file read, for reload and for `check`."""
    templates: "Templates | None" = None
    """The templates as they were when all was found to be right; None: nobody has looked yet."""
    desks: Mapping[str, DeskConfig] = field(default_factory=dict)
    """Those of desks.yaml; `builtin` is there without it."""
    status: "StatusConfig | None" = None
    """The public status page; None: there is none."""

    @property
    def data_dir(self) -> Path:
        """Where the engine writes."""
        return (self.folder / self.main.data).resolve()

    @property
    def templates_dir(self) -> Path:
        """Where templates are read."""
        return (self.folder / self.main.templates).resolve()
