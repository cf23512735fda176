"""`forewarn simulate`"""

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.shared import Unusable
from engine.simulate import read_scenario, write

app = typer.Typer(add_completion=False)


@app.command()
def simulate(
    scenario: Annotated[Path, typer.Option(help="YAML file; see config/scenarios in a starter.")],
    out: Annotated[Path, typer.Option(help="Events as NDJSON; .gz and .zst are packed.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 1,
) -> None:
    """Write the events of a simulated fleet, and beside them what truly happened: OUT.truth.json."""
    if not scenario.is_file():
        raise Unusable("there is no such file", place=str(scenario), remedy="name a scenario, a YAML file")
    known = write(read_scenario(scenario), seed, out)
    typer.echo(f"{out}: written; {len(known.incidents):,} incidents in {out.name}.truth.json")
