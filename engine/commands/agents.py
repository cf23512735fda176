"""`forewarn agents`"""

from typing import Annotated

import typer

from detectors.durations import Duration
from engine.commands.output import emit, moment, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, Who, configured, person
from engine.commands.stores import database, writing
from engine.config.model import Config, Pace
from engine.store.models import Duty
from engine.traffic import roster

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="How many answer those who call: the roster of policy.yaml, unless somebody says otherwise.",
)
COLUMNS = ("at", "agents", "until", "who")


@app.command()
def say(
    agents: Annotated[int, typer.Argument(min=0, help="How many answer now.")],
    lasts: Annotated[str, typer.Option("--for", metavar="SPAN", help="For how long, such as 2h.")] = "4h",
    config: ConfigFolder = None,
    who: Who = "",
    json: AsJson = False,
) -> None:
    """Say how many answer from now on; messages that wait for them are decided anew at once."""
    loaded, now = configured(config), CLOCK.time()
    _paced(loaded)
    until = now + _span(lasts)
    with writing(loaded) as session:
        made = roster.say(session, agents, until, person(who), now).model_dump()
    if json:
        emit(made)
    else:
        typer.echo(f"{agents} on duty until {moment(until)}; then the roster holds again")


@app.command()
def show(config: ConfigFolder = None, json: AsJson = False) -> None:
    """Show how many are on duty now, and what was said before."""
    loaded, now = configured(config), CLOCK.time()
    pace = _paced(loaded)
    with database(loaded) as opened, opened.reading() as session:
        duty, before = roster.said(session, now), roster.history(session, 20)
    agents = duty.agents if duty else roster.rostered(pace, now)
    if json:
        emit({"agents": agents, "said": duty and duty.model_dump(), "before": [each.model_dump() for each in before]})
        return
    typer.echo(f"{agents} on duty, " + (f"as {duty.who} said, until {moment(duty.until)}" if duty else "by the roster"))
    table([_row(each) for each in before], COLUMNS, empty="nobody said otherwise")


@app.command()
def end(config: ConfigFolder = None, who: Who = "") -> None:
    """Let the roster hold again."""
    loaded = configured(config)
    with writing(loaded) as session:
        roster.end(session, person(who), CLOCK.time())
    typer.echo("the roster holds again")


def _span(text: str) -> float:
    try:
        return float(Duration(text))
    except ValueError as error:
        raise Unusable(str(error), remedy="write `forewarn agents say 3 --for 2h`") from error


def _paced(config: Config) -> Pace:
    if config.policy.pace is None:
        raise Unusable("the policy names no pace: messages do not wait for agents", remedy="write pace: in policy.yaml")
    return config.policy.pace


def _row(row: Duty) -> dict[str, object]:
    return row.model_dump() | {"at": moment(row.at), "until": moment(row.until)}
