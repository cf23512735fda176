"""What is kept for people to read inside the product."""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel


class FeedItem(SQLModel, table=True):
    """A message of an in-app channel, kept for the person or account it is for."""

    __tablename__ = "feed_item"
    __table_args__ = (Index("ix_feed_item_entity", "entity", "at", "id"),)
    id: str = Field(primary_key=True)
    """The message's id: that of its intent."""
    entity: str
    """The person or account, which alone may read it."""
    at: float
    subject: str = ""
    text: str
    locale: str = ""
    occasion: str = ""
    """What it tells: opened, resolved, dismissed, expired."""
    thread: str = ""
    """provider_id of the first message about the same; empty for a first one."""
    read_at: float | None = None
