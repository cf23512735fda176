"""What several dispatchers took of what providers and agents can take."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "taken",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("total", sa.Float(), nullable=False),
    )


def downgrade() -> None:
    """Drop it; each dispatcher sends as if it were the only one again."""
    op.drop_table("taken")
