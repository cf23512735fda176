"""Tickets at vendors' desks."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEXED = ("desk", "intent", "issue", "account", "status")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "desk_ticket",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("desk", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("intent", sa.String(), nullable=False),
        sa.Column("issue", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("detector", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("assignee", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=True),
    )
    for name in INDEXED:
        op.create_index(f"ix_desk_ticket_{name}", "desk_ticket", [name])
    op.create_table(
        "desk_cursor",
        sa.Column("desk", sa.String(), primary_key=True),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.Column("polled_at", sa.Float(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("desk_cursor")
    op.drop_table("desk_ticket")
