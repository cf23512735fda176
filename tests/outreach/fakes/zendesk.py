"""A stateful stand-in for Zendesk's tickets, uploads, search and signed webhooks."""

import base64
import hashlib
import hmac
import json
import re
from typing import Any

from outreach.rest import iso, moment
from tests.outreach.fakes.desk import FakeDesk, answer, query, sent
from tests.outreach.fakes.web import Answer, Request

EMAIL, TOKEN, SECRET = "bot@example.com", "zd-token", "zd-webhook-secret"
STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
KNOWN = {"subject", "comment", "external_id", "type", "priority", "tags", "requester", "group_id", "problem_id",
         "status"}  # fmt: skip
TWO_HOURS = 7200.0


class FakeZendesk(FakeDesk):
    """Keeps tickets, idempotency keys for two hours, uploads, and an index that never lags."""

    routes = (
        ("GET", r"/api/v2/users/me", "me"),
        ("GET", r"/api/v2/tickets", "by_external_id"),
        ("POST", r"/api/v2/tickets", "create"),
        ("PUT", r"/api/v2/tickets/(\d+)", "update"),
        ("PUT", r"/api/v2/tickets/(\d+)/tags", "add_tags"),
        ("GET", r"/api/v2/tickets/(\d+)/comments", "comments"),
        ("POST", r"/api/v2/uploads", "upload"),
        ("GET", r"/api/v2/search", "search"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, tuple[float, bytes, str]] = {}
        self.uploads: dict[str, bytes] = {}

    def writes(self, request: Request) -> bool:
        return request.method != "GET" and request.path.startswith("/api/v2/tickets")

    def allowed(self, request: Request) -> bool:
        expected = base64.b64encode(f"{EMAIL}/token:{TOKEN}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {expected}"

    def me(self, request: Request) -> Answer:
        return answer(200, {"user": {"id": 1, "role": "agent", "email": EMAIL}})

    def by_external_id(self, request: Request) -> Answer:
        found = [one for one in self.tickets.values() if one["external_id"] == query(request)["external_id"]]
        return answer(200, {"tickets": [self.plain(one) for one in found], "next_page": None, "count": len(found)})

    def create(self, request: Request) -> Answer:
        key = request.headers["idempotency-key"]
        at, body, number = self.keys.get(key, (-TWO_HOURS, b"", ""))
        if self.now - at < TWO_HOURS and body != request.body:
            return answer(400, {"error": "IdempotentRequestError", "description": "parameters don't match"})
        if self.now - at < TWO_HOURS:
            return answer(201, {"ticket": self.plain(self.tickets[number])}, x_idempotency_lookup="hit")
        fields = sent(request)["ticket"]
        problem = self.problem(fields)
        if problem:
            return problem
        number = str(len(self.tickets) + 35436)
        self.tickets[number] = {"id": int(number), "status": "new", "comments": [], "updated_at": iso(self.now),
                                "custom_fields": [], "assignee_id": None, "problem_id": None,
                                **fields, "tags": list(fields["tags"])}  # fmt: skip
        self.comment(self.tickets[number])
        self.keys[key] = (self.now, request.body, number)
        return answer(201, {"ticket": self.plain(self.tickets[number])}, x_idempotency_lookup="miss")

    def problem(self, fields: dict[str, Any]) -> Answer | None:
        """Return what Zendesk would say against the fields of a ticket."""
        parent = self.tickets.get(str(fields.get("problem_id")))
        problems = [
            (set(fields) - KNOWN, f"unknown {set(fields) - KNOWN}"),
            (fields.get("priority", "low") not in ("low", "normal", "high", "urgent"), "Priority: is invalid"),
            (fields.get("status", "new") not in STATUSES, "Status: is invalid"),
            (fields.get("type", "incident") not in ("problem", "incident", "question", "task"), "Type: is invalid"),
            ("problem_id" in fields and (parent is None or parent["type"] != "problem"), "Problem: is invalid"),
            (any(" " in tag for tag in fields.get("tags", ())), "Tags: are invalid"),
            (len(fields.get("subject", "")) > 150, "Subject: is too long (maximum is 150 characters)"),
        ]
        wrong = next((words for bad, words in problems if bad), None)
        return answer(422, {"error": "RecordInvalid", "description": wrong}) if wrong else None

    def comment(self, ticket: dict[str, Any]) -> None:
        """Keep the comment that came with a ticket's fields."""
        comment = ticket.pop("comment", None)
        if comment:
            comment["pictures"] = [self.uploads[token] for token in comment.get("uploads", ())]
            ticket["comments"].append(comment)

    def update(self, request: Request, number: str) -> Answer:
        if number not in self.tickets:
            return answer(404, {"error": "RecordNotFound", "description": "Not found"})
        fields = sent(request)["ticket"]
        problem = self.problem(fields)
        if problem or self.tickets[number]["status"] == "closed":
            return problem or answer(422, {"error": "RecordInvalid", "description": "Status: closed prevents update"})
        self.tickets[number].update(fields, updated_at=iso(self.now))
        self.comment(self.tickets[number])
        return answer(200, {"ticket": self.plain(self.tickets[number])})

    def comments(self, request: Request, number: str) -> Answer:
        if number not in self.tickets:
            return answer(404, {"error": "RecordNotFound", "description": "Not found"})
        kept, asked = self.tickets[number]["comments"], query(request)
        page, size = int(asked["page"]), int(asked["per_page"])
        shown = [{"id": at, "body": one["body"], "public": one["public"]} for at, one in enumerate(kept)]
        more = f"{self.url}/api/v2/tickets/{number}/comments?page={page + 1}" if len(kept) > page * size else None
        return answer(200, {"comments": shown[(page - 1) * size : page * size], "next_page": more, "count": len(kept)})

    def add_tags(self, request: Request, number: str) -> Answer:
        if number not in self.tickets:
            return answer(404, {"error": "RecordNotFound", "description": "Not found"})
        ticket = self.tickets[number]
        ticket["tags"] = list(dict.fromkeys([*ticket["tags"], *sent(request)["tags"]]))
        ticket["updated_at"] = iso(self.now)
        return answer(200, {"tags": ticket["tags"]})

    def upload(self, request: Request) -> Answer:
        assert query(request)["filename"].endswith(".svg")
        assert request.headers["content-type"] == "image/svg+xml"
        token = f"token{len(self.uploads)}"
        self.uploads[token] = request.body
        return answer(201, {"upload": {"token": token}})

    def search(self, request: Request) -> Answer:
        asked = query(request)
        since = re.fullmatch(r"type:ticket tags:forewarn updated>=(\S+)", asked["query"])
        assert since
        assert (asked["sort_by"], asked["sort_order"]) == ("updated_at", "asc")
        found = [one for one in self.tickets.values() if moment(one["updated_at"]) >= moment(since[1])]
        found.sort(key=lambda one: moment(one["updated_at"]))
        page, size = int(asked["page"]), int(asked["per_page"])
        shown = [self.plain(one) for one in found[(page - 1) * size : page * size]]
        more = f"{self.url}/api/v2/search?page={page + 1}" if len(found) > page * size else None
        headers = {} if self.remaining is None else {"x_rate_limit_remaining": str(self.remaining)}
        return answer(200, {"results": shown, "next_page": more, "count": len(found)}, **headers)

    @staticmethod
    def plain(ticket: dict[str, Any]) -> dict[str, Any]:
        """Return a ticket as the API shows it: comments are read elsewhere."""
        return {name: value for name, value in ticket.items() if name not in ("comments", "comment", "requester")}

    def event(self, number: str) -> bytes:
        """Return an event about a ticket, as a webhook has it."""
        ticket = self.tickets[number]
        detail = {"id": number, "status": ticket["status"].upper(), "updated_at": ticket["updated_at"],
                  "tags": ticket["tags"], "assignee_id": None, "external_id": ticket["external_id"]}  # fmt: skip
        said = {"type": "zen:event-type:ticket.status_changed", "detail": detail, "subject": f"zen:ticket:{number}"}
        return json.dumps(said).encode()

    def sign(self, body: bytes, secret: str = SECRET) -> dict[str, str]:
        """Return the headers of a webhook's request."""
        stamp = iso(self.now)
        made = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
        signature = base64.b64encode(made).decode()
        named = "x-zendesk-webhook-signature"
        return {named: signature, f"{named}-timestamp": stamp}
