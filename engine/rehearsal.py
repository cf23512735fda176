"""A whole engine that touches nothing outside: for playbook tests, backtests and the demo.

Memory in place of the log, a database in a temporary folder, channels that keep what they are given, a clock that is
told the time; and no snapshots, for nothing of it is to last.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.app import Engine
from engine.clock import FakeClock
from engine.config.model import Config
from engine.eventlog.memory import MemoryDeadLetters, MemoryLog
from engine.eventlog.signals import SignalLog
from engine.storage import Storage
from engine.store.database import Database
from outreach.channels.memory import MemoryChannel
from outreach.registry import channel_class

SECRET = b"of a rehearsal: its links are good for nothing"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The engine, and what is held in the hand."""

    engine: Engine
    clock: FakeClock
    channels: dict[str, MemoryChannel]
    """By name, as in channels.yaml: what was sent is in their `sent`."""


@contextmanager
def rehearsal(config: Config, start: float) -> Iterator[Rehearsal]:
    """Yield an engine under `config` whose clock stands at `start` (epoch seconds)."""
    clock = FakeClock(start)
    channels = {name: MemoryChannel.like(channel_class(each.type))() for name, each in config.channels.items()}
    with TemporaryDirectory(prefix="forewarn-") as folder:
        config = replace(config, main=replace(config.main, data=folder))
        storage = Storage(
            log=MemoryLog(clock=clock, partitions=config.main.events.partitions),
            dead_letters=MemoryDeadLetters(),
            database=Database.open(Path(folder) / "rehearsal.db", synchronous="OFF"),
            snapshots=None,
            secret=SECRET,
            signals=SignalLog(lambda: MemoryLog(clock=clock)),
        )
        engine = Engine(config, clock, storage, channels)
        try:
            yield Rehearsal(engine, clock, channels)
        finally:
            engine.close()
