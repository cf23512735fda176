"""Where an engine keeps things, opened together."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import make_url

from engine.blobs.base import Blobs
from engine.blobs.folder import Folder
from engine.blobs.objects import Objects
from engine.blobs.table import Table
from engine.clock import Clock
from engine.cold import ColdStores
from engine.cold.file import Files
from engine.cold.table import Tables
from engine.config.model import IN_DATABASE, Config
from engine.eventlog.base import DeadLetters, EventLog
from engine.eventlog.deadletters import SqliteDeadLetters
from engine.eventlog.signals import SignalLog
from engine.eventlog.sqlite import SqliteLog
from engine.links import secret_at
from engine.snapshots import Snapshots
from engine.store.database import Database
from engine.versions import Versions

LOG, DEAD_LETTERS, DATABASE, SIGNALS = "log.db", "deadletters.db", "forewarn.db", "signals.db"
SNAPSHOTS, MODELS, COLD = "snapshots", "models", "quiet"
"""What lies in the data folder."""
FILE = "file:///"


@dataclass(frozen=True, slots=True)
class Storage:
    """Where an engine keeps things."""

    log: EventLog
    dead_letters: DeadLetters
    database: Database
    snapshots: Snapshots | None
    """None: nothing of the models is to last."""
    secret: bytes
    versions: Versions | None = None
    """Where versions of models are kept by name; None: nowhere."""
    cold: ColdStores | None = None
    """Where series are kept that have gone quiet; None: they stay in memory."""
    signals: SignalLog | None = None
    """Where partitions tell what concerns all of them; None: nowhere, and no incident has a cause."""
    reports: Path | None = None
    """Folder of the daily reports; None: they are not kept."""

    @classmethod
    def embedded(cls, config: Config, clock: Clock, *, synchronous: str = "FULL") -> "Storage":
        """Open log and database where the configuration says, and all else in its data folder."""
        folder = config.data_dir
        folder.mkdir(parents=True, exist_ok=True)
        database = open_database(config, synchronous=synchronous)
        return cls(
            log=open_log(config, clock),
            dead_letters=open_dead_letters(config),
            database=database,
            snapshots=open_snapshots(config, database),
            secret=config.main.link_secret.encode() or secret_at(folder / "links.key"),
            versions=open_versions(config, database),
            cold=Tables(database) if config.main.log.kafka else Files(folder / COLD, synchronous=synchronous),
            signals=SignalLog(partial(open_signals, config, clock)),
            reports=folder / "reports",
        )

    def close(self) -> None:
        """Let go of all files and connections."""
        self.log.close()
        self.dead_letters.close()
        self.database.close()
        if self.cold is not None:
            self.cold.close()
        if self.signals is not None:
            self.signals.close()


def open_log(config: Config, clock: Clock) -> EventLog:
    """Open the topic that the configuration names, or the file in its data folder."""
    return _open_log(config, clock, LOG, "", config.main.events.partitions)


def open_signals(config: Config, clock: Clock) -> EventLog:
    """Open the log of signals: a topic beside that of the events, or the file in the data folder."""
    return _open_log(config, clock, SIGNALS, ".signals", 1)


def _open_log(config: Config, clock: Clock, file: str, ending: str, partitions: int) -> EventLog:
    told = config.main.log
    if not told.kafka:
        return SqliteLog(config.data_dir / file, partitions=partitions, clock=clock)
    from engine.eventlog.brokers import Brokers  # noqa: PLC0415 -- as below
    from engine.eventlog.kafka import KafkaLog  # noqa: PLC0415 -- kafka-python takes half a second to import

    compression = None if told.compression == "none" else told.compression
    return KafkaLog(
        Brokers(told.kafka, told),
        f"{told.topic}{ending}",
        partitions=partitions,
        replicas=told.replicas,
        compression=compression,
    )


def open_dead_letters(config: Config) -> DeadLetters:
    """Open the topic beside that of the events, or the file in the data folder."""
    told = config.main.log
    if not told.kafka:
        return SqliteDeadLetters(config.data_dir / DEAD_LETTERS)
    from engine.eventlog.brokers import Brokers  # noqa: PLC0415 -- as below
    from engine.eventlog.kafka_letters import KafkaDeadLetters  # noqa: PLC0415 -- heavy: only where it is used

    return KafkaDeadLetters(Brokers(told.kafka, told), f"{told.topic}.dead", replicas=told.replicas)


def open_database(config: Config, *, create: bool = True, check: bool = True, synchronous: str = "FULL") -> Database:
    """Open the PostgreSQL that the configuration names, or the file in its data folder; the rest as `Database.open`."""
    store = config.main.store
    if not store.url:
        return Database.open(config.data_dir / DATABASE, create=create, check=check, synchronous=synchronous)
    url = make_url(store.url)
    if store.password:
        url = url.set(password=str(store.password))
    return Database.open(url.render_as_string(hide_password=False), create=create, check=check, pool=store.pool)


@contextmanager
def learned(config: Config) -> Iterator[tuple[Snapshots, Versions]]:
    """Yield snapshots and versions of models, without all else; where they are in the database, it must be there."""
    with ExitStack() as stack:
        kept = config.main.snapshots.url == IN_DATABASE
        database = stack.enter_context(closing(open_database(config, create=False))) if kept else None
        yield open_snapshots(config, database), open_versions(config, database)


def open_snapshots(config: Config, database: Database | None) -> Snapshots:
    """Return the snapshots, where the configuration says that they are kept."""
    return Snapshots(_blobs(config, database, SNAPSHOTS), keep=config.main.retention.snapshots)


def open_versions(config: Config, database: Database | None) -> Versions:
    """Return the versions of models, which are kept beside the snapshots."""
    return Versions(_blobs(config, database, MODELS))


def _blobs(config: Config, database: Database | None, what: str) -> Blobs:
    """Return where `what` is kept: the data folder, a folder of its own, the database or an object store."""
    url = config.main.snapshots.url
    if not url:
        return Folder(config.data_dir / what)
    if url == IN_DATABASE:
        assert database is not None
        return Table(database, f"{what}/")
    if url.startswith(FILE):
        return Folder(Path(unquote(urlsplit(url).path)) / what)
    return Objects(f"{url.rstrip('/')}/{what}")
