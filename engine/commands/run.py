"""`forewarn run`"""

import typer

from engine.cluster.roles import ALL
from engine.commands.serving import Host, Port, start
from engine.commands.shared import ConfigFolder

app = typer.Typer(add_completion=False)


@app.command()
def run(config: ConfigFolder = None, host: Host = None, port: Port = None) -> None:
    """Run everything in one process until SIGTERM or Ctrl-C; SIGHUP reads the configuration anew.

    Exit code 0 after a stop that was asked for, 1 if something broke, 2 if the configuration is not usable.
    """
    start(config, host, port, ALL)
