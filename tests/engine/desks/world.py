"""An engine whose playbook makes tickets at a stand-in of a vendor's desk, and what agents do there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from sqlmodel import SQLModel, select

from engine.app import Engine
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.config.model import DeskConfig
from engine.eventlog.memory import MemoryDeadLetters, MemoryLog
from engine.events import make_event
from engine.replay import drain
from engine.storage import Storage
from engine.store.database import Database
from engine.store.models import Issue
from outreach.base import Change, Message, TicketDesk
from outreach.channels.memory import MemoryChannel
from outreach.desk_bench import DeskBench, Held
from tests.engine.conftest import FILES

Row = TypeVar("Row", bound=SQLModel)
FILES_HERE = {
    "config/desks.yaml": "support: {type: zendesk, url: 'http://127.0.0.1:9', email: a@b.example, token: t}\n",
    "config/detectors/errors.yaml": FILES["config/detectors/errors.yaml"]
    + "severity: {high: value > 50, medium: value > 5}\n",
    "config/playbooks/errors.yaml": "name: errors\nwhen: {detector: errors}\nsteps:\n"
    "  - message: {channels: [mail], template: errors/notice}\n"
    "  - message: {on: resolved, template: errors/resolved}\n"
    "  - message: {on: dismissed, template: _common/correction}\n"
    "  - ticket: {desk: support, queue: tier-2, audience: [technical], template: errors/agent}\n",
}
ASSIGNED: dict[str, tuple[str, Any, str]] = {
    "zendesk": ("assignee_id", 7, "7"),
    "jira": ("assignee", {"displayName": "Amy"}, "Amy"),
    "freshdesk": ("responder_id", 7, "7"),
    "servicenow": ("assigned_to", "amy", "amy"),
    "zammad": ("owner", "amy@example.com", "amy@example.com"),
}
"""By kind of desk: where a ticket's agent stands, one of them, and as whom we know them."""


@dataclass(frozen=True, slots=True)
class World:
    """The engine, its clock, and the other side."""

    engine: Engine
    clock: FakeClock
    bench: Any
    """A `RemoteBench`, or the built-in desk's."""

    def accept(self, *events: bytes) -> None:
        """Hand events in, and let everything be done that follows."""
        accepted = self.engine.intake.accept(b"\n".join(events), "test")
        assert not accepted.rejects, accepted.rejects[0]
        drain(self.engine)

    def fail(self, count: int = 9) -> None:
        """Let so many calls of an account fail in each of the next minutes, the first of which is over then."""
        start = self.clock.time()
        calls = [self._call(start + minute + n * 0.01) for minute in (0.0, 60.0, 120.0) for n in range(count)]
        self.pass_time(125.0)
        self.accept(*calls)

    def calm(self) -> None:
        """Let minutes pass in which nothing fails, until the engine knows."""
        for _ in range(3):
            self.pass_time(125.0)
            self.accept(self._call(self.clock.time()))

    @staticmethod
    def _call(at: float) -> bytes:
        return make_event("api.request", "account/acme", {"status": 503}, id=f"call-{at}", source="gw", time=at)

    def act(self, what: str, note: str = "") -> None:
        """Let an operator do something to the first issue."""
        (issue, *_) = self.rows(Issue)
        data = {"what": what, "issue": issue.id, "who": "ann", "note": note}
        key = f"{what}-{self.clock.time()}"
        self.accept(make_event("forewarn.action", issue.subject, data, id=key, source="t", time=self.clock.time()))

    def pass_time(self, seconds: float) -> None:
        """Let time pass on both sides."""
        self.clock.advance(seconds)
        self.bench.pass_time(seconds)

    def poll(self, after: float = 61.0) -> int:
        """Let time pass, ask the desk, and let everything be done that follows; returns how many desks were asked."""
        self.pass_time(after)
        asked = self.engine.poll()
        drain(self.engine)
        return asked

    def rows(self, table: type[Row]) -> list[Row]:
        """Return every row of a table."""
        with self.engine.storage.database.reading() as session:
            return list(session.exec(select(table)).all())

    def row(self, table: type[Row]) -> Row:
        """Return the only row of a table."""
        (found,) = self.rows(table)
        return found

    def events(self, type_: str) -> list[dict[str, Any]]:
        """Return the events of a type in the log."""
        batches = self.engine.storage.log.read(0, 0, 100_000)
        found = [json.loads(line) for batch in batches for line in batch.payload.split(b"\n")]
        return [event for event in found if event["type"] == type_]

    def mails(self) -> list[Message]:
        """Return what customers were sent."""
        mail = self.engine.channels["mail"]
        assert isinstance(mail, MemoryChannel)
        return mail.sent

    @property
    def desk(self) -> TicketDesk:
        """The desk under its name in the engine."""
        return self.engine.desks["support"]

    @property
    def ticket(self) -> Held:
        """The only ticket at the desk."""
        (found,) = self.bench.held()
        held: Held = found
        return held

    def assign(self, number: str) -> str:
        """Let an agent take a ticket; returns as whom we know them."""
        name, value, known = ASSIGNED[self.desk.kind]
        self.bench.fake.tickets[number][name] = value
        self.change(number, Change())
        return known

    def change(self, number: str, change: Change) -> None:
        """Let something be changed at the desk, so that it tells of it."""
        told = self.desk.update(number, replace(change, tags=("seen", *change.tags)))
        assert told.provider_id == number, told


def person(name: str, at: float, *roles: str, account: str = "acme") -> bytes:
    """Return an event about a contact with an e-mail address."""
    address = {"kind": "email", "value": f"{name}@{account}.example"}
    data = {"parent": f"account/{account}", "name": name.title(), "roles": list(roles), "addresses": [address]}
    return make_event("forewarn.entity", f"contact/{name}", data, id=f"is-{name}-{at}", source="crm", time=at)


def account(name: str, at: float) -> bytes:
    """Return an event about an account."""
    data = {"name": name.title()}
    return make_event("forewarn.entity", f"account/{name}", data, id=f"is-{name}-{at}", source="crm", time=at)


@contextmanager
def world(folder: Path, bench: DeskBench, **desk: Any) -> Iterator[World]:
    """Yield an engine whose desk `support` is the bench's; `desk`: what desks.yaml says beside what it is."""
    for name, content in (FILES | FILES_HERE).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    config = load_or_raise(folder, {})
    config = replace(config, desks={"support": DeskConfig("support", bench.desk.kind, {}, **desk)})
    clock = FakeClock(bench.time())
    storage = Storage(
        log=MemoryLog(clock=clock),
        dead_letters=MemoryDeadLetters(),
        database=Database.open(folder / "world.db", synchronous="OFF"),
        snapshots=None,
        secret=b"of a test: its links are good for nothing",
    )
    engine = Engine(config, clock, storage, {"mail": MemoryChannel()})
    engine.desks["support"] = bench.desk
    made = World(engine, clock, bench)
    try:
        now = clock.time() - 60.0
        made.accept(account("acme", now), person("bob", now), person("ann", now, "technical"))
        yield made
    finally:
        engine.close()
