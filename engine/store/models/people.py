"""Who there is, how they are reached, and what they allowed."""

from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from engine.store.models.columns import json_column, json_list


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
    roles: list[str] = json_list()
    """Of a contact: technical, billing, admin …"""
    prefers: list[str] = json_list()
    """Of a contact: channel names, the preferred first."""
    attributes: dict[str, Any] = json_column()
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


class Preference(SQLModel, table=True):
    """How a person wants to be told, in their own word: it outranks the entity's."""

    person: str = Field(primary_key=True)
    prefers: list[str] = json_list()
    """Channel names, the preferred first; empty: as the entity has it."""
    locale: str = ""
    zone: str = ""
    at: float


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
