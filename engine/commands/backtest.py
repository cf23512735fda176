"""`forewarn backtest`"""

from pathlib import Path
from typing import Annotated

import typer
from msgspec.json import encode

from detectors.durations import Duration
from engine.backtest import Backtest, page
from engine.backtest import backtest as backtested
from engine.commands import predictions
from engine.commands.output import moment, progress, table
from engine.commands.shared import ConfigFolder, Unusable, configured
from engine.logs import quiet
from engine.recordings.chunks import chunks

app = typer.Typer(add_completion=False)
COLUMNS = ("opened", "severity", "status", "detector", "series", "summary")
SHOWN = 20


@app.command()
def backtest(
    files: Annotated[list[Path], typer.Argument(help="Recorded events: NDJSON, or CSV with the columns of an event.")],
    config: ConfigFolder = None,
    step: Annotated[str, typer.Option(help="How exact the times of what is done are.")] = "15m",
    json: Annotated[Path | None, typer.Option(help="Write everything to this file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page to this file.")] = None,
) -> None:
    """Say what the configuration would have done over recorded events: issues, messages, lead times. Sends nothing."""
    quiet()
    for file in files:
        if not file.is_file():
            raise Unusable("there is no such file", place=str(file), remedy="name files of recorded events")
    result = _result(files, config, step)
    if json is not None:
        json.write_bytes(encode(result))
    if html is not None:
        html.write_text(page(result), encoding="utf-8")
    _summary(result)


def _result(files: list[Path], config: Path | None, step: str) -> Backtest:
    loaded, length = configured(config), _seconds(step)
    with progress("recorded events", sum(file.stat().st_size for file in files)) as show:
        try:
            return backtested(loaded, chunks(files, length, show))
        except ValueError as error:
            raise Unusable(str(error), place=", ".join(map(str, files)), remedy="name files of events") from error


def _seconds(text: str) -> float:
    try:
        length = float(Duration(text))
    except ValueError as error:
        raise Unusable(str(error), place="--step") from error
    if not length > 0:
        raise Unusable("a step is longer than nothing", place="--step", remedy="write 15m")
    return length


def _summary(result: Backtest) -> None:
    typer.echo(f"{result.events:,} events from {moment(result.since)} to {moment(result.until)}")
    for reason, count in result.rejected.items():
        typer.echo(f"{count:,} lines left out: {reason}")
    customers = len({message.account for message in result.messages})
    told = sum(lead.lead_s is not None and lead.lead_s > 0 for lead in result.leads)
    typer.echo(
        f"{len(result.issues):,} issues; {len(result.messages):,} messages to {customers:,} customers; "
        f"{told:,} of {len(result.leads):,} who contacted us were told before"
    )
    if result.report.predictions:
        predictions.show(result.report.predictions.values(), empty="")
    rows = [{"opened": moment(row.opened_at), **_plain(row)} for row in result.issues[:SHOWN]]
    table(rows, COLUMNS, empty="no issues")
    if len(result.issues) > SHOWN:
        typer.echo(f"and {len(result.issues) - SHOWN:,} more: see --json or --html")


def _plain(row: object) -> dict[str, object]:
    return {name: getattr(row, name) for name in COLUMNS[1:]}
