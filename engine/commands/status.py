"""`forewarn status`"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer
from sqlmodel import Session

from detectors.durations import Duration
from engine.commands.output import emit, moment, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, Who, configured, person
from engine.commands.stores import database, writing
from engine.config.model import Config
from engine.errors import Permanent
from engine.status import book, subscribers
from engine.status.board import known
from engine.status.book import Window
from engine.status.uptime import DAY, DAYS
from engine.store.models import StatusEntry

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="The public status page: what is said on it, and who is told."
)
COLUMNS = ("id", "kind", "state", "impact", "title", "components", "started", "ends", "ended")
Title = Annotated[str, typer.Argument(help="As the public reads it.")]
Text = Annotated[str, typer.Option(help="What the public is to know, in a sentence or two.")]
Components = Annotated[list[str] | None, typer.Option("--component", help="A name in status.yaml; may be repeated.")]
Impact = Annotated[str, typer.Option(help=f"{', '.join(book.IMPACTS)}.")]
Key = Annotated[str, typer.Option(help="What it is about: the same key again declares nothing new.")]
Named = Annotated[str, typer.Argument(metavar="ENTRY", help="Its id or key.")]


@app.command()
def declare(
    title: Title,
    text: Text,
    component: Components = None,
    impact: Impact = "minor",
    key: Key = "",
    config: ConfigFolder = None,
    who: Who = "",
    json: AsJson = False,
) -> None:
    """Declare an incident to the public."""
    loaded, now, by = configured(config), CLOCK.time(), person(who)
    names = _components(loaded, component)
    _write(
        loaded,
        lambda session: book.declare(
            session,
            key=key,
            title=title,
            components=names,
            impact=impact,
            text=text,
            now=now,
            who=by,
        ),
        json,
    )


@app.command()
def maintain(  # noqa: PLR0913, PLR0917 -- a command's parameters are its options
    title: Title,
    text: Text,
    start: Annotated[str, typer.Option("--from", help="When it begins: 2026-11-25T22:00Z; without it, now.")] = "",
    lasts: Annotated[str, typer.Option("--for", help="How long it lasts, as 2h.")] = "1h",
    component: Components = None,
    impact: Impact = "minor",
    key: Key = "",
    config: ConfigFolder = None,
    who: Who = "",
    json: AsJson = False,
) -> None:
    """Announce a maintenance to the public; calendars that name it know of it while it lasts."""
    loaded, now, by = configured(config), CLOCK.time(), person(who)
    names, begins = _components(loaded, component), _time(start) if start else now
    window = Window(begins, begins + _seconds(lasts), impact)
    _write(
        loaded,
        lambda session: book.maintain(
            session,
            key=key,
            title=title,
            components=names,
            window=window,
            text=text,
            now=now,
            who=by,
        ),
        json,
    )


@app.command()
def update(
    entry: Named,
    text: Text,
    state: Annotated[
        str, typer.Option(help=f"Of an incident {', '.join(book.INCIDENT)}; else {', '.join(book.MAINTENANCE)}.")
    ] = "",
    impact: Annotated[str, typer.Option(help="If it is another one now.")] = "",
    config: ConfigFolder = None,
    who: Who = "",
    json: AsJson = False,
) -> None:
    """Say something new of an entry; what is not given stays as it is."""
    now, by = CLOCK.time(), person(who)
    _write(
        configured(config),
        lambda session: book.update(session, entry, text=text, now=now, who=by, state=state, impact=impact),
        json,
    )


@app.command()
def resolve(entry: Named, text: Text, config: ConfigFolder = None, who: Who = "", json: AsJson = False) -> None:
    """End an incident, or complete a maintenance."""
    now, by = CLOCK.time(), person(who)
    _write(configured(config), lambda session: book.resolve(session, entry, text=text, now=now, who=by), json)


@app.command("list")
def listed(config: ConfigFolder = None, json: AsJson = False) -> None:
    """List what is going on, is to come, or ended within 90 days."""
    with database(configured(config)) as opened, opened.reading() as session:
        rows = book.entries(session, CLOCK.time() - DAYS * DAY)
    if json:
        emit([row.model_dump() for row in rows])
    else:
        table([_row(row) for row in rows], COLUMNS, empty="nothing was declared")


@app.command("subscribers")
def counted(
    config: ConfigFolder = None,
    remove: Annotated[str, typer.Option(metavar="ADDRESS", help="Forget this address, and that it ever asked.")] = "",
    json: AsJson = False,
) -> None:
    """Say how many are told what is new, or forget one."""
    with writing(configured(config)) as session:
        found = subscribers.remove(session, remove) if remove else True
        counts = subscribers.counts(session)
    if not found:
        raise Unusable(f"nobody is subscribed as {remove!r}")
    if json:
        emit(counts)
    else:
        names = ("confirmed", "pending", "ended")
        typer.echo(", ".join(f"{counts.get(name, 0)} {name}" for name in names))


def _components(config: Config, names: list[str] | None) -> list[str]:
    try:
        return known(config.status, names or [])
    except Permanent as error:
        raise Unusable(error.cause, place="--component", remedy=error.remedy) from error


def _write(config: Config, what: Callable[[Session], StatusEntry], json: bool) -> None:
    with writing(config) as session:
        row = what(session)
        told = row.model_dump()
    if json:
        emit(told)
    else:
        typer.echo(f"{row.id}: {row.kind} {row.state}; subscribers are told within seconds, if an engine is running")


def _time(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unusable(str(error), place="--from", remedy="write 2026-11-25T22:00Z") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _seconds(text: str) -> float:
    try:
        return float(Duration(text))
    except ValueError as error:
        raise Unusable(str(error), place="--for") from error


def _row(row: StatusEntry) -> dict[str, object]:
    shown = {"components": " ".join(row.components), "started": moment(row.started_at)}
    return {**row.model_dump(), **shown, "ends": moment(row.ends_at), "ended": moment(row.ended_at)}
