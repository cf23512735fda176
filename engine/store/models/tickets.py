"""The built-in ticket desk."""

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
