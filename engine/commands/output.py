"""What is written to people and to programs: tables, facts, JSON, progress."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
Row = Mapping[str, Any]


def safe(value: object) -> str:
    """Return a value as text that cannot take hold of a terminal.

    >>> safe("red \\x1b[31malert"), safe(None), safe(0.123456)
    ('red \ufffd[31malert', '', '0.1235')
    """
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return _CONTROL.sub("\ufffd", text)


def counted(count: int, what: str) -> str:
    """Return how many there are of something.

    >>> counted(1, "event"), counted(1200, "event")
    ('1 event', '1,200 events')
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def moment(at: float | None) -> str:
    """Return an epoch second for people, in UTC.

    >>> moment(0.0), moment(None)
    ('1970-01-01 00:00:00Z', '')
    """
    return "" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}Z"


def emit(value: Any) -> None:
    """Write one JSON document."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def table(rows: Sequence[Row], columns: Sequence[str], *, empty: str) -> None:
    """Write rows: on a terminal as a table, else in aligned columns that nothing cuts short."""
    if not rows:
        typer.echo(empty)
        return
    cells = [[safe(row.get(name)) for name in columns] for row in rows]
    if sys.stdout.isatty():
        _rich_table(columns, cells)
    else:
        _plain_table(columns, cells)


def _rich_table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 -- only where a person looks
    from rich.table import Table  # noqa: PLC0415 -- as above
    from rich.text import Text  # noqa: PLC0415 -- as above

    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name.replace("_", " "), overflow="fold")
    for row in cells:
        made.add_row(*(Text(cell) for cell in row))
    Console().print(made)


def _plain_table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    lines = [[*columns], *([cell.replace("\n", " ") for cell in row] for row in cells)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        padded = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        typer.echo("  ".join(padded).rstrip())


def facts(pairs: Mapping[str, object]) -> None:
    """Write what is known of one thing, a line each; what is empty is left out."""
    shown = {name: safe(value) for name, value in pairs.items() if value not in (None, "", [], {})}
    width = max(map(len, shown), default=0)
    for name, text in shown.items():
        typer.echo(f"{name.ljust(width)}  {text}")


def heading(text: str) -> None:
    """Write a line that begins a part."""
    typer.echo()
    typer.secho(text, bold=True)


def note(text: str) -> None:
    """Tell something that is not the result: to stderr, so that a program reads results only."""
    typer.echo(text, err=True)


@contextmanager
def progress(label: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """Yield a function that is told how far it is; a bar where a person waits, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 -- only where a person looks
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415 -- as above

    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.update(task, completed=done)
