"""Systems subscribe to the status page, too."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Say of each subscriber how it is told."""
    op.add_column("subscriber", sa.Column("kind", sa.String(), nullable=False, server_default="email"))
    op.add_column("subscriber", sa.Column("secret", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Take it back; systems are told no more."""
    op.execute("DELETE FROM subscriber WHERE kind <> 'email'")
    op.drop_column("subscriber", "secret")
    op.drop_column("subscriber", "kind")
