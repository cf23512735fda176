"""Defects: what causes demand that is to be removed."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "defect",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("detector", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("issue", sa.String(), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("price", sa.Float()),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("closed_at", sa.Float()),
        sa.Column("closed_by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
    )
    op.create_index("ix_defect_detector", "defect", ["detector"])
    op.create_index("ix_defect_owner", "defect", ["owner"])
    op.create_index("ix_defect_closed_at", "defect", ["closed_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("defect")
