"""Alive, ready, and the figures."""

from dataclasses import replace
from typing import Any

import pytest

from engine.errors import Retryable
from engine.store.models import DeskCursor, StreamHour
from engine.traffic import SendingState
from engine.traffic.lane import LaneState
from engine.web.server import create_app


def test_alive_and_ready(server: Any) -> None:
    assert server.get("/healthz").json() == {"status": "ok"}
    assert server.get("/readyz").json() == {"status": "ready", "lag": 7, "warnings": []}


def test_a_desk_that_cannot_be_read_is_a_warning_and_no_reason_to_be_unready(desk: Any, server: Any) -> None:
    desk.add(DeskCursor(desk="support", since=1.0, due_at=9.0, polled_at=5.0, failures=3, detail="HTTP 503"))
    desk.add(DeskCursor(desk="other", since=1.0, due_at=9.0))
    answer = server.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["warnings"] == ["desk support could not be read 3×: HTTP 503"]
    assert "desk support could not be read 3×: HTTP 503" in server.get("/").text
    found = figures(server.get("/metrics").text)
    assert found['forewarn_desk_failures{desk="support"}'] == 3
    assert found['forewarn_desk_failures{desk="other"}'] == 0
    assert found['forewarn_desk_read_timestamp_seconds{desk="support"}'] == 5


def test_not_ready_says_why(desk: Any, server: Any) -> None:
    desk.wrong.append("dispatch: stopped; see the log")
    answer = server.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["dispatch: stopped; see the log"]
    assert server.get("/healthz").status_code == 200


@pytest.mark.parametrize(("store", "method"), [("database", "reading"), ("log", "end")])
def test_a_store_that_does_not_answer_is_named(
    desk: Any, server: Any, monkeypatch: pytest.MonkeyPatch, store: str, method: str
) -> None:
    def broken(*_: Any) -> Any:
        raise Retryable("the disk failed", place=store)

    monkeypatch.setattr(type(getattr(desk.services, store)), method, broken)
    desk.server()
    answer = server.get("/readyz")
    assert answer.status_code == 503
    assert "the disk failed" in answer.json()["detail"]


def test_a_provider_that_is_away_is_told_in_health_metrics_and_console(desk: Any) -> None:
    away = LaneState("twilio", ("sms", "voice"), "open", desk.clock.time(), "connection refused", None, 4)
    well = LaneState("email", ("email",), "closed", None, "", None, 0)
    desk.services = replace(desk.services, sending=lambda: SendingState((away, well), 3, 17))
    server = desk.server()
    told = server.get("/v1/health").json()
    assert (told["status"], told["reasons"]) == ("degraded", ["twilio: open: connection refused"])
    assert (told["agents"], told["waiting"], told["providers"][0]["channels"]) == (3, 17, ["sms", "voice"])
    found = figures(server.get("/metrics").text)
    assert found['forewarn_provider_away{provider="twilio"}'] == 1
    assert found['forewarn_provider_away{provider="email"}'] == 0
    assert found['forewarn_provider_waiting{provider="twilio"}'] == 4
    assert (found["forewarn_agents"], found["forewarn_paced"]) == (3, 17)
    page = server.get("/").text
    assert "twilio: does not answer since" in page
    assert "17 messages wait for the 3 on duty" in page


def test_all_is_well(server: Any) -> None:
    told = server.get("/v1/health").json()
    assert (told["status"], told["reasons"], told["lag"], told["agents"]) == ("ok", [], 7, None)


def figures(text: str) -> dict[str, float]:
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line and not line.startswith("#")
    }


def test_the_figures_are_those_of_the_moment(desk: Any) -> None:
    server = desk.server()
    desk.add(desk.issue(), desk.decision(), desk.intent())
    desk.services.tickets.add(desk.draft())
    server.post("/v1/events", content=b'{}\n{"id":"1","source":"s","type":"api.request","subject":"a"}', headers=NDJSON)
    found = figures(server.get("/metrics").text)
    assert found["forewarn_events_accepted_total"] == 1
    assert found['forewarn_events_rejected_total{reason="malformed"}'] == 1
    assert found["forewarn_lag_events"] == 7
    assert found['forewarn_issues{detector="api-errors",status="open"}'] == 1
    assert found['forewarn_decisions_total{reason="quiet_hours",verdict="hold"}'] == 1
    assert found['forewarn_intents{kind="message",status="sent"}'] == 1
    assert found['forewarn_tickets{status="open"}'] == 1
    assert found['forewarn_dead_letters{reason="malformed"}'] == 1
    assert found['forewarn_http_requests_total{area="events",method="POST",status="422"}'] == 1


NDJSON = {"content-type": "application/x-ndjson"}


def test_c09_what_became_of_each_stream_is_a_figure(desk: Any) -> None:
    desk.add(*(StreamHour(channel="email", purpose="service", hour=n, sent=10, complained=n) for n in range(3)))
    shown = figures(desk.server().get("/metrics").text)
    name = 'forewarn_stream_messages{channel="email",purpose="service",what="%s"}'
    assert [shown[name % what] for what in ("sent", "bounced", "complained")] == [30, 0, 3]


def test_two_applications_in_one_process_count_for_themselves(desk: Any) -> None:
    create_app(desk.services)
    create_app(desk.services)


def test_paths_and_methods_made_up_by_others_make_no_new_figures(desk: Any) -> None:
    server = desk.server()
    for each in range(20):
        server.get(f"/made-up-{each}")
        server(f"X{each}", "/healthz")
    found = [name for name in figures(server.get("/metrics").text) if name.startswith("forewarn_http_requests_total")]
    assert len(found) <= 3


def test_labels_are_escaped(desk: Any) -> None:
    server = desk.server()
    desk.add(desk.issue(detector='a"b\nc'))
    assert 'detector="a\\"b\\nc"' in server.get("/metrics").text
