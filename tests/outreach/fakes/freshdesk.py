"""A stateful stand-in for Freshdesk's tickets, notes, search and list."""

import base64
import json
import re
from typing import Any

from outreach.rest import iso, moment
from tests.outreach.fakes.desk import FakeDesk, answer, multipart, query, sent
from tests.outreach.fakes.web import Answer, Request

KEY, SECRET = "fd-key", "fd-webhook-secret"
KNOWN = {"subject", "description", "email", "priority", "status", "tags", "custom_fields", "group_id", "parent_id"}
CUSTOM = {"cf_forewarn_id", "cf_verdict"}


class FakeFreshdesk(FakeDesk):
    """Keeps tickets and notes; its index lags by `lag` seconds, its list does not."""

    routes = (
        ("GET", r"/api/v2/agents/me", "me"),
        ("GET", r"/api/v2/search/tickets", "search"),
        ("GET", r"/api/v2/tickets", "list"),
        ("POST", r"/api/v2/tickets", "create"),
        ("GET", r"/api/v2/tickets/(\d+)", "show"),
        ("PUT", r"/api/v2/tickets/(\d+)", "update"),
        ("POST", r"/api/v2/tickets/(\d+)/notes", "note"),
        ("GET", r"/api/v2/tickets/(\d+)/conversations", "conversations"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.lag = 120.0

    def writes(self, request: Request) -> bool:
        return request.method == "POST"

    def allowed(self, request: Request) -> bool:
        return request.headers.get("authorization") == "Basic " + base64.b64encode(f"{KEY}:X".encode()).decode()

    def me(self, request: Request) -> Answer:
        return answer(200, {"id": 1, "available": True})

    def create(self, request: Request) -> Answer:
        fields = sent(request)
        missing = [name for name in ("subject", "description", "email", "priority", "status") if name not in fields]
        problem = self.problem(fields, missing)
        if problem:
            return problem
        number = len(self.tickets) + 1
        stamp = iso(self.now)
        self.tickets[str(number)] = {
            "id": number, "created_at": stamp, "updated_at": stamp, "tags": [], "responder_id": None, "source": 2,
            "spam": False, "type": None, "requester_id": 7, "cc_emails": [], "fwd_emails": [], "reply_cc_emails": [],
            "notes": [], "group_id": None, **fields,
        }  # fmt: skip
        return answer(201, self.plain(self.tickets[str(number)]), location=f"{self.url}/api/v2/tickets/{number}")

    def problem(self, fields: dict[str, Any], missing: list[str]) -> Answer | None:
        """Return what Freshdesk would say against the fields of a ticket."""
        parent = self.tickets.get(str(fields.get("parent_id")))
        children = [one for one in self.tickets.values() if one.get("parent_id") == fields.get("parent_id")]
        problems = [
            (missing, "missing_field"),
            (set(fields) - KNOWN, "invalid_field"),
            (set(fields.get("custom_fields", ())) - CUSTOM, "invalid_field"),
            (fields.get("priority", 1) not in (1, 2, 3, 4), "invalid_value"),
            (fields.get("status", 2) not in range(2, 8), "invalid_value"),
            (len(fields.get("subject", "")) > 255, "invalid_value"),
            ("parent_id" in fields and (not parent or len(children) >= 10), "invalid_value"),
        ]
        wrong = next((code for bad, code in problems if bad), None)
        errors = [{"field": "ticket", "message": "It should be otherwise", "code": wrong}]
        return answer(400, {"description": "Validation failed", "errors": errors}) if wrong else None

    def show(self, request: Request, number: str) -> Answer:
        ticket = self.tickets.get(number)
        return answer(200, self.plain(ticket)) if ticket else Answer(404)

    def update(self, request: Request, number: str) -> Answer:
        fields = sent(request)
        problem = self.problem(fields, [])
        if number not in self.tickets or problem:
            return problem or Answer(404)
        self.tickets[number].update(fields, updated_at=iso(self.now))
        return answer(200, self.plain(self.tickets[number]))

    def note(self, request: Request, number: str) -> Answer:
        if number not in self.tickets:
            return Answer(404)
        note: dict[str, Any]
        if request.headers["content-type"].startswith("multipart/form-data"):
            form = multipart(request)
            assert all(name.endswith(".svg") for name, _ in form["attachments[]"])
            note = {"body": form["body"][0][1].decode(), "private": form["private"][0][1] == b"true"}
            note["pictures"] = [content for _, content in form["attachments[]"]]
        else:
            note = {**sent(request), "pictures": []}
        self.tickets[number]["notes"].append(note)
        self.tickets[number]["updated_at"] = iso(self.now)
        return answer(201, {"id": 4, "body": note["body"], "private": note["private"], "ticket_id": int(number)})

    def search(self, request: Request) -> Answer:
        asked = re.fullmatch(r'"(cf_\w+):\'([^\']*)\'"', query(request)["query"])
        assert asked
        if asked[1] not in CUSTOM:
            return answer(400, {"description": "Validation failed", "errors": [{"field": asked[1]}]})
        old = [one for one in self.tickets.values() if moment(one["created_at"]) <= self.now - self.lag]
        found = [self.plain(one) for one in old if one["custom_fields"][asked[1]] == asked[2]]
        return answer(200, {"results": found, "total": len(found)})

    def conversations(self, request: Request, number: str) -> Answer:
        if number not in self.tickets:
            return Answer(404)
        asked = query(request)
        page, size = int(asked["page"]), int(asked["per_page"])
        kept = [{"id": at, **one} for at, one in enumerate(self.tickets[number]["notes"])]
        shown = [{name: one[name] for name in ("id", "body", "private")} for one in kept]
        return answer(200, shown[(page - 1) * size : page * size])

    def list(self, request: Request) -> Answer:
        asked = query(request)
        assert asked["order_by"] == "updated_at"
        found = [one for one in self.tickets.values() if moment(one["updated_at"]) >= moment(asked["updated_since"])]
        found.sort(key=lambda one: moment(one["updated_at"]), reverse=asked["order_type"] == "desc")
        page, size = int(asked["page"]), int(asked["per_page"])
        assert size <= 100
        headers = {} if self.remaining is None else {"x_ratelimit_remaining": str(self.remaining)}
        return answer(200, [self.plain(one) for one in found[(page - 1) * size : page * size]], **headers)

    @staticmethod
    def plain(ticket: dict[str, Any]) -> dict[str, Any]:
        """Return a ticket as the API shows it."""
        return {name: value for name, value in ticket.items() if name not in ("notes", "email")}

    @staticmethod
    def event(number: str) -> bytes:
        """Return what an automation tells of a ticket."""
        return json.dumps({"id": number, "status": "whatever it says"}).encode()

    @staticmethod
    def sign(body: bytes, secret: str = SECRET) -> dict[str, str]:
        """Return the headers of a webhook's request."""
        return {"x-forewarn-secret": secret}
