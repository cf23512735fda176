"""Subscribing over HTTP: opening a link changes nothing, and nothing is learned about an address."""

from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import select

from engine.config.model.status import ComponentConfig, StatusConfig
from engine.links import Claims
from engine.status import subscribers
from engine.store.models import Intent, Subscriber

NOW = 1_700_000_000.0
ANN = "ann@example.com"


@pytest.fixture
def public(desk: Any) -> Any:
    parts = {"api": ComponentConfig("API"), "hooks": ComponentConfig("Webhooks")}
    desk.config = replace(desk.config, status=StatusConfig(parts, channel="email"))
    return desk.server()


def rows(desk: Any) -> list[Subscriber]:
    with desk.database.reading() as session:
        return list(session.exec(select(Subscriber)).all())


def mails(desk: Any) -> list[Intent]:
    with desk.database.reading() as session:
        return list(session.exec(select(Intent)).all())


def subscribe(public: Any, address: str = ANN, **more: str) -> Any:
    return public.form("/status/subscribe", {"address": address, **more})


def link(desk: Any, use: str, **more: Any) -> str:
    row = rows(desk)[0]
    given = {"intent": "int_1", "person": row.id, "address": row.address, "purpose": "service", "expires": NOW + 999.0}
    url = str(desk.services.links.url(Claims(use, **{**given, **more})))
    return "/" + url.split("/", 3)[3]


def test_subscribing_takes_a_confirmation(desk: Any, public: Any) -> None:
    answer = subscribe(public, **{"on-api": "on", "on-nothing": "on"})
    assert answer.status_code == 202
    assert "Look into your mailbox" in answer.text
    (mail,) = mails(desk)
    assert (mail.kind, mail.step, mail.status) == ("status", "confirm", "pending")
    (row,) = rows(desk)
    assert (row.state, row.components) == ("pending", ["api"])
    assert public.form(link(desk, "confirm")).status_code == 200
    assert rows(desk)[0].state == "confirmed"
    (event,) = desk.of_type("forewarn.consent")
    assert event["subject"] == f"subscriber/{row.id}"
    data = event["data"]
    assert (data["state"], data["address"], data["written"]) == ("granted", ANN, True)
    assert "I want to be told by e-mail at ann@example.com" in data["wording"]


def test_c08_get_never_confirms_chooses_or_ends(desk: Any, public: Any) -> None:
    subscribe(public)
    assert "Confirm your subscription" in public.get(link(desk, "confirm")).text
    assert rows(desk)[0].state == "pending"
    public.form(link(desk, "confirm"))
    assert "Nothing has changed yet" in public.get(link(desk, "leave")).text
    assert "What you are told of" in public.get(link(desk, "choose")).text
    assert "You are subscribed" in public.get(link(desk, "confirm")).text
    assert rows(desk)[0].state == "confirmed"
    assert len(desk.of_type("forewarn.consent")) == 1


def test_c08_one_click_ends_it_without_a_page_a_cookie_or_a_redirect(desk: Any, public: Any) -> None:
    subscribe(public)
    public.form(link(desk, "confirm"))
    for _ in range(2):
        answer = public.post(link(desk, "leave"), data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    assert rows(desk)[0].state == "ended"
    granted, withdrawn = {event["id"]: event for event in desk.of_type("forewarn.consent")}.values()
    assert (withdrawn["data"]["state"], withdrawn["data"]["address"]) == ("withdrawn", "")
    assert withdrawn["subject"] == granted["subject"]


def test_c07_an_opt_out_works_for_a_month_at_least_and_when_one_was_forgotten(desk: Any, public: Any) -> None:
    subscribe(public)
    public.form(link(desk, "confirm"))
    old = link(desk, "leave", expires=NOW + 60 * 86400.0)
    desk.clock.advance(31 * 86400)
    with desk.database.transaction() as session:
        subscribers.remove(session, ANN)
    assert public.post(old).status_code == 200


def test_every_address_gets_the_same_answer(desk: Any, public: Any) -> None:
    subscribe(public, "known@example.com")
    public.form(link(desk, "confirm"))
    desk.clock.advance(3600)
    answers = [
        subscribe(public, address)
        for address in ("known@example.com", "new@example.com", "new@example.com", "abuse@example.com", "none", "")
    ]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert len(mails(desk)) == 2


def test_one_click_too_many_is_told_by_all_together_and_by_nobody_alone(desk: Any, public: Any) -> None:
    for number in range(200):
        desk.add(
            Subscriber(id=f"s{number}", address=f"{number}@x.example", state="pending", asked_at=NOW, expires_at=NOW)
        )
    answers = [subscribe(public, address) for address in ("0@x.example", "new@example.com")]
    assert {answer.status_code for answer in answers} == {429}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].headers["retry-after"] == "900"
    assert mails(desk) == []


HOOK = "https://hooks.example.org/in"


def test_a_system_is_subscribed_by_who_can_read_what_it_is_sent(desk: Any, public: Any) -> None:
    desk.config = replace(desk.config, status=replace(desk.config.status, webhook="hooks"))
    assert 'action="/status/subscribe/webhook"' in public.get("/status").text
    answer = public.form("/status/subscribe/webhook", {"address": HOOK, "on-api": "on"})
    assert (answer.status_code, "Look at what your system received" in answer.text) == (202, True)
    assert "whsec_" not in answer.text
    (row,) = rows(desk)
    (intent,) = mails(desk)
    assert (row.kind, row.components, intent.payload["channels"]) == ("url", ["api"], ["hooks"])
    assert "Nothing has changed yet" in public.get(link(desk, "confirm")).text
    assert rows(desk)[0].state == "pending"
    confirmed = public.post(link(desk, "confirm"))
    assert (confirmed.status_code, "whsec_" in confirmed.text) == (200, False)
    (event,) = desk.of_type("forewarn.consent")
    data = event["data"]
    assert (data["channel"], data["address"], data["state"]) == ("webhook", HOOK, "granted")
    assert data["wording"] == f"I want what is new on the status page to be sent to {HOOK}."
    assert public.post(link(desk, "leave")).status_code == 200
    assert rows(desk)[0].state == "ended"


def test_every_system_gets_the_same_answer(desk: Any, public: Any) -> None:
    desk.config = replace(desk.config, status=replace(desk.config.status, webhook="hooks"))
    given = (HOOK, HOOK, "https://127.0.0.1/", "http://hooks.example.org/", "none", "")
    answers = [public.form("/status/subscribe/webhook", {"address": each}) for each in given]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert len(mails(desk)) == 1


def test_without_a_channel_no_system_can_be_subscribed(public: Any) -> None:
    assert public.form("/status/subscribe/webhook", {"address": HOOK}).status_code == 404
    assert "/status/subscribe/webhook" not in public.get("/status").text


def test_what_is_told_of_can_be_chosen(desk: Any, public: Any) -> None:
    subscribe(public)
    public.form(link(desk, "confirm"))
    answer = public.form(link(desk, "choose"), {"on-hooks": "on", "on-evil": "on"})
    assert "Saved." in answer.text
    assert rows(desk)[0].components == ["hooks"]
    assert 'name="on-hooks" checked' in public.get(link(desk, "choose")).text
    public.form(link(desk, "choose"), {})
    assert rows(desk)[0].components == []


@pytest.mark.parametrize("use", ["confirm", "leave", "choose"])
def test_every_wrong_link_shows_the_same_page(desk: Any, public: Any, use: str) -> None:
    subscribe(public)
    good = link(desk, use)
    path, _, token = good.rpartition("/")
    other = {"confirm": "leave", "leave": "choose", "choose": "confirm"}[use]
    wrong = [
        f"{path}/x",
        f"{path}/{token[:-3]}AAA",
        f"{path}/{link(desk, other).rpartition('/')[2]}",
        link(desk, use, expires=NOW - 1),
    ]
    answers = [public.get(each) for each in wrong] + [public.form(each) for each in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert rows(desk)[0].state == "pending"


def test_a_link_for_who_never_confirmed_or_left_leads_nowhere(desk: Any, public: Any) -> None:
    subscribe(public)
    assert public.get(link(desk, "leave")).status_code == 404
    assert public.form(link(desk, "choose")).status_code == 404
    public.form(link(desk, "confirm"))
    public.post(link(desk, "leave"))
    assert public.get(link(desk, "choose")).status_code == 404
    assert public.form(link(desk, "confirm")).status_code == 404
    assert rows(desk)[0].state == "ended"


def test_without_a_channel_nobody_can_subscribe(desk: Any, public: Any) -> None:
    status = desk.config.status
    desk.config = replace(desk.config, status=replace(status, channel=""))
    assert subscribe(public).status_code == 404
    assert "/status/subscribe" not in public.get("/status").text


def test_a_form_from_elsewhere_can_do_no_more_than_one_from_here(desk: Any, public: Any) -> None:
    answer = public.post("/status/subscribe", data={"address": ANN}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 202
    assert rows(desk)[0].state == "pending"


def test_a_form_with_too_much_in_it_is_refused(public: Any) -> None:
    fields = {f"on-{number}": "on" for number in range(500)}
    assert public.form("/status/subscribe", fields).status_code == 422
