"""Incidents over HTTP: what their issues have in common, and each of them."""

from typing import Any

from engine.store.models import Incident, IncidentMember
from tests.engine.web.conftest import NOW, issue


def test_an_incident_is_listed_and_shown(desk: Any) -> None:
    evil = "<script>alert(1)</script>"
    words = f"region {evil}: 14 of 16 affected accounts, where 30 of all 100 are"
    cause = {"words": words, "kind": "account", "values": {"region": evil}}
    row: dict[str, Any] = {
        "title": f"Calls fail {evil}",
        "detector": "api-errors",
        "issue": "iss_1",
        "opened_at": NOW - 900.0,
    }
    desk.add(
        issue(),
        Incident(id="inc_1", status="open", key="case_1", cause=cause, **row),
        Incident(id="inc_2", status="resolved", ended_at=NOW, **row),
        IncidentMember(issue="iss_1", incident="inc_1", at=NOW),
    )
    server = desk.server()
    (found,) = server.get("/v1/incidents").json()
    assert (found["id"], found["cause"], found["values"]) == ("inc_1", words, {"region": evil})
    assert (found["issues"], found["active"], found["accounts"], found["ticket"]) == (1, 1, 1, "")
    assert [each["id"] for each in server.get("/v1/incidents?past=true").json()] == ["inc_1", "inc_2"]
    assert [each["id"] for each in server.get("/v1/incidents/inc_1").json()["members"]] == ["iss_1"]
    assert server.get("/v1/incidents/inc_9").status_code == 404
    for path in ("/incidents", "/incidents/inc_1", "/incidents/inc_2"):
        page = server.get(path)
        assert page.status_code == 200
        assert "Calls fail" in page.text
        assert "<script" not in page.text
    assert "14 of 16 affected" in server.get("/incidents/inc_1").text
    assert server.get("/incidents/inc_9").status_code == 404
