"""`forewarn tickets`"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.actions import intake
from engine.commands.output import emit, facts, heading, moment, safe, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Who, configured, person
from engine.commands.stores import database, storage
from engine.config.model import BUILTIN
from engine.desks import known
from engine.desks.known import Known, Ref
from engine.errors import Permanent
from engine.store.database import Database
from engine.store.models import DeskTicket
from engine.tickets import Tickets, Verdict

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Tickets: those of the built-in desk, and what is known of those at other desks.",
)
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1)]
Named = Annotated[str, typer.Argument(metavar="NUMBER", help="Of the built-in desk; at another one DESK/NUMBER.")]
COLUMNS = ("number", "severity", "status", "queue", "assignee", "account", "opened", "subject")
NAMED = ("number", "severity", "status", "queue", "assignee", "account", "issue", "verdict", "requester", "subject")
THEIRS = ("desk", "number", "name", "url", "severity", "status", "queue", "assignee", "account", "issue", "verdict")


@app.command("list")
def listed(
    config: ConfigFolder = None,
    queue: Annotated[str, typer.Option(help="Of this queue only.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 100,
    json: AsJson = False,
) -> None:
    """List the tickets of all desks that are not over, the worst first, then the oldest."""
    with database(configured(config)) as opened, opened.reading() as session:
        rows = known.open_tickets(session, queue=queue, limit=limit)
    if json:
        emit([_plain(row) for row in rows])
    else:
        lines = [_plain(row) | {"number": str(row.ref), "opened": moment(row.opened_at)} for row in rows]
        table(lines, COLUMNS, empty="no open tickets")


def _plain(row: Known) -> dict[str, object]:
    own = row.ref.desk == BUILTIN
    named = {"desk": row.ref.desk, "number": int(row.ref.number) if own else row.ref.number}
    return named | {name: value for name, value in asdict(row).items() if name != "ref"}


@app.command()
def show(
    number: Named,
    config: ConfigFolder = None,
    picture: Annotated[Path | None, typer.Option(help="Write the evidence as an SVG picture to this file.")] = None,
    json: AsJson = False,
) -> None:
    """Show a ticket with its evidence and notes; of one at another desk, how it stands and where it is read."""
    ref = Ref.of(number)
    with database(configured(config)) as opened:
        if ref.desk != BUILTIN:
            _show_theirs(_theirs(opened, ref), json)
            return
        ticket, notes = Tickets(opened, CLOCK).get(_number(number))
    if picture is not None:
        picture.write_text(ticket.picture, encoding="utf-8")
    if json:
        emit(ticket.model_dump() | {"notes": [each.model_dump() for each in notes]})
        return
    facts({**{name: getattr(ticket, name) for name in NAMED}, "opened": moment(ticket.opened_at)})
    typer.echo(f"\n{safe(ticket.body)}")
    if ticket.next_step not in ticket.body:
        typer.echo(f"Next: {safe(ticket.next_step)}")
    heading("notes")
    table([each.model_dump() | {"at": moment(each.at)} for each in notes], ("at", "who", "text"), empty="none")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Permanent(f"there is no ticket {text[:80]!r}", remedy="list them with `forewarn tickets list`")
    return int(text)


def _theirs(opened: Database, ref: Ref) -> DeskTicket:
    with opened.reading() as session:
        found = known.find(session, ref)
    if found is None:
        raise Permanent(f"nothing is known of a ticket {str(ref)[:80]!r}", remedy="see `forewarn tickets list`")
    return found


def _show_theirs(ticket: DeskTicket, json: bool) -> None:
    if json:
        emit(ticket.model_dump())
        return
    told = {"opened": moment(ticket.opened_at), "subject": ticket.subject}
    facts({**{name: getattr(ticket, name) for name in THEIRS}, **told})


@app.command()
def claim(number: Number, config: ConfigFolder = None, who: Who = "") -> None:
    """Work on a ticket: nobody else can claim it from then on."""
    loaded = configured(config)
    with storage(loaded) as stores:
        ticket = Tickets(stores.database, CLOCK).claim(number, person(who), intake(loaded, stores, CLOCK))
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
