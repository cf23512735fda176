"""Waves, who allows them, and incidents."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and the index by which a playbook's messages are counted."""
    op.create_table(
        "wave",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("playbook", sa.String(), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("usual", sa.Integer(), nullable=False),
        sa.Column("allowance", sa.Integer(), nullable=False),
        sa.Column("audience", sa.Integer(), nullable=False),
        sa.Column("approved", sa.Integer(), nullable=False),
        sa.Column("watched_from", sa.Float()),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("issue", sa.String(), nullable=False),
        sa.Column("ended_at", sa.Float()),
    )
    op.create_index("ix_wave_playbook", "wave", ["playbook"])
    op.create_index("ix_wave_ended_at", "wave", ["ended_at"])
    op.create_table(
        "approval",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("wave", sa.String(), nullable=False),
        sa.Column("playbook", sa.String(), nullable=False),
        sa.Column("asked_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("audience", sa.Integer(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_at", sa.Float()),
    )
    op.create_index("ix_approval_wave", "approval", ["wave"])
    op.create_index("ix_approval_state", "approval", ["state"])
    op.create_table(
        "vote",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("approval", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("agreed", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
    )
    op.create_index("ix_vote_approval", "vote", ["approval"])
    op.create_table(
        "incident",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("detector", sa.String(), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("issue", sa.String(), nullable=False),
        sa.Column("wave", sa.String(), nullable=False),
        sa.Column("ended_at", sa.Float()),
    )
    op.create_index("ix_incident_opened_at", "incident", ["opened_at"])
    op.create_index("ix_incident_status", "incident", ["status"])
    op.create_table(
        "incident_member",
        sa.Column("issue", sa.String(), primary_key=True),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_index("ix_incident_member_incident", "incident_member", ["incident"])
    op.create_index("ix_intent_playbook", "intent", ["playbook", "status", "claimed_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_intent_playbook", "intent")
    for table in ("incident_member", "incident", "vote", "approval", "wave"):
        op.drop_table(table)
