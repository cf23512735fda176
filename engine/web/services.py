"""What the web part needs of the engine, handed to it by the composition root."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.clock import Clock
from engine.config.model import Config
from engine.config.problems import Problem
from engine.eventlog.base import DeadLetters, EventLog
from engine.intake import Intake
from engine.links import Links
from engine.standing import Standing
from engine.store.database import Database
from engine.tickets import Tickets
from engine.traffic import SendingState
from outreach.base import Channel, TicketDesk


@dataclass(frozen=True, slots=True)
class Services:
    """The engine, as its web part sees it."""

    config: Callable[[], Config]
    """The configuration in force; it changes with a reload."""
    clock: Clock
    database: Database
    log: EventLog
    dead_letters: DeadLetters
    intake: Intake
    tickets: Tickets
    links: Links
    channels: Mapping[str, Channel]
    """By name, as in channels.yaml."""
    unready: Callable[[], Sequence[str]]
    """What keeps the engine from working, one sentence each; empty when all is well."""
    lags: Callable[[], Mapping[int, int]]
    """Of each partition that this process has, how many events are in the log and not yet processed."""
    reload: Callable[[], Sequence[Problem]]
    """Read the configuration anew; with any error in it the running one stays, and the problems are returned."""
    unread: Callable[[], Mapping[int, int]] = dict
    """Of each partition of the log, how many events no worker has put behind it for good."""
    standing: Callable[[], Standing] = Standing
    """How this process stands."""
    sending: Callable[[], SendingState] = SendingState
    """How every provider stands, and who is on duty."""
    desks: Mapping[str, TicketDesk] = field(default_factory=dict)
    """By name, as in desks.yaml; the built-in one too."""
