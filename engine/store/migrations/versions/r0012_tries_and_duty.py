"""Of each try its channel, address and the provider's id; how many agents are on duty."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TRIES = ("channel", "address", "provider_id")


def upgrade() -> None:
    """Add the columns and the table."""
    for name in TRIES:
        op.add_column("receipt", sa.Column(name, sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("receipt") as batch:
        for name in TRIES:
            batch.alter_column(name, server_default=None)
    op.create_index("ix_receipt_provider_id", "receipt", ["provider_id"])
    op.create_table(
        "duty",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("agents", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
    )
    op.create_index("ix_duty_at", "duty", ["at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("duty")
    op.drop_index("ix_receipt_provider_id", "receipt")
    with op.batch_alter_table("receipt") as batch:
        for name in TRIES:
            batch.drop_column(name)
