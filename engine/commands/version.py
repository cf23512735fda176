"""`forewarn version`"""

import platform
from importlib.metadata import version as version_of

import typer

app = typer.Typer(add_completion=False)


@app.command()
def version() -> None:
    """Say which version this is, and of Python."""
    typer.echo(f"forewarn {version_of('forewarn')} (Python {platform.python_version()}, {platform.system()})")
