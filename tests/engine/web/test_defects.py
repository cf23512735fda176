"""Defects over HTTP: what is to be removed, by whom, and what it has caused."""

from typing import Any

from engine.store.models import Defect
from tests.engine.web.conftest import NOW, issue


def test_a_defect_is_listed_shown_and_closed(desk: Any) -> None:
    evil = "<script>alert(1)</script>"
    given: dict[str, Any] = {"detector": "api-errors", "owner": evil, "source": "defect", "title": f"Calls fail {evil}"}
    desk.add(issue(), Defect(id="dft_1", issue="iss_1", opened_at=NOW - 900.0, price=12.0, **given))
    server = desk.server()
    (row,) = server.get("/v1/defects").json()
    assert (row["issues"], row["accounts"], row["contacts"], row["cost"]) == (1, 1, 0, 0.0)
    page = server.get("/defects")
    assert page.status_code == 200
    assert "Calls fail" in page.text
    assert "<script" not in page.text
    assert server.form("/defects/dft_1/close", {"note": "fixed"}).status_code == 303
    assert server.get("/v1/defects").json() == []
    assert server.post("/v1/defects/dft_1/close").status_code == 404
