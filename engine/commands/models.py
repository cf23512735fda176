"""`forewarn models`"""

from typing import Annotated

import typer

from engine.commands import predictions
from engine.commands.actions import said, write
from engine.commands.output import emit, moment, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, Who, configured, person
from engine.commands.stores import database, storage
from engine.config.model import Config
from engine.config.problems import nearest
from engine.evaluations import evaluations
from engine.events import EVERYONE
from engine.logs import quiet
from engine.storage import Storage, learned
from engine.versions import Version

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="What detectors have learned: versions are kept daily, and on demand.",
)
COLUMNS = ("detector", "kind", "version", "at", "series", "kB")
Note = Annotated[str, typer.Option(help="One sentence: why.")]


@app.command("list")
def listed(
    detector: Annotated[str, typer.Argument(help="Of this detector only.")] = "",
    config: ConfigFolder = None,
    json: AsJson = False,
) -> None:
    """List the versions that a detector can be taken back to, the latest first."""
    loaded = configured(config)
    if detector:
        _known(loaded, detector)
    quiet()
    with learned(loaded) as (_, versions):
        found = versions.listing(detector)
    if json:
        emit([each._asdict() for each in found])
    else:
        table([_row(loaded, each) for each in found], COLUMNS, empty="no version was kept yet")


def _row(config: Config, version: Version) -> dict[str, object]:
    kind = config.detectors[version.detector].model.kind if version.detector in config.detectors else "(gone)"
    return {**version._asdict(), "kind": kind, "at": moment(version.at), "kB": -(-version.size // 1000)}


@app.command()
def show(
    detector: Annotated[str, typer.Argument(help="Of this detector only.")] = "",
    config: ConfigFolder = None,
    json: AsJson = False,
) -> None:
    """Say how good the predictions are of detectors that learn from outcomes, and the state they are in."""
    loaded = configured(config)
    if detector:
        _known(loaded, detector)
    with database(loaded) as opened, opened.reading() as session:
        found = [each for each in evaluations(session) if detector in ("", each.detector)]
    if json:
        emit(found)
    else:
        predictions.show(found, empty="no detector has learned from outcomes yet")


@app.command()
def keep(
    version: Annotated[str, typer.Argument(help="Under which name.")],
    detectors: Annotated[list[str] | None, typer.Option("--detector", help="Names or globs; without it, all.")] = None,
    config: ConfigFolder = None,
    who: Who = "",
    note: Note = "",
) -> None:
    """Keep what detectors have learned so far."""
    loaded = configured(config)
    with storage(loaded) as stores:
        _write(
            loaded, stores, "keep", {"version": version, "detectors": detectors or [], "who": person(who), "note": note}
        )
    said(f"version {version}")


@app.command()
def revert(
    detector: Annotated[str, typer.Argument(help="Its name.")],
    version: Annotated[str, typer.Argument(help="As `forewarn models list` shows it.")],
    config: ConfigFolder = None,
    who: Who = "",
    note: Note = "",
) -> None:
    """Take a detector back to what it had learned then; issues and verdicts stay as they are."""
    loaded = configured(config)
    _known(loaded, detector)
    with storage(loaded) as stores:
        assert stores.versions is not None
        for partition in range(stores.log.partitions):
            stores.versions.find(detector, version, partition)
        data: dict[str, object] = {"version": version, "detectors": [detector], "who": person(who), "note": note}
        _write(loaded, stores, "revert", data)
    said(f"{detector} back to {version}")


def _known(config: Config, detector: str) -> None:
    if detector not in config.detectors:
        raise Unusable(f"there is no detector {detector!r}", remedy=nearest(detector, config.detectors))


def _write(config: Config, stores: Storage, what: str, data: dict[str, object]) -> None:
    write(config, stores, CLOCK, ("forewarn.model", EVERYONE), {"what": what, **data})
