"""The tables. Times are epoch seconds UTC, ids are derived (`engine.ids`), JSON columns hold plain JSON.

Nothing here decides anything: a table is what was seen, said or done. Ledgers (consent, change, decision, receipt) are
only ever added to.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel


def _json() -> Any:
    return Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


def _json_list() -> Any:
    return Field(default_factory=list, sa_column=Column(JSON, nullable=False))


class Entity(SQLModel, table=True):
    """An account, a contact (a person) or an asset; `id` is the subject, e.g. `account/acme`."""

    id: str = Field(primary_key=True)
    kind: str = Field(index=True)
    parent: str | None = Field(default=None, index=True)
    name: str = ""
    locale: str = ""
    zone: str = ""
    """IANA zone of a person or account; empty if unknown."""
    country: str = ""
    region: str = ""
    """ISO 3166-2 subdivision, e.g. `US-FL`, where contact hours differ by it."""
    roles: list[str] = _json_list()
    """Of a contact: technical, billing, admin …"""
    prefers: list[str] = _json_list()
    """Of a contact: channel names, the preferred first."""
    attributes: dict[str, Any] = _json()
    deleted: bool = False
    updated_at: float


class Address(SQLModel, table=True):
    """One way to reach one person."""

    __table_args__ = (UniqueConstraint("entity", "kind", "value"), Index("ix_address_value", "kind", "value"))
    id: str = Field(primary_key=True)
    entity: str = Field(index=True)
    kind: str
    """email, phone or url."""
    value: str
    updated_at: float


class Consent(SQLModel, table=True):
    """One entry of the consent ledger (C1, C14). The latest entry for an address, purpose and channel counts."""

    id: str = Field(primary_key=True)
    at: float
    entity: str = Field(index=True)
    address: str = Field(default="", index=True)
    """The value the consent was given for; empty: every address of the entity."""
    channel: str
    """A channel kind (email, sms …) or `*`."""
    purpose: str
    """service, marketing or `*`."""
    state: str
    """granted, withdrawn, suspended (unclear wording: a person looks at it) or objected (C11)."""
    written: bool = False
    source: str = ""
    wording: str = ""


class Suppression(SQLModel, table=True):
    """An address nothing is sent to: hard bounce, opt-out, provider's refusal."""

    address: str = Field(primary_key=True)
    channel: str = Field(primary_key=True)
    """A channel kind or `*`."""
    reason: str
    at: float


class SignalRow(SQLModel, table=True):
    """A signal as it was; `id` derives from detector, series, state and window, so a replay adds nothing."""

    __tablename__ = "signal"
    id: str = Field(primary_key=True)
    issue: str = Field(index=True)
    detector: str = Field(index=True)
    series: str
    """The series' key, e.g. `account/acme` or `account/acme|endpoint=/v1/x`."""
    state: str
    at: float
    """Start of the window."""
    seen_at: float
    """When the engine made it, by its clock."""
    score: float | None = None
    value: float | None = None
    evidence: dict[str, Any] = _json()


class Issue(SQLModel, table=True):
    """One thing that is wrong for one subject, from opening to its end."""

    __table_args__ = (Index("ix_issue_fingerprint", "fingerprint", "opened_at"),)
    id: str = Field(primary_key=True)
    fingerprint: str
    detector: str = Field(index=True)
    series: str
    subject: str = Field(index=True)
    """Who it is about: the entity in the series' key."""
    account: str | None = Field(default=None, index=True)
    severity: str
    status: str = Field(index=True)
    """open, acknowledged, resolved or dismissed."""
    opened_at: float = Field(index=True)
    """Event time: start of the window of the signal that opened it."""
    noticed_at: float
    """The engine's clock when it opened it."""
    updated_at: float
    resolved_at: float | None = None
    reopened: int = 0
    """How often it came back: also the number of the episode that messages are about."""
    flapping: bool = False
    flapped: list[float] = _json_list()
    """Times of the latest reopenings, for flap control."""
    shadow: bool = False
    """Of a detector on trial: it is measured, and causes nothing."""
    summary: str = ""
    evidence: dict[str, Any] = _json()
    """Latest signal: score, value, expected, low, high, window, points, explanation, extra, attributes."""


class Change(SQLModel, table=True):
    """Who did what to an issue (or silence, ticket), and when."""

    id: str = Field(primary_key=True)
    of: str = Field(index=True)
    at: float
    who: str
    what: str
    """opened, severity, acknowledged, resolved, reopened, dismissed, flapping, note …"""
    before: str = ""
    after: str = ""
    note: str = ""


class DeclaredChange(SQLModel, table=True):
    """What was changed on purpose: a release, a migration, another plan; or a model that was taken back."""

    __tablename__ = "declared_change"
    id: str = Field(primary_key=True)
    at: float = Field(index=True)
    subject: str
    """Whose; `fleet`: everyone's."""
    what: str
    lasts: float | None = None
    """Seconds; None: as long as the calendar that names it says."""
    detectors: list[str] = _json_list()
    """Names or globs."""
    reset: bool = False
    who: str = ""
    note: str = ""


class Silence(SQLModel, table=True):
    """Within it, what matches is still recorded and not contacted about."""

    id: str = Field(primary_key=True)
    matcher: dict[str, Any] = _json()
    """Any of detector, subject, account, severity: a value or a glob; all must match."""
    starts_at: float
    ends_at: float | None = None
    recurring: dict[str, Any] = _json()
    """`{days: [sat, sun], from: "22:00", to: "06:00", zone: Europe/Vienna}` within starts_at … ends_at."""
    who: str
    why: str
    created_at: float


class Stop(SQLModel, table=True):
    """A kill switch that was thrown: until it is taken back nothing of its scope leaves."""

    id: str = Field(primary_key=True)
    scope: str
    """all, playbook, channel or template."""
    name: str = ""
    """Of the playbook, the channel (or desk), or the template (or the folder of templates)."""
    who: str
    why: str
    at: float
    ended_at: float | None = Field(default=None, index=True)
    ended_by: str = ""
    recalled_at: float | None = None
    """When providers had been asked to give back what they held."""


class Assignment(SQLModel, table=True):
    """Into which arm of an experiment an account's issue was drawn."""

    id: str = Field(primary_key=True)
    experiment: str = Field(index=True)
    """`holdout PLAYBOOK`."""
    account: str
    issue: str = Field(index=True)
    arm: str
    """told or held."""
    share: float
    """Of the arm that is held back."""
    at: float


class DecisionRow(SQLModel, table=True):
    """send, hold or skip, with its reason and all that it was taken from (`forewarn explain`)."""

    __tablename__ = "decision"
    id: str = Field(primary_key=True)
    at: float = Field(index=True)
    issue: str = Field(index=True)
    intent: str = Field(default="", index=True)
    playbook: str
    step: str
    recipient: str = ""
    channel: str = ""
    verdict: str
    """send, hold or skip."""
    reason: str = Field(index=True)
    until: float | None = None
    facts: dict[str, Any] = _json()


class Intent(SQLModel, table=True):
    """The outbox: something to be done once. It commits together with the issue that caused it."""

    __table_args__ = (Index("ix_intent_due", "status", "due_at", "id"),)
    id: str = Field(primary_key=True)
    kind: str
    """message, ticket, annotate or escalate."""
    issue: str = Field(index=True)
    episode: int = 0
    account: str | None = Field(default=None, index=True)
    playbook: str
    step: str
    occasion: str
    """opened, resolved, dismissed, expired or escalated: what it tells."""
    recipient: str = Field(default="", index=True)
    """Entity id of the person; the queue or role of a ticket or an escalation."""
    channel: str = ""
    """Channel name; desk name for a ticket; empty until it is chosen at the claim."""
    address: str = ""
    status: str
    """pending, claimed, sending, sent, failed, skipped, unknown."""
    due_at: float
    created_at: float
    claimed_by: str = ""
    claimed_at: float | None = None
    attempts: int = 0
    detail: str = ""
    thread: str = ""
    """provider_id of the message this one follows."""
    payload: dict[str, Any] = _json()
    """What rendering needs beside the issue; after sending, subject, text and html as they went out."""
    provider_id: str = Field(default="", index=True)
    delivery: str = ""
    """The latest Delivery state a provider told."""
    sent_at: float | None = None


class ReceiptRow(SQLModel, table=True):
    """Every attempt and every word of a provider about an intent, raw."""

    __tablename__ = "receipt"
    id: str = Field(primary_key=True)
    intent: str = Field(index=True)
    at: float
    kind: str
    """attempt, reconcile or delivery."""
    outcome: str
    code: str = ""
    detail: str = ""
    raw: dict[str, Any] = _json()


class EarlyDelivery(SQLModel, table=True):
    """What a provider said of a message before we knew which one it means (`engine.deliveries`)."""

    __tablename__ = "early_delivery"
    id: str = Field(primary_key=True)
    """That of the receipt it becomes."""
    provider_id: str = Field(index=True)
    intent: str
    kept_at: float
    event: dict[str, Any] = _json()


class Ticket(SQLModel, table=True):
    """A ticket of the built-in desk."""

    id: str = Field(primary_key=True)
    number: int = Field(index=True, unique=True)
    external: str = Field(unique=True)
    """The draft's id."""
    issue: str = Field(default="", index=True)
    account: str = Field(default="", index=True)
    queue: str = Field(index=True)
    subject: str
    body: str
    severity: str
    requester: str = ""
    status: str = Field(index=True)
    """open, claimed, pending or resolved."""
    assignee: str = ""
    verdict: str = ""
    """true, false or unclear, once resolved."""
    evidence: dict[str, Any] = _json()
    picture: str = ""
    """SVG."""
    next_step: str = ""
    parent: int | None = Field(default=None, index=True)
    """Number of the incident's ticket that this one belongs to."""
    tags: list[str] = _json_list()
    opened_at: float
    updated_at: float
    resolved_at: float | None = None


class TicketNote(SQLModel, table=True):
    """A note on a ticket; always internal."""

    __tablename__ = "ticket_note"
    id: str = Field(primary_key=True)
    ticket: str = Field(index=True)
    at: float
    who: str
    text: str
    picture: str = ""
    """SVG."""


class CustomerContact(SQLModel, table=True):
    """A customer contacted us (`forewarn.contact`)."""

    __tablename__ = "customer_contact"
    id: str = Field(primary_key=True)
    at: float
    subject: str
    account: str | None = Field(default=None, index=True)
    channel: str
    text: str = ""
    issue: str = Field(default="", index=True)
    """The issue it was about, if the event or the matching says so."""


class OutcomeRow(SQLModel, table=True):
    """What became of a customer or asset (`forewarn.outcome`): failure, churn, renewal, purchase."""

    __tablename__ = "outcome"
    id: str = Field(primary_key=True)
    at: float
    subject: str = Field(index=True)
    account: str | None = None
    what: str
    value: float | None = None


class Label(SQLModel, table=True):
    """A verdict on an issue, kept to learn from: true, false or unclear."""

    id: str = Field(primary_key=True)
    at: float
    issue: str = Field(index=True)
    detector: str = Field(index=True)
    series: str
    verdict: str
    who: str
    note: str = ""


class LeadTime(SQLModel, table=True):
    """For one issue and customer: from our first message to the first contact or the failure."""

    __tablename__ = "lead_time"
    issue: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    warned_at: float | None = None
    reached_at: float
    """The contact's or the failure's time."""
    by: str
    """contact or the outcome's name."""
    lead_s: float | None = None
    """None: the customer was never warned."""


class EvaluationRow(SQLModel, table=True):
    """How a learned detector stood in one partition, when last looked at (`engine.evaluations`)."""

    __tablename__ = "evaluation"
    detector: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    at: float
    """Event time."""
    record: dict[str, Any] = _json()
    """Sums over all rows whose label is known, as `detectors.learned.record` has them."""
    lately: dict[str, Any] = _json()
    state: dict[str, Any] = _json()


class Progress(SQLModel, table=True):
    """Up to which offset the effects of a partition are in this database (exactly once, by transaction)."""

    group: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    offset: int = Field(sa_type=BigInteger)
    watermark: float


class JobRun(SQLModel, table=True):
    """A scheduled run; the key makes a doubled one impossible."""

    __tablename__ = "job_run"
    job: str = Field(primary_key=True)
    due_at: float = Field(primary_key=True)
    status: str
    """running, done or failed."""
    started_at: float
    ended_at: float | None = None
    detail: str = ""


class Token(SQLModel, table=True):
    """An API token: only its hash is kept."""

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    scope: str
    """ingest, agent or admin."""
    created_at: float
    revoked_at: float | None = None
