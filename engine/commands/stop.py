"""`forewarn stop`"""

from typing import Annotated

import typer

from engine.commands.output import emit, moment, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, Who, configured, person
from engine.commands.stores import database, writing
from engine.config.model import Config
from engine.config.problems import nearest
from engine.policy import stops
from engine.store.models import Stop

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="The kill switch: nothing of its scope leaves, from this moment on, until `forewarn stop end`.",
)
COLUMNS = ("id", "stops", "since", "who", "why", "recalled", "ended")
Why = Annotated[str, typer.Option(help="One sentence: why nothing is to leave.")]
Name = Annotated[str, typer.Argument(metavar="NAME")]


@app.command("all")
def everything(why: Why, config: ConfigFolder = None, who: Who = "", json: AsJson = False) -> None:
    """Stop everything: messages, tickets and escalations."""
    _throw(configured(config), ("all", ""), (person(who), why), json)


@app.command()
def playbook(name: Name, why: Why, config: ConfigFolder = None, who: Who = "", json: AsJson = False) -> None:
    """Stop what a playbook does."""
    _throw(configured(config), ("playbook", name), (person(who), why), json)


@app.command()
def channel(name: Name, why: Why, config: ConfigFolder = None, who: Who = "", json: AsJson = False) -> None:
    """Stop a channel or a desk; messages go by the next channel of their step, if there is one."""
    _throw(configured(config), ("channel", name), (person(who), why), json)


@app.command()
def stream(name: Name, why: Why, config: ConfigFolder = None, who: Who = "", json: AsJson = False) -> None:
    """Stop what goes by a channel for a purpose: email/marketing, say. Closing messages of that purpose wait too."""
    _throw(configured(config), ("stream", name), (person(who), why), json)


@app.command()
def template(name: Name, why: Why, config: ConfigFolder = None, who: Who = "", json: AsJson = False) -> None:
    """Stop what a template says, or every template of a folder."""
    _throw(configured(config), ("template", name), (person(who), why), json)


def _known(config: Config, scope: str, name: str) -> None:
    known = stops.stoppable(config).get(scope)
    if known is not None and name not in known:
        raise Unusable(f"there is no {scope} {name!r}", remedy=nearest(name, known))


def _throw(config: Config, what: tuple[str, str], said: tuple[str, str], json: bool) -> None:
    _known(config, *what)
    now = CLOCK.time()
    with writing(config) as session:
        made = stops.throw(session, *what, *said, now)
        row = made.model_dump()
    if json:
        emit(row)
    else:
        typer.echo(f"stopped: {_what(made)}; take it back with `forewarn stop end {made.id}`")


@app.command("list")
def listed(
    config: ConfigFolder = None,
    past: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
    json: AsJson = False,
) -> None:
    """List the stops that are on."""
    with database(configured(config)) as opened, opened.reading() as session:
        rows = [row for row in stops.thrown(session) if past or row.ended_at is None]
    if json:
        emit([row.model_dump() for row in rows])
    else:
        table([_row(row) for row in rows], COLUMNS, empty="nothing is stopped")


@app.command()
def end(
    stop: Annotated[str, typer.Argument(metavar="STOP", help="Its id.")],
    config: ConfigFolder = None,
    who: Who = "",
    json: AsJson = False,
) -> None:
    """Let what was stopped go on; what was held is decided again within a minute."""
    with writing(configured(config)) as session:
        row = stops.take_back(session, stop, person(who), CLOCK.time())
        told = row.model_dump()
    if json:
        emit(told)
    else:
        typer.echo(f"goes on: {_what(row)}")


def _what(row: Stop) -> str:
    return f"{row.scope} {row.name}".strip()


def _row(row: Stop) -> dict[str, object]:
    return {
        "id": row.id,
        "stops": _what(row),
        "since": moment(row.at),
        "who": row.who,
        "why": row.why,
        "recalled": moment(row.recalled_at),
        "ended": f"{moment(row.ended_at)} by {row.ended_by}" if row.ended_at is not None else "",
    }
