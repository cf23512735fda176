"""`forewarn incidents`"""

from typing import Annotated

import typer

from engine.commands.output import emit, facts, moment, safe, table
from engine.commands.shared import AsJson, ConfigFolder, Unusable, configured
from engine.commands.stores import database
from engine.incidents.shown import Shown, incidents, shown
from engine.store.models import Incident, Issue

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Issues of many customers with one cause: list, show.",
)
COLUMNS = ("id", "detector", "since", "issues", "accounts", "ticket", "state", "cause")
ISSUES = ("id", "account", "severity", "status", "since", "summary")
Id = Annotated[str, typer.Argument(metavar="INCIDENT")]


@app.command("list")
def listed(
    config: ConfigFolder = None,
    past: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
    json: AsJson = False,
) -> None:
    """List the open incidents."""
    with database(configured(config)) as opened, opened.reading() as session:
        rows = incidents(session, past=past)
    if json:
        emit([each.plain() for each in rows])
    else:
        table([_row(each) for each in rows], COLUMNS, empty="no incident is open")


@app.command()
def show(id_: Id, config: ConfigFolder = None, json: AsJson = False) -> None:
    """Show an incident: what its issues have in common, and each of them."""
    with database(configured(config)) as opened, opened.reading() as session:
        row = session.get(Incident, id_)
        if row is None:
            raise Unusable(f"there is no incident {id_!r}", remedy="see `forewarn incidents list --all`")
        found = shown(session, row)
    if json:
        emit({**found.plain(), "members": [_issue(each) for each in found.issues]})
        return
    typer.echo(safe(f"{row.title}\n{found.cause}\n"))
    facts({**_row(found), "cause": None})
    table([{**_issue(each), "since": moment(each.opened_at)} for each in found.issues], ISSUES, empty="no issues")


def _row(each: Shown) -> dict[str, object]:
    return {
        "id": each.row.id,
        "detector": each.row.detector,
        "since": moment(each.row.opened_at),
        "issues": f"{len(each.issues)}, {each.active} open",
        "accounts": each.accounts,
        "ticket": each.ticket,
        "state": each.row.status,
        "cause": each.cause,
    }


def _issue(row: Issue) -> dict[str, object]:
    return {
        "id": row.id,
        "account": row.account or row.subject,
        "detector": row.detector,
        "severity": row.severity,
        "status": row.status,
        "opened_at": row.opened_at,
        "summary": row.summary,
    }
