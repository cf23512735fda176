"""What a playbook planned of late is found without reading all that it ever planned."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_intent_planned", "intent", ["playbook", "created_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_intent_planned", "intent")
