"""Issues of detectors that are on trial, and what was declared to have changed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add issue.shadow and the table of declared changes."""
    with op.batch_alter_table("issue") as table:
        table.add_column(sa.Column("shadow", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("issue") as table:
        table.alter_column("shadow", server_default=None)
    op.create_table(
        "declared_change",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("lasts", sa.Float(), nullable=True),
        sa.Column("detectors", sa.JSON(), nullable=False),
        sa.Column("reset", sa.Boolean(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
    )
    op.create_index("ix_declared_change_at", "declared_change", ["at"])


def downgrade() -> None:
    """Drop both."""
    op.drop_table("declared_change")
    with op.batch_alter_table("issue") as table:
        table.drop_column("shadow")
