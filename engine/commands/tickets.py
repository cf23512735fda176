"""`forewarn tickets`"""

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.actions import intake
from engine.commands.output import emit, facts, heading, moment, safe, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Who, configured, person
from engine.commands.stores import database, storage
from engine.tickets import Tickets, Verdict

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Tickets of the built-in desk.")
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1)]
COLUMNS = ("number", "severity", "status", "queue", "assignee", "account", "opened", "subject")


@app.command("list")
def listed(
    config: ConfigFolder = None,
    queue: Annotated[str, typer.Option(help="Of this queue only.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 100,
    json: AsJson = False,
) -> None:
    """List tickets that are not resolved, the worst first, then the oldest."""
    with database(configured(config)) as opened:
        rows = Tickets(opened, CLOCK).open(queue=queue, limit=limit)
    if json:
        emit([row.model_dump(exclude={"picture"}) for row in rows])
    else:
        table([row.model_dump() | {"opened": moment(row.opened_at)} for row in rows], COLUMNS, empty="no open tickets")


@app.command()
def show(
    number: Number,
    config: ConfigFolder = None,
    picture: Annotated[Path | None, typer.Option(help="Write the evidence as an SVG picture to this file.")] = None,
    json: AsJson = False,
) -> None:
    """Show a ticket with its evidence and notes."""
    with database(configured(config)) as opened:
        ticket, notes = Tickets(opened, CLOCK).get(number)
    if picture is not None:
        picture.write_text(ticket.picture, encoding="utf-8")
    if json:
        emit(ticket.model_dump() | {"notes": [each.model_dump() for each in notes]})
        return
    named = ("number", "severity", "status", "queue", "assignee", "account", "issue", "verdict", "requester", "subject")
    facts({**{name: getattr(ticket, name) for name in named}, "opened": moment(ticket.opened_at)})
    typer.echo(f"\n{safe(ticket.body)}")
    if ticket.next_step not in ticket.body:
        typer.echo(f"Next: {safe(ticket.next_step)}")
    heading("notes")
    table([each.model_dump() | {"at": moment(each.at)} for each in notes], ("at", "who", "text"), empty="none")


@app.command()
def claim(number: Number, config: ConfigFolder = None, who: Who = "") -> None:
    """Work on a ticket: nobody else can claim it from then on."""
    with database(configured(config)) as opened:
        ticket = Tickets(opened, CLOCK).claim(number, person(who))
    typer.echo(f"ticket {number} is with {safe(ticket.assignee)}")


@app.command()
def note(number: Number, text: Annotated[str, typer.Argument()], config: ConfigFolder = None, who: Who = "") -> None:
    """Write an internal note on a ticket."""
    with database(configured(config)) as opened:
        Tickets(opened, CLOCK).note(number, person(who), text)
    typer.echo(f"noted on ticket {number}")


@app.command()
def resolve(
    number: Number,
    verdict: Annotated[Verdict, typer.Option(help="Was the issue real? The detector learns from it.")],
    text: Annotated[str, typer.Option("--note", help="What was found.")] = "",
    config: ConfigFolder = None,
    who: Who = "",
) -> None:
    """End a ticket with a verdict. With false, the issue is dismissed and those told of it get a correction."""
    loaded = configured(config)
    with storage(loaded) as stores:
        tickets = Tickets(stores.database, CLOCK)
        tickets.resolve(number, person(who), verdict, text, intake(loaded, stores, CLOCK))
    typer.echo(f"ticket {number} is resolved; the verdict is in the log, the engine learns from it when it runs")
