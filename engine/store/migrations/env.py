"""How Alembic runs the revisions: on the connection, and in the transaction, that `engine.store.schema` hands in."""

from alembic import context

from engine.store import models


def run() -> None:
    """Run what the command asked for."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=models.Intent.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


if hasattr(context, "config"):  # only while Alembic runs it: whoever imports every module must not fail here
    run()
