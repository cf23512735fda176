"""Approvals over HTTP: who is asked, what would go out, and what comes of an answer."""

from typing import Any

import pytest
from sqlmodel import select

from engine.store.models import Approval, Vote, WaveRow
from tests.engine.web.conftest import NOW, intent, issue

BOTH_STORES = True

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def asked(desk: Any) -> Any:
    """Return a desk where somebody waits to be told, and people are asked about it."""
    desk.add(
        issue(),
        intent("int_w", status="pending", sent_at=None, channel="", payload={"template": "x", "channels": ["mail"]}),
        WaveRow(
            id="wav_1",
            playbook="api-errors",
            opened_at=NOW - 60.0,
            state="asking",
            usual=3,
            allowance=25,
            audience=900,
            seen_at=NOW,
            issue="iss_1",
        ),
        Approval(
            id="apr_1",
            wave="wav_1",
            playbook="api-errors",
            asked_at=NOW - 60.0,
            expires_at=NOW + 3600.0,
            why=f"900 would be told. {EVIL}",
            audience=900,
            needed=2,
            state="asked",
        ),
    )
    return desk


def test_a_question_is_listed_shown_and_answered(asked: Any) -> None:
    server = asked.server()
    assert [each["id"] for each in server.get("/v1/approvals").json()] == ["apr_1"]
    shown = server.get("/v1/approvals/apr_1").json()
    assert (shown["audience"], shown["needed"], shown["votes"]) == (900, 2, [])
    answer = server.post("/v1/approvals/apr_1/approve", json={"note": "it is true"})
    assert answer.json()["state"] == "asked"
    again = server.post("/v1/approvals/apr_1/refuse", json={})
    assert again.status_code == 409
    assert "answered already" in again.json()["detail"]


def test_a_refusal_as_a_false_alarm_ends_the_issues(asked: Any) -> None:
    server = asked.server()
    assert server.post("/v1/approvals/apr_1/approve", json={"false_alarm": True}).status_code == 422
    with asked.database.reading() as session:
        assert session.exec(select(Vote)).all() == []
    assert server.post("/v1/approvals/apr_1/refuse", json={"false_alarm": True}).json()["state"] == "refused"
    (event,) = asked.of_type("forewarn.action")
    assert (event["data"]["what"], event["data"]["issue"]) == ("dismiss", "iss_1")


def test_pages_show_it_without_markup_from_outside(asked: Any) -> None:
    server = asked.server()
    for path in ("/approvals", "/approvals/apr_1", "/"):
        page = server.get(path)
        assert page.status_code == 200
        assert "900 would be told" in page.text
        assert "<script" not in page.text
    assert server.form("/approvals/apr_1/refuse", {"note": "no"}).status_code == 303
    assert "local refused" in server.get("/approvals/apr_1").text


@pytest.mark.parametrize("path", ["/approvals/apr_9", "/v1/approvals/apr_9"])
def test_a_question_nobody_asked_is_not_there(asked: Any, path: str) -> None:
    assert asked.server().get(path).status_code == 404
