"""`forewarn changes`"""

from typing import Annotated

import typer
from sqlmodel import col, select

from detectors.durations import Duration
from engine.commands.actions import said, write
from engine.commands.output import emit, moment, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, Who, configured, person
from engine.commands.stores import database, storage
from engine.events import EVERYONE
from engine.store.models import DeclaredChange

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Declared changes: calendars and detectors may name them."
)
COLUMNS = ("at", "what", "subject", "lasts", "detectors", "reset", "who", "note")


@app.command("list")
def listed(config: ConfigFolder = None, limit: Annotated[int, typer.Option(min=1)] = 100, json: AsJson = False) -> None:
    """List declared changes, the latest first."""
    query = select(DeclaredChange).order_by(col(DeclaredChange.at).desc(), col(DeclaredChange.id)).limit(limit)
    with database(configured(config)) as opened, opened.reading() as session:
        rows = session.exec(query).all()
    if json:
        emit([row.model_dump() for row in rows])
    else:
        table([_row(row) for row in rows], COLUMNS, empty="nothing was declared")


def _row(row: DeclaredChange) -> dict[str, object]:
    lasts = "" if row.lasts is None else str(Duration(row.lasts))
    shown = {
        "at": moment(row.at),
        "lasts": lasts,
        "detectors": " ".join(row.detectors) or "all",
        "reset": row.reset or "",
    }
    return row.model_dump() | shown


@app.command()
def declare(
    what: Annotated[str, typer.Argument(help="As calendars and detectors name it: deployment, migration …")],
    subject: Annotated[str, typer.Option(help="Whose, as account/acme; without it, everyone's.")] = EVERYONE,
    lasts: Annotated[str, typer.Option("--for", help="How long it is felt, as 30m; else what calendars say.")] = "",
    detectors: Annotated[list[str] | None, typer.Option(help="Names or globs; without it, all.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="What was learned of it is worth nothing now.")] = False,
    note: Annotated[str, typer.Option(help="One sentence.")] = "",
    config: ConfigFolder = None,
    who: Who = "",
) -> None:
    """Say that something is changed now, on purpose."""
    loaded = configured(config)
    data = {"what": what, "detectors": detectors or [], "reset": reset, "who": person(who), "note": note}
    if lasts:
        data["lasts"] = _seconds(lasts)
    with storage(loaded) as stores:
        write(loaded, stores, CLOCK, ("forewarn.change", subject), data)
    said(f"change {what}")


def _seconds(text: str) -> float:
    try:
        return float(Duration(text))
    except ValueError as error:
        raise Unusable(str(error), place="--for") from error
