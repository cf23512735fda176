"""`forewarn init`"""

from pathlib import Path
from typing import Annotated

import typer

from engine.starter import write

app = typer.Typer(add_completion=False)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to; made if it is not there.", show_default=False)],
) -> None:
    """Write a starter: a configuration that runs as it is, its tests, and templates. Nothing is overwritten."""
    written = write(folder)
    here = f"--config {folder / 'config'}"
    typer.echo(f"{len(written)} files in {folder}. Next:")
    typer.echo(f"  forewarn check {here}\n  forewarn test {here}\n  forewarn run {here}")
