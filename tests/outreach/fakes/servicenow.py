"""A stateful stand-in for ServiceNow's cases, contacts and attachments."""

import base64
import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from outreach.rest import moment
from tests.outreach.fakes.desk import FakeDesk, answer, query, sent
from tests.outreach.fakes.web import Answer, Request

USER, PASSWORD, SECRET = "forewarn", "sn-password", "sn-webhook-secret"
TAGS = "u_forewarn_tags"
ANN = {"sys_id": "a" * 32, "email": "ann@acme.example", "account": {"link": "x", "value": "b" * 32}}
KNOWN = {"short_description", "description", "priority", "correlation_id", "correlation_display", "assignment_group",
         "category", "contact", "account", "state", "parent", "work_notes", TAGS, "u_verdict", "resolution_code",
         "close_notes"}  # fmt: skip
STATES = {"1", "10", "18", "6", "3", "7"}


class FakeServiceNow(FakeDesk):
    """Keeps cases in a table, their work notes and attachments, and the contacts it is given."""

    routes = (
        ("GET", r"/api/now/table/sn_customerservice_case", "list"),
        ("GET", r"/api/now/table/sn_customerservice_case/([0-9a-f]{32})", "show"),
        ("PATCH", r"/api/now/table/sn_customerservice_case/([0-9a-f]{32})", "update"),
        ("POST", r"/api/sn_customerservice/case", "create"),
        ("GET", r"/api/now/contact", "find_contacts"),
        ("POST", r"/api/now/attachment/file", "attach"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.contacts: list[dict[str, Any]] = [ANN]

    def writes(self, request: Request) -> bool:
        noting = request.method == "PATCH" and b"work_notes" in request.body
        return noting or request.path.startswith("/api/sn_customerservice/case")

    def allowed(self, request: Request) -> bool:
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return request.headers.get("authorization") in (f"Basic {basic}", "Bearer sn-token")

    def denied(self) -> Answer:
        return answer(401, {"error": {"message": "User Not Authenticated", "detail": ""}, "status": "failure"})

    def missing(self) -> Answer:
        return answer(404, {"error": {"message": "No Record found", "detail": "ACL restricts"}, "status": "failure"})

    def stamp(self) -> str:
        return f"{datetime.fromtimestamp(self.now, UTC):%Y-%m-%d %H:%M:%S}"

    def create(self, request: Request) -> Answer:
        fields = sent(request)
        problem = self.problem(fields)
        if problem:
            return problem
        number = hashlib.blake2b(str(len(self.tickets)).encode(), digest_size=16).hexdigest()
        self.tickets[number] = {"sys_id": number, "number": f"CS{len(self.tickets):07}", "state": "1", "parent": "",
                                "assigned_to": "", "correlation_display": "", TAGS: "", "u_verdict": "", "notes": [],
                                "attachments": [], "sys_updated_on": self.stamp(), **fields}  # fmt: skip
        return answer(201, {"result": self.plain(self.tickets[number])})

    @staticmethod
    def problem(fields: dict[str, Any]) -> Answer | None:
        """Return what is wrong with the fields; ServiceNow itself would drop some of it in silence."""
        problems = [
            (set(fields) - KNOWN, f"unknown {set(fields) - KNOWN}"),
            (fields.get("priority", "1") not in "1234", "Invalid priority"),
            (fields.get("state", "1") not in STATES, "Invalid state"),
            (len(fields.get("short_description", "")) > 160, "short_description is too long"),
            (len(fields.get("description", "")) > 4000, "description is too long"),
            (any(not isinstance(value, str) for value in fields.values()), "values are texts"),
        ]
        wrong = next((words for bad, words in problems if bad), None)
        return answer(400, {"error": {"message": wrong}, "status": "failure"}) if wrong else None

    def list(self, request: Request) -> Answer:
        asked = query(request)
        found = [one for one in self.tickets.values() if self.matches(one, asked["sysparm_query"])]
        found.sort(key=lambda one: moment(one["sys_updated_on"]))
        start, size = int(asked["sysparm_offset"]), int(asked["sysparm_limit"])
        shown = [self.plain(one, asked["sysparm_fields"]) for one in found[start : start + size]]
        return answer(200, {"result": shown})

    def matches(self, case: dict[str, Any], asked: str) -> bool:
        """Say whether a case fits one of our two kinds of query."""
        since = re.fullmatch(
            r"correlation_display=forewarn\^sys_updated_onRELATIVEGT@minute@ago@(\d+)\^ORDERBYsys_updated_on", asked
        )
        if since:
            updated = moment(case["sys_updated_on"])
            return case["correlation_display"] == "forewarn" and updated > self.now - 60 * int(since[1])
        named = re.fullmatch(r"correlation_id=([^^]+)", asked)
        assert named
        return bool(case["correlation_id"] == named[1])

    def show(self, request: Request, number: str) -> Answer:
        case, asked = self.tickets.get(number), query(request)
        if case is None:
            return self.missing()
        told = asked["sysparm_display_value"] == "true"
        journal = "\n\n".join(f"{case['sys_updated_on']} - Forewarn (Work notes)\n{note}" for note in case["notes"])
        return answer(
            200, {"result": self.plain({**case, "work_notes": journal if told else ""}, asked["sysparm_fields"])}
        )

    def update(self, request: Request, number: str) -> Answer:
        if number not in self.tickets:
            return self.missing()
        fields = sent(request)
        problem = self.problem(fields)
        if problem:
            return problem
        note = fields.pop("work_notes", "")
        if note:
            self.tickets[number]["notes"].append(note)
        self.tickets[number].update(fields, sys_updated_on=self.stamp())
        return answer(200, {"result": self.plain(self.tickets[number])})

    def find_contacts(self, request: Request) -> Answer:
        email = re.fullmatch(r"email=([^^]+)", query(request)["sysparm_query"])
        assert email
        return answer(200, {"result": [one for one in self.contacts if one["email"] == email[1]]})

    def attach(self, request: Request) -> Answer:
        asked = query(request)
        assert (asked["table_name"], asked["file_name"]) == ("sn_customerservice_case", "evidence.svg")
        assert request.headers["content-type"] == "image/svg+xml"
        case = self.tickets.get(asked["table_sys_id"])
        if case is None:
            return self.missing()
        case["attachments"].append(request.body)
        return answer(201, {"result": {"sys_id": "c" * 32, "file_name": asked["file_name"]}})

    @staticmethod
    def plain(case: dict[str, Any], fields: str = "") -> dict[str, Any]:
        """Return a case as the API shows it: the fields that were asked for."""
        asked = fields.split(",") if fields else [name for name in case if name not in ("notes", "attachments")]
        return {name: case[name] for name in asked}

    @staticmethod
    def event(number: str) -> bytes:
        """Return what a business rule tells of a case."""
        return json.dumps({"sys_id": number, "state": "whatever it says"}).encode()

    @staticmethod
    def sign(body: bytes, secret: str = SECRET) -> dict[str, str]:
        """Return the headers of a webhook's request."""
        return {"x-forewarn-secret": secret}
