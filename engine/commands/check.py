"""`forewarn check`"""

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.output import emit
from engine.commands.shared import AsJson, ConfigFolder, folder_of
from engine.config.check import check as problems_of
from engine.config.load import find_folder
from engine.config.problems import Problem, errors

app = typer.Typer(add_completion=False)


@app.command()
def check(
    folder: Annotated[Path | None, typer.Argument(help="The configuration folder.", show_default=False)] = None,
    config: ConfigFolder = None,
    json: AsJson = False,
) -> None:
    """Tell everything that is wrong with the configuration, all at once, each with file, line and column.

    Warnings do not fail. Exit code 2 if there is an error.
    """
    where = folder_of(folder or config)
    problems = problems_of(where)
    if json:
        emit([_plain(problem) for problem in problems])
    else:
        _tell(find_folder(where), problems)
    raise typer.Exit(2 if errors(problems) else 0)


def _tell(folder: Path, problems: list[Problem]) -> None:
    for problem in problems:
        typer.secho(str(problem), fg="red" if problem.severity == "error" else "yellow")
    wrong = len(errors(problems))
    warned = len(problems) - wrong
    typer.echo(f"{folder}: {_count(wrong, 'error')}, {_count(warned, 'warning')}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else f"no {what}s"


def _plain(problem: Problem) -> dict[str, object]:
    place = problem.place
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "severity": problem.severity,
        "what": problem.what,
        "hint": problem.hint,
    }
