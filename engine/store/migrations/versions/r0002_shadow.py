"""Issues of detectors that are on trial."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add issue.shadow."""
    with op.batch_alter_table("issue") as table:
        table.add_column(sa.Column("shadow", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("issue") as table:
        table.alter_column("shadow", server_default=None)


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("issue") as table:
        table.drop_column("shadow")
