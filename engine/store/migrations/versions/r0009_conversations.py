"""Conversations, and how people want to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "conversation",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("issue", sa.String(), nullable=False),
        sa.Column("began_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_conversation_person", "conversation", ["person"])
    op.create_index("ix_conversation_issue", "conversation", ["issue"])
    op.create_table(
        "turn",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("meaning", sa.String(), nullable=False),
        sa.Column("hand_over", sa.String(), nullable=False),
    )
    op.create_index("ix_turn_conversation", "turn", ["conversation"])
    op.create_table(
        "preference",
        sa.Column("person", sa.String(), primary_key=True),
        sa.Column("prefers", sa.JSON(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("preference")
    op.drop_table("turn")
    op.drop_table("conversation")
