"""`forewarn demo`"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine.commands.output import emit, progress
from engine.commands.shared import AsJson, ConfigFolder
from engine.logs import quiet
from engine.showcase.demo import run, summary

app = typer.Typer()


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the page.")] = Path("demo-out"),
    scenario: Annotated[Path | None, typer.Option(help="YAML file; without it, the starter's fleet.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same fleet.")] = 1,
    config: ConfigFolder = None,
    json: AsJson = False,
) -> None:
    """Run a simulated fleet through the whole engine and write a page about it. Nothing leaves this machine."""
    quiet()
    with progress("a fleet through the engine", 1.0) as show:
        card = run(out, scenario=scenario, seed=seed, progress=lambda share, _: show(share), folder=config)
    if json:
        emit(card)
        return
    summary(card, Console())
    typer.echo(f"\nthe page: {out / 'index.html'}")
