"""`forewarn repartition`"""

from contextlib import nullcontext

import typer

from engine.commands.output import counted, emit, note
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, configured
from engine.lock import locked
from engine.repartition import Moved
from engine.repartition import repartition as split

app = typer.Typer(add_completion=False)


@app.command()
def repartition(config: ConfigFolder = None, json: AsJson = False) -> None:
    """Have as many partitions as `events.partitions` says now: a multiple of what there was.

    Stop all engines and whatever writes events first. What is in the log is processed to its end, each series' models
    go to the partition that its events come to from then on, and the log grows. Broken off, it can be run again.
    """
    loaded = configured(config)
    with nullcontext() if loaded.main.store.url else locked(loaded.data_dir):
        moved = split(loaded, CLOCK)
    if json:
        emit(moved._asdict())
    else:
        _tell(moved)


def _tell(moved: Moved) -> None:
    note(f"{counted(moved.events, 'event')} processed that were still in the log")
    for partition, series in moved.series.items():
        typer.echo(f"partition {partition}: {series:,} series")
    typer.echo(f"{moved.before} partitions became {moved.after}")
