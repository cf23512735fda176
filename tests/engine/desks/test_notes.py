"""What is written on tickets, at the built-in desk and at vendors', and that it is written once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.desks import known
from engine.desks.notes import instead
from engine.store import outbox
from engine.store.models import DecisionRow, DeskTicket, Intent, Issue, TicketNote
from engine.store.outbox import Status as Sending
from engine.tickets import Tickets
from outreach.base import Change, Outcome, Receipt, Status
from outreach.tickets.builtin import BuiltinDesk
from tests.engine.desks.world import World, world
from tests.engine.test_tickets import Bench
from tests.outreach import desk_benches
from tests.outreach.fakes.desk import answer


@pytest.fixture
def own(tmp_path: Path) -> Iterator[World]:
    """Yield an engine whose desk is the built-in one."""
    with desk_benches.builtin() as bench, world(tmp_path, bench) as made:
        store = Tickets(made.engine.storage.database, made.clock)
        made.engine.desks["support"] = BuiltinDesk(store=store)
        yield replace(made, bench=_Own(made.engine.storage.database, made.clock))


class _Own(Bench):
    """The built-in desk's tickets; the clock is the engine's own, which passes already."""

    def pass_time(self, seconds: float) -> None:
        return


def test_a_ticket_is_told_that_its_issue_is_over(any_desk: World) -> None:
    any_desk.fail()
    any_desk.act("resolve", "the cache was full")
    held = any_desk.ticket
    assert "The issue was resolved at" in held.text
    assert "by ann: the cache was full. 2 who had been told hear how it ended." in held.text
    assert "resolved at" not in held.public
    assert len(held.pictures) == 2
    assert any_desk.row(DeskTicket).status == "open"


def test_the_built_in_desk_is_told_too(own: World) -> None:
    own.fail()
    own.act("dismiss")
    (note,) = own.rows(TicketNote)
    assert "dismissed as a false alarm" in note.text
    assert note.picture.startswith("<svg")
    assert own.rows(DeskTicket) == [], "its tickets are its own"


def test_a_ticket_can_be_solved_with_its_issue(tmp_path: Path) -> None:
    with desk_benches.zendesk() as bench, world(tmp_path, bench, on_end="solve") as made:
        made.fail()
        made.act("resolve")
        assert made.ticket.status == "solved"
        made.poll()
        assert made.row(DeskTicket).status == "solved"
        assert made.row(Issue).status == "resolved"


def test_a_severity_that_rises_is_the_tickets_too(any_desk: World) -> None:
    any_desk.fail()
    before = any_desk.ticket.priority
    any_desk.fail(count=80)
    assert any_desk.row(Issue).severity == "high"
    held = any_desk.ticket
    assert held.priority != before
    assert "The issue grew from medium to high at" in held.text
    assert any_desk.row(DeskTicket).severity == "high"


def test_an_issue_that_comes_back_is_told_of_on_its_open_ticket(zendesk: World) -> None:
    zendesk.fail()
    zendesk.calm()
    assert zendesk.row(Issue).status == "resolved"
    zendesk.fail()
    assert "The issue came back at" in zendesk.ticket.text
    assert "made no other ticket in tier-2" in zendesk.ticket.text
    zendesk.assign(zendesk.ticket.ticket)
    zendesk.poll()
    assert zendesk.row(Issue).status == "acknowledged", "it is the ticket of this episode too"


def test_a_ticket_that_is_over_is_told_nothing(zendesk: World) -> None:
    zendesk.fail()
    number = zendesk.ticket.ticket
    zendesk.pass_time(30.0)
    zendesk.bench.says(number, "false")
    zendesk.change(number, Change(status=Status.SOLVED))
    zendesk.poll()
    assert zendesk.row(Issue).status == "dismissed"
    assert "dismissed" not in zendesk.ticket.text


# -- C17


def collide(made: World) -> tuple[Any, list[str]]:
    """Let somebody work on a ticket of the customer's, then let the same happen again; returns what came of it."""
    made.fail()
    made.act("dismiss")  # the ticket is worked on all the same
    first = len(made.mails())
    with made.engine.storage.database.transaction() as session:
        issue = session.get_one(Issue, made.rows(Issue)[0].id)
        issue.opened_at -= 90_000.0
        issue.resolved_at = issue.opened_at + 60.0
        issue.evidence = {**issue.evidence, "track": {**issue.evidence["track"], "last": issue.opened_at}}
        issue.fingerprint += "-long-ago"
    made.fail()
    reasons = [row.reason for row in made.rows(DecisionRow) if row.verdict == "skip"]
    return made.mails()[first:], reasons


def test_c17_a_vendors_ticket_that_is_worked_on_is_annotated_and_nobody_is_written_to(any_desk: World) -> None:
    any_desk.fail()
    any_desk.pass_time(30.0)
    any_desk.assign(any_desk.ticket.ticket)
    any_desk.poll()
    number = any_desk.ticket.ticket
    mails, reasons = collide(any_desk)
    assert mails == []
    assert reasons.count("open_ticket") == 2
    text = any_desk.bench.the(number).text
    assert "Forewarn did not write to contact/ann, as this ticket is open:" in text
    assert "Forewarn did not write to contact/bob, as this ticket is open:" in text


def test_c17_a_built_in_ticket_that_is_worked_on_is_annotated_and_nobody_is_written_to(own: World) -> None:
    own.fail()
    own.engine.tickets.claim(1, "amy", own.engine.intake)
    mails, reasons = collide(own)
    assert mails == []
    assert reasons.count("open_ticket") == 2
    notes = [note.text for note in own.rows(TicketNote)]
    assert sum("Forewarn did not write to" in text for text in notes) == 2


def test_c17_a_ticket_that_waits_keeps_nobody_from_being_told(zendesk: World) -> None:
    mails, _ = collide(zendesk)
    assert [mail.subject for mail in mails] == ["Trouble", "Trouble"]


def test_c17_a_note_survives_a_crash_and_is_written_once(own: World) -> None:
    """The engine stops after the note was written, before it could write that down."""
    own.fail()
    note = planned(own)
    own.accept()
    with own.engine.storage.database.transaction() as session:
        row = session.get_one(Intent, note.id)
        row.status, row.claimed_by = "sending", "dispatcher"
    own.engine.dispatcher.recover()
    assert status(own, note) == Sending.UNKNOWN
    own.clock.advance(600.0)
    own.engine.dispatcher.reconcile()
    own.accept()
    assert status(own, note) == Sending.SENT
    assert len(own.rows(TicketNote)) == 1


def test_c17_a_note_that_was_surely_not_written_is_written_after_a_crash(own: World) -> None:
    own.fail()
    note = planned(own)
    with own.engine.storage.database.transaction() as session:
        outbox.claim(session, [note.id], "dispatcher", own.clock.time())
        outbox.mark_sending(session, note.id, "dispatcher", own.clock.time())
    own.engine.dispatcher.recover()
    own.clock.advance(600.0)
    own.engine.dispatcher.reconcile()
    own.accept()
    assert len(own.rows(TicketNote)) == 1


def test_c18_a_vendors_note_of_which_nothing_is_known_is_looked_for_and_not_written_again(any_desk: World) -> None:
    any_desk.fail()
    any_desk.bench.swallow()
    note = planned(any_desk)
    any_desk.accept()
    assert status(any_desk, note) == Sending.UNKNOWN
    any_desk.pass_time(600.0)
    any_desk.engine.dispatcher.reconcile()
    any_desk.accept()
    assert status(any_desk, note) == Sending.SENT
    assert any_desk.ticket.text.count("Forewarn did not write to contact/ann") == 1


def test_c18_a_note_that_cannot_be_looked_for_stays_unknown(zendesk: World) -> None:
    zendesk.fail()
    zendesk.bench.swallow()
    note = planned(zendesk)
    zendesk.accept()
    zendesk.pass_time(600.0)
    zendesk.bench.fake.fail_at(0)
    zendesk.engine.dispatcher.reconcile()
    zendesk.accept()
    assert status(zendesk, note) == Sending.UNKNOWN
    assert zendesk.ticket.text.count("Forewarn did not write to contact/ann") == 1


def status(made: World, note: Intent) -> str:
    (found,) = [row.status for row in made.rows(Intent) if row.id == note.id]
    return found


def planned(made: World) -> Intent:
    """Plan a note on the only ticket."""
    (message, *_) = [row for row in made.rows(Intent) if row.kind == "message" and row.recipient == "contact/ann"]
    with made.engine.storage.database.transaction() as session:
        issue = session.get_one(Issue, message.issue)
        (ticket,) = known.of_issue(session, issue.id)
        note = instead(issue, message, ticket.ref, made.clock.time())
        outbox.add(session, [note, note])
    return note


def test_what_a_desk_refuses_of_a_change_is_told_and_the_note_written(
    zendesk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    zendesk.fail()
    monkeypatch.setattr(zendesk.desk, "update", lambda *_: Receipt(Outcome.PERMANENT, "no such priority"))
    zendesk.fail(count=80)
    (row,) = [row for row in zendesk.rows(Intent) if row.kind == "annotate"]
    assert (row.status, row.detail) == ("sent", "not changed: no such priority")
    assert "grew from medium to high" in zendesk.ticket.text


def test_a_change_that_did_not_come_through_is_made_again_before_the_note(zendesk: World) -> None:
    zendesk.fail()
    zendesk.bench.fake.answer_next_write(answer(503, {"error": "busy"}))
    zendesk.fail(count=80)
    (row,) = [row for row in zendesk.rows(Intent) if row.kind == "annotate"]
    assert (row.status, row.attempts) == ("pending", 1)
    zendesk.pass_time(600.0)
    zendesk.accept()
    assert zendesk.ticket.text.count("grew from medium to high") == 1
    assert zendesk.ticket.priority == "high"
