"""What was decided, and what stands in the way of everything."""

from typing import Any

from sqlmodel import Field, SQLModel

from engine.store.models.columns import json_column


class Stop(SQLModel, table=True):
    """A kill switch that was thrown: until it is taken back nothing of its scope leaves."""

    id: str = Field(primary_key=True)
    scope: str
    """all, playbook, channel, stream or template."""
    name: str = ""
    """Of the playbook, the channel (or desk), the stream (channel/purpose), or the template (or its folder)."""
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
    """`holdout PLAYBOOK`, or `variant TEMPLATE: ARMS` (`engine.policy.variants`)."""
    account: str
    issue: str = Field(index=True)
    """Of a variant, which holds for the account, the issue it was drawn for."""
    arm: str
    """told or held; of a variant its name, or base."""
    share: float
    """Of the arm that is held back; of a variant, of this arm."""
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
    facts: dict[str, Any] = json_column()
