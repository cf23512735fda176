"""What `forewarn run` and the roles of a cluster do alike: load, listen, run until told to stop."""

import signal
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import structlog
import typer
import uvicorn

from engine import logs
from engine.app import Engine, services
from engine.cluster.roles import ALL, Role
from engine.commands.output import counted, note
from engine.commands.shared import CLOCK, folder_of
from engine.config.check import checked
from engine.config.model import Config, Listen
from engine.config.problems import errors
from engine.errors import ConfigError, ForewarnError
from engine.lock import locked
from engine.metrics import Metrics
from engine.serve import Runner, running
from engine.storage import Storage
from engine.web.auth import refuse_to_listen
from engine.web.server import create_app

log = structlog.get_logger()
GRACE = 10
"""Seconds that requests under way are given to finish at a stop."""
STOP = (signal.SIGTERM, signal.SIGINT)


Host = Annotated[str | None, typer.Option(help="Listen here instead of on listen.host.")]
Port = Annotated[int | None, typer.Option(help="Instead of listen.port; 0 for any that is free.", min=0)]


def start(config: Path | None, host: str | None, port: int | None, roles: Collection[Role]) -> None:
    """Run some of the work. Processes of a cluster share nothing on this machine; what is all in one has its folder."""
    logs.configure()
    loaded = _load(folder_of(config))
    with ExitStack() as stack:
        if roles == ALL:
            stack.enter_context(locked(loaded.data_dir))
        else:
            _refuse_alone(loaded)
        failure = _serve(loaded, _listen(loaded.main.listen, host, port), roles)
    if failure is not None:
        raise ForewarnError(f"the engine ended: {failure}", remedy="see the log above; nothing is lost, start it again")


def _refuse_alone(config: Config) -> None:
    """Raise ConfigError where log and database are files: of several processes they are not safe."""
    if not (config.main.log.kafka and config.main.store.url):
        cause = "a cluster needs Kafka and PostgreSQL: `log.kafka` and `store.url`"
        raise ConfigError(cause, place=str(config.folder / "forewarn.yaml"), remedy="set both, or use `forewarn run`")


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


def _serve(config: Config, address: tuple[str, int], roles: Collection[Role]) -> Exception | None:
    """Run an engine until it is told to stop; returns what broke, if anything did."""
    engine = Engine(config, CLOCK, Storage.embedded(config, CLOCK), roles=roles)
    try:
        if refused := refuse_to_listen(address[0], engine.storage.database):
            raise refused
        with _bound(address) as listener:
            return _run(engine, listener)
    finally:
        engine.close()


def _run(engine: Engine, listener: socket.socket) -> Exception | None:
    runner = Runner(engine)
    app = create_app(services(engine, runner.unready), Metrics(), bare=Role.WEB not in engine.roles)
    server = _Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=GRACE))
    runner.on_failure = server.stop
    with _signals(server, engine), running(runner):
        what = "console" if Role.WEB in engine.roles else f"{', '.join(sorted(engine.roles))}: health"
        typer.echo(f"{what}: http://{_shown(listener)}/  (stop with Ctrl-C)")
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
