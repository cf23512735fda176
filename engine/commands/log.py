"""`forewarn log`"""

from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from sqlmodel import select

from engine.commands.output import counted, emit, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, configured
from engine.commands.stores import database
from engine.config.model import Config
from engine.eventlog.base import EventLog
from engine.logs import quiet
from engine.storage import open_log
from engine.store.models import Progress
from engine.store.progress import PIPELINE

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The event log, and how far it was processed.")


@app.callback()
def _root() -> None:
    """Have a name for each thing that can be done, be it one."""


@dataclass(frozen=True, slots=True)
class Row:
    """A partition; offsets are those of the log itself, of Kafka the records'."""

    partition: int
    begin: int
    end: int
    committed: int | None
    """Up to which all is in a snapshot; None: there is none yet."""
    lag: int
    """How much is not: a little more than waits to be processed."""
    holder: str
    """Who took it last; empty: nobody has."""
    epoch: int
    """How often it was taken."""


@app.command()
def status(
    config: ConfigFolder = None,
    behind: Annotated[bool, typer.Option("--behind", help="Only partitions of which something waits.")] = False,
    json: AsJson = False,
) -> None:
    """Say of each partition where it begins and ends, up to where it was processed, and who has it."""
    loaded = configured(config)
    quiet()
    owners = _owners(loaded)
    with closing(open_log(loaded, CLOCK)) as log:
        found = [row for row in _rows(log, _group(loaded), owners) if row.lag or not behind]
    plain = [asdict(row) for row in found]
    if json:
        emit({"group": _group(loaded), "partitions": plain})
        return
    table(plain, list(Row.__dataclass_fields__), empty="nothing waits")
    typer.echo(f"\n{counted(len(found), 'partition')}, {sum(row.lag for row in found):,} not in a snapshot yet")


def _group(config: Config) -> str:
    return config.main.log.group if config.main.log.kafka else PIPELINE


def _owners(config: Config) -> dict[int, Progress]:
    with database(config) as opened, opened.reading() as session:
        return {row.partition: row for row in session.exec(select(Progress).where(Progress.group == PIPELINE)).all()}


def _rows(log: EventLog, group: str, owners: dict[int, Progress]) -> list[Row]:
    done = log.progress(group)
    begins = {partition: log.begin(partition) for partition in range(log.partitions)}
    lags = log.lags({partition: done.get(partition, begin) for partition, begin in begins.items()})
    return [_row(log, partition, begins[partition], done, lags, owners.get(partition)) for partition in begins]


def _row(
    log: EventLog, partition: int, begin: int, done: dict[int, int], lags: dict[int, int], owner: Progress | None
) -> Row:
    committed = log.position(done[partition]) if partition in done else None
    return Row(
        partition,
        log.position(begin),
        log.position(log.end(partition)),
        committed,
        lags[partition],
        owner.holder if owner else "",
        owner.epoch if owner else 0,
    )
