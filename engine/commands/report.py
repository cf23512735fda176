"""`forewarn report`"""

import math
from typing import Annotated, Any

import msgspec
import typer

from detectors.durations import Duration
from engine.commands import predictions
from engine.commands.output import emit, moment, safe
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, configured
from engine.commands.stores import database
from engine.recordings.tabular import moment as read_moment
from engine.report import measure

app = typer.Typer(add_completion=False)
WEEK = "7d"


@app.command()
def report(
    since: Annotated[str, typer.Option(help="A time, or so long before --until, as 7d.")] = WEEK,
    until: Annotated[str, typer.Option(help="A time; without it, now.")] = "",
    config: ConfigFolder = None,
    json: AsJson = False,
) -> None:
    """Tell what was achieved: issues, decisions, messages, tickets, lead time, precision."""
    end = _time(until, "--until") if until else CLOCK.time()
    start = _start(since, end)
    if start >= end:
        raise Unusable("--since is not before --until", remedy="exchange them")
    with database(configured(config)) as opened, opened.reading() as session:
        found = measure(session, start, end)
    if json:
        emit(found)
        return
    typer.echo(f"from {moment(start)} to {moment(end)}")
    parts: dict[str, Any] = msgspec.to_builtins(found)
    for name, part in parts.items():
        if isinstance(part, dict) and name != "predictions":
            typer.secho(f"\n{name}", bold=True)
            _show(part, "  ")
    if found.predictions:
        typer.secho("\npredictions", bold=True)
        predictions.show(found.predictions.values(), empty="")


def _show(part: dict[str, Any], indent: str) -> None:
    for name, value in part.items():
        if isinstance(value, dict):
            typer.echo(f"{indent}{name.replace('_', ' ')}{'' if value else ': none'}")
            _show(value, indent + "  ")
        else:
            typer.echo(f"{indent}{name.replace('_', ' ')}: {'–' if value is None else safe(value)}")


def _start(text: str, end: float) -> float:
    try:
        return end - float(Duration(text))
    except ValueError:
        return _time(text, "--since")


def _time(text: str, option: str) -> float:
    at = read_moment(text)
    if math.isnan(at):
        raise Unusable(f"{text!r} is no time", place=option, remedy="write 2025-03-03T08:00:00Z or 2025-03-03")
    return at
