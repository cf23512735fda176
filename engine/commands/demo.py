"""`forewarn demo`"""

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.output import emit, progress
from engine.commands.shared import AsJson, ConfigFolder
from engine.logs import quiet
from engine.simulate import read_scenario
from engine.simulate.process import simulating
from engine.starter import default_scenario

app = typer.Typer(add_completion=False)


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
    played = read_scenario(scenario or default_scenario())
    with progress("a fleet through the engine", 1.0) as show, simulating(played, seed) as fleet:
        from engine.showcase import demo  # noqa: PLC0415 -- while the other process makes the first day

        command = _again(scenario, seed)
        card = demo.run(fleet, out, command=command, folder=config, progress=lambda share, _: show(share))
    if json:
        emit(card)
        return
    demo.summary(card)
    typer.echo(f"\nthe page: {out / 'index.html'}")


def _again(scenario: Path | None, seed: int) -> str:
    return "forewarn demo" + (f" --scenario {scenario}" if scenario else "") + f" --seed {seed}"
