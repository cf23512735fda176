"""What only Zendesk has: idempotency keys, problems and incidents, uploads."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from outreach.base import Change, Outcome, Receipt, Status
from outreach.desk_bench import PICTURE
from outreach.inbound import Request, Ticketed, UnreadableError
from tests.outreach.desk_benches import ZendeskBench, zendesk
from tests.outreach.fakes.desk import answer, sent


@pytest.fixture
def bench() -> Iterator[ZendeskBench]:
    with zendesk() as made:
        yield made


def test_what_is_sent(bench: ZendeskBench) -> None:
    desk = bench.build(groups={"tier-2": 360001})
    desk.create(replace(bench.draft(), requester="ann@acme.example", picture=PICTURE))
    created = bench.fake.requests[-1]
    assert created.headers["idempotency-key"] == "int_1"
    ticket = sent(created)["ticket"]
    comment = ticket.pop("comment")
    assert (comment["public"], comment["uploads"]) == (False, ["token0"])
    assert comment["body"].endswith("Forewarn reference: int_1")
    assert ticket == {
        "subject": "API errors at Acme",
        "external_id": "int_1",
        "type": "incident",
        "priority": "high",
        "tags": ["forewarn", "api-errors", "tier-2"],
        "requester": {"email": "ann@acme.example", "name": "ann@acme.example"},
        "group_id": 360001,
    }


def blind(bench: ZendeskBench) -> None:
    """Let the look-up before the next creation find nothing, as if it lagged."""
    bench.fake.answer_next(answer(200, {"tickets": []}))


def test_the_key_stops_a_second_one_where_the_look_up_lags(bench: ZendeskBench) -> None:
    first = bench.made()
    blind(bench)
    again = bench.desk.create(bench.draft())
    assert (again.outcome, again.provider_id) == (Outcome.ACCEPTED, first)
    assert len(bench.held()) == 1


def test_a_key_that_was_used_with_other_words_leads_to_its_ticket(bench: ZendeskBench) -> None:
    first = bench.made()
    blind(bench)
    again = bench.desk.create(replace(bench.draft(), body="rendered anew"))
    assert (again.outcome, again.provider_id) == (Outcome.ACCEPTED, first)


@pytest.mark.parametrize("status", [400, 409])
def test_a_key_whose_ticket_is_not_to_be_found_yet_is_unknown(bench: ZendeskBench, status: int) -> None:
    bench.fake.answer_next_write(answer(status, {"error": "IdempotentRequestError"}))
    assert bench.desk.create(bench.draft()).outcome is Outcome.UNKNOWN


def test_what_zendesk_refuses_for_good_fails(bench: ZendeskBench) -> None:
    bench.fake.answer_next_write(answer(422, {"error": "RecordInvalid", "description": "Requester: suspended"}))
    receipt = bench.desk.create(bench.draft())
    assert (receipt.outcome, receipt.code, "suspended" in receipt.detail) == (Outcome.PERMANENT, "422", True)


def test_the_parent_becomes_a_problem(bench: ZendeskBench) -> None:
    parent, child = bench.made("int_1"), bench.made("int_2")
    bench.desk.link(child, parent)
    types = [bench.fake.tickets[number]["type"] for number in (parent, child)]
    assert types == ["problem", "incident"]


def test_nothing_can_be_added_to_a_closed_ticket(bench: ZendeskBench) -> None:
    number = bench.made()
    bench.desk.update(number, Change(status=Status.CLOSED))
    assert bench.desk.annotate(number, "late").outcome is Outcome.PERMANENT


def test_a_field_says_the_verdict(bench: ZendeskBench) -> None:
    number = bench.made()
    bench.fake.tickets[number]["custom_fields"] = [{"id": 77, "value": "False"}, {"id": 78, "value": None}]
    states = bench.build(verdict_field=77).states(bench.time() - 60)
    assert not isinstance(states, Receipt)
    assert states[0].verdict == "false"


def test_more_than_is_read_at_once_is_read_from_the_oldest(bench: ZendeskBench) -> None:
    """What comes later is asked for next time; no page is asked for past the 1,000 results that Zendesk shows."""
    for count in range(1005):
        number = str(count + 1)
        bench.fake.tickets[number] = {"id": count + 1, "status": "open", "tags": ["forewarn"], "custom_fields": [],
                                      "updated_at": f"2026-11-25T00:{count // 60:02}:{count % 60:02}Z",
                                      "assignee_id": 5}  # fmt: skip
    states = bench.desk.states(0.0)
    assert not isinstance(states, Receipt)
    assert (len(states), states[0].ticket, states[0].assignee) == (991, "1", "5")
    more = bench.desk.states(states[-1].updated)
    assert not isinstance(more, Receipt)
    assert more[-1].ticket == "1005"


def test_a_ticket_that_changes_while_they_are_read_hides_no_other(bench: ZendeskBench) -> None:
    for count in range(150):
        bench.made(f"int_{count}")
        bench.pass_time(1)
    numbers, answer_page = list(bench.fake.tickets), bench.fake.search

    def moving(request: Any) -> Any:
        page = answer_page(request)
        bench.desk.update(numbers[0], Change(severity="low"))
        return page

    bench.fake.search = moving
    states = bench.desk.states(bench.time() - 200)
    assert not isinstance(states, Receipt)
    assert {state.ticket for state in states} == set(numbers)


def test_a_page_that_fails_ends_what_is_read(bench: ZendeskBench) -> None:
    for count in range(101):
        bench.made(f"int_{count}")
    bench.fake.fail_at(1)
    states = bench.desk.states(bench.time() - 60)
    assert not isinstance(states, Receipt)
    assert len(states) == 100


@pytest.mark.parametrize("wrong", [{"status": "gone"}, {"updated_at": "yesterday"}, {"updated_at": None}])
def test_an_answer_that_makes_no_sense_is_told(bench: ZendeskBench, wrong: dict[str, Any]) -> None:
    bench.fake.tickets[bench.made()].update(wrong)
    bench.fake.answer_next(answer(200, {"results": [bench.fake.plain(*bench.fake.tickets.values())]}))
    states = bench.desk.states(bench.time() - 60)
    assert isinstance(states, Receipt)
    assert "cannot be read" in states.detail


def test_signed_in_as_nobody_is_told(bench: ZendeskBench) -> None:
    """Zendesk answers 200 and an anonymous user to who is not signed in."""
    bench.fake.answer_next(answer(200, {"user": {"id": None, "role": "end-user"}}))
    assert "check url, email and token" in bench.desk.check()


def told(bench: ZendeskBench, said: dict[str, Any]) -> Any:
    body = json.dumps(said).encode()
    request = Request("https://x.example/", bench.fake.sign(body), body, bench.time())
    return bench.build().receive(request).told


def test_a_trigger_tells_as_an_event_does(bench: ZendeskBench) -> None:
    """Placeholders of a trigger: tags are one text, the status is capitalised."""
    detail = {"id": "7", "status": "Solved", "updated_at": "2026-11-25T10:00:00Z", "tags": "vip forewarn-true"}
    (one,) = told(bench, {"detail": detail})
    assert isinstance(one, Ticketed)
    assert (one.state.ticket, one.state.status, one.state.verdict) == ("7", Status.SOLVED, "true")


@pytest.mark.parametrize("detail", [{}, {"id": "7", "status": "Solved"}, {"id": "7", "status": "?", "updated_at": ""}])
def test_an_event_that_says_too_little_is_unreadable(bench: ZendeskBench, detail: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        told(bench, {"detail": detail})
