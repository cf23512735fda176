"""What only Jira has: a search that forgives, customers that hide, workflows, markup-free comments."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from outreach.base import Change, Outcome, Receipt, Status
from outreach.inbound import ForgedError, Request
from tests.outreach.desk_benches import JiraBench, jira
from tests.outreach.fakes.desk import query, sent


@pytest.fixture
def bench() -> Iterator[JiraBench]:
    with jira() as made:
        yield made


def created(bench: JiraBench) -> dict[str, Any]:
    (request,) = [one for one in bench.fake.requests if one.path == "/rest/servicedeskapi/request"]
    return dict(sent(request))


def test_what_is_sent(bench: JiraBench) -> None:
    desk = bench.build(request_types={"tier-2": "31"})
    desk.create(replace(bench.draft(), requester="Ann@acme.example"))
    assert created(bench) == {
        "serviceDeskId": "10",
        "requestTypeId": "31",
        "requestFieldValues": {
            "summary": "API errors at Acme",
            "description": "API errors at Acme\n\nForewarn reference: int_1",
        },
        "raiseOnBehalfOf": "qm:ann",
    }


def test_a_custom_field_holds_the_id(bench: JiraBench) -> None:
    desk = bench.build(external_field="customfield_10050")
    first = desk.create(bench.draft())
    assert created(bench)["requestFieldValues"]["customfield_10050"] == "int_1"
    assert desk.create(bench.draft()).provider_id == first.provider_id
    assert desk.find(bench.draft("int_2")).outcome is Outcome.RETRY


def test_a_search_that_forgives_is_not_believed(bench: JiraBench) -> None:
    """The index finds words of any case anywhere in the description."""
    bench.desk.create(replace(bench.draft("int_9"), body="as in INT_1 and int_1\nForewarn reference: int_10"))
    assert bench.desk.find(bench.draft("int_1")).outcome is Outcome.RETRY


def test_a_customer_whose_address_jira_hides_is_not_shown_anothers_ticket(bench: JiraBench) -> None:
    """`joann@…` is found by `ann@…`: without an address to compare nobody is taken."""
    bench.fake.customers = [{"accountId": "qm:joann", "displayName": "Joann", "active": True}]
    receipt = bench.desk.create(replace(bench.draft(), requester="ann@acme.example"))
    assert "raiseOnBehalfOf" not in created(bench)
    assert "Customer: ann@acme.example" in bench.the(receipt.provider_id).text


def test_priorities_of_other_names_are_refused_and_told(bench: JiraBench) -> None:
    receipt = bench.build(priorities={"high": "P1"}).create(bench.draft())
    assert receipt.outcome is Outcome.ACCEPTED
    assert "refused: HTTP 400" in receipt.detail
    assert "forewarn" in bench.the(receipt.provider_id).tags


def test_priorities_can_be_left_alone(bench: JiraBench) -> None:
    receipt = bench.build(priorities={"high": ""}).create(bench.draft())
    assert receipt.detail == ""
    assert bench.the(receipt.provider_id).priority == "Medium"


def test_a_status_that_no_transition_leads_to_says_which_there_are(
    bench: JiraBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = bench.made()
    ways = {"Waiting for support": "indeterminate", "Parked": "indeterminate"}
    monkeypatch.setattr("tests.outreach.fakes.jira.CATEGORY", ways)
    receipt = bench.desk.update(number, Change(status=Status.SOLVED))
    assert (receipt.outcome, "only to Parked" in receipt.detail) == (Outcome.PERMANENT, True)
    parked = bench.build(statuses={"Parked": "pending"})
    assert parked.update(number, Change(status=Status.PENDING)).outcome is Outcome.ACCEPTED
    states = parked.states(bench.time() - 60)
    assert not isinstance(states, Receipt)
    assert states[0].status is Status.PENDING


def test_a_status_it_has_needs_no_transition(bench: JiraBench) -> None:
    number = bench.made()
    before = bench.the(number)
    bench.desk.update(number, Change(status=Status.OPEN))
    assert bench.the(number) == before
    assert not [one for one in bench.fake.requests if one.path.endswith("/transitions")]


@pytest.mark.parametrize("value", ["True", {"value": "True", "id": "10100"}])
def test_a_field_says_the_verdict(bench: JiraBench, value: object) -> None:
    number = bench.made()
    bench.fake.tickets[number]["customfield_10077"] = value
    states = bench.build(verdict_field="customfield_10077").states(bench.time() - 60)
    assert not isinstance(states, Receipt)
    assert states[0].verdict == "true"


def test_polling_asks_by_minutes_so_that_no_time_zone_counts(bench: JiraBench) -> None:
    bench.desk.states(bench.time() - 60)
    assert 'updated >= "-4m"' in query(bench.fake.requests[-1])["jql"]


def test_a_desk_of_another_project_is_told(bench: JiraBench) -> None:
    assert "is of project SUP, not HELP" in bench.build(project="HELP").check()


@pytest.mark.parametrize(
    "wrong", [{"project": "sup"}, {"project": 'SUP" OR 1=1'}, {"external_field": "10050"}, {"statuses": {"x": "y"}}]
)
def test_a_wrong_configuration_says_so(bench: JiraBench, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"project|external_field|statuses"):
        bench.build(**wrong)


def test_a_signed_request_without_a_time_is_refused(bench: JiraBench) -> None:
    body = json.dumps({"issue": {}}).encode()
    with pytest.raises(ForgedError, match="timestamp"):
        bench.build().receive(Request("https://x.example/", bench.fake.sign(body), body, bench.time()))
