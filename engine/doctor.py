"""Whether everything an engine needs is in order: one finding for each thing looked at."""

import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal
from urllib.parse import urlsplit

from engine.clock import Clock
from engine.config.model import IN_DATABASE, ChannelConfig, Config
from engine.config.problems import Problem, errors
from engine.config.ready import ready, ready_desks
from engine.errors import ForewarnError
from engine.lock import locked
from engine.snapshots import Snapshots
from engine.storage import DATABASE, DEAD_LETTERS, LOG, learned, open_database
from outreach.base import Channel, TicketDesk
from outreach.registry import channel_class, desk_class

LITTLE, TOO_LITTLE = 2 << 30, 200 << 20
"""Bytes free under which to warn, and under which an engine should not be started."""
YEAR_2025 = 1735689600.0
SKEW = 5.0
"""Seconds by which the log may be ahead of the clock: writing takes a moment."""
ANSWER = 5.0
"""Seconds a broker has to answer."""
State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was looked at."""

    what: str
    state: State
    detail: str = ""


def examine(config: Config, clock: Clock) -> Iterator[Found]:
    """Yield what is found, quick things first. Changes nothing."""
    looks: tuple[tuple[str, Callable[[Config], Iterator[Found]]], ...] = (
        ("data folder", _folder),
        ("disk space", _space),
        ("files", _files),
        ("kafka", _brokers),
        ("schema", _schema),
        ("clock", lambda config: _clock(config, clock)),
        ("snapshots", _snapshots),
        ("port", _port),
        ("public url", _public_url),
        ("channels", _channels),
        ("desks", _desks),
    )
    for what, look in looks:
        try:
            yield from look(config)
        except ForewarnError as error:
            yield Found(what, "failed", error.line())
        except (OSError, sqlite3.Error) as error:
            yield Found(what, "failed", f"{error}; check folder, permissions and disk")


def configuration(problems: list[Problem]) -> Iterator[Found]:
    """Yield what `forewarn check` found."""
    wrong = len(errors(problems))
    warned = len(problems) - wrong
    state: State = "failed" if wrong else "warning" if warned else "ok"
    told = f"{wrong} errors, {warned} warnings: forewarn check tells them" if problems else ""
    yield Found("configuration", state, told)


def _folder(config: Config) -> Iterator[Found]:
    with NamedTemporaryFile(dir=_nearest(config.data_dir), prefix=".doctor-"):
        pass
    missing = "" if config.data_dir.exists() else " (it will be made)"
    yield Found("data folder", "ok", f"{config.data_dir}{missing}")


def _nearest(path: Path) -> Path:
    """Return the folder, or the first above it that is there."""
    return path if path.exists() else _nearest(path.parent)


def _space(config: Config) -> Iterator[Found]:
    free = shutil.disk_usage(_nearest(config.data_dir)).free
    state: State = "failed" if free < TOO_LITTLE else "warning" if free < LITTLE else "ok"
    yield Found("disk space", state, f"{free / 2**30:.1f} GB free")


def _files(config: Config) -> Iterator[Found]:
    for name in (DATABASE, LOG, DEAD_LETTERS):
        path = config.data_dir / name
        if path.exists():
            problem = _integrity(path)
            yield Found(name, "failed" if problem else "ok", problem and f"{problem}; restore it from a backup")


def _integrity(path: Path) -> str:
    """Return what SQLite finds wrong with a file; empty if nothing is."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if said == "ok" else str(said)


def _brokers(config: Config) -> Iterator[Found]:
    told = config.main.log
    if told.kafka:
        from engine.eventlog.brokers import Brokers  # noqa: PLC0415 -- kafka-python takes half a second to import

        Brokers(told.kafka, told).reach(ANSWER)
        yield Found("kafka", "ok", f"{', '.join(told.kafka)} can be reached")


def _schema(config: Config) -> Iterator[Found]:
    if _no_database(config):
        yield Found("schema", "ok", "no database yet: it is made at the first run")
        return
    opened = open_database(config, create=False)
    opened.close()
    yield Found("schema", "ok", opened.place if opened.several else "")


def _no_database(config: Config) -> bool:
    return not config.main.store.url and not (config.data_dir / DATABASE).exists()


def _clock(config: Config, clock: Clock) -> Iterator[Found]:
    now, latest = clock.time(), _latest(config.data_dir / LOG)
    if now < YEAR_2025:
        yield Found("clock", "failed", f"it says {clock.now():%Y-%m-%d}: set the time")
    elif latest > now + SKEW:
        yield Found("clock", "failed", f"it is {latest - now:.0f} s behind the newest event in the log: set the time")
    else:
        yield Found("clock", "ok", f"{clock.now():%Y-%m-%d %H:%M:%S} UTC")


def _latest(path: Path) -> float:
    """Return when the newest batch was written to the log; 0 if there is none."""
    if not path.exists():
        return 0.0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        (found,) = connection.execute("SELECT appended_at FROM batch ORDER BY id DESC LIMIT 1").fetchone() or (0.0,)
    return float(found)


def _snapshots(config: Config) -> Iterator[Found]:
    if config.main.snapshots.url == IN_DATABASE and _no_database(config):
        yield Found("snapshots", "ok", "none yet")
        return
    with learned(config) as (snapshots, _):
        for partition in range(config.main.events.partitions):
            yield _latest_snapshot(snapshots, partition)


def _latest_snapshot(snapshots: Snapshots, partition: int) -> Found:
    latest, skipped = snapshots.search(partition)
    told = "none yet" if latest is None else f"offset {latest.offset:,}"
    return Found(f"snapshot {partition}", "warning" if skipped else "ok", "; ".join(skipped) or told)


def _port(config: Config) -> Iterator[Found]:
    host, port = config.main.listen.host, config.main.listen.port
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        running = config.data_dir.exists() and _is_locked(config.data_dir)
        told = "an engine is running on this data folder" if running else f"{error.strerror}: choose another"
        yield Found("port", "ok" if running else "failed", f"{host}:{port}: {told}")
    else:
        yield Found("port", "ok", f"{host}:{port} is free")


def _public_url(config: Config) -> Iterator[Found]:
    """Look whether those who are written to can open the links in their messages."""
    url = config.main.listen.public_url
    host = urlsplit(url).hostname or ""
    local = host == "localhost" or host.endswith(".localhost") or host.startswith("127.") or host == "::1"
    why = f"{url} leads nobody from elsewhere here, and messages link to it: set listen.public_url"
    yield Found("public url", "warning" if local else "ok", why if local else url)


def _is_locked(folder: Path) -> bool:
    try:
        with locked(folder):
            return False
    except ForewarnError:
        return True


def _channels(config: Config) -> Iterator[Found]:
    yield from _connectors("channel", config.channels, ready(config), channel_class)


def _desks(config: Config) -> Iterator[Found]:
    yield from _connectors("desk", config.desks, ready_desks(config), desk_class)


def _connectors(
    what: str,
    given: Mapping[str, ChannelConfig],
    found: tuple[Mapping[str, ChannelConfig], list[Problem]],
    find: Callable[[str], type[Channel] | type[TicketDesk]],
) -> Iterator[Found]:
    """Ask whatever is configured and has its secrets whether it can be reached."""
    usable, problems = found
    yield from (Found(f"{what}s", "failed", str(problem)) for problem in problems)
    for name in sorted(given.keys() - usable.keys()):
        yield Found(f"{what} {name}", "warning", "not used: its secrets are not set")
    for name, each in usable.items():
        with closing(find(each.type)(**each.params)) as connector:
            problem = connector.check()
        yield Found(f"{what} {name}", "failed" if problem else "ok", problem and f"{problem}; see {each.place}")
