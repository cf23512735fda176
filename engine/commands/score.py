"""`forewarn score`"""

import csv
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, TextIO

import numpy as np
import typer

from detectors.base import Detector
from detectors.raising import RaiseRule
from engine.commands.output import note
from engine.commands.shared import Unusable
from engine.config.problems import Problems
from engine.config.reader import BROKEN, Reader
from engine.config.special import SPECIAL
from engine.config.yamlsource import Entry, Table, parse
from engine.errors import ForewarnError
from engine.recordings.recording import STDIN, lines_of
from engine.recordings.unpacking import Blocks
from engine.score import Scored, Series, read_series
from engine.score import score as scored

app = typer.Typer(add_completion=False)


@app.command()
def score(
    file: Annotated[str, typer.Argument(help="CSV with a column of times and one of values; - is standard input.")],
    kind: Annotated[str, typer.Option("--kind", help="The kind of detector, as seasonal.")],
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="K=V", help="A parameter of the kind, as period=1d.")
    ] = None,
    least: Annotated[
        float | None, typer.Option("--score", help="From which score on it raises; without it the kind's own.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write here instead of to standard output.")] = None,
) -> None:
    """Try a detector on a file: adds the columns score, alarm and signal to timestamp and value.

    Every row is scored before it is learned from. score is the evidence of each row in decades, −log10 of its tail
    probability, or the kind's own dense evidence; alarm is the evidence of an episode in the row that tells it, else
    0; signal is 1 where a signal was raised, else 0.
    """
    detector = _detector(kind, param or [])
    series = _series(file)
    if np.any(np.diff(series.times) < 0):
        note(f"{file}: not in order of time; scored in that order, written in the file's")
    found = scored(detector, series, _rule(least))
    with out.open("w", encoding="utf-8", newline="") if out else nullcontext(sys.stdout) as target:
        _write(target, series, found)
    raised = int(found.signal.sum())
    note(f"{len(series.times):,} rows, {raised:,} signals raised; a step is {found.step:g} s")
    if np.isnan(found.score).all():
        note(f"no row has a score: too few rows, or not what kind {kind} takes (forewarn kinds {kind})")


def _rule(least: float | None) -> RaiseRule:
    try:
        return RaiseRule(least)
    except ValueError as error:
        raise Unusable(str(error), place="--score") from error


def _detector(kind: str, params: Sequence[str]) -> Detector:
    """Return the detector, read as the configuration reads it: with the same checks and hints."""
    problems = Problems()
    pairs = [("kind", kind), *(_pair(param) for param in params)]
    entries = [entry for key, text in pairs for entry in _entries(key, text, problems)]
    place = entries[0].place if entries else None
    found: Any = Reader(problems, SPECIAL).read(Detector, Table(place, tuple(entries))) if place else BROKEN
    if problems.found or found is BROKEN:
        told = [f"{each.what}; {each.hint}" if each.hint else each.what for each in problems.sorted()]
        raise Unusable("; ".join(told), place="--kind, --param")
    detector: Detector = found
    if detector.inputs != "measure" or detector.grouping != "none":
        cause = f"kind {kind} needs more than one series of values"
        raise Unusable(cause, place="--kind", remedy="write a detector, and try it with forewarn backtest")
    return detector


def _pair(param: str) -> tuple[str, str]:
    key, equals, text = param.partition("=")
    if not equals:
        raise Unusable(f"{param!r} is no K=V", place="--param", remedy="write --param period=1d")
    return key, text


def _entries(key: str, text: str, problems: Problems) -> list[Entry]:
    nodes = parse(f"{key}: {text}".encode(), "", problems)
    return [entry for node in nodes if isinstance(node, Table) for entry in node.entries]


def _series(file: str) -> Series:
    if file == STDIN:
        return read_series(lines_of(Blocks(sys.stdin.buffer, file)), file)
    try:
        with Path(file).open("rb") as opened:
            return read_series(lines_of(Blocks(opened, file)), file)
    except OSError as error:
        raise ForewarnError(error.strerror or str(error), place=file, remedy="name a file that can be read") from error


def _write(target: TextIO, series: Series, found: Scored) -> None:
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(["timestamp", "value", "score", "alarm", "signal"])
    columns = (found.score.tolist(), found.alarm.tolist(), found.signal.tolist())
    for at, value, score, alarm, raised in zip(series.texts, series.values, *columns, strict=True):
        writer.writerow((at, _number(value), _short(score), _short(alarm), int(raised)))


def _number(value: float) -> str:
    return "" if np.isnan(value) else repr(value)


def _short(evidence: float) -> str:
    return "" if np.isnan(evidence) else f"{evidence + 0.0:.6g}"
