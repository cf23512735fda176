"""A small engine on files, that is opened, closed and opened again, for what goes wrong around it."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from sqlmodel import SQLModel, select

from engine.app import Engine
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.eventlog.base import DeadLetter
from engine.events import make_event
from engine.intake import Accepted
from engine.replay import drain
from engine.storage import Storage
from engine.store.database import Database
from outreach.base import Channel
from outreach.channels.memory import MemoryChannel
from outreach.registry import channel_class

ROOT = Path(__file__).parents[2]
START = 1_740_996_000.0
"""Monday 3 March 2025, 10:00 UTC."""
FILES = {
    "config/forewarn.yaml": "sender: {company: Acme}\nevents: {known: ['app.*']}\n",
    "config/channels.yaml": "email: {type: email, host: 127.0.0.1, from: a@example.com, tls: none}\n",
    "config/detectors/errors.yaml": """
name: errors
about: Errors
watch: {event: app.call, by: account, measure: {ratio: "failed"}, every: 1m}
model: {kind: threshold, above: 0.5}
""",
    "config/playbooks/errors.yaml": """
name: errors
when: {detector: errors}
steps:
  - ticket: {queue: tier-2, template: all/agent}
  - message: {channels: [email], template: all/notice}
  - message: {on: resolved, template: all/resolved}
""",
    "templates/all/agent/en/ticket.txt.j2": "Subject: {{ issue.detector }}\n\n{{ issue.summary }}\n",
    "templates/all/notice/en/email.txt.j2": "Subject: trouble\n\n{{ issue.subject }} is in trouble.\n",
    "templates/all/resolved/en/email.txt.j2": "Subject: over\n\n{{ issue.subject }} is well.\n",
    "templates/_common/correction/en/email.txt.j2": "Subject: sorry\n\nFalse alarm.\n",
    "templates/_common/expired/en/email.txt.j2": "Subject: expired\n\nWe stop watching.\n",
}
SAMPLES = ("agent", "notice", "resolved")
Row = TypeVar("Row", bound=SQLModel)


@dataclass(frozen=True, slots=True)
class House:
    """An engine that runs, and what is held in the hand."""

    engine: Engine
    clock: FakeClock
    email: MemoryChannel

    def hand_in(self, *lines: bytes) -> Accepted:
        """Give lines to the engine and let it do all it can do now."""
        accepted = self.engine.intake.accept(b"\n".join(lines), "test")
        drain(self.engine)
        return accepted

    def pass_(self, seconds: float, *, step: float = 60.0) -> None:
        """Let time pass, doing what is due every `step` seconds."""
        end = self.clock.time() + seconds
        while self.clock.time() < end:
            self.clock.set(min(self.clock.time() + step, end))
            self.engine.run_due()
            drain(self.engine)

    def trouble(self, subject: str = "account/acme") -> None:
        """Let every call of a minute fail, and let the minute pass."""
        now = self.clock.time()
        self.hand_in(*(call(subject, now + n, f"{subject}-{now}-{n}", failed=True) for n in range(3)))
        self.clock.advance(180.0)
        self.hand_in(tick(self.clock.time()), call("account/other", self.clock.time(), f"o-{now}"))

    def calm(self, subject: str = "account/acme") -> None:
        """Let every call of a minute go through, and let the minute pass."""
        now = self.clock.time()
        self.hand_in(*(call(subject, now + n, f"{subject}-{now}-{n}") for n in range(3)))
        self.clock.advance(180.0)
        self.hand_in(tick(self.clock.time()), call("account/other", self.clock.time(), f"o-{now}"))

    def rows(self, table: type[Row]) -> list[Row]:
        """Return every row of a table."""
        with self.engine.storage.database.reading() as session:
            return list(session.exec(select(table)).all())

    def dead(self) -> list[DeadLetter]:
        """Return the dead letters, oldest first."""
        return list(self.engine.storage.dead_letters.list())


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files by their path in `folder`."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def prepared(folder: Path, **changed: str) -> Path:
    """Write configuration and templates into `folder`, and return it."""
    write(folder, {**FILES, **changed})
    shutil.copytree(ROOT / "templates" / "_layouts", folder / "templates" / "_layouts")
    for name in SAMPLES:
        shutil.copy(ROOT / "templates" / "api-errors" / name / "sample.json", folder / "templates" / "all" / name)
    for name in ("correction", "expired"):
        shutil.copy(ROOT / "templates" / "_common" / name / "sample.json", folder / "templates" / "_common" / name)
    return folder


@contextmanager
def opened(
    folder: Path,
    *,
    clock: FakeClock | None = None,
    email: Channel | None = None,
    busy_timeout: float = 10.0,
    tables: bool = False,
) -> Iterator[House]:
    """Yield the engine over what `folder` holds, as any start does; a lock is waited for `busy_timeout` seconds.

    `tables`: quiet series are kept in the database, as where partitions move.
    """
    clock = clock or FakeClock(START)
    channel = email or MemoryChannel.like(channel_class("email"))()
    config = load_or_raise(folder / "config", {})
    storage = Storage.embedded(config, clock, synchronous="OFF")
    if not config.main.store.url:
        storage.database.close()
        impatient = Database.open(config.data_dir / "forewarn.db", synchronous="OFF", busy_timeout=busy_timeout)
        storage = replace(storage, database=impatient)
    if tables:
        from engine.cold.table import Tables  # noqa: PLC0415 -- the version before has none, and lives in this house, too

        storage = replace(storage, cold=Tables(storage.database))
    engine = Engine(config, clock, storage, {"email": channel})
    try:
        engine.restore()
        yield House(engine, clock, channel)  # type: ignore[arg-type]  # those who hand in a channel know its type
    finally:
        engine.close()


def event(type_: str, subject: str, data: Mapping[str, Any], at: float, id_: str) -> bytes:
    """Return an event as one line."""
    return make_event(type_, subject, data, id=id_, source="test", time=at)


def call(subject: str, at: float, id_: str, *, failed: bool = False) -> bytes:
    """Return a call of an account."""
    return event("app.call", subject, {"failed": failed}, at, id_)


def tick(at: float) -> bytes:
    """Return the passing of time."""
    return event("forewarn.tick", "engine/clock", {}, at, f"tick-{at}")


def people(at: float = START, account: str = "account/acme", name: str = "ann") -> tuple[bytes, ...]:
    """Return an account and one person of it."""
    address = {"kind": "email", "value": f"{name}@example.com"}
    contact = {"parent": account, "zone": "UTC", "addresses": [address]}
    return (
        event("forewarn.entity", account, {"name": account}, at, f"is-{account}"),
        event("forewarn.entity", f"contact/{name}", contact, at, f"is-{name}"),
    )
