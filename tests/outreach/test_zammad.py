"""What only Zammad has: a sign in the title or an attribute, tags and links of their own, names of states."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from outreach.base import Change, Outcome, Receipt, Status
from outreach.inbound import Request, Ticketed
from tests.outreach.desk_benches import ZammadBench, zammad
from tests.outreach.fakes.desk import answer, sent


@pytest.fixture
def bench() -> Iterator[ZammadBench]:
    with zammad() as made:
        yield made


def test_what_is_sent(bench: ZammadBench) -> None:
    bench.build(groups={"tier-2": "2nd Level"}).create(replace(bench.draft(), requester="ann@acme.example"))
    (created,) = [one for one in bench.fake.requests if (one.method, one.path) == ("POST", "/api/v1/tickets")]
    fields = sent(created)
    article = fields.pop("article")
    assert {name: article[name] for name in ("type", "internal", "content_type")} == {
        "type": "note",
        "internal": True,
        "content_type": "text/html",
    }
    assert "1 &lt; 2 &amp; &lt;script&gt;" in article["body"]
    assert fields.pop("title").startswith("API errors at Acme fw")
    assert fields == {"group": "2nd Level", "customer_id": "guess:ann@acme.example", "priority": "3 high"}


def test_an_attribute_holds_the_id_instead_of_a_sign(bench: ZammadBench) -> None:
    desk = bench.build(external_field="forewarn_id")
    first = desk.create(bench.draft())
    assert desk.create(bench.draft()).provider_id == first.provider_id
    (ticket,) = bench.fake.tickets.values()
    assert (ticket["title"], ticket["forewarn_id"]) == ("API errors at Acme", "int_1")
    assert desk.find(bench.draft("int_")).outcome is Outcome.RETRY


def test_the_number_people_use_is_told(bench: ZammadBench) -> None:
    assert bench.desk.create(bench.draft()).detail == "#22019"


def test_what_follows_and_is_refused_is_told_and_does_not_stop_the_rest(bench: ZammadBench) -> None:
    bench.fake.answer_at(2, answer(422, {"error": "tag list is closed"}))
    receipt = bench.desk.create(bench.draft())
    assert receipt.outcome is Outcome.ACCEPTED
    assert "refused: HTTP 422" in receipt.detail
    assert "forewarn" in bench.the(receipt.provider_id).tags


def test_a_pending_ticket_comes_back_in_a_day(bench: ZammadBench) -> None:
    number = bench.made()
    bench.desk.update(number, Change(status=Status.PENDING))
    assert bench.fake.tickets[number]["pending_time"] == "2026-11-23T13:05:00Z"


def test_a_merged_ticket_is_closed(bench: ZammadBench) -> None:
    number = bench.made()
    bench.fake.tickets[number]["state"] = "merged"
    states = bench.desk.states(bench.time() - 60)
    assert not isinstance(states, Receipt)
    assert states[0].status is Status.CLOSED


def test_an_attribute_says_the_verdict_without_asking_for_tags(bench: ZammadBench) -> None:
    number = bench.made()
    bench.fake.tickets[number]["verdict"] = "unclear"
    before = len(bench.fake.requests)
    states = bench.build(verdict_field="verdict").states(bench.time() - 60)
    assert not isinstance(states, Receipt)
    assert (states[0].verdict, len(bench.fake.requests) - before) == ("unclear", 1)


def test_a_webhook_tells_things_whole_or_by_name(bench: ZammadBench) -> None:
    number = bench.made()
    for state in ("closed", {"id": 4, "name": "closed"}):
        said = json.loads(bench.fake.event(number))
        said["ticket"]["state"] = state
        body = json.dumps(said).encode()
        request = Request("https://x.example/", bench.fake.sign(body), body, bench.time())
        (told,) = bench.build().receive(request).told
        assert isinstance(told, Ticketed)
        assert (told.state.status, told.state.assignee) == (Status.SOLVED, "emma@example.com")


def test_states_an_administrator_added(bench: ZammadBench) -> None:
    number = bench.made()
    bench.fake.tickets[number]["state"] = "Waiting for vendor"
    for statuses, expected in (({}, Status.OPEN), ({"waiting for vendor": "pending"}, Status.PENDING)):
        states = bench.build(statuses=statuses).states(bench.time() - 60)
        assert not isinstance(states, Receipt)
        assert states[0].status is expected
    with pytest.raises(ValueError, match="statuses"):
        bench.build(statuses={"waiting": "parked"})
