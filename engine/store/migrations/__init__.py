"""Alembic's environment: `versions/` holds one file a revision, in order."""
