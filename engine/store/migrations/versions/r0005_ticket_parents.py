"""Tickets of one incident, and notes with a picture."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add ticket.parent and ticket_note.picture."""
    with op.batch_alter_table("ticket") as table:
        table.add_column(sa.Column("parent", sa.Integer(), nullable=True))
        table.create_index("ix_ticket_parent", ["parent"])
    with op.batch_alter_table("ticket_note") as table:
        table.add_column(sa.Column("picture", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("ticket_note") as table:
        table.alter_column("picture", server_default=None)


def downgrade() -> None:
    """Drop both."""
    with op.batch_alter_table("ticket_note") as table:
        table.drop_column("picture")
    with op.batch_alter_table("ticket") as table:
        table.drop_index("ix_ticket_parent")
        table.drop_column("parent")
