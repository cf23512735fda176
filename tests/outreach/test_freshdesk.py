"""What only Freshdesk has: a custom field for the id, an index that lags, whole lists of tags, ten children."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from outreach.base import Outcome, Receipt, Status
from outreach.inbound import Request, Ticketed
from tests.outreach.desk_benches import FreshdeskBench, freshdesk
from tests.outreach.fakes.desk import answer, sent


@pytest.fixture
def bench() -> Iterator[FreshdeskBench]:
    with freshdesk() as made:
        yield made


def test_what_is_sent(bench: FreshdeskBench) -> None:
    bench.build(groups={"tier-2": 42}).create(bench.draft())
    (created,) = [one for one in bench.fake.requests if one.method == "POST"]
    fields = sent(created)
    assert "1 &lt; 2 &amp; &lt;script&gt;" in fields.pop("description")
    assert fields == {
        "subject": "API errors at Acme",
        "email": "bot@example.com",
        "priority": 3,
        "status": 2,
        "custom_fields": {"cf_forewarn_id": "int_1"},
        "group_id": 42,
    }


def test_a_ticket_that_the_index_does_not_know_yet_is_found_in_the_list(bench: FreshdeskBench) -> None:
    bench.made()
    assert bench.desk.find(bench.draft()).outcome is Outcome.ACCEPTED
    bench.pass_time(3600)
    assert bench.desk.find(bench.draft()).outcome is Outcome.ACCEPTED


def test_what_is_not_ours_is_not_told(bench: FreshdeskBench) -> None:
    ours = bench.made()
    bench.fake.tickets["77"] = {**bench.fake.tickets[ours], "id": 77, "custom_fields": {"cf_forewarn_id": None}}
    states = bench.desk.states(bench.time() - 60)
    assert not isinstance(states, Receipt)
    assert [state.ticket for state in states] == [ours]


def test_a_parent_takes_ten_children_and_the_tag_the_rest(bench: FreshdeskBench) -> None:
    parent = bench.made("int_parent")
    desk = bench.build(parent_child=True)
    for count in range(11):
        receipt = desk.create(replace(bench.draft(f"int_{count}"), parent=parent))
        assert receipt.outcome is Outcome.ACCEPTED
    children = [one for one in bench.fake.tickets.values() if one.get("parent_id") == int(parent)]
    tagged = [one for one in bench.fake.tickets.values() if f"forewarn-incident-{parent}" in one["tags"]]
    assert (len(children), len(tagged)) == (10, 11)


def test_a_field_says_the_verdict_and_statuses_can_be_added(bench: FreshdeskBench) -> None:
    number = bench.made()
    bench.fake.tickets[number]["custom_fields"]["cf_verdict"] = "True"
    bench.fake.tickets[number]["status"] = 12
    states = bench.build(verdict_field="cf_verdict", statuses={"12": "solved"}).states(bench.time() - 60)
    assert not isinstance(states, Receipt)
    assert (states[0].verdict, states[0].status) == ("true", Status.SOLVED)


def test_check_finds_a_field_that_nobody_made(bench: FreshdeskBench) -> None:
    assert "HTTP 400" in bench.build(external_field="cf_other").check()
    with pytest.raises(ValueError, match="external_field"):
        bench.build(external_field="other' OR status:2")


def test_a_webhook_is_believed_no_further_than_its_number(bench: FreshdeskBench) -> None:
    number = bench.made()
    body = b'{"id": %s, "status": "Closed"}' % number.encode()
    request = Request("https://x.example/", bench.fake.sign(body), body, bench.time())
    (told,) = bench.build().receive(request).told
    assert isinstance(told, Ticketed)
    assert told.state.status is Status.OPEN
    bench.fake.answer_next(answer(503, {}))
    told_again = bench.build().receive(request)
    assert (told_again.told, told_again.status) == ((), 503)
