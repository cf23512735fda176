"""What the issues of an incident have in common."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("incident", sa.Column("key", sa.String(), nullable=False, server_default=""))
    op.add_column("incident", sa.Column("cause", sa.JSON(), nullable=False, server_default="{}"))
    op.create_index("ix_incident_key", "incident", ["key"])


def downgrade() -> None:
    """Take them back."""
    op.drop_index("ix_incident_key", "incident")
    op.drop_column("incident", "cause")
    op.drop_column("incident", "key")
