"""`forewarn db`"""

import typer

from engine.commands.output import emit, facts
from engine.commands.shared import AsJson, ConfigFolder, configured
from engine.lock import locked
from engine.storage import DATABASE
from engine.store import schema
from engine.store.database import Database

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The database's schema.")


@app.command()
def status(config: ConfigFolder = None, json: AsJson = False) -> None:
    """Say which schema the database has and which this version needs. Exit code 1 if they differ."""
    path = configured(config).data_dir / DATABASE
    opened = Database.open(path, create=False, check=False)
    try:
        revision = opened.revision()
    finally:
        opened.close()
    told = {"database": str(path), "schema": revision, "needed": schema.revisions()[0]}
    if json:
        emit(told)
    else:
        facts({**told, "schema": revision or "none"})
    raise typer.Exit(0 if told["schema"] == told["needed"] else 1)


@app.command()
def upgrade(config: ConfigFolder = None) -> None:
    """Bring the database to this version's schema, in one transaction; makes one where there is none.

    Refused while an engine runs on it.
    """
    folder = configured(config).data_dir
    with locked(folder):
        opened = Database.open(folder / DATABASE, check=False)
        try:
            before = opened.revision()
            opened.upgrade()
            after = opened.revision()
        finally:
            opened.close()
    typer.echo(f"{folder / DATABASE}: {after}" + ("" if before == after else f", was {before}"))
