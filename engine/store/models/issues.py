"""What was seen: signals, issues, what was changed on purpose, and what is silenced."""

from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from engine.store.models.columns import json_column, json_list


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
    evidence: dict[str, Any] = json_column()


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
    flapped: list[float] = json_list()
    """Times of the latest reopenings, for flap control."""
    shadow: bool = False
    """Of a detector on trial: it is measured, and causes nothing."""
    summary: str = ""
    evidence: dict[str, Any] = json_column()
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
    detectors: list[str] = json_list()
    """Names or globs."""
    reset: bool = False
    who: str = ""
    note: str = ""


class Silence(SQLModel, table=True):
    """Within it, what matches is still recorded and not contacted about."""

    id: str = Field(primary_key=True)
    matcher: dict[str, Any] = json_column()
    """Any of detector, subject, account, severity: a value or a glob; all must match."""
    starts_at: float
    ends_at: float | None = None
    recurring: dict[str, Any] = json_column()
    """`{days: [sat, sun], from: "22:00", to: "06:00", zone: Europe/Vienna}` within starts_at … ends_at."""
    who: str
    why: str
    created_at: float


class Defect(SQLModel, table=True):
    """What makes customers need help who should not: whoever owns it is to remove it."""

    id: str = Field(primary_key=True)
    detector: str = Field(index=True)
    """One defect of a detector is open at most; its issues meanwhile are those the defect causes."""
    owner: str = Field(index=True)
    source: str
    """What generates the demand, in the detector's words: defect, unclear bill …"""
    title: str
    issue: str
    """The first of its issues."""
    opened_at: float
    after: str = ""
    """The defect that was closed before, and came back as this one."""
    price: float | None = None
    """What a contact about one of its issues costs; None where no playbook says so."""
    reference: str = ""
    """Where it is worked on: a number or link of another tracker."""
    closed_at: float | None = Field(default=None, index=True)
    closed_by: str = ""
    note: str = ""
