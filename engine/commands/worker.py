"""`forewarn worker`"""

import typer

from engine.cluster.roles import Role
from engine.commands.serving import Host, Port, start
from engine.commands.shared import ConfigFolder

app = typer.Typer(add_completion=False)


@app.command()
def worker(config: ConfigFolder = None, host: Host = None, port: Port = None) -> None:
    """Of a cluster: take partitions of the log, and bring their events to decisions. Any number of them."""
    start(config, host, port, {Role.WORKER})
