"""The feed of an in-app channel over HTTP: one's own messages, by a signed token, and nobody else's."""

from typing import Any

import pytest

from engine import tokens
from engine.feed import Feed
from engine.store.models import Entity
from engine.web.throttle import Throttle
from outreach.channels.inapp import InApp, Item

NOW = 1_700_000_000.0
APP = "https://app.example.com"


@pytest.fixture
def feed(desk: Any) -> Feed:
    """Return a feed with two messages for Ann and one for Bob."""
    store = Feed(desk.database, desk.clock)
    desk.services.channels["app"] = InApp(origins=[APP], keep=lambda: store)
    desk.add(
        Entity(id="contact/ann", kind="contact", updated_at=NOW),
        Entity(id="contact/bob", kind="contact", updated_at=NOW),
    )
    for id_, entity in (("int_1", "contact/ann"), ("int_2", "contact/ann"), ("int_3", "contact/bob")):
        desk.clock.advance(1)
        store.put(Item(id_, entity, "Calls fail", "<script>alert(1)</script>", "en", "opened"))
    return store


def path(desk: Any, person: str = "contact/ann", **more: Any) -> str:
    given = {"intent": "", "person": person, "address": "", "expires": NOW + 1000.0, **more}
    return str(desk.link("feed", **given))


def test_the_newest_comes_first_with_what_is_unread(desk: Any, server: Any, feed: Feed) -> None:
    told = server.get(path(desk)).json()
    assert [item["id"] for item in told["items"]] == ["int_2", "int_1"]
    assert told["unread"] == 2
    assert told["next"] is None
    assert told["items"][0] | {"at": ""} == {
        "id": "int_2", "at": "", "subject": "Calls fail", "text": "<script>alert(1)</script>", "locale": "en",
        "occasion": "opened", "thread": "", "read": False,
    }  # fmt: skip


def test_pages_are_as_long_as_asked_for(desk: Any, server: Any, feed: Feed) -> None:
    first = server.get(path(desk) + "?limit=1").json()
    assert ([item["id"] for item in first["items"]], first["next"]) == (["int_2"], "int_2")
    second = server.get(path(desk) + "?limit=1&before=int_2").json()
    assert ([item["id"] for item in second["items"]], second["next"]) == (["int_1"], None)
    assert server.get(path(desk) + "?limit=1000").status_code == 422


def test_nobody_ever_sees_or_marks_anothers(desk: Any, server: Any, feed: Feed) -> None:
    bobs = server.get(path(desk, "contact/bob")).json()
    assert [item["id"] for item in bobs["items"]] == ["int_3"]
    assert server.get(path(desk, "contact/bob") + "?before=int_2").json() == bobs
    assert server.post(path(desk, "contact/bob") + "/read", json={"ids": ["int_1", "int_2"]}).json() == {"unread": 1}
    assert server.get(path(desk)).json()["unread"] == 2
    assert desk.of_type("forewarn.delivery") == []
    assert server.get(path(desk, "account/acme")).json()["items"] == []


def test_what_was_read_is_an_event_each_once(desk: Any, server: Any, feed: Feed) -> None:
    assert server.post(path(desk) + "/read", json={"ids": ["int_1"]}).json() == {"unread": 1}
    assert server.post(path(desk) + "/read", json={"all": True}).json() == {"unread": 0}
    assert server.post(path(desk) + "/read", json={"all": True}).json() == {"unread": 0}
    events = desk.of_type("forewarn.delivery")
    assert [(each["data"]["state"], each["data"]["intent"]) for each in events] == [
        ("read", "int_1"),
        ("read", "int_2"),
    ]
    assert all(item["read"] for item in server.get(path(desk)).json()["items"])


@pytest.mark.parametrize("body", [{}, {"ids": []}, {"ids": ["int_1"], "all": True}, {"ids": ["x"] * 201}, {"what": 1}])
def test_what_was_read_is_said_in_one_way(desk: Any, server: Any, feed: Feed, body: Any) -> None:
    assert server.post(path(desk) + "/read", json=body).status_code == 422


def test_every_wrong_token_gets_the_same_answer(desk: Any, server: Any, feed: Feed) -> None:
    good = path(desk)
    token = good.removeprefix("/feed/")
    head, mac = token.split(".")
    wrong = [
        path(desk, expires=NOW),
        desk.link("page").replace("/m/", "/feed/"),
        f"/feed/{head}.{mac[:-2]}AA",
        f"/feed/{head}",
        "/feed/x",
        "/feed/ü.ü",
    ]
    answers = [server.get(each) for each in wrong] + [server.post(f"{each}/read", json={"all": True}) for each in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert server.get(good).status_code == 200


def test_an_unchanged_feed_is_not_sent_again(desk: Any, server: Any, feed: Feed) -> None:
    first = server.get(path(desk))
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    again = server.get(path(desk), headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    feed.read(["int_1"])
    assert server.get(path(desk), headers={"If-None-Match": tag}).status_code == 200


def test_only_pages_of_the_listed_origins_may_read_it(desk: Any, server: Any, feed: Feed) -> None:
    ours = server.get(path(desk), headers={"Origin": APP})
    assert ours.headers["access-control-allow-origin"] == APP
    assert ours.headers["vary"] == "Origin"
    for origin in ("https://evil.example", "null", f"{APP}.evil.example", "http://app.example.com"):
        other = server.get(path(desk), headers={"Origin": origin})
        assert "access-control-allow-origin" not in other.headers
        assert other.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in ours.headers


def test_a_browser_may_ask_first(desk: Any, server: Any, feed: Feed) -> None:
    asked = {"Origin": APP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = server("OPTIONS", path(desk) + "/read", headers=asked)
    assert answer.status_code == 204
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "content-type"
    refused = server("OPTIONS", path(desk) + "/read", headers=asked | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in refused.headers


def test_one_reader_cannot_ask_without_end_and_others_still_can(desk: Any, server: Any, feed: Feed) -> None:
    codes = [server.get(path(desk)).status_code for _ in range(61)]
    assert codes == [200] * 60 + [429]
    assert server.get(path(desk)).headers["retry-after"] == "1"
    assert server.get(path(desk, "contact/bob")).status_code == 200
    desk.clock.advance(1)
    assert server.get(path(desk)).status_code == 200


def test_of_readers_who_ask_only_so_many_are_remembered() -> None:
    throttle = Throttle(burst=1, per_second=1.0, keep=2)
    assert [throttle.wait(key, 0.0) for key in ("a", "b", "c")] == [0.0, 0.0, 0.0]
    assert (throttle.wait("c", 0.0), throttle.wait("b", 0.0)) == (1.0, 1.0)
    assert throttle.wait("a", 0.0) == 0.0


def test_the_script_is_small_and_needs_no_favours_of_a_policy(server: Any) -> None:
    answer = server.get("/feed/forewarn.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert len(answer.content) < 6000
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "style="):
        assert word not in answer.text


def test_a_token_for_a_browser_is_made_for_the_products_own_server(desk: Any, server: Any, feed: Feed) -> None:
    made = server.post("/v1/feed-tokens", json={"subject": "contact/ann", "lasts_s": 60})
    assert made.status_code == 201
    told = made.json()
    assert told["url"].endswith(told["token"])
    assert server.get(f"/feed/{told['token']}").json()["unread"] == 2
    desk.clock.advance(61)
    assert server.get(f"/feed/{told['token']}").status_code == 404


@pytest.mark.parametrize("body", [{"subject": "device/d"}, {"subject": "contact/ann", "lasts_s": 1e9}, {}])
def test_a_token_for_nobody_or_for_ever_is_refused(server: Any, body: Any) -> None:
    assert server.post("/v1/feed-tokens", json=body).status_code == 422


def test_making_tokens_needs_the_scope_of_agents(desk: Any, server: Any) -> None:
    secret = tokens.create(desk.database, "sender", "ingest", desk.clock)
    server = desk.server()
    headers = {"Authorization": f"Bearer {secret}"}
    assert server.post("/v1/feed-tokens", json={"subject": "contact/ann"}, headers=headers).status_code == 403
    assert server.post("/v1/feed-tokens", json={"subject": "contact/ann"}).status_code == 401
