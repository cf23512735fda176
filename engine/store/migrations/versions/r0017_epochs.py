"""Whose a partition is."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Number how often a partition was taken."""
    op.add_column("progress", sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("progress", sa.Column("holder", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("progress", "holder")
    op.drop_column("progress", "epoch")
