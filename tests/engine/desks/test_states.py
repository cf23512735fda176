"""What agents do at a vendor's desk comes back, whichever vendor it is, and does in the engine what it should."""

from dataclasses import replace

import pytest

from engine.deliveries import suppress
from engine.desks import known
from engine.desks.known import Ref
from engine.events import make_event
from engine.store.models import DeskTicket, Issue, Label
from outreach.base import Change, Status
from tests.engine.desks.world import World


def test_a_ticket_that_was_made_is_known(any_desk: World) -> None:
    any_desk.fail()
    ticket, issue = any_desk.row(DeskTicket), any_desk.row(Issue)
    assert (ticket.desk, ticket.number, ticket.issue) == ("support", any_desk.ticket.ticket, issue.id)
    assert (ticket.status, ticket.queue, ticket.subject) == ("open", "tier-2", "Calls fail")
    assert (ticket.account, ticket.detector) == ("account/acme", "errors")
    assert ticket.url.startswith(any_desk.bench.fake.url)
    assert ticket.number in ticket.url


def test_a_false_alarm_dismisses_the_issue_and_those_told_hear_of_it(any_desk: World) -> None:
    any_desk.fail()
    number = any_desk.ticket.ticket
    assert [mail.subject for mail in any_desk.mails()] == ["Trouble", "Trouble"]
    any_desk.pass_time(30.0)
    any_desk.bench.says(number, "false")
    any_desk.change(number, Change(status=Status.SOLVED))
    assert any_desk.poll() == 1
    assert any_desk.row(Issue).status == "dismissed"
    label = any_desk.row(Label)
    assert (label.verdict, label.detector, label.series) == ("false", "errors", "account/acme")
    assert [mail.subject for mail in any_desk.mails()] == ["Trouble", "Trouble", "Sorry", "Sorry"]
    ticket = any_desk.row(DeskTicket)
    assert (ticket.verdict, ticket.status in known.OVER) == ("false", True)


def test_what_is_told_again_is_nothing_new(any_desk: World) -> None:
    any_desk.fail()
    number = any_desk.ticket.ticket
    any_desk.pass_time(30.0)
    any_desk.bench.says(number, "true")
    any_desk.change(number, Change())
    for _ in range(3):
        assert any_desk.poll() == 1
    assert [event["data"]["verdict"] for event in any_desk.events("forewarn.verdict")] == ["true"]
    assert len(any_desk.events("forewarn.ticket")) == any_desk.row(DeskTicket).changes <= 2
    assert len(any_desk.rows(Label)) == 1
    assert any_desk.row(Issue).status == "open"


def test_who_takes_a_ticket_acknowledges_the_issue(any_desk: World) -> None:
    any_desk.fail()
    any_desk.pass_time(30.0)
    agent = any_desk.assign(any_desk.ticket.ticket)
    any_desk.poll()
    assert any_desk.row(Issue).status == "acknowledged"
    assert any_desk.row(DeskTicket).assignee == agent


def test_a_ticket_that_is_over_without_a_verdict_says_nothing_of_the_issue(any_desk: World) -> None:
    any_desk.fail()
    any_desk.pass_time(30.0)
    any_desk.change(any_desk.ticket.ticket, Change(status=Status.SOLVED))
    any_desk.poll()
    assert any_desk.row(Issue).status == "open"
    assert any_desk.rows(Label) == []
    with any_desk.engine.storage.database.reading() as session:
        assert known.open_tickets(session) == []


def test_a_ticket_is_the_customers(any_desk: World) -> None:
    any_desk.fail()
    expected = {"ann@acme.example"} if any_desk.desk.kind != "servicenow" else {"", "ann@acme.example"}
    assert any_desk.ticket.requester in expected, "the one of the role, not the first"


def say_no(made: World, who: str, state: str) -> None:
    said = {"state": state, "source": "phone", "purpose": "*"}
    now = made.clock.time()
    made.accept(make_event("forewarn.consent", f"contact/{who}", said, id=f"no-{who}", source="t", time=now))


@pytest.mark.parametrize("state", ["objected", "withdrawn", "suspended"])
def test_c11_c02_who_said_no_is_not_named_as_a_tickets_customer(zendesk: World, state: str) -> None:
    say_no(zendesk, "ann", state)
    zendesk.fail()
    assert zendesk.ticket.requester == "bob@acme.example"


def test_c11_a_ticket_is_nobodys_where_everyone_said_no(zendesk: World) -> None:
    for who in ("ann", "bob"):
        say_no(zendesk, who, "objected")
    zendesk.fail()
    assert zendesk.ticket.requester == ""


def test_c14_a_dead_address_is_not_named_as_a_tickets_customer(zendesk: World) -> None:
    with zendesk.engine.storage.database.transaction() as session:
        suppress(session, "ann@acme.example", "email", "bounced", zendesk.clock.time())
    zendesk.fail()
    assert zendesk.ticket.requester == "bob@acme.example"


def test_a_verdict_that_changes_is_another_and_the_last_stays(zendesk: World) -> None:
    zendesk.fail()
    number = zendesk.ticket.ticket
    for verdict in ("true", "unclear", "true"):
        zendesk.pass_time(30.0)
        zendesk.bench.fake.tickets[number]["tags"] = ["forewarn", f"forewarn-{verdict}"]
        zendesk.change(number, Change())
        zendesk.poll()
    assert sorted(label.verdict for label in zendesk.rows(Label)) == ["true", "true", "unclear"]
    zendesk.bench.fake.tickets[number]["tags"] = ["forewarn"]
    zendesk.change(number, Change())
    zendesk.poll()
    assert zendesk.row(DeskTicket).verdict == "true"
    assert len(zendesk.rows(Label)) == 3


def test_the_log_alone_tells_how_a_ticket_stands(zendesk: World) -> None:
    zendesk.fail()
    number = zendesk.ticket.ticket
    zendesk.pass_time(30.0)
    zendesk.assign(number)
    zendesk.poll()
    before = zendesk.row(DeskTicket)
    with zendesk.engine.storage.database.transaction() as session:
        session.delete(session.get_one(DeskTicket, before.id))
    told = zendesk.events("forewarn.ticket")[-1]
    zendesk.accept(make_event("forewarn.ticket", told["subject"], told["data"], id="r", source="replay", time=1.0))
    after = zendesk.row(DeskTicket)
    for name in ("desk", "number", "issue", "account", "detector", "status", "assignee", "url", "intent"):
        assert getattr(after, name) == getattr(before, name), name


def test_an_event_of_an_issue_that_nobody_knows_is_nothing(zendesk: World) -> None:
    data = {"desk": "support", "ticket": "9", "status": "open", "updated": 1.0, "issue": "iss_x"}
    zendesk.accept(make_event("forewarn.ticket", "account/acme", data, id="x", source="t", time=zendesk.clock.time()))
    assert zendesk.rows(DeskTicket) == []


def test_a_link_to_a_ticket_is_one_to_the_web(zendesk: World) -> None:
    data = {"desk": "d", "ticket": "9", "status": "open", "updated": 1.0, "url": "javascript:alert(1)"}
    event = make_event("forewarn.ticket", "account/acme", data, id="x", source="t", time=zendesk.clock.time())
    (reject,) = zendesk.engine.intake.accept(event, "test").rejects
    assert "data.url" in reject.detail


def test_a_claim_at_the_built_in_desk_acknowledges_too(zendesk: World) -> None:
    draft = zendesk.bench.draft("int_own")
    zendesk.fail()
    issue = zendesk.row(Issue)
    number = zendesk.engine.tickets.add(replace(draft, evidence={"issue": issue.id}))
    zendesk.engine.tickets.claim(number, "amy", zendesk.engine.intake)
    zendesk.accept()
    assert zendesk.row(Issue).status == "acknowledged"
    with zendesk.engine.storage.database.reading() as session:
        assert {str(each.ref) for each in known.of_issue(session, issue.id)} == {
            str(number),
            str(Ref("support", zendesk.ticket.ticket)),
        }
