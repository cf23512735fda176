"""`forewarn run`"""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import structlog
import typer
import uvicorn

from engine import logs
from engine.app import Engine, services
from engine.commands.output import counted, note
from engine.commands.shared import CLOCK, ConfigFolder, folder_of
from engine.config.check import checked
from engine.config.model import Config, Listen
from engine.config.problems import errors
from engine.errors import ForewarnError
from engine.lock import locked
from engine.metrics import Metrics
from engine.serve import Runner, running
from engine.storage import Storage
from engine.web.auth import refuse_to_listen
from engine.web.server import create_app

app = typer.Typer(add_completion=False)
log = structlog.get_logger()
GRACE = 10
"""Seconds that requests under way are given to finish at a stop."""
STOP = (signal.SIGTERM, signal.SIGINT)


@app.command()
def run(
    config: ConfigFolder = None,
    host: Annotated[str | None, typer.Option(help="Listen here instead of on listen.host.")] = None,
    port: Annotated[int | None, typer.Option(help="Instead of listen.port; 0 for any that is free.", min=0)] = None,
) -> None:
    """Run everything in one process until SIGTERM or Ctrl-C; SIGHUP reads the configuration anew.

    Exit code 0 after a stop that was asked for, 1 if something broke, 2 if the configuration is not usable.
    """
    logs.configure()
    loaded = _load(folder_of(config))
    with locked(loaded.data_dir):
        failure = _serve(loaded, _listen(loaded.main.listen, host, port))
    if failure is not None:
        raise ForewarnError(f"the engine ended: {failure}", remedy="see the log above; nothing is lost, start it again")


def _load(folder: Path) -> Config:
    """Return the configuration, its warnings told. Ends with code 2 where there is an error."""
    loaded, problems = checked(folder)
    for problem in problems:
        note(str(problem))
    if loaded is None:
        note(f"forewarn: {counted(len(errors(problems)), 'error')} in the configuration: nothing was started")
        raise typer.Exit(2)
    return loaded


def _listen(configured: Listen, host: str | None, port: int | None) -> tuple[str, int]:
    return host or configured.host, configured.port if port is None else port


def _serve(config: Config, address: tuple[str, int]) -> Exception | None:
    """Run an engine until it is told to stop; returns what broke, if anything did."""
    engine = Engine(config, CLOCK, Storage.embedded(config, CLOCK))
    try:
        if refused := refuse_to_listen(address[0], engine.storage.database):
            raise refused
        with _bound(address) as listener:
            return _run(engine, listener)
    finally:
        engine.close()


def _run(engine: Engine, listener: socket.socket) -> Exception | None:
    runner = Runner(engine)
    web = create_app(services(engine, runner.unready), Metrics())
    server = _Server(uvicorn.Config(web, log_config=None, timeout_graceful_shutdown=GRACE))
    runner.on_failure = server.stop
    with _signals(server, engine), running(runner):
        typer.echo(f"console: http://{_shown(listener)}/  (stop with Ctrl-C)")
        server.run([listener])
    return runner.failure


def _shown(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Server(uvicorn.Server):
    """Leaves signals to us: what they stop is more than a web server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def stop(self) -> None:
        """End once the requests under way are answered; asked twice, at once."""
        self.force_exit = self.should_exit
        self.should_exit = True


@contextmanager
def _signals(server: _Server, engine: Engine) -> Iterator[None]:
    """While the block lasts, SIGTERM and SIGINT stop `server`, and SIGHUP reloads the configuration."""

    def reload(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 -- a handler's signature
        threading.Thread(target=engine.reload, name="reload").start()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 -- a handler's signature
        server.stop()

    wanted = dict.fromkeys(STOP, stop) | {signal.SIGHUP: reload}
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _bound(address: tuple[str, int]) -> Iterator[socket.socket]:
    """Yield a socket that listens. Raises ForewarnError if the address cannot be had."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        listener = socket.create_server(address, family=family)
    except OSError as error:
        place = f"{address[0]}:{address[1]}"
        remedy = "stop what listens there, or choose another with --port"
        raise ForewarnError(f"cannot listen: {error.strerror or error}", place=place, remedy=remedy) from error
    with listener:
        yield listener
