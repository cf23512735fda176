"""Alive, ready, and the figures."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine import tokens
from engine.cluster.roles import ALL, Role
from engine.errors import Retryable
from engine.patience import Patient
from engine.standing import Pool
from engine.store.models import DeskCursor, StreamHour
from engine.traffic import SendingState
from engine.traffic.lane import LaneState
from engine.web.server import create_app
from tests.engine.web.conftest import HELD, NOW, STANDING


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


def test_a_snapshot_that_is_not_written_is_a_warning(desk: Any) -> None:
    full = replace(HELD, unsaved="var/snapshots: No space left on device")
    desk.services = replace(desk.services, standing=lambda: replace(STANDING, held=(HELD, full)))
    answer = desk.server().get("/readyz")
    assert answer.status_code == 200
    told = "the last snapshot of partition 0 was not written: var/snapshots: No space left on device"
    assert answer.json()["warnings"] == [told]


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


def in_role(desk: Any, *roles: Role, **more: Any) -> Any:
    """Return a server of a process that has these roles and stands so."""
    standing = replace(STANDING, roles=frozenset(roles), **more)
    desk.services = replace(desk.services, standing=lambda: standing)
    return desk.server()


def away(desk: Any, monkeypatch: pytest.MonkeyPatch, store: str, method: str) -> None:
    def broken(*_: Any) -> Any:
        raise Retryable("nobody answers", place=store)

    monkeypatch.setattr(type(getattr(desk.services, store)), method, broken)


@pytest.mark.parametrize("role", sorted(ALL))
def test_each_role_is_ready_while_what_it_needs_is_there(desk: Any, role: Role) -> None:
    assert in_role(desk, role).get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("role", "status"), [(Role.WORKER, 503), (Role.WEB, 503), (Role.SCHEDULE, 503), (Role.DISPATCH, 200)]
)
def test_who_needs_the_log_is_not_ready_without_it(
    desk: Any, monkeypatch: pytest.MonkeyPatch, role: Role, status: int
) -> None:
    server = in_role(desk, role)
    away(desk, monkeypatch, "log", "end")
    assert server.get("/readyz").status_code == status
    assert figures(server.get("/metrics").text)["forewarn_ready"] == (status == 200)


@pytest.mark.parametrize("role", sorted(ALL))
def test_nobody_is_ready_without_the_database(desk: Any, monkeypatch: pytest.MonkeyPatch, role: Role) -> None:
    server = in_role(desk, role)
    away(desk, monkeypatch, "database", "reading")
    answer = server.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["database: database: nobody answers"])


def test_a_worker_is_not_ready_before_it_knows_its_partitions_and_has_them_back(desk: Any) -> None:
    answer = in_role(desk, Role.WORKER, joined=False, held=()).get("/readyz")
    assert answer.json()["reasons"] == ["the group of workers has not said yet which partitions are ours"]
    answer = in_role(desk, Role.WORKER, restoring=3).get("/readyz")
    assert answer.json()["reasons"] == ["partition 3 comes back from its snapshot"]
    assert in_role(desk, Role.WEB, joined=False, restoring=3).get("/readyz").status_code == 200


def test_a_worker_without_partitions_stands_by(desk: Any) -> None:
    answer = in_role(desk, Role.WORKER, held=()).get("/readyz")
    assert answer.json()["warnings"] == ["no partition is ours: there are more workers than partitions"]


def test_a_worker_that_is_behind_says_so(desk: Any) -> None:
    answer = in_role(desk, Role.WORKER, held=(replace(HELD, behind=1800.0),)).get("/readyz")
    assert answer.json() == {"status": "ready", "lag": 7, "warnings": ["partition 0 is 30 min behind"]}


def test_who_processes_nothing_has_no_lag(desk: Any) -> None:
    server = in_role(desk, Role.WEB, held=())
    assert server.get("/v1/health").json()["lag"] is None
    assert "events processed" not in server.get("/").text
    assert "forewarn_lag_events" not in figures(server.get("/metrics").text)


def test_how_a_worker_stands_is_in_the_figures(desk: Any) -> None:
    held = (replace(HELD, behind=4.0, saving=0.2, size=1000), replace(HELD, partition=2, saved_at=None, passed_over=1))
    told = {"held": held, "fenced": 1, "rebalances": 3, "unsaved": 2, "records": {"whole": 9, "object": 1}}
    found = figures(in_role(desk, Role.WORKER, leads=False, pool=Pool(10, 4), **told).get("/metrics").text)
    assert found['forewarn_role{role="worker"}'] == 1
    assert found["forewarn_leader"] == 0
    assert found["forewarn_partitions_held"] == 2
    assert found["forewarn_lag_events"] == found['forewarn_partition_lag{partition="0"}'] == 7
    assert found['forewarn_partition_behind_seconds{partition="0"}'] == 4
    assert found['forewarn_restore_seconds{partition="2"}'] == 0.5
    assert found['forewarn_snapshots_passed_over{partition="2"}'] == 1
    assert found['forewarn_snapshot_timestamp_seconds{partition="0"}'] == NOW - 30
    assert 'forewarn_snapshot_timestamp_seconds{partition="2"}' not in found
    assert found['forewarn_snapshot_bytes{partition="0"}'] == 1000
    assert found['forewarn_snapshot_seconds{partition="0"}'] == 0.2
    assert found["forewarn_fenced_writes_total"] == 1
    assert found["forewarn_rebalances_total"] == 3
    assert found["forewarn_snapshot_failures_total"] == 2
    assert found['forewarn_log_records_total{path="whole"}'] == 9
    assert found['forewarn_pool_connections{what="used"}'] == 4
    assert found["forewarn_ready"] == 1


def test_what_is_the_same_for_all_is_told_by_who_leads(desk: Any) -> None:
    desk.add(desk.intent(status="pending", due_at=NOW - 90))
    desk.services = replace(desk.services, unread=lambda: {0: 5, 1: 0})
    found = figures(in_role(desk, Role.SCHEDULE, leads=True).get("/metrics").text)
    assert found["forewarn_leader"] == 1
    assert found['forewarn_log_unread{partition="0"}'] == 5
    assert found["forewarn_outbox_due"] == 1
    assert found["forewarn_outbox_oldest_due_seconds"] == 90
    found = figures(in_role(desk, Role.SCHEDULE, leads=False).get("/metrics").text)
    assert not {"forewarn_outbox_due", 'forewarn_log_unread{partition="0"}'} & found.keys()


@pytest.mark.parametrize(
    ("store", "method", "named"), [("log", "lag", "event log"), ("database", "reading", "database")]
)
def test_what_cannot_be_read_leaves_the_other_figures(
    desk: Any, monkeypatch: pytest.MonkeyPatch, store: str, method: str, named: str
) -> None:
    desk.services = replace(desk.services, lags=lambda: {0: desk.services.log.lag(0, 0)})
    server = desk.server()
    server.get("/metrics")
    away(desk, monkeypatch, store, method)
    desk.clock.advance(60.0)
    found = figures(server.get("/metrics").text)
    assert {name: value for name, value in found.items() if name.startswith("forewarn_unreadable") and value} == {
        f'forewarn_unreadable{{store="{named}"}}': 1
    }
    assert found["forewarn_partitions_held"] == 1


def test_who_asks_what_hangs_waits_no_longer_than_told_and_asks_once() -> None:
    asked: list[int] = []
    gate = threading.Event()

    def hanging() -> int:
        asked.append(1)
        gate.wait()
        return 7

    patient: Callable[[], int] = Patient(hanging, 0.01)
    for _ in range(3):
        with pytest.raises(Retryable, match=r"no answer within 0\.01 s"):
            patient()
    gate.set()
    assert Patient(hanging, 60.0)() == 7
    assert len(asked) == 2


def test_tokens_are_believed_for_a_while_when_the_database_is_away(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tokens.create(desk.database, "prometheus", "agent", desk.clock)
    server = desk.server()
    scraped = {"headers": {"authorization": f"Bearer {secret}"}}
    assert server.get("/metrics", **scraped).status_code == 200
    away(desk, monkeypatch, "database", "reading")
    desk.clock.advance(600.0)
    assert server.get("/metrics", **scraped).status_code == 200
    assert server.get("/metrics").status_code == 401
    desk.clock.advance(600.0)
    assert server.get("/metrics", **scraped).status_code == 503
