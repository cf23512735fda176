"""Asking desks: at their pace, no change lost between two askings, slower while they cannot be asked."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.desks import states
from engine.desks.polling import LONGEST, troubles
from engine.store.models import DeskCursor, DeskTicket, Intent, Issue, Label
from outreach.base import Change, Outcome, Receipt, Status
from tests.engine.desks.world import World, world
from tests.outreach import desk_benches
from tests.outreach.fakes.desk import answer

BOTH_STORES = True


def test_nothing_is_asked_where_no_ticket_was_made(any_desk: World) -> None:
    assert any_desk.poll() == 0
    assert any_desk.bench.fake.requests == []


def test_a_desk_is_asked_at_its_pace(zendesk: World) -> None:
    zendesk.fail()
    assert [zendesk.poll(after) for after in (1.0, 30.0, 29.0, 2.0, 60.0)] == [1, 0, 0, 1, 1]


def test_a_desk_that_is_never_asked_is_not(tmp_path: Path) -> None:
    with desk_benches.zendesk() as bench, world(tmp_path, bench, poll=0.0) as made:
        made.fail()
        assert made.poll() == 0


def test_a_desk_that_is_busy_is_asked_again_when_it_says(any_desk: World) -> None:
    any_desk.fail()
    any_desk.bench.fake.answer_next(answer(429, {"error": "slow down"}, retry_after="300"))
    assert any_desk.poll() == 1
    with any_desk.engine.storage.database.reading() as session:
        (trouble,) = troubles(session)
    assert (trouble.desk, trouble.failures) == ("support", 1)
    assert "429" in str(trouble)
    assert any_desk.poll(299.0) == 0
    assert any_desk.poll(2.0) == 1
    with any_desk.engine.storage.database.reading() as session:
        assert troubles(session) == []


def test_a_desk_that_fails_is_asked_less_and_less_often_and_nothing_is_lost(zendesk: World) -> None:
    zendesk.fail()
    number = zendesk.ticket.ticket
    zendesk.bench.says(number, "true")
    zendesk.change(number, Change())
    waits = []
    for _ in range(9):
        zendesk.bench.fake.answer_next(answer(503, {"error": "down"}))
        zendesk.poll(LONGEST + 1)
        cursor = zendesk.row(DeskCursor)
        waits.append(cursor.due_at - zendesk.clock.time())
    assert waits == [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0, 3600.0, 3600.0]
    assert zendesk.rows(Label) == []
    zendesk.poll(LONGEST + 1)
    assert [label.verdict for label in zendesk.rows(Label)] == ["true"]
    assert zendesk.row(DeskCursor).failures == 0


def test_an_answer_that_breaks_the_reading_is_a_failure_of_the_desk_alone(
    zendesk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    zendesk.fail()

    def broken(since: float) -> None:
        raise KeyError("tags")

    monkeypatch.setattr(zendesk.desk, "states", broken)
    assert zendesk.poll() == 1
    assert "KeyError" in zendesk.row(DeskCursor).detail


def test_more_than_a_page_is_read(zendesk: World) -> None:
    zendesk.fail()
    issue, first = zendesk.row(Issue), zendesk.row(DeskTicket)
    numbers = []
    for count in range(130):
        receipt = zendesk.desk.create(zendesk.bench.draft(f"int_{count}"))
        numbers.append(receipt.provider_id)
        with zendesk.engine.storage.database.transaction() as session:
            states.made(session, _intent(zendesk, f"int_{count}"), zendesk.desk, receipt, zendesk.clock.time())
    for number in numbers:
        zendesk.desk.update(number, Change(status=Status.SOLVED))
    zendesk.poll()
    over = [ticket for ticket in zendesk.rows(DeskTicket) if ticket.status == "solved"]
    assert {ticket.number for ticket in over} == set(numbers)
    assert {ticket.issue for ticket in over} == {issue.id} == {first.issue}


def _intent(made: World, id_: str) -> Intent:
    (first,) = [row for row in made.rows(Intent) if row.kind == "ticket"]
    return first.model_copy(update={"id": id_})


def test_what_a_desk_told_before_the_ticket_was_known_is_read_once_it_is(any_desk: World) -> None:
    """Its answer to our request got lost: the agent is faster than our question what became of it."""
    any_desk.bench.swallow()
    any_desk.fail()
    (intent,) = [row for row in any_desk.rows(Intent) if row.kind == "ticket"]
    assert intent.status in ("unknown", "sent")
    assert any_desk.rows(DeskTicket) == []
    any_desk.bench.says(any_desk.ticket.ticket, "false")
    for _ in range(3):
        any_desk.poll(120.0)
    any_desk.pass_time(300.0)
    _reconciled(any_desk)
    any_desk.poll(61.0)
    assert [label.verdict for label in any_desk.rows(Label)] == ["false"]
    assert any_desk.row(Issue).status == "dismissed"


def _reconciled(made: World) -> None:
    """Ask what became of it until it is known: where it was to be completed, it is made again first."""
    for _ in range(3):
        made.engine.dispatcher.reconcile()
        made.accept()
        made.pass_time(301.0)


def test_a_polling_that_a_new_ticket_overtakes_does_not_pass_over_it(
    zendesk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    zendesk.fail()
    zendesk.poll()
    database, asked = zendesk.engine.storage.database, zendesk.desk.states

    def meanwhile(since: float) -> object:
        with database.transaction() as session:
            cursor = session.get_one(DeskCursor, "support")
            cursor.since -= 1000.0
        return asked(since)

    before = zendesk.row(DeskCursor).since
    monkeypatch.setattr(zendesk.desk, "states", meanwhile)
    zendesk.poll()
    assert zendesk.row(DeskCursor).since == before - 1000.0


def test_a_desk_whose_clock_is_ahead_does_not_make_us_pass_over_what_comes(zendesk: World) -> None:
    zendesk.fail()
    zendesk.bench.fake.now += 7200.0
    zendesk.change(zendesk.ticket.ticket, Change())
    zendesk.poll()
    assert zendesk.row(DeskTicket).updated_at > zendesk.clock.time()
    assert zendesk.row(DeskCursor).since <= zendesk.clock.time()


def test_what_comes_out_of_order_changes_nothing(zendesk: World) -> None:
    zendesk.fail()
    number = zendesk.ticket.ticket
    told = zendesk.desk.states(0.0)
    assert not isinstance(told, Receipt)
    (early,) = told
    zendesk.pass_time(30.0)
    zendesk.assign(number)
    zendesk.poll()
    late = replace(early, assignee="", status=Status.SOLVED, verdict="false")
    with zendesk.engine.storage.database.reading() as session:
        assert states.events_of(session, "support", "zendesk", [late], zendesk.clock.time()) == []
    assert zendesk.row(DeskTicket).status == "open"


def test_a_ticket_that_was_made_without_a_number_is_not_written_down(zendesk: World) -> None:
    zendesk.fail()
    with zendesk.engine.storage.database.transaction() as session:
        states.made(session, _intent(zendesk, "int_x"), zendesk.desk, Receipt(Outcome.ACCEPTED), 0.0)
    assert len(zendesk.rows(DeskTicket)) == 1
