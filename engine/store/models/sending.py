"""The outbox, and what came of what left it."""

from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from engine.store.models.columns import json_column, json_list


class Intent(SQLModel, table=True):
    """The outbox: something to be done once. It commits together with the issue that caused it."""

    __table_args__ = (
        Index("ix_intent_due", "status", "due_at", "id"),
        Index("ix_intent_playbook", "playbook", "status", "claimed_at"),
        Index("ix_intent_planned", "playbook", "created_at"),
    )
    id: str = Field(primary_key=True)
    kind: str
    """message, ticket, annotate, escalate or status."""
    issue: str = Field(index=True)
    episode: int = 0
    account: str | None = Field(default=None, index=True)
    playbook: str
    step: str
    occasion: str
    """opened, resolved, dismissed, expired, escalated or announced: what it tells."""
    recipient: str = Field(default="", index=True)
    """Entity id of the person; the queue or role of a ticket or an escalation; `subscriber/…` of news."""
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
    payload: dict[str, Any] = json_column()
    """What rendering needs beside the issue; after sending, what it said: subject, text, page (`store.pages`)."""
    provider_id: str = Field(default="", index=True)
    delivery: str = ""
    """The latest Delivery state a provider told."""
    sent_at: float | None = None


class Page(SQLModel, table=True):
    """What the HTML of many messages has in common: the texts between which each puts its own values."""

    id: str = Field(primary_key=True)
    """A digest of the texts."""
    texts: list[str] = json_list()


class ReceiptRow(SQLModel, table=True):
    """Every attempt and every word of a provider about an intent, raw."""

    __tablename__ = "receipt"
    id: str = Field(primary_key=True)
    intent: str = Field(index=True)
    at: float
    kind: str
    """attempt, reconcile, recall or delivery."""
    outcome: str
    code: str = ""
    detail: str = ""
    channel: str = ""
    """The channel (or desk) it was tried by: it is not always the one by which it arrived."""
    address: str = ""
    provider_id: str = Field(default="", index=True)
    """Under which the provider knew this try."""
    raw: dict[str, Any] = json_column()


class Duty(SQLModel, table=True):
    """What somebody said of how many agents answer, over the roster (`engine.traffic.roster`); the latest counts."""

    id: str = Field(primary_key=True)
    agents: int
    at: float = Field(index=True)
    until: float
    who: str


class Taken(SQLModel, table=True):
    """How much all dispatchers ever took of what a provider or the agents can take (`engine.traffic.common`)."""

    name: str = Field(primary_key=True)
    total: float


class StreamHour(SQLModel, table=True):
    """What became of the messages of one stream (a channel and a purpose) that were sent within one hour (C9)."""

    __tablename__ = "stream_hour"
    channel: str = Field(primary_key=True)
    """A channel's name."""
    purpose: str = Field(primary_key=True)
    hour: int = Field(primary_key=True)
    """Whole hours since 1970."""
    sent: int = 0
    bounced: int = 0
    """Met a dead address: at once, or as was told later."""
    complained: int = 0


class EarlyDelivery(SQLModel, table=True):
    """What a provider said of a message before we knew which one it means (`engine.deliveries`)."""

    __tablename__ = "early_delivery"
    id: str = Field(primary_key=True)
    """That of the receipt it becomes."""
    provider_id: str = Field(index=True)
    intent: str
    kept_at: float
    event: dict[str, Any] = json_column()
