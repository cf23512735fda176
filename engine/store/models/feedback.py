"""What came back: contacts, outcomes, verdicts, and what they measure."""

from typing import Any

from sqlmodel import Field, SQLModel

from engine.store.models.columns import json_column


class CustomerContact(SQLModel, table=True):
    """A customer contacted us (`forewarn.contact`)."""

    __tablename__ = "customer_contact"
    id: str = Field(primary_key=True)
    at: float
    subject: str = Field(index=True)
    account: str | None = Field(default=None, index=True)
    channel: str
    text: str = ""
    issue: str = Field(default="", index=True)
    """The issue it was about, if the event or the matching says so."""


class GoodwillGrant(SQLModel, table=True):
    """A remedy that an account was granted, or that is kept for it until a message has gone (`engine.goodwill`)."""

    __tablename__ = "goodwill_grant"
    id: str = Field(primary_key=True)
    at: float = Field(index=True)
    remedy: str
    """Its name in policy.yaml."""
    amount: int
    """In the smallest unit of the currency."""
    currency: str
    account: str = Field(index=True)
    issue: str = Field(default="", index=True)
    who: str
    """An agent, or `playbook NAME`."""
    why: str = ""
    status: str
    """reserved, granted or released."""
    intent: str = Field(default="", index=True)
    """The message that offers it."""


class GoodwillBudget(SQLModel, table=True):
    """One row: whoever takes from the budget locks it, so that two at once never take more than there is."""

    __tablename__ = "goodwill_budget"
    id: str = Field(primary_key=True)
    taken_at: float


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
    record: dict[str, Any] = json_column()
    """Sums over all rows whose label is known, as `detectors.learned.record` has them."""
    lately: dict[str, Any] = json_column()
    state: dict[str, Any] = json_column()
