"""`forewarn schedule`"""

import typer

from engine.cluster.roles import Role
from engine.commands.serving import Host, Port, start
from engine.commands.shared import ConfigFolder

app = typer.Typer(add_completion=False)


@app.command()
def schedule(config: ConfigFolder = None, host: Host = None, port: Port = None) -> None:
    """Of a cluster: do what is due by the clock, read mailboxes, ask ticket desks. One leads, others stand by."""
    start(config, host, port, {Role.SCHEDULE})
