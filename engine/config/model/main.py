"""The values of forewarn.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from detectors.durations import Duration
from engine.config.model.connectors import Escalation
from engine.config.model.log import LogConfig


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the web part listens."""

    host: str = "127.0.0.1"
    port: int = 8321
    public_url: str = "http://127.0.0.1:8321"


@dataclass(frozen=True, slots=True)
class EventRules:
    """Which events are taken, and how far out of order."""

    known: tuple[str, ...] = ()
    """Event types, or globs (`app.*`), that are taken though no detector watches them."""
    lateness: Duration = Duration(60.0)
    """How far behind the newest event a window stays open."""
    future: Duration = Duration(300.0)
    """An event later than this ahead of its arrival is refused."""
    idle: Duration = Duration(30 * 86400.0)
    """A series of which nothing came for so long leaves memory for the disk, until something does."""
    partitions: int = 1


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept."""

    events: Duration = Duration(30 * 86400.0)
    dead_letters: Duration = Duration(90 * 86400.0)
    snapshots: int = 3
    models: int = 14
    """Versions of what each detector has learned; one is kept every day."""


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Where issues, the outbox and all that is known of customers are kept."""

    url: str = ""
    """`postgresql://user@host/database?sslmode=verify-full`, without a password; empty: a file in the data folder."""
    password: str = ""
    """`{env: NAME}` or `{file: PATH}`."""
    pool: int = 10
    """Connections of one process at most."""


IN_DATABASE = "database"
"""In place of the URL of snapshots."""


@dataclass(frozen=True, slots=True)
class SnapshotsConfig:
    """Where snapshots and versions of models are kept; workers on several machines share them."""

    url: str = ""
    """`s3://bucket/forewarn`, `file:///mnt/shared/forewarn`, or `database`; empty: the data folder."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who messages come from."""

    company: str
    """As customers know it."""
    postal_address: str = ""
    """Required as soon as any template is marketing (C7)."""
    help_url: str = ""


@dataclass(frozen=True, slots=True)
class MainConfig:
    """`forewarn.yaml`."""

    sender: Sender
    data: str = "var"
    """Folder of the log, the database and the snapshots, relative to the configuration folder."""
    templates: str = "../templates"
    locale: str = "en"
    """For people whose locale is not known."""
    listen: Listen = Listen()
    events: EventRules = EventRules()
    retention: Retention = Retention()
    store: StoreConfig = StoreConfig()
    snapshots: SnapshotsConfig = SnapshotsConfig()
    log: LogConfig = LogConfig()
    link_secret: str = ""
    """What links to customers are signed with, `{env: NAME}` or `{file: PATH}`: the same for all processes. Empty: a
    secret made at the first start and kept in the data folder."""
    snapshot_every: Duration = Duration(60.0)
    report_at: str = "06:00"
    """UTC time of the daily report."""
    escalations: Mapping[str, Escalation] = field(default_factory=dict)
    sms_segments: int = 3
    """Text messages that one text may take before `forewarn check` warns."""
