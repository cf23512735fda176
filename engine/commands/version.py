"""`forewarn version`"""

import platform
from importlib.metadata import version as version_of

import typer

from engine.commands.output import emit
from engine.commands.shared import AsJson

app = typer.Typer(add_completion=False)


@app.command()
def version(json: AsJson = False) -> None:
    """Say which version this is, and of Python."""
    ours, python, system = version_of("forewarn"), platform.python_version(), platform.system()
    if json:
        emit({"forewarn": ours, "python": python, "system": system})
    else:
        typer.echo(f"forewarn {ours} (Python {python}, {system})")
