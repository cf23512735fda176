"""Many people told at about the same time: waves, the incidents behind them, and who allowed them."""

from typing import Any

from sqlalchemy import JSON, Column, text
from sqlmodel import Field, SQLModel


class WaveRow(SQLModel, table=True):
    """More people than usual are about to be told by one playbook (`engine.waves`)."""

    __tablename__ = "wave"
    id: str = Field(primary_key=True)
    playbook: str = Field(index=True)
    opened_at: float
    state: str
    """canary, watching, going, asking, refused or expired."""
    usual: int
    """How many it tells within an hour on a busy day of the past."""
    allowance: int
    """How many of the wave may be told as things stand."""
    audience: int
    """Told and waiting, the most that were counted at once."""
    approved: int = 0
    """For how many it was approved."""
    watched_from: float | None = None
    """When the allowance was used up, and watching began."""
    seen_at: float
    """When it last grew: more than usual were to be told within the hour before."""
    until: float = 0.0
    """When it is looked at again: at the end of watching, or of the time to answer."""
    why: str = ""
    issue: str = ""
    """One of the issues it is about, to show and to report it by."""
    ended_at: float | None = Field(default=None, index=True)


class Approval(SQLModel, table=True):
    """People were asked whether a wave may go on."""

    id: str = Field(primary_key=True)
    wave: str = Field(index=True)
    playbook: str
    asked_at: float
    expires_at: float
    why: str
    audience: int
    needed: int
    """How many different people must agree."""
    state: str = Field(index=True)
    """asked, approved, refused or expired."""
    decided_at: float | None = None


class Vote(SQLModel, table=True):
    """What one person said to an approval."""

    id: str = Field(primary_key=True)
    approval: str = Field(index=True)
    who: str
    at: float
    agreed: bool
    note: str = ""


class Incident(SQLModel, table=True):
    """Issues of many customers that have one cause."""

    id: str = Field(primary_key=True)
    title: str
    detector: str
    opened_at: float = Field(index=True)
    status: str = Field(index=True)
    """open, resolved or dismissed."""
    issue: str
    """The first of its issues."""
    wave: str = ""
    """The wave that would tell of it, if there is one."""
    key: str = Field(default="", index=True, sa_column_kwargs={"server_default": text("''")})
    """What the signals call it (`engine.incidents`); empty: it was declared as so many were to be told."""
    cause: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False, server_default=text("'{}'"))
    )
    """What its issues have in common: `words`, and the `values` of dimensions of the `kind` of subject; empty: none."""
    ended_at: float | None = None


class IncidentMember(SQLModel, table=True):
    """An issue of an incident; an issue belongs to one at most."""

    __tablename__ = "incident_member"
    issue: str = Field(primary_key=True)
    incident: str = Field(index=True)
    at: float
