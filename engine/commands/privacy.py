"""`forewarn privacy`"""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from engine.commands.output import emit, safe
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, configured
from engine.commands.stores import storage
from engine.eventlog.base import EventLog
from engine.privacy import Erased
from engine.privacy import erase as erase_all
from engine.privacy import export as export_all
from engine.storage import Storage

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="What is kept of a person or account: hand it over, or erase it."
)
Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="account/…, contact/…, an asset; email/… or phone/… of a stranger.")
]


@app.command()
def export(
    subject: Subject,
    config: ConfigFolder = None,
    out: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
) -> None:
    """Write all that is kept of somebody as JSON: rows by table, events, dead letters."""
    _check(subject)
    with storage(configured(config)) as stores, stores.database.reading() as session:
        found = export_all(session, stores.log, stores.dead_letters, subject, CLOCK.time(), _signals(stores))
    text = msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
    if out is None:
        typer.echo(text)
        return
    out.write_text(text + "\n", encoding="utf-8")
    typer.echo(f"{safe(str(out))}: {', '.join(f'{len(found[name])} {name}' for name in found if name not in _HEAD)}")


_HEAD = ("subject", "at")


@app.command()
def erase(
    subject: Subject,
    config: ConfigFolder = None,
    yes: Annotated[bool, typer.Option("--yes", help="Without it nothing is erased.")] = False,
    json: AsJson = False,
) -> None:
    """Erase all that is kept of somebody; a digest of each address stays, to which nothing is sent any more."""
    _check(subject)
    if not yes:
        raise Unusable(
            f"this erases all that is kept of {subject}, for good",
            remedy=f"see what it is with `forewarn privacy export {subject}`, then add --yes",
        )
    with storage(configured(config)) as stores:
        with stores.database.transaction() as session:
            done = erase_all(session, stores.log, stores.dead_letters, subject, CLOCK.time(), _signals(stores))
        stores.database.checkpoint()
    if json:
        emit(msgspec.to_builtins(done))
    else:
        _tell(subject, done)


def _signals(stores: Storage) -> EventLog | None:
    return stores.signals.log if stores.signals is not None else None


def _tell(subject: str, done: Erased) -> None:
    rows = ", ".join(f"{count} {name}" for name, count in done.rows.items()) or "no rows"
    typer.echo(f"{safe(subject)}: erased {rows}; {done.events} events, {done.letters} dead letters")
    typer.echo(f"of {done.addresses} addresses a digest stays: nothing is sent there any more")
    typer.echo(
        "an engine that runs, or starts, forgets it in its models; snapshots and versions of before hold it until they"
        " are replaced; what models learned of many stays until their next fit; backups are yours to erase"
    )
    for each in done.elsewhere:
        typer.echo(f"still at its desk, to be erased there: {safe(each)}")


def _check(subject: str) -> None:
    kind, slash, name = subject.partition("/")
    if not (kind and slash and name):
        raise Unusable(f"{subject!r} is no subject", remedy="write account/acme, contact/ann or email/ann@acme.example")
