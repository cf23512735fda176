"""The API for agents and operators, and what OpenAPI says of it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config.model import Place
from engine.config.problems import Problem
from engine.desks import known
from engine.desks.known import ticket_id
from engine.policy import stops
from engine.store.models import DeskTicket, Silence

NOW = 1_700_000_000.0


def test_issues_are_listed_latest_first_page_by_page(desk: Any, server: Any) -> None:
    desk.add(*(desk.issue(f"iss_{each}", opened_at=NOW - each % 3) for each in range(7)))
    seen: list[str] = []
    path = "/v1/issues?limit=3"
    while True:
        page = server.get(path).json()
        seen += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        path = f"/v1/issues?limit=3&after={page['next']}"
    assert seen == ["iss_6", "iss_3", "iss_0", "iss_4", "iss_1", "iss_5", "iss_2"]


def test_issues_are_filtered(desk: Any, server: Any) -> None:
    desk.add(
        desk.issue("iss_1"),
        desk.issue("iss_2", status="resolved"),
        desk.issue("iss_3", detector="other"),
        desk.issue("iss_4", account="account/b"),
    )

    def ids(query: str) -> set[str]:
        return {each["id"] for each in server.get(f"/v1/issues?{query}").json()["items"]}

    assert ids("status=open&detector=api-errors&account=account/acme") == {"iss_1"}
    assert ids("status=resolved&status=dismissed") == {"iss_2"}
    assert ids("account=nobody") == set()


def test_an_issue_is_shown_with_evidence_and_history(desk: Any, server: Any) -> None:
    desk.add(*desk.everything())
    found = server.get("/v1/issues/iss_1").json()
    assert found["evidence"]["value"] == 0.21
    assert "track" not in found["evidence"]
    assert [each["what"] for each in found["history"]] == ["opened"]
    assert found["opened_at"] == "2023-11-14T22:03:20Z"


@pytest.mark.parametrize("what", ["acknowledge", "resolve", "dismiss", "note"])
def test_an_action_becomes_an_event_of_whoever_did_it(desk: Any, server: Any, what: str) -> None:
    desk.add(desk.issue())
    answer = server.post(f"/v1/issues/iss_1/{what}", json={"note": "rolled back"})
    assert answer.status_code == 202
    [event] = desk.of_type("forewarn.action")
    assert event["id"] == answer.json()["event"]
    assert event["subject"] == "account/acme"
    assert event["data"] == {"what": what, "issue": "iss_1", "who": "local", "note": "rolled back"}


def test_an_action_needs_no_body(desk: Any, server: Any) -> None:
    desk.add(desk.issue())
    assert server.post("/v1/issues/iss_1/acknowledge").status_code == 202


@pytest.mark.parametrize(
    "path",
    [
        "/v1/issues/nope",
        "/v1/decisions/nope",
        "/v1/tickets/99",
        "/v1/tickets/99999999999999999999",
        "/v1/deadletters/nope",
        "/v1/issues?after=nope",
        "/v1/decisions?after=nope",
        "/v1/deadletters?after=nope",
        "/v1/nothing",
    ],
)
def test_what_is_not_there_is_404(server: Any, path: str) -> None:
    answer = server.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/issues/nope/resolve", {}, 404),
        ("/v1/issues/iss_1/explode", {}, 422),
        ("/v1/issues/iss_1/note", {"notes": "x"}, 422),
        ("/v1/issues/iss_1/note", {"note": "x" * 10_001}, 422),
        ("/v1/tickets/99/claim", {}, 404),
        ("/v1/silences/nope/end", {}, 404),
        ("/v1/deadletters/retry", {"ids": []}, 422),
    ],
)
def test_what_cannot_be_done_is_a_problem(desk: Any, server: Any, path: str, body: Any, status: int) -> None:
    desk.add(desk.issue())
    answer = server.post(path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_silence_is_an_event(desk: Any, server: Any) -> None:
    body = {"matcher": {"account": "account/a*"}, "why": "maintenance", "ends_at": "2023-11-15T00:00:00+01:00"}
    assert server.post("/v1/silences", json=body).status_code == 202
    [event] = desk.of_type("forewarn.action")
    assert event["data"]["matcher"] == {"account": "account/a*"}
    assert event["data"]["ends_at"] == 1_700_002_800.0


@pytest.mark.parametrize(
    "body",
    [
        {"matcher": {}, "why": "x", "ends_at": "2030-01-01T00:00:00Z"},
        {"matcher": {"colour": "red"}, "why": "x", "ends_at": "2030-01-01T00:00:00Z"},
        {"matcher": {"account": "a"}, "why": "x"},
        {"matcher": {"account": "a"}, "why": "x", "ends_at": "2001-01-01T00:00:00Z"},
        {"matcher": {"account": "a"}, "why": "x", "recurring": {"days": 5}},
        {"matcher": {"account": "a"}, "why": "x", "recurring": {"from": "25:00"}},
        {"matcher": {"account": "a"}, "why": "x", "ends_at": "2030-01-01T00:00:00"},
    ],
)
def test_a_silence_that_makes_no_sense_is_refused_at_once(desk: Any, server: Any, body: Any) -> None:
    answer = server.post("/v1/silences", json=body)
    assert (answer.status_code, desk.events()) == (422, [])


def test_silences_are_listed_and_ended(desk: Any, server: Any) -> None:
    row = Silence(
        id="sil_1", matcher={"account": "a"}, starts_at=NOW, ends_at=NOW + 9, who="m", why="w", created_at=NOW
    )
    desk.add(row)
    assert [each["id"] for each in server.get("/v1/silences").json()] == ["sil_1"]
    assert server.post("/v1/silences/sil_1/end").status_code == 202
    assert desk.of_type("forewarn.action")[0]["data"]["silence"] == "sil_1"


def test_decisions_say_why(desk: Any, server: Any) -> None:
    desk.add(desk.issue(), desk.decision(), desk.decision("dec_2", verdict="send", reason="allowed", issue="iss_2"))
    listed = server.get("/v1/decisions?issue=iss_1").json()["items"]
    assert [each["id"] for each in listed] == ["dec_1"]
    assert "not an hour at which this person may be contacted" in listed[0]["because"]
    assert [each["id"] for each in server.get("/v1/decisions?verdict=send").json()["items"]] == ["dec_2"]
    shown = server.get("/v1/decisions/dec_1").json()
    assert [(each["rule"], each["passed"]) for each in shown["trail"]] == [("recipient", True), ("timely", False)]
    assert shown["facts"]["person"]["zone"] == "Europe/Vienna"


def test_a_ticket_is_claimed_noted_on_and_resolved_with_a_verdict(desk: Any, server: Any) -> None:
    desk.add(desk.issue())
    number = desk.services.tickets.add(desk.draft())
    assert [each["number"] for each in server.get("/v1/tickets?queue=tier-2").json()] == [number]
    assert server.get("/v1/tickets?queue=other").json() == []
    assert server.post(f"/v1/tickets/{number}/claim").json()["assignee"] == "local"
    assert server.post(f"/v1/tickets/{number}/note", json={"text": "on it"}).json()["notes"][0]["text"] == "on it"
    assert server.post(f"/v1/tickets/{number}/resolve", json={"verdict": "false"}).json()["verdict"] == "false"
    [event] = desk.of_type("forewarn.verdict")
    assert (event["data"]["verdict"], event["data"]["issue"]) == ("false", "iss_1")
    again = server.post(f"/v1/tickets/{number}/resolve", json={"verdict": "true"})
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert server.post(f"/v1/tickets/{number}/claim").status_code == 409


def test_tickets_of_all_desks_are_listed_and_those_at_a_vendors_shown(desk: Any, server: Any) -> None:
    desk.add(desk.issue())
    number = desk.services.tickets.add(desk.draft())
    row = DeskTicket(
        id=ticket_id("support", "SUP-7"), desk="support", number="SUP-7", url="https://desk.example/SUP-7",
        intent="int_9", issue="iss_1", account="account/acme", queue="tier-2", subject="Calls fail",
        severity="critical", status="open", opened_at=1.0, updated_at=1.0,
    )  # fmt: skip
    desk.add(row)
    listed = server.get("/v1/tickets").json()
    assert [(each["desk"], each["number"]) for each in listed] == [("support", "SUP-7"), ("builtin", number)]
    assert [each["desk"] for each in server.get("/v1/tickets?desk=builtin").json()] == ["builtin"]
    assert [each["desk"] for each in server.get("/v1/tickets?desk=support&queue=tier-2").json()] == ["support"]
    assert server.get("/v1/tickets?desk=other").json() == []
    shown = server.get("/v1/tickets/support/SUP-7").json()
    assert (shown["url"], shown["status"], shown["severity"]) == ("https://desk.example/SUP-7", "open", "critical")
    assert server.get("/v1/tickets/support/SUP-8").status_code == 404


def test_dead_letters_are_listed_shown_and_tried_again(desk: Any, server: Any) -> None:
    desk.services.intake.accept(b'{"id":"1","source":"s","type":"new.type","subject":"a"}\n\xff', "file")
    listed = server.get("/v1/deadletters?reason=unknown-type").json()["items"]
    assert [each["reason"] for each in listed] == ["unknown-type"]
    shown = server.get(f"/v1/deadletters/{listed[0]['id']}").json()
    assert "new.type" in shown["payload"]
    both = [each["id"] for each in server.get("/v1/deadletters").json()["items"]]
    answer = server.post("/v1/deadletters/retry", json={"ids": both}).json()
    assert (answer["accepted"], answer["refused"], len(answer["errors"])) == (0, 2, 2)
    assert len(server.get("/v1/deadletters?limit=1").json()["items"]) == 1


def test_a_reload_lists_what_is_wrong_and_where(desk: Any, server: Any) -> None:
    assert server.post("/v1/reload").json() == {"problems": []}
    desk.problems.append(Problem(Place("playbooks/x.yaml", 12, 7), "warning", "no closing message"))
    assert server.post("/v1/reload").json()["problems"][0]["line"] == 12
    desk.problems.append(Problem(Place("policy.yaml", 3, 1), "error", 'no key "hour"', 'did you mean "hours"?'))
    answer = server.post("/v1/reload")
    assert answer.status_code == 422
    assert answer.json()["problems"][1]["hint"] == 'did you mean "hours"?'
    assert "running configuration stays" in answer.json()["detail"]


def test_openapi_documents_every_path_of_the_api(server: Any) -> None:
    found = server.get("/v1/openapi.json").json()
    assert {"/v1/events", "/v1/issues", "/v1/decisions/{decision}", "/v1/tickets/{number}/resolve"} <= set(
        found["paths"]
    )
    assert "application/x-ndjson" in found["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    assert "Problem" in found["components"]["schemas"]
    assert not [path for path in found["paths"] if path.startswith(("/m/", "/issues", "/hooks"))]


def test_a_mistake_of_ours_is_a_problem_that_says_nothing_of_the_inside(
    desk: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(known, "open_tickets", broken)
    answer = server.get("/v1/tickets", raises=False)
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text


POSTS = st.sampled_from(
    [
        "/v1/issues/iss_1/note",
        "/v1/silences",
        "/v1/tickets/1/note",
        "/v1/tickets/1/resolve",
        "/v1/deadletters/retry",
        "/v1/reload",
    ]
)
WORDS = [
    "note",
    "text",
    "verdict",
    "ids",
    "matcher",
    "why",
    "starts_at",
    "ends_at",
    "recurring",
    "days",
    "from",
    "zone",
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WORDS, "account"]), inner, max_size=5)
    ),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=POSTS, body=VALUES)
def test_whatever_is_posted_is_never_a_500(desk: Any, server: Any, path: str, body: Any) -> None:
    desk.services.tickets.add(desk.draft())
    answer = server.post(path, json=body)
    assert answer.status_code < 500


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["issues", "decisions", "tickets", "deadletters", "issues/x", "tickets/1"]),
    query=st.dictionaries(
        st.sampled_from(["limit", "after", "status", "verdict", "reason", "queue", "account", "issue"]),
        st.text(max_size=8) | st.integers().map(str),
        max_size=4,
    ),
)
def test_whatever_is_asked_is_never_a_500(server: Any, path: str, query: dict[str, str]) -> None:
    for prefix in ("/v1/", "/"):
        assert server.get(prefix + path, params=query).status_code < 500


def test_a_stop_acts_at_once_and_is_taken_back(desk: Any, server: Any) -> None:
    made = server.post("/v1/stops", json={"scope": "channel", "name": "sms", "why": "wrong texts"})
    assert made.status_code == 201
    assert desk.events() == [], "it is no event: it must act where the log is what went wrong"
    with desk.database.reading() as session:
        assert [halt.name for halt in stops.halts(session)] == ["sms"]
    (listed,) = server.get("/v1/stops").json()
    assert (listed["id"], listed["who"], listed["ended_at"]) == (made.json()["id"], made.json()["who"], None)
    assert server.post(f"/v1/stops/{listed['id']}/end").status_code == 200
    assert server.post(f"/v1/stops/{listed['id']}/end").status_code == 404
    with desk.database.reading() as session:
        assert stops.halts(session) == ()


@pytest.mark.parametrize(
    "body",
    [{}, {"scope": "planet", "why": "x"}, {"scope": "all", "name": "x", "why": "x"}, {"scope": "playbook", "why": "x"}],
)
def test_a_stop_that_makes_no_sense_is_refused(desk: Any, server: Any, body: Any) -> None:
    assert server.post("/v1/stops", json={"why": "x", **body}).status_code == 422
