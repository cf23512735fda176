"""Series that have gone quiet, where partitions move between machines."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "quiet_series",
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("watch", sa.String(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("gone", sa.BigInteger(), nullable=False),
        sa.Column("back", sa.BigInteger(), nullable=True),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("layout", sa.String(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("partition", "watch", "key", "gone"),
    )
    away = sa.text("back IS NULL")
    op.create_index("ix_quiet_hash", "quiet_series", ["partition", "hash"], sqlite_where=away, postgresql_where=away)
    op.create_index(
        "ix_quiet_mark", "quiet_series", ["partition", "watch", "mark"], sqlite_where=away, postgresql_where=away
    )
    op.create_index("ix_quiet_gone", "quiet_series", ["partition", "gone"])
    op.create_index("ix_quiet_back", "quiet_series", ["partition", "back"])
    op.create_table(
        "quiet_text",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("text", sa.String(), nullable=False),
    )


def downgrade() -> None:
    """Drop them; series that are away then are as never seen."""
    op.drop_table("quiet_text")
    op.drop_table("quiet_series")
