"""The public status page: what was said on it, and who is told."""

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from engine.store.models.columns import json_list


class StatusEntry(SQLModel, table=True):
    """An incident or a maintenance window, as the public reads of it."""

    __tablename__ = "status_entry"
    __table_args__ = (Index("ix_status_entry_started", "started_at", "id"),)
    id: str = Field(primary_key=True)
    key: str = Field(unique=True)
    """What it is about, in the words of whoever declared it: the same key is the same entry."""
    kind: str = Field(index=True)
    """incident or maintenance."""
    title: str
    state: str
    """investigating, identified, monitoring, resolved; scheduled, in_progress, completed, cancelled."""
    impact: str
    """none, minor, major or critical; maintenance: what is to be expected during the window."""
    components: list[str] = json_list()
    who: str
    """Who declared it; never public."""
    started_at: float
    """When it began; of a maintenance, when the window begins."""
    ends_at: float | None = None
    """When the window of a maintenance ends."""
    ended_at: float | None = Field(default=None, index=True)
    """When it was resolved, completed or cancelled; None: it is going on."""
    updated_at: float


class StatusUpdate(SQLModel, table=True):
    """One public word about an entry, and how it stood from then on; only ever added to."""

    __tablename__ = "status_update"
    id: str = Field(primary_key=True)
    entry: str = Field(index=True)
    at: float
    state: str
    impact: str
    components: list[str] = json_list()
    text: str
    who: str
    told_at: float | None = Field(default=None, index=True)
    """When it was put into the outbox for the subscribers; None: it is to be."""


class Subscriber(SQLModel, table=True):
    """Someone who asked to be told what is new on the status page."""

    id: str = Field(primary_key=True)
    address: str = Field(unique=True)
    kind: str = Field(default="email", sa_column_kwargs={"server_default": text("'email'")})
    """Of the address: email, or url, where a system is told by webhook."""
    secret: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    """What a system's requests are signed with (Standard Webhooks); it is told it in the first one."""
    state: str = Field(index=True)
    """pending (nobody has confirmed it yet), confirmed or ended."""
    components: list[str] = json_list()
    """What they want to hear of; empty: everything."""
    locale: str = ""
    asked_at: float = Field(index=True)
    asked: int = 1
    """How often it was asked for and not confirmed."""
    expires_at: float
    """Until when it can be confirmed."""
    confirmed_at: float | None = None
    ended_at: float | None = None
