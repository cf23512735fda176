"""`forewarn ingest`"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.app import intake as intake_of
from engine.commands.output import counted, emit, progress
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, configured
from engine.commands.stores import storage
from engine.config.problems import Problems, errors
from engine.config.reader import BROKEN, Reader
from engine.config.yamlsource import read_file
from engine.errors import Overloaded, Retryable
from engine.intake import Accepted, Intake
from engine.recordings.recording import STDIN, Format, Part, Recording
from engine.recordings.tabular import Template
from engine.storage import Storage

app = typer.Typer(add_completion=False)
ATTEMPTS = 10
WAIT = 1.0
"""Seconds between attempts while the log cannot be written."""


@app.command()
def ingest(
    files: Annotated[list[str], typer.Argument(help="NDJSON or CSV, plain, .gz or .zst; - is standard input.")],
    config: ConfigFolder = None,
    form: Annotated[Format, typer.Option("--format", help="What the files are; auto looks.")] = "auto",
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="TARGET=COLUMN",
            help="CSV: time=stamp, subject=account/{id}, data.value=value …; or a YAML file of such pairs.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[str, typer.Option("--type", help="CSV: the type of all events.", show_default=False)] = "",
    subject: Annotated[str, typer.Option(help="CSV: the subject, as account/{id}.", show_default=False)] = "",
    json: AsJson = False,
) -> None:
    """Put recorded events into the log, also while an engine runs. Doing it again does no harm.

    What cannot be taken becomes a dead letter with file and line. Exit code 1 if nothing at all was taken.
    """
    wanted = _mapping(mapping or [], kind, subject)
    _refuse_missing(files)
    totals = _Totals()
    loaded = configured(config)
    with storage(loaded) as opened:
        intake = intake_of(loaded, opened, CLOCK)
        for file in files:
            _take(Recording(file, form, wanted), intake, opened, totals)
    _tell(totals, as_json=json)
    raise typer.Exit(1 if totals.rejected and not totals.accepted else 0)


def _refuse_missing(files: Sequence[str]) -> None:
    """Tell of a misspelt name before hours of work, not after."""
    for file in files:
        if file != STDIN and not Path(file).exists():
            raise Unusable("there is no such file", place=file, remedy="nothing was read")


class _Totals:
    """What became of all lines."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected: Counter[str] = Counter()

    def add(self, part: Part, done: Accepted) -> None:
        self.accepted += done.accepted
        self.rejected.update(each.reason for each in part.bad)
        self.rejected.update(each.reason for each in done.rejects)


def _take(recording: Recording, intake: Intake, opened: Storage, totals: _Totals) -> None:
    with progress(recording.name, recording.size) as show:
        for part in recording.parts(CLOCK.time()):
            if part.bad:
                opened.dead_letters.add(part.bad)
            totals.add(part, _accepted(intake, part, recording.name))
            show(part.read)


def _accepted(intake: Intake, part: Part, origin: str) -> Accepted:
    """Hand a part in; while the log is busy or full, wait and try again."""
    for _ in range(ATTEMPTS - 1):
        try:
            return intake.accept(part.payload, origin, first=part.first)
        except Overloaded as error:
            time.sleep(error.retry_after)
        except Retryable:
            time.sleep(WAIT)
    return intake.accept(part.payload, origin, first=part.first)


def _tell(totals: _Totals, *, as_json: bool) -> None:
    if as_json:
        emit({"accepted": totals.accepted, "rejected": dict(totals.rejected)})
        return
    typer.echo(f"{counted(totals.accepted, 'event')} accepted")
    for reason, count in totals.rejected.most_common():
        typer.echo(f"{counted(count, 'line')} rejected: {reason}")
    if totals.rejected:
        typer.echo("see them with: forewarn deadletters list")


def _mapping(given: Sequence[str], kind: str, subject: str) -> dict[str, Template]:
    found: dict[str, Template] = {}
    for each in given:
        pairs = dict([each.split("=", 1)]) if "=" in each else _from_file(Path(each))
        found |= {target.strip(): _source(text.strip()) for target, text in pairs.items()}
    constants = {"type": kind, "subject": subject}
    return found | {target: Template.parse(text) for target, text in constants.items() if text}


def _source(text: str) -> Template:
    return Template.parse(text) if "{" in text else Template.column(text)


def _from_file(path: Path) -> Mapping[str, str]:
    """Return the pairs of a YAML file. Raises Unusable with everything wrong with it."""
    problems = Problems()
    nodes = read_file(path, str(path), problems)
    found: Any = Reader(problems).read(Mapping[str, str], nodes[0]) if nodes else BROKEN
    if found is BROKEN or errors(problems.found):
        listed = "; ".join(map(str, problems.sorted())) or f"{path}: is empty"
        raise Unusable(listed, remedy="write TARGET: COLUMN, one a line")
    pairs: Mapping[str, str] = found
    return pairs
