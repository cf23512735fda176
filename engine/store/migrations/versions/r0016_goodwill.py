"""Goodwill: what was granted, and the lock of its budget. Contacts are looked up by who made them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, the budget's one row and an index."""
    op.create_table(
        "goodwill_grant",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("issue", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("intent", sa.String(), nullable=False),
    )
    for column in ("at", "account", "issue", "intent"):
        op.create_index(f"ix_goodwill_grant_{column}", "goodwill_grant", [column])
    budget = op.create_table(
        "goodwill_budget",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("taken_at", sa.Float(), nullable=False),
    )
    op.bulk_insert(budget, [{"id": "all", "taken_at": 0.0}])
    op.create_index("ix_customer_contact_subject", "customer_contact", ["subject"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_customer_contact_subject", "customer_contact")
    op.drop_table("goodwill_budget")
    op.drop_table("goodwill_grant")
