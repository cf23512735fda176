"""The public status page over HTTP: open to everyone, cacheable, in two languages, and nothing of any customer's."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest

from engine import tokens
from engine.config.model.status import ComponentConfig, StatusConfig
from engine.status import book
from engine.status.book import Window

NOW = 1_700_000_000.0
ATOM = "{http://www.w3.org/2005/Atom}"
EVIL = "<script>alert(1)</script> & ]]>"


def status(**more: Any) -> StatusConfig:
    parts = {
        "api": ComponentConfig("API", "Platform", "Calls & answers", ("api-*",)),
        "hooks": ComponentConfig("Webhooks", "Platform"),
    }
    return StatusConfig(parts, channel="email", **more)


@pytest.fixture
def public(desk: Any) -> Any:
    desk.config = replace(desk.config, status=status())
    return desk.server()


def declare(desk: Any, key: str = "k", **more: Any) -> str:
    given = {"title": f"Calls fail {EVIL}", "components": ["api"], "impact": "major", "text": f"One in five. {EVIL}"}
    with desk.database.transaction() as session:
        return book.declare(session, key=key, now=desk.clock.time(), who="ann-of-ops", **{**given, **more}).id


def maintain(desk: Any, start: float, end: float) -> str:
    with desk.database.transaction() as session:
        return book.maintain(
            session, key="m", title="New disks", components=["hooks"], window=Window(start, end), text="Slow.",
            now=desk.clock.time(), who="ann-of-ops",
        ).id  # fmt: skip


PAGES = ("/status", "/status/history", "/status.json", "/status.atom")


def test_without_a_configuration_there_is_no_page(desk: Any, server: Any) -> None:
    for path in (*PAGES, "/status/ste_1"):
        assert server.get(path).status_code == 404
    assert server.post("/status/subscribe", data={"address": "ann@example.com"}).status_code == 404


def test_everyone_may_look_and_keep_a_copy_for_a_moment(desk: Any, public: Any) -> None:
    tokens.create(desk.database, "ops", "admin", desk.clock)
    entry = declare(desk)
    public = desk.server()
    for path in (*PAGES, f"/status/{entry}"):
        answer = public.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "public, max-age=30"
        assert answer.headers["x-robots-tag"] == "all"
        assert "set-cookie" not in answer.headers
        again = public.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert public.get("/announcements").status_code == 401
    assert public.get("/status/ste_none").status_code == 404


def test_all_well_is_said_first(public: Any) -> None:
    html = public.get("/status").text
    assert "<h1>Everything works</h1>" in html
    assert html.count("100.00 % in the last 90 days") == 4
    assert "Calls &amp; answers" in html
    assert "Nothing in the past 14 days." in html


def test_an_incident_is_shown_until_two_weeks_after_its_end_and_then_in_the_history(desk: Any, public: Any) -> None:
    entry = declare(desk, title="Calls fail")
    html = public.get("/status").text
    assert "Some things do not work" in html
    assert "What is going on" in html
    desk.clock.advance(3600)
    with desk.database.transaction() as session:
        book.resolve(session, entry, text="All works again.", now=desk.clock.time(), who="ann-of-ops")
    html = public.get("/status").text
    assert "Everything works" in html
    assert "What is going on" not in html
    assert "99.98 % in the last 90 days" in html
    assert "All works again." in html
    desk.clock.advance(15 * 86400)
    assert "All works again." not in public.get("/status").text
    assert "All works again." in public.get("/status/history").text
    assert "All works again." in public.get(f"/status/{entry}").text
    desk.clock.advance(90 * 86400)
    assert "All works again." not in public.get("/status/history").text
    assert "All works again." in public.get(f"/status/{entry}").text


def test_maintenance_is_announced_ahead(desk: Any, public: Any) -> None:
    maintain(desk, NOW + 3600, NOW + 7200)
    html = public.get("/status").text
    assert "Everything works" in html
    assert "14 November 2023, 23:13 UTC to 15 November 2023, 00:13 UTC" in html


def test_what_is_far_ahead_can_be_opened_by_its_link_and_is_on_the_page_a_month_before(desk: Any, public: Any) -> None:
    entry = maintain(desk, NOW + 40 * 86400, NOW + 40 * 86400 + 60)
    assert "New disks" in public.get(f"/status/{entry}").text
    assert "New disks" not in public.get("/status").text
    desk.clock.advance(11 * 86400)
    assert "New disks" in public.get("/status").text


def test_words_are_words_whatever_is_in_them(desk: Any, public: Any) -> None:
    entry = declare(desk)
    for path in ("/status", f"/status/{entry}"):
        html = public.get(path).text
        assert "<script" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


@pytest.mark.parametrize(
    ("header", "words"),
    [("de-AT, en;q=0.5", "Alles funktioniert"), ("fr", "Everything works"), ("", "Everything works")],
)
def test_the_page_speaks_the_readers_language(public: Any, header: str, words: str) -> None:
    answer = public.get("/status", headers={"Accept-Language": header})
    assert words in answer.text
    assert answer.headers["vary"] == "Accept-Language"


def test_c11_nothing_of_a_customer_or_of_who_said_it_is_public(desk: Any, public: Any) -> None:
    desk.add(*desk.everything())
    entry = declare(desk, key="incident of iss_1", title="Calls fail", text="One in five calls fails.")
    for path in (*PAGES, f"/status/{entry}"):
        text = public.get(path).text
        for secret in (
            "Acme",
            "acme",
            "ann@example.com",
            "contact/",
            "21%",
            "ann-of-ops",
            "iss_1",
            "api-*",
            "api-errors",
        ):
            assert secret not in text, (path, secret)


def test_the_json_is_what_such_pages_have_in_common(desk: Any, public: Any) -> None:
    entry = declare(desk, title="Calls fail", text="One in five.")
    maintain(desk, NOW + 3600, NOW + 7200)
    answer = public.get("/status.json")
    assert answer.headers["access-control-allow-origin"] == "*"
    told = answer.json()
    assert told["status"] == {"indicator": "major", "description": "Some things do not work"}
    assert told["page"]["url"] == "http://127.0.0.1:8321/status"
    assert [(each["id"], each["status"]) for each in told["components"]] == [
        ("api", "partial_outage"),
        ("hooks", "operational"),
    ]
    (incident,) = told["incidents"]
    assert incident["shortlink"].endswith(f"/status/{entry}")
    assert incident["incident_updates"][0]["body"] == "One in five."
    assert incident["resolved_at"] is None
    (planned,) = told["scheduled_maintenances"]
    assert planned["scheduled_for"] == "2023-11-14T23:13:20Z"
    assert planned["scheduled_until"] == "2023-11-15T00:13:20Z"


def test_the_atom_feed_is_well_formed_with_the_latest_first(desk: Any, public: Any) -> None:
    declare(desk, "a")
    desk.clock.advance(60)
    entry = declare(desk, "b", title="Later")
    answer = public.get("/status.atom", headers={"Accept-Language": "de"})
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = ET.fromstring(answer.content)
    first, second = feed.findall(f"{ATOM}entry")
    assert first.findtext(f"{ATOM}id") == f"http://127.0.0.1:8321/status/{entry}"
    assert first.findtext(f"{ATOM}title") == "Later – Wird untersucht"
    assert EVIL in (second.findtext(f"{ATOM}content") or "")
    assert feed.findtext(f"{ATOM}updated") == "2023-11-14T22:14:20Z"


def test_an_atom_feed_of_nothing_is_one_too(public: Any) -> None:
    feed = ET.fromstring(public.get("/status.atom").content)
    assert feed.findall(f"{ATOM}entry") == []


def test_the_page_needs_no_script_and_loads_nothing_of_others(public: Any) -> None:
    answer = public.get("/status")
    assert "<script" not in answer.text
    assert "style=" not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert public.get("/static/status.css").status_code == 200


# -- what operators do


def test_operators_tell_the_public_by_the_api(desk: Any, public: Any) -> None:
    body = {"title": "Calls fail", "text": "One in five.", "components": ["api"], "impact": "critical", "key": "inc-7"}
    made = public.post("/v1/status/incidents", json=body).json()
    assert (made["state"], made["who"]) == ("investigating", "local")
    assert public.post("/v1/status/incidents", json=body).json()["id"] == made["id"]
    path = f"/v1/status/entries/{made['id']}/updates"
    assert public.post(path, json={"text": "Over.", "state": "resolved"}).json()["state"] == "resolved"
    (entry,) = public.get("/v1/status/entries").json()
    assert [each["text"] for each in entry["updates"]] == ["Over.", "One in five."] or len(entry["updates"]) == 2
    assert public.get("/v1/status/subscribers").json() == {"pending": 0, "confirmed": 0, "ended": 0}


def test_operators_announce_maintenance_by_the_api(public: Any) -> None:
    body = {"title": "Disks", "text": "Slow.", "starts_at": "2023-11-15T00:00:00Z", "ends_at": "2023-11-15T02:00:00Z"}
    assert public.post("/v1/status/maintenances", json=body).json()["state"] == "scheduled"
    late = body | {"title": "Late", "starts_at": "2023-01-01T00:00:00Z", "ends_at": "2023-01-01T01:00:00Z"}
    assert public.post("/v1/status/maintenances", json=late).status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("incidents", {"title": "x", "text": "y", "components": ["web"]}, 422),
        ("incidents", {"title": "x", "text": "y", "impact": "huge"}, 422),
        ("incidents", {"title": "", "text": "y"}, 422),
        ("entries/ste_none/updates", {"text": "y"}, 404),
    ],
)
def test_what_operators_get_wrong_is_told(public: Any, path: str, body: Any, code: int) -> None:
    assert public.post(f"/v1/status/{path}", json=body).status_code == code


def test_a_key_of_many_letters_names_a_state_no_entry_takes(desk: Any, public: Any) -> None:
    entry = declare(desk)
    answer = public.post(f"/v1/status/entries/{entry}/updates", json={"text": "y", "state": "completed"})
    assert answer.status_code == 422
    assert "investigating" in answer.json()["detail"]


def test_the_console_says_it_too(desk: Any, public: Any) -> None:
    assert "Tell the public" in public.get("/announcements").text
    given = {"title": "Calls fail", "text": "One in five.", "impact": "major", "on-api": "on"}
    assert public.form("/announcements", given).status_code == 303
    with desk.database.reading() as session:
        (row,) = book.entries(session, 0.0)
    assert (row.components, row.who) == (["api"], "local")
    assert public.form(f"/announcements/{row.id}", {"text": "Over.", "state": "resolved"}).status_code == 303
    html = public.get("/announcements").text
    assert "Over." in html
    assert "by local" in html
    window = {"starts_at": "2023-11-15T00:00", "ends_at": "2023-11-15T02:00"}
    assert public.form("/announcements", {**given, **window}).status_code == 303
    assert "maintenance" in public.get("/announcements").text
    assert public.form("/announcements", {**given, "starts_at": "soon"}).status_code == 422
    assert public.form("/announcements", {**given, "text": ""}).status_code == 422


def test_the_console_tells_that_there_is_no_page(server: Any) -> None:
    assert "write status.yaml" in server.get("/announcements").text
    assert server.form("/announcements", {"title": "x", "text": "y"}).status_code == 422


def test_a_decision_about_news_is_explained_in_the_console(desk: Any, public: Any) -> None:
    entry = declare(desk)
    desk.add(desk.decision(issue=entry, playbook="", step="update stu_1", recipient="subscriber/sub_1"))
    html = public.get("/decisions/dec_1").text
    assert "subscriber/sub_1" in html
    assert public.get("/").status_code == 200
    assert public.get(f"/v1/decisions?issue={entry}").json()["items"][0]["recipient"] == "subscriber/sub_1"
