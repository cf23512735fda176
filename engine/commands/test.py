"""`forewarn test`"""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatchcase
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from engine.commands.output import emit
from engine.commands.shared import AsJson, ConfigFolder, Unusable, configured, folder_of
from engine.config.load import find_folder, load_or_raise
from engine.config.problems import errors, nearest
from engine.config.tests import PlaybookTest
from engine.config.tests_read import ENDING, load_tests
from engine.errors import ConfigError
from engine.logs import quiet
from engine.playbook_tests import run

app = typer.Typer(add_completion=False)
ALONE = 4
"""So few tests are run in this process: another one takes as long to start as they take."""


class Outcome(NamedTuple):
    """What became of one test."""

    name: str
    file: str
    seconds: float
    failures: list[str]


@app.command("test")
def run_all(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names of tests or of their files, or globs.", show_default=False)
    ] = None,
    config: ConfigFolder = None,
    jobs: Annotated[int, typer.Option(help="Processes; 0: as many as there are processors.", min=0)] = 0,
    json: AsJson = False,
) -> None:
    """Run the tests beside the playbooks (*.test.yaml), each on an engine of its own. Exit code 1 if one fails."""
    folder = folder_of(config)
    configured(folder)
    chosen = _chosen(_tests(folder), names or [])
    started = time.monotonic()
    outcomes: list[Outcome] = []
    for outcome in _outcomes(folder, chosen, jobs or os.cpu_count() or 1):
        outcomes.append(outcome)
        if not json:
            _show(outcome)
    if json:
        emit([outcome._asdict() for outcome in outcomes])
    else:
        _summary(outcomes, time.monotonic() - started)
    raise typer.Exit(1 if any(outcome.failures for outcome in outcomes) else 0)


def _tests(folder: Path) -> list[PlaybookTest]:
    tests, problems = load_tests(find_folder(folder))
    if wrong := errors(problems):
        raise ConfigError("a test cannot be read\n" + "\n".join(f"  {problem}" for problem in wrong), place=str(folder))
    return tests


def _chosen(tests: Sequence[PlaybookTest], names: Sequence[str]) -> list[PlaybookTest]:
    for name in names:
        if not any(_is_called(test, name) for test in tests):
            known = [each for test in tests for each in _names(test)]
            raise Unusable(f"there is no test {name!r}", remedy=nearest(name, known))
    return [test for test in tests if not names or any(_is_called(test, name) for name in names)]


def _is_called(test: PlaybookTest, name: str) -> bool:
    return any(fnmatchcase(each, name) for each in _names(test))


def _names(test: PlaybookTest) -> tuple[str, str]:
    """Return what a test goes by: its own name, and that of its file."""
    return test.name, Path(test.place.file).name.removesuffix(ENDING)


def _outcomes(folder: Path, tests: Sequence[PlaybookTest], jobs: int) -> Iterator[Outcome]:
    if jobs == 1 or len(tests) <= ALONE:
        yield from (_run(folder, test.name) for test in tests)
        return
    with ProcessPoolExecutor(min(jobs, len(tests)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(_run, [folder] * len(tests), [test.name for test in tests])


def _run(folder: Path, name: str) -> Outcome:
    """Run one test, by its name: what was read of a configuration does not travel between processes."""
    quiet()
    test = next(test for test in load_tests(find_folder(folder))[0] if test.name == name)
    started = time.monotonic()
    failures = run(test, load_or_raise(folder))
    return Outcome(name, test.place.file, time.monotonic() - started, failures)


def _show(outcome: Outcome) -> None:
    good = not outcome.failures
    mark = typer.style("pass" if good else "FAIL", fg="green" if good else "red")
    typer.echo(f"{mark}  {outcome.name}  ({outcome.file}, {outcome.seconds:.1f} s)")
    for failure in outcome.failures:
        typer.echo(f"      {failure}")


def _summary(outcomes: Sequence[Outcome], seconds: float) -> None:
    failed = sum(bool(outcome.failures) for outcome in outcomes)
    typer.echo(f"{len(outcomes) - failed} passed, {failed} failed in {seconds:.1f} s")
