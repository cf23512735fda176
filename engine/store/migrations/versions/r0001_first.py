"""The tables as they began."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
_TABLES = (
    "entity",
    "address",
    "consent",
    "suppression",
    "customer_contact",
    "outcome",
    "signal",
    "issue",
    "change",
    "silence",
    "label",
    "lead_time",
    "decision",
    "intent",
    "receipt",
    "ticket",
    "ticket_note",
    "progress",
    "job_run",
    "token",
)


def upgrade() -> None:
    """Make all tables."""
    _customers()
    _issues()
    _outreach()
    _running()


def downgrade() -> None:
    """Drop all tables."""
    for table in _TABLES:
        op.drop_table(table)


def _customers() -> None:
    op.create_table(
        "entity",
        _text("id"),
        _text("kind"),
        _text("parent", nullable=True),
        _text("name"),
        _text("locale"),
        _text("zone"),
        _text("country"),
        _text("region"),
        _json("roles"),
        _json("prefers"),
        _json("attributes"),
        _flag("deleted"),
        _real("updated_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_entity_kind", "entity", ["kind"])
    op.create_index("ix_entity_parent", "entity", ["parent"])
    op.create_table(
        "address",
        _text("id"),
        _text("entity"),
        _text("kind"),
        _text("value"),
        _real("updated_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("entity", "kind", "value"),
    )
    op.create_index("ix_address_entity", "address", ["entity"])
    op.create_index("ix_address_value", "address", ["kind", "value"])
    op.create_table(
        "consent",
        _text("id"),
        _real("at"),
        _text("entity"),
        _text("address"),
        _text("channel"),
        _text("purpose"),
        _text("state"),
        _flag("written"),
        _text("source"),
        _text("wording"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_consent_address", "consent", ["address"])
    op.create_index("ix_consent_entity", "consent", ["entity"])
    op.create_table(
        "suppression",
        _text("address"),
        _text("channel"),
        _text("reason"),
        _real("at"),
        sa.PrimaryKeyConstraint("address", "channel"),
    )
    op.create_table(
        "customer_contact",
        _text("id"),
        _real("at"),
        _text("subject"),
        _text("account", nullable=True),
        _text("channel"),
        _text("text"),
        _text("issue"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_customer_contact_account", "customer_contact", ["account"])
    op.create_index("ix_customer_contact_issue", "customer_contact", ["issue"])
    op.create_table(
        "outcome",
        _text("id"),
        _real("at"),
        _text("subject"),
        _text("account", nullable=True),
        _text("what"),
        _real("value", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_outcome_subject", "outcome", ["subject"])


def _issues() -> None:
    op.create_table(
        "signal",
        _text("id"),
        _text("issue"),
        _text("detector"),
        _text("series"),
        _text("state"),
        _real("at"),
        _real("seen_at"),
        _real("score", nullable=True),
        _real("value", nullable=True),
        _json("evidence"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_signal_detector", "signal", ["detector"])
    op.create_index("ix_signal_issue", "signal", ["issue"])
    op.create_table(
        "issue",
        _text("id"),
        _text("fingerprint"),
        _text("detector"),
        _text("series"),
        _text("subject"),
        _text("account", nullable=True),
        _text("severity"),
        _text("status"),
        _real("opened_at"),
        _real("noticed_at"),
        _real("updated_at"),
        _real("resolved_at", nullable=True),
        _integer("reopened"),
        _flag("flapping"),
        _json("flapped"),
        _text("summary"),
        _json("evidence"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_issue_account", "issue", ["account"])
    op.create_index("ix_issue_detector", "issue", ["detector"])
    op.create_index("ix_issue_fingerprint", "issue", ["fingerprint", "opened_at"])
    op.create_index("ix_issue_opened_at", "issue", ["opened_at"])
    op.create_index("ix_issue_status", "issue", ["status"])
    op.create_index("ix_issue_subject", "issue", ["subject"])
    op.create_table(
        "change",
        _text("id"),
        _text("of"),
        _real("at"),
        _text("who"),
        _text("what"),
        _text("before"),
        _text("after"),
        _text("note"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_change_of", "change", ["of"])
    op.create_table(
        "silence",
        _text("id"),
        _json("matcher"),
        _real("starts_at"),
        _real("ends_at", nullable=True),
        _json("recurring"),
        _text("who"),
        _text("why"),
        _real("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "label",
        _text("id"),
        _real("at"),
        _text("issue"),
        _text("detector"),
        _text("series"),
        _text("verdict"),
        _text("who"),
        _text("note"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_label_detector", "label", ["detector"])
    op.create_index("ix_label_issue", "label", ["issue"])
    op.create_table(
        "lead_time",
        _text("issue"),
        _text("account"),
        _real("warned_at", nullable=True),
        _real("reached_at"),
        _text("by"),
        _real("lead_s", nullable=True),
        sa.PrimaryKeyConstraint("issue", "account"),
    )


def _outreach() -> None:
    op.create_table(
        "decision",
        _text("id"),
        _real("at"),
        _text("issue"),
        _text("intent"),
        _text("playbook"),
        _text("step"),
        _text("recipient"),
        _text("channel"),
        _text("verdict"),
        _text("reason"),
        _real("until", nullable=True),
        _json("facts"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_decision_at", "decision", ["at"])
    op.create_index("ix_decision_intent", "decision", ["intent"])
    op.create_index("ix_decision_issue", "decision", ["issue"])
    op.create_index("ix_decision_reason", "decision", ["reason"])
    op.create_table(
        "intent",
        _text("id"),
        _text("kind"),
        _text("issue"),
        _integer("episode"),
        _text("account", nullable=True),
        _text("playbook"),
        _text("step"),
        _text("occasion"),
        _text("recipient"),
        _text("channel"),
        _text("address"),
        _text("status"),
        _real("due_at"),
        _real("created_at"),
        _text("claimed_by"),
        _real("claimed_at", nullable=True),
        _integer("attempts"),
        _text("detail"),
        _text("thread"),
        _json("payload"),
        _text("provider_id"),
        _text("delivery"),
        _real("sent_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_intent_account", "intent", ["account"])
    op.create_index("ix_intent_due", "intent", ["status", "due_at", "id"])
    op.create_index("ix_intent_issue", "intent", ["issue"])
    op.create_index("ix_intent_provider_id", "intent", ["provider_id"])
    op.create_index("ix_intent_recipient", "intent", ["recipient"])
    op.create_table(
        "receipt",
        _text("id"),
        _text("intent"),
        _real("at"),
        _text("kind"),
        _text("outcome"),
        _text("code"),
        _text("detail"),
        _json("raw"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_receipt_intent", "receipt", ["intent"])
    op.create_table(
        "ticket",
        _text("id"),
        _integer("number"),
        _text("external"),
        _text("issue"),
        _text("account"),
        _text("queue"),
        _text("subject"),
        _text("body"),
        _text("severity"),
        _text("requester"),
        _text("status"),
        _text("assignee"),
        _text("verdict"),
        _json("evidence"),
        _text("picture"),
        _text("next_step"),
        _json("tags"),
        _real("opened_at"),
        _real("updated_at"),
        _real("resolved_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("external"),
    )
    op.create_index("ix_ticket_account", "ticket", ["account"])
    op.create_index("ix_ticket_issue", "ticket", ["issue"])
    op.create_index("ix_ticket_number", "ticket", ["number"], unique=True)
    op.create_index("ix_ticket_queue", "ticket", ["queue"])
    op.create_index("ix_ticket_status", "ticket", ["status"])
    op.create_table(
        "ticket_note",
        _text("id"),
        _text("ticket"),
        _real("at"),
        _text("who"),
        _text("text"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ticket_note_ticket", "ticket_note", ["ticket"])


def _running() -> None:
    op.create_table(
        "progress",
        _text("group"),
        _integer("partition"),
        _big("offset"),
        _real("watermark"),
        sa.PrimaryKeyConstraint("group", "partition"),
    )
    op.create_table(
        "job_run",
        _text("job"),
        _real("due_at"),
        _text("status"),
        _real("started_at"),
        _real("ended_at", nullable=True),
        _text("detail"),
        sa.PrimaryKeyConstraint("job", "due_at"),
    )
    op.create_table(
        "token",
        _text("id"),
        _text("name"),
        _blob("digest"),
        _text("scope"),
        _real("created_at"),
        _real("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _real(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Float(), nullable=nullable)


def _integer(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _big(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _flag(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(), nullable=nullable)


def _blob(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)
