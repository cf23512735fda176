"""What the HTML of many messages has in common."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "page",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("texts", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    """Drop it; messages that went out lose their HTML, and keep their text."""
    op.drop_table("page")
