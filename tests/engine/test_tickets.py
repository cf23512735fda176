"""The built-in desk on the engine's own tables: the same contract as every desk, and what agents do with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from sqlmodel import Session

from engine.clock import FakeClock
from engine.errors import Retryable
from engine.eventlog.memory import MemoryDeadLetters, MemoryLog
from engine.events import Decoder, Schema
from engine.intake import Intake
from engine.store.database import Database
from engine.store.models import Ticket, TicketNote
from engine.tickets import Tickets
from outreach import desk_checks
from outreach.base import Change, Draft, Outcome, Status, TicketDesk
from outreach.desk_bench import DeskBench, Held
from outreach.tickets.builtin import BuiltinDesk

BOTH_STORES = True

NOW = 1795352700.0


class Away:
    """A database that cannot be reached now."""

    def transaction(self) -> Session:
        raise Retryable("no connection", place="the database")

    reading = transaction


@dataclass
class Bench(DeskBench):
    """The desk on a database."""

    database: Database
    clock: Any
    remote = False
    closes = False

    def __post_init__(self) -> None:
        self.tickets = Tickets(self.database, self.clock)
        self.desk = BuiltinDesk(store=self.tickets)

    def held(self) -> list[Held]:
        return [self._held(*self.tickets.get(int(state.ticket))) for state in sorted(self._all(), key=_number)]

    def _all(self) -> list[Any]:
        return self.tickets.changed(0.0)

    @staticmethod
    def _held(ticket: Ticket, notes: Any) -> Held:
        pictures = [each.encode() for each in (ticket.picture, *(note.picture for note in notes)) if each]
        text = "\n".join([ticket.body, *(note.text for note in notes)])
        return Held(str(ticket.number), ticket.subject, text, "", pictures, ticket.tags, ticket.severity,
                    ticket.status, str(ticket.parent or ""), ticket.requester)  # fmt: skip

    def says(self, ticket: str, verdict: str) -> None:
        with self.database.transaction() as session:
            row = session.merge(self.tickets.get(int(ticket))[0])
            row.verdict, row.updated_at = verdict, self.clock.time()

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def unreachable(self) -> TicketDesk:
        return BuiltinDesk(store=Tickets(cast("Database", Away()), self.clock))

    def time(self) -> float:
        return float(self.clock.time())


def intake(clock: FakeClock) -> Intake:
    """Return a way in that takes the engine's own events."""
    return Intake(MemoryLog(clock=clock), MemoryDeadLetters(), Decoder(Schema.build({}), future=300.0), clock)


def _number(state: Any) -> int:
    return int(state.ticket)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    database = Database.open(tmp_path / "forewarn.db")
    yield Bench(database, FakeClock(NOW))
    database.close()


@pytest.mark.parametrize("check", desk_checks.checks(), ids=lambda check: check.__name__)
def test_desk(bench: Bench, check: Callable[[DeskBench], None]) -> None:
    check(bench)


def test_a_ticket_that_somebody_works_on_stays_theirs(bench: Bench) -> None:
    number = bench.made()
    bench.tickets.claim(int(number), "ann", intake(bench.clock))
    bench.desk.update(number, Change(status=Status.PENDING))
    bench.desk.update(number, Change(status=Status.OPEN))
    ticket, _ = bench.tickets.get(int(number))
    assert (ticket.status, ticket.assignee) == ("claimed", "ann")
    (state,) = bench.tickets.changed(0.0)
    assert (state.status, state.assignee) == (Status.OPEN, "ann")


def test_a_ticket_resolved_by_the_engine_can_be_opened_again(bench: Bench) -> None:
    number = bench.made()
    bench.desk.update(number, Change(status=Status.SOLVED))
    assert bench.tickets.get(int(number))[0].resolved_at == NOW
    assert bench.tickets.open() == []
    bench.desk.update(number, Change(status=Status.OPEN))
    assert bench.tickets.get(int(number))[0].resolved_at is None
    assert len(bench.tickets.open()) == 1


def test_a_parent_that_is_no_number_is_none(bench: Bench) -> None:
    draft = Draft("int_9", "q", "s", "b", "low", "account/a", parent="²")
    receipt = bench.desk.create(draft)
    assert receipt.outcome is Outcome.ACCEPTED
    assert bench.tickets.get(int(receipt.provider_id))[0].parent is None


def test_the_same_note_of_the_same_moment_is_one(bench: Bench) -> None:
    number = bench.made()
    for _ in range(2):
        bench.desk.annotate(number, "again")
    _, notes = bench.tickets.get(int(number))
    assert [type(note) for note in notes] == [TicketNote]
