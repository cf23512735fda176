"""What people read inside the product, the public status page and its subscribers."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    _feed()
    _entries()
    _updates()
    _subscribers()


def downgrade() -> None:
    """Drop them."""
    for table in ("subscriber", "status_update", "status_entry", "feed_item"):
        op.drop_table(table)


def _feed() -> None:
    op.create_table(
        "feed_item",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("thread", sa.String(), nullable=False),
        sa.Column("read_at", sa.Float(), nullable=True),
    )
    op.create_index("ix_feed_item_entity", "feed_item", ["entity", "at", "id"])


def _entries() -> None:
    op.create_table(
        "status_entry",
        sa.Column("components", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("impact", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("ends_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_status_entry_started", "status_entry", ["started_at", "id"])
    op.create_index("ix_status_entry_kind", "status_entry", ["kind"])
    op.create_index("ix_status_entry_ended_at", "status_entry", ["ended_at"])


def _updates() -> None:
    op.create_table(
        "status_update",
        sa.Column("components", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("entry", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("impact", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("told_at", sa.Float(), nullable=True),
    )
    op.create_index("ix_status_update_entry", "status_update", ["entry"])
    op.create_index("ix_status_update_told_at", "status_update", ["told_at"])


def _subscribers() -> None:
    op.create_table(
        "subscriber",
        sa.Column("components", sa.JSON(), nullable=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("asked_at", sa.Float(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("confirmed_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.UniqueConstraint("address"),
    )
    op.create_index("ix_subscriber_state", "subscriber", ["state"])
    op.create_index("ix_subscriber_asked_at", "subscriber", ["asked_at"])
