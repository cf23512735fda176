"""A status page over a real database, with a clock that moves only when told."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlmodel import col, select

from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.config.model import Config
from engine.config.model.status import StatusConfig
from engine.dispatching import Dispatcher
from engine.letters import Outside
from engine.links import Links
from engine.status import book, subscribers
from engine.status.keeper import Keeper
from engine.storage import Storage
from engine.store.models import DecisionRow, Intent, StatusEntry
from engine.wording import Speaker
from outreach.base import Channel
from outreach.channels.memory import MemoryChannel
from outreach.registry import channel_class
from outreach.render import Templates

NOW = 1_795_352_700.0
ROOT = Path(__file__).parents[3]


class Page:
    """The status page, who keeps it, and the way to its subscribers."""

    def __init__(self, folder: Path, config: Config) -> None:
        assert config.status is not None
        self.clock = FakeClock(NOW)
        self.status: StatusConfig = config.status
        self.starter = config
        elsewhere = replace(config, folder=folder / "config")
        self.storage = Storage.embedded(elsewhere, self.clock, synchronous="OFF")
        self.database = self.storage.database
        self.mail: Any = MemoryChannel.like(channel_class("email"))()
        self.keeper = Keeper(config, self.status, self.storage, self.clock)
        self.dispatcher = self.dispatching(config)

    def dispatching(self, config: Config) -> Dispatcher:
        channels: dict[str, Channel] = {"email": self.mail}
        speaker = Speaker(config, Links("https://status.example.com", b"secret"))
        outside = Outside(channels, {}, Templates(config.templates_dir), speaker)
        return Dispatcher(config, self.database, outside, self.clock)

    def declare(self, key: str = "k", **more: Any) -> StatusEntry:
        given = {"title": "Calls fail", "components": ["api"], "impact": "major", "text": "One in five fails."}
        with self.database.transaction() as session:
            return book.declare(session, key=key, now=self.clock.time(), who="ann", **{**given, **more})

    def update(self, entry: str, **more: Any) -> StatusEntry:
        given = {"text": "We found the cause.", "now": self.clock.time(), "who": "ann"}
        with self.database.transaction() as session:
            return book.update(session, entry, **{**given, **more})

    def subscribe(self, address: str, components: list[str] | None = None, locale: str = "en") -> str:
        """Subscribe and confirm; returns the subscriber's id."""
        now = self.clock.time()
        with self.database.transaction() as session:
            row = subscribers.ask(session, self.status, address, components or [], locale, now)
            assert row is not None
            subscribers.confirm(session, row.id, now)
            return row.id

    def tell(self) -> list[str]:
        """Let the clock and the dispatcher do their work; returns who got a mail."""
        before = len(self.mail.sent)
        self.keeper.tick(self.clock.time())
        while self.dispatcher.run_once():
            pass
        return [message.to for message in self.mail.sent[before:]]

    def decisions(self) -> list[tuple[str, str]]:
        with self.database.reading() as session:
            rows = session.exec(select(DecisionRow).order_by(col(DecisionRow.at), col(DecisionRow.id))).all()
            return [(row.verdict, row.reason) for row in rows]

    def intents(self) -> list[Intent]:
        with self.database.reading() as session:
            return list(session.exec(select(Intent).order_by(col(Intent.created_at), col(Intent.id))).all())

    def events(self) -> list[dict[str, Any]]:
        batches = self.storage.log.read(0, 0, 1000)
        return [msgspec.json.decode(line) for batch in batches for line in batch.payload.split(b"\n")]

    def add(self, *rows: Any) -> None:
        with self.database.transaction() as session:
            for row in rows:
                session.add(row)


@pytest.fixture(scope="session")
def starter() -> Config:
    return load_or_raise(ROOT / "config", {})


@pytest.fixture
def page(tmp_path: Path, starter: Config) -> Iterator[Page]:
    made = Page(tmp_path, starter)
    yield made
    made.storage.close()
