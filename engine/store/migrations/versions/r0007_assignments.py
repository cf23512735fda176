"""Arms of experiments."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "assignment",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("experiment", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("issue", sa.String(), nullable=False),
        sa.Column("arm", sa.String(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
    op.create_index("ix_assignment_experiment", "assignment", ["experiment"])
    op.create_index("ix_assignment_issue", "assignment", ["issue"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("assignment")
