"""Tickets: those of the built-in desk, and what is known of those at vendors' desks."""

from typing import Any

from sqlmodel import Field, SQLModel

from engine.store.models.columns import json_column, json_list


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
    evidence: dict[str, Any] = json_column()
    picture: str = ""
    """SVG."""
    next_step: str = ""
    parent: int | None = Field(default=None, index=True)
    """Number of the incident's ticket that this one belongs to."""
    tags: list[str] = json_list()
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


class DeskTicket(SQLModel, table=True):
    """What is known of a ticket of ours at a vendor's desk (`engine.desks`)."""

    __tablename__ = "desk_ticket"
    id: str = Field(primary_key=True)
    desk: str = Field(index=True)
    """Its name in desks.yaml."""
    number: str
    """The desk's number, by which it tells of it."""
    name: str = ""
    """What people there call it, where that is not its number."""
    url: str = ""
    """Where an agent reads it."""
    intent: str = Field(index=True)
    issue: str = Field(index=True)
    account: str = Field(default="", index=True)
    detector: str = ""
    queue: str = ""
    subject: str = ""
    severity: str
    status: str = Field(index=True)
    """open, pending, solved or closed."""
    assignee: str = ""
    verdict: str = ""
    """true, false or unclear; one that was given stays until another is."""
    changes: int = 0
    """How often the desk told of a change: part of the ids of what comes of the next."""
    parent: str = ""
    """Number of the incident's ticket that this one belongs to."""
    opened_at: float
    updated_at: float
    """When it last changed by the desk's clock; 0: it has told nothing yet."""
    ended_at: float | None = None


class DeskCursor(SQLModel, table=True):
    """How far a desk was read. There is one as soon as a ticket was made there."""

    __tablename__ = "desk_cursor"
    desk: str = Field(primary_key=True)
    since: float
    """What changed before was read, by the desk's clock."""
    due_at: float
    """When it is to be read again."""
    polled_at: float | None = None
    """When it was last read without failure."""
    failures: int = 0
    """How often in a row it could not be read since."""
    detail: str = ""
    """Why not, the last time."""
