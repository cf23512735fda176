"""The same events in one process in which nothing goes wrong: what a town is held against."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from engine.app import Engine
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.replay import drain
from engine.storage import Storage
from outreach.channels.memory import MemoryChannel
from outreach.registry import channel_class
from tests.faults.house import prepared
from tests.outages.life import START
from tests.outages.state import Models, State, arrived, models_of, rows_of


class Undisturbed:
    """An engine on files that does all there is to do as soon as it can. Use it as a context manager."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self._folder, self._files = folder, files
        self._opened = ExitStack()
        self.clock = FakeClock(START)

    def __enter__(self) -> "Undisturbed":
        config = load_or_raise(prepared(self._folder, **self._files) / "config", {})
        storage = Storage.embedded(config, self.clock, synchronous="OFF")
        self.slack = MemoryChannel.like(channel_class("slack"))()
        self.engine = Engine(config, self.clock, storage, {"slack": self.slack})
        self.engine.schedule.jobs = []
        self._opened.callback(self.engine.close)
        self.engine.restore()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def hand_in(self, lines: Sequence[bytes], now: float) -> None:
        """Take events, and do what there is to do."""
        self.clock.set(now)
        self.engine.intake.accept(b"\n".join(lines), "town")
        drain(self.engine)

    def state(self) -> State:
        """Return all that is to be as here, wherever the same events were taken."""
        sent = arrived((each.id, each.to) for each in self.slack.sent)
        return {**rows_of(self.engine.storage.database), "arrived": sent}

    def models(self) -> Models:
        """Return what each partition's models remember."""
        return {each.partition: models_of(each.memory.state()) for each in self.engine.pipelines}
