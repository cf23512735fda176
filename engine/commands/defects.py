"""`forewarn defects`"""

from typing import Annotated

import typer

from engine import defects
from engine.commands.output import emit, facts, moment, safe, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, Who, configured, person
from engine.commands.stores import database, writing
from engine.store.models import Defect

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="What makes customers need help who should not, by whom it is to be removed: list, show, refer, close.",
)
COLUMNS = ("id", "owner", "detector", "since", "issues", "accounts", "contacts", "cost", "reference", "state")
Id = Annotated[str, typer.Argument(metavar="DEFECT")]


@app.command("list")
def listed(
    config: ConfigFolder = None,
    owner: Annotated[str, typer.Option(help="Only this owner's.")] = "",
    past: Annotated[bool, typer.Option("--all", help="Those that are closed too.")] = False,
    json: AsJson = False,
) -> None:
    """List the open defects, and what they have caused."""
    with database(configured(config)) as opened, opened.reading() as session:
        rows = [(row, defects.figures(session, row)) for row in defects.defects(session, owner=owner, past=past)]
    if json:
        emit([_plain(row, found) for row, found in rows])
    else:
        table([_row(row, found) for row, found in rows], COLUMNS, empty="no defects")


@app.command()
def show(id_: Id, config: ConfigFolder = None, json: AsJson = False) -> None:
    """Show a defect."""
    with database(configured(config)) as opened, opened.reading() as session:
        row = session.get(Defect, id_)
        if row is None:
            raise Unusable(f"there is no defect {id_!r}", remedy="see `forewarn defects list --all`")
        found = defects.figures(session, row)
    if json:
        emit(_plain(row, found))
        return
    typer.echo(safe(f"{row.title}\n"))
    facts({**_row(row, found), "source": row.source, "after": row.after, "note": row.note})


@app.command()
def close(
    id_: Id,
    note: Annotated[str, typer.Option(help="What was done about it.")] = "",
    config: ConfigFolder = None,
    who: Who = "",
    json: AsJson = False,
) -> None:
    """Say that the cause is removed; should it come back, that is a new defect."""
    with writing(configured(config)) as session:
        plain = defects.close(session, id_, person(who), CLOCK.time(), note).model_dump()
    if json:
        emit(plain)
    else:
        typer.echo(f"{id_}: closed")


@app.command()
def refer(
    id_: Id,
    reference: Annotated[str, typer.Argument(help="Number or link in another tracker.")],
    config: ConfigFolder = None,
    json: AsJson = False,
) -> None:
    """Say where a defect is worked on."""
    with writing(configured(config)) as session:
        plain = defects.refer(session, id_, reference).model_dump()
    if json:
        emit(plain)
    else:
        typer.echo(safe(f"{id_}: {reference}"))


def _plain(row: Defect, found: defects.Figures) -> dict[str, object]:
    return {**row.model_dump(), **{name: getattr(found, name) for name in found.__struct_fields__}}


def _row(row: Defect, found: defects.Figures) -> dict[str, object]:
    return {
        "id": row.id,
        "owner": row.owner or "–",
        "detector": row.detector,
        "since": moment(row.opened_at),
        "issues": found.issues,
        "accounts": found.accounts,
        "contacts": found.contacts,
        "cost": "–" if found.cost is None else f"{found.cost:.2f}",
        "reference": row.reference,
        "state": "open" if row.closed_at is None else f"closed {moment(row.closed_at)} by {row.closed_by}",
    }
