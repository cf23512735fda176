"""What providers say of messages that are not known yet."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "early_delivery",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("intent", sa.String(), nullable=False),
        sa.Column("kept_at", sa.Float(), nullable=False),
        sa.Column("event", sa.JSON(), nullable=False),
    )
    op.create_index("ix_early_delivery_provider_id", "early_delivery", ["provider_id"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("early_delivery")
