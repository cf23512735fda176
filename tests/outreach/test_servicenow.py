"""What only ServiceNow has: contacts and accounts, work notes, states by number, minutes ago."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from outreach.base import Change, Outcome, Receipt, Status
from outreach.desk_bench import PICTURE
from outreach.tickets.servicenow import ServiceNow
from tests.outreach.desk_benches import ServiceNowBench, servicenow
from tests.outreach.fakes.desk import answer, query, sent


@pytest.fixture
def bench() -> Iterator[ServiceNowBench]:
    with servicenow() as made:
        yield made


def created(bench: ServiceNowBench) -> dict[str, Any]:
    (request,) = [one for one in bench.fake.requests if one.method == "POST" and one.path.endswith("/case")]
    return dict(sent(request))


def test_what_is_sent(bench: ServiceNowBench) -> None:
    desk = bench.build(category="3", groups={"tier-2": "d" * 32})
    receipt = desk.create(replace(bench.draft(), requester="ann@acme.example"))
    assert receipt.detail == "CS0000000"
    assert created(bench) == {
        "short_description": "API errors at Acme",
        "description": "API errors at Acme\n\nForewarn reference: int_1",
        "priority": "2",
        "correlation_id": "int_1",
        "assignment_group": "d" * 32,
        "category": "3",
        "contact": "a" * 32,
        "account": "b" * 32,
    }


@pytest.mark.parametrize("requester", ["bob@acme.example", "ann@acme.example^ORactive=true", "ann", "a b@c.example"])
def test_a_customer_who_is_no_contact_is_named_in_the_note(bench: ServiceNowBench, requester: str) -> None:
    receipt = bench.desk.create(replace(bench.draft(), requester=requester))
    assert receipt.outcome is Outcome.ACCEPTED
    assert "contact" not in created(bench)
    assert f"Customer: {requester}" in bench.the(receipt.provider_id).text


def test_two_contacts_with_one_address_are_nobody(bench: ServiceNowBench) -> None:
    bench.fake.contacts.append({**bench.fake.contacts[0], "sys_id": "e" * 32})
    bench.desk.create(replace(bench.draft(), requester="ann@acme.example"))
    assert "contact" not in created(bench)


def test_a_token_instead_of_a_password(bench: ServiceNowBench) -> None:
    desk = ServiceNow(url=bench.fake.url, token="sn-token", now=bench.time)
    assert desk.check() == ""
    desk.close()
    wrongs: list[dict[str, Any]] = [{}, {"user": "u"}, {"user": "u", "password": "p", "token": "t"}]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="user and password, or token"):
            ServiceNow(url=bench.fake.url, **wrong)


def test_what_the_instance_asks_for_when_a_case_is_solved(bench: ServiceNowBench) -> None:
    number = bench.made()
    desk = bench.build(resolution={"resolution_code": "16", "close_notes": "over"})
    desk.update(number, Change(status=Status.PENDING))
    assert "close_notes" not in bench.fake.tickets[number]
    desk.update(number, Change(status=Status.SOLVED))
    assert bench.fake.tickets[number]["close_notes"] == "over"


def test_without_a_field_tags_are_work_notes(bench: ServiceNowBench) -> None:
    desk = bench.build(tags_field="")
    number = desk.create(bench.draft()).provider_id
    desk.update(number, Change(tags=("spread out",)))
    assert bench.fake.tickets[number]["notes"] == ["Tags: spread-out"]


def test_pictures_can_be_kept_from_the_portal(bench: ServiceNowBench) -> None:
    desk = bench.build(pictures=False)
    number = desk.create(replace(bench.draft(), picture=PICTURE)).provider_id
    desk.annotate(number, "again", PICTURE)
    assert bench.the(number).pictures == []


def test_a_field_says_the_verdict(bench: ServiceNowBench) -> None:
    number = bench.made()
    bench.fake.tickets[number]["u_verdict"] = "unclear"
    states = bench.build(verdict_field="u_verdict").states(bench.time() - 60)
    assert not isinstance(states, Receipt)
    assert states[0].verdict == "unclear"


def test_polling_asks_by_minutes_so_that_no_time_zone_counts(bench: ServiceNowBench) -> None:
    bench.desk.states(bench.time() - 90)
    assert "RELATIVEGT@minute@ago@3^" in query(bench.fake.requests[-1])["sysparm_query"]


def test_a_row_of_another_case_is_not_taken_for_ours(bench: ServiceNowBench) -> None:
    """An instance drops a condition it does not know, and answers with everything."""
    other = {"sys_id": "9" * 32, "number": "CS1", "correlation_id": "", "correlation_display": ""}
    bench.fake.answer_next(answer(200, {"result": [other]}))
    assert bench.desk.find(bench.draft()).outcome is Outcome.RETRY


def test_when_the_window_begins_anew_is_told_by_the_clock(bench: ServiceNowBench) -> None:
    reset = str(int(bench.time()) + 90)
    bench.fake.answer_next_write(answer(429, {"error": {}}, x_ratelimit_reset=reset))
    assert bench.desk.create(bench.draft()).retry_after == 90.0
