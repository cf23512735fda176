"""`forewarn db`"""

from contextlib import nullcontext

import typer

from engine.commands.output import emit, facts
from engine.commands.shared import AsJson, ConfigFolder, configured
from engine.lock import locked
from engine.storage import open_database
from engine.store import schema

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The database's schema.")


@app.command()
def status(config: ConfigFolder = None, json: AsJson = False) -> None:
    """Say which schema the database has and which this version needs. Exit code 1 if they differ."""
    opened = open_database(configured(config), create=False, check=False)
    try:
        revision = opened.revision()
    finally:
        opened.close()
    told = {"database": opened.place, "schema": revision, "needed": schema.revisions()[0]}
    if json:
        emit(told)
    else:
        facts({**told, "schema": revision or "none"})
    raise typer.Exit(0 if told["schema"] == told["needed"] else 1)


@app.command()
def upgrade(config: ConfigFolder = None) -> None:
    """Bring the database to this version's schema, in one transaction; makes one where there is none.

    Of a file, refused while an engine runs on it. On PostgreSQL engines of the version before may go on running, and
    of two upgrades at once one does it.
    """
    loaded = configured(config)
    with nullcontext() if loaded.main.store.url else locked(loaded.data_dir):
        opened = open_database(loaded, check=False)
        try:
            before = opened.revision()
            opened.upgrade()
            after = opened.revision()
        finally:
            opened.close()
    typer.echo(f"{opened.place}: {after}" + ("" if before == after else f", was {before}"))
