"""Goodwill over HTTP: granted by agents, within the budget, and shown wherever it matters."""

from dataclasses import replace
from typing import Any

import pytest

from engine.config.model import GoodwillConfig, Per, PolicyConfig, Remedy
from engine.store.models import GoodwillGrant
from tests.engine.web.conftest import NOW, Desk

MONTH = 30 * 86400.0
REMEDIES = {"credit-10": Remedy("credit", 10.0, "A credit of 10 euros")}
ASKED = {"remedy": "credit-10", "account": "account/acme", "issue": "iss_1", "why": "It was our mistake."}


@pytest.fixture
def office(desk: Desk) -> Desk:
    rules = GoodwillConfig("EUR", Per(25, MONTH, False), REMEDIES)
    desk.config = replace(desk.config, policy=PolicyConfig(goodwill=rules))
    desk.add(*desk.everything())
    return desk


def test_an_agent_grants_and_sees_what_is_left(office: Desk) -> None:
    server = office.server()
    answer = server.post("/v1/goodwill", json=ASKED)
    assert (answer.status_code, answer.json()["amount"], answer.json()["who"]) == (201, 10.0, "local")
    listed = server.get("/v1/goodwill", params={"issue": "iss_1"}).json()
    assert (listed["left"], listed["currency"], [each["id"] for each in listed["grants"]]) == (
        15.0, "EUR", [answer.json()["id"]],
    )  # fmt: skip


def test_it_is_written_to_the_log(office: Desk) -> None:
    made = office.server().post("/v1/goodwill", json=ASKED).json()
    (event,) = office.of_type("forewarn.goodwill")
    assert (event["id"], event["subject"]) == (made["id"], "account/acme")
    assert event["data"]["amount"] == 1000


def test_over_budget_is_a_conflict_and_says_so(office: Desk) -> None:
    server = office.server()
    for _ in range(2):
        office.clock.set(office.clock.time() + 1.0)
        server.post("/v1/goodwill", json=ASKED)
    office.clock.set(office.clock.time() + 1.0)
    refused = server.post("/v1/goodwill", json=ASKED)
    assert (refused.status_code, "budget for goodwill is spent" in refused.json()["detail"]) == (409, True)


def test_who_may_not_is_forbidden_and_without_goodwill_there_is_none(office: Desk) -> None:
    rules = office.config.policy.goodwill
    assert rules is not None
    office.config = replace(office.config, policy=PolicyConfig(goodwill=replace(rules, granters=("bob",))))
    assert office.server().post("/v1/goodwill", json=ASKED).status_code == 403
    office.config = replace(office.config, policy=PolicyConfig())
    assert office.server().get("/v1/goodwill").status_code == 404
    assert "There is no goodwill to grant" in office.server().get("/goodwill").text


@pytest.mark.parametrize("change", [{"why": ""}, {"remedy": None}, {"more": 1}])
def test_a_wish_that_makes_no_sense_is_refused(office: Desk, change: dict[str, Any]) -> None:
    assert office.server().post("/v1/goodwill", json=ASKED | change).status_code == 422


def test_the_console_grants_and_shows_it_on_the_issue_and_the_page_of_goodwill(office: Desk) -> None:
    server = office.server()
    assert "15 EUR" not in server.get("/goodwill").text
    answer = server.form("/goodwill", ASKED)
    assert (answer.status_code, answer.headers["location"]) == (303, "/issues/iss_1")
    for path in ("/issues/iss_1", "/goodwill"):
        page = server.get(path).text
        assert "credit-10" in page
        assert "It was our mistake." in page
    assert "15 EUR" in server.get("/goodwill").text
    assert server.form("/goodwill", ASKED | {"why": " "}).status_code == 422


def test_a_ticket_shows_what_was_granted_for_its_issue(office: Desk) -> None:
    number = office.services.tickets.add(office.draft())
    server = office.server()
    server.post("/v1/goodwill", json=ASKED)
    assert "credit-10" in server.get(f"/tickets/{number}").text


@pytest.mark.parametrize(("locale", "words"), [("en", "We credited"), ("de", "Wir haben Ihrem Konto 10,00")])
def test_the_customer_s_page_tells_what_was_granted_and_not_what_may_be(office: Desk, locale: str, words: str) -> None:
    grant: dict[str, Any] = {"at": NOW, "remedy": "credit-10", "amount": 1000, "currency": "EUR", "issue": "iss_1"}
    for id_, status in (("gwl_1", "granted"), ("gwl_2", "reserved")):
        office.add(GoodwillGrant(id=id_, account="account/acme", who="ann", status=status, **grant))
    with office.database.transaction() as session:
        session.merge(office.ann(locale=locale)[1])
    assert office.server().get(office.link("page")).text.count(words) == 1


def test_an_issue_shows_what_a_message_could_not_offer(office: Desk) -> None:
    payload = {"offer": "credit-10", "not_offered": "the budget for goodwill is spent"}
    office.add(office.intent("int_9", payload=payload))
    assert "without credit-10: the budget for goodwill is spent" in office.server().get("/issues/iss_1").text


def test_experiments_have_a_page(office: Desk) -> None:
    assert "Nobody was told in words of an experiment" in office.server().get("/experiments").text
    row = office.intent("int_9", payload={"experiment": "variant api/notice: short", "arm": "short"})
    office.add(row)
    page = office.server().get("/experiments").text
    assert "variant api/notice: short" in page
    assert "not enough yet" in page
