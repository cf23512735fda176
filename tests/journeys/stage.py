"""A whole engine with a real mail server at its end, for the journeys: nothing else of it is played."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

from sqlmodel import SQLModel, select

from engine.app import Engine
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.config.model import Config
from engine.eventlog.memory import MemoryDeadLetters, MemoryLog
from engine.replay import drain
from engine.storage import Storage
from engine.store.database import Database
from engine.store.models import Intent
from outreach.channels.email import Email
from tests.outreach.fakes.mail import MailServer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
Row = TypeVar("Row", bound=SQLModel)


@dataclass(frozen=True, slots=True)
class Stage:
    """The engine, the clock it goes by, and the server its mail arrives at."""

    engine: Engine
    clock: FakeClock
    server: MailServer

    def rows(self, table: type[Row]) -> list[Row]:
        """Return every row of a table."""
        with self.engine.storage.database.reading() as session:
            return list(session.exec(select(table)).all())

    def messages(self, *, status: str = "sent") -> list[Intent]:
        """Return the messages to customers that are in `status`, in the order they were sent."""
        found = [row for row in self.rows(Intent) if row.kind == "message" and row.status == status]
        return sorted(found, key=lambda row: (row.sent_at or 0.0, row.id))

    def mails(self, to: str = "") -> list[EmailMessage]:
        """Return what the server took, in order; for one address, if it is given."""
        return [mail.parsed for mail in self.server.mails if to in ("", mail.to)]

    def accept(self, *lines: bytes) -> None:
        """Hand events in; every one must be taken."""
        accepted = self.engine.intake.accept(b"\n".join(lines), "journey")
        assert not accepted.rejects, accepted.rejects[0]

    def pass_to(self, moment: float, *, step: float = 300.0) -> None:
        """Let time pass up to `moment`, doing every `step` seconds what is due."""
        while self.clock.time() < moment:
            self.clock.set(min(self.clock.time() + step, moment))
            self.engine.run_due()
            drain(self.engine)


@contextmanager
def stage(config: Config, folder: Path, start: float) -> Iterator[Stage]:
    """Yield an engine under `config` at `start` (epoch seconds), whose channel `email` talks to a server of its own."""
    clock = FakeClock(start)
    storage = Storage(
        log=MemoryLog(clock=clock),
        dead_letters=MemoryDeadLetters(),
        database=Database.open(folder / "journey.db", synchronous="OFF"),
        snapshots=None,
        secret=b"of a journey: its links are good for nothing",
    )
    with MailServer() as server:
        given = {**config.channels["email"].params, "host": "127.0.0.1", "port": server.port}
        engine = Engine(config, clock, storage, {"email": Email(**given, now=clock.time)})
        try:
            yield Stage(engine, clock, server)
        finally:
            engine.close()


def team_config(folder: Path) -> Config:
    """Return the configuration of these journeys, beside the parts of templates that every configuration shares."""
    shutil.copytree(HERE / "config", folder / "config")
    shutil.copytree(HERE / "templates", folder / "templates")
    for shared in ("_common", "_layouts", "_parts"):
        shutil.copytree(ROOT / "templates" / shared, folder / "templates" / shared)
    return load_or_raise(folder / "config", {})


def starter_config(folder: Path) -> Config:
    """Return the starter as `forewarn init` writes it out."""
    for part in ("config", "templates"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("var"))
    return load_or_raise(folder / "config", {})


def parts(mail: EmailMessage) -> Sequence[str]:
    """Return the types of a mail's parts."""
    return [part.get_content_type() for part in mail.iter_parts()]
