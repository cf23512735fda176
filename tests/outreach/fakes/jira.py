"""A stateful stand-in for Jira Service Management and the parts of Jira's platform it stands on."""

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import Any

from outreach.rest import moment
from tests.outreach.fakes.desk import FakeDesk, answer, multipart, query, sent
from tests.outreach.fakes.web import Answer, Request

EMAIL, TOKEN, SECRET = "bot@example.com", "jr-token", "jr-webhook-secret"
CATEGORY = {"Waiting for support": "indeterminate", "Waiting for customer": "indeterminate", "Resolved": "done",
            "Closed": "done", "Open": "new"}  # fmt: skip
PRIORITIES = {"Lowest", "Low", "Medium", "High", "Highest"}
VALUES = {"summary", "description", "customfield_10050"}


class FakeJira(FakeDesk):
    """Keeps requests with comments, labels, links and a small workflow; a search that knows our kinds of JQL."""

    routes = (
        ("GET", r"/rest/servicedeskapi/servicedesk/10", "show_desk"),
        ("GET", r"/rest/servicedeskapi/servicedesk/10/customer", "find_customers"),
        ("POST", r"/rest/servicedeskapi/servicedesk/10/attachTemporaryFile", "upload"),
        ("POST", r"/rest/servicedeskapi/request", "create"),
        ("POST", r"/rest/servicedeskapi/request/(SUP-\d+)/comment", "comment"),
        ("GET", r"/rest/servicedeskapi/request/(SUP-\d+)/comment", "comments"),
        ("POST", r"/rest/servicedeskapi/request/(SUP-\d+)/attachment", "attach"),
        ("GET", r"/rest/api/2/search/jql", "search"),
        ("GET", r"/rest/api/2/issue/(SUP-\d+)", "show"),
        ("PUT", r"/rest/api/2/issue/(SUP-\d+)", "edit"),
        ("GET", r"/rest/api/2/issue/(SUP-\d+)/transitions", "transitions"),
        ("POST", r"/rest/api/2/issue/(SUP-\d+)/transitions", "move"),
        ("POST", r"/rest/api/2/issueLink", "link"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.uploads: dict[str, bytes] = {}
        self.page_size = 50
        self.customers: list[dict[str, Any]] = [
            {"accountId": "qm:joann", "emailAddress": "joann@acme.example", "displayName": "Joann", "active": True},
            {"accountId": "qm:ann", "emailAddress": "ann@acme.example", "displayName": "Ann", "active": True},
        ]
        self.links: list[dict[str, Any]] = []

    def writes(self, request: Request) -> bool:
        return request.method == "POST" and bool(
            re.fullmatch(r".*/request(/SUP-\d+/(comment|attachment))?", request.path)
        )

    def allowed(self, request: Request) -> bool:
        basic = base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {basic}"

    def stamp(self) -> str:
        return f"{datetime.fromtimestamp(self.now, UTC):%Y-%m-%dT%H:%M:%S}.000+0000"

    @staticmethod
    def missing() -> Answer:
        return answer(404, {"errorMessage": "Issue does not exist or you do not have permission to see it."})

    def date(self) -> dict[str, Any]:
        """Return a time as the service desk's API writes it."""
        return {"iso8601": self.stamp(), "jira": self.stamp(), "friendly": "Today", "epochMillis": int(self.now * 1000)}

    def show_desk(self, request: Request) -> Answer:
        return answer(200, {"id": "10", "projectId": "11001", "projectName": "Support", "projectKey": "SUP"})

    def find_customers(self, request: Request) -> Answer:
        assert request.headers["x-experimentalapi"] == "opt-in"
        asked = query(request)["query"]
        found = [one for one in self.customers if asked.lower() in one.get("emailAddress", "joann@acme.example")]
        return answer(200, {"size": len(found), "start": 0, "limit": 50, "isLastPage": True, "values": found})

    def create(self, request: Request) -> Answer:
        fields = sent(request)
        values = fields["requestFieldValues"]
        wrong = set(values) - VALUES or len(values["summary"]) > 255 or "\n" in values["summary"]
        if wrong or len(values["description"]) > 32767 or fields["serviceDeskId"] != "10":
            return answer(
                400, {"errorMessage": "Field is not on the form", "i18nErrorMessage": {"i18nKey": "sd.field"}}
            )
        key = f"SUP-{len(self.tickets) + 1}"
        self.tickets[key] = {"key": key, "status": "Waiting for support", "labels": [], "priority": "Medium",
                             "comments": [], "assignee": None, "updated": self.stamp(), "created": self.date(),
                             "reporter": fields.get("raiseOnBehalfOf", ""), **values}  # fmt: skip
        return answer(201, self.customer_request(self.tickets[key], fields))

    def customer_request(self, issue: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        """Return a request as the service desk's API shows it."""
        status = {"status": issue["status"], "statusCategory": "INDETERMINATE", "statusDate": self.date()}
        return {
            "issueId": "107001", "issueKey": issue["key"], "requestTypeId": fields["requestTypeId"],
            "serviceDeskId": fields["serviceDeskId"], "createdDate": issue["created"], "currentStatus": status,
            "reporter": {"accountId": issue["reporter"], "displayName": "Ann", "active": True},
            "requestFieldValues": [{"fieldId": "summary", "label": "Summary", "value": issue["summary"]}],
            "_links": {"self": f"{self.url}/rest/servicedeskapi/request/107001"},
        }  # fmt: skip

    def comment(self, request: Request, key: str) -> Answer:
        if key not in self.tickets:
            return self.missing()
        self.keep(key, sent(request)["body"], sent(request)["public"], [])
        author = {"accountId": "qm:bot", "displayName": "Forewarn", "active": True}
        shown = {"id": "1000", "body": sent(request)["body"], "public": sent(request)["public"], "author": author,
                 "created": self.date()}  # fmt: skip
        return answer(201, shown)

    def comments(self, request: Request, key: str) -> Answer:
        if key not in self.tickets:
            return self.missing()
        asked = query(request)
        start, limit = int(asked["start"]), int(asked["limit"])
        assert (asked["internal"], asked["public"]) == ("true", "true")
        kept = self.tickets[key]["comments"]
        shown = [{"id": str(at), "body": one["body"], "public": one["public"]} for at, one in enumerate(kept)]
        values = shown[start : start + limit]
        last = start + limit >= len(kept)
        paged = {"size": len(values), "start": start, "limit": limit, "isLastPage": last, "values": values}
        return answer(200, paged)

    def keep(self, key: str, text: str, public: bool, pictures: list[bytes]) -> None:
        """Keep a comment of an issue."""
        self.tickets[key]["comments"].append({"body": text, "public": public, "pictures": pictures})
        self.tickets[key]["updated"] = self.stamp()

    def upload(self, request: Request) -> Answer:
        assert request.headers["x-atlassian-token"] == "no-check"
        ((name, content),) = multipart(request)["file"]
        token = f"temp{len(self.uploads)}"
        self.uploads[token] = content
        return answer(201, {"temporaryAttachments": [{"temporaryAttachmentId": token, "fileName": name}]})

    def attach(self, request: Request, key: str) -> Answer:
        if key not in self.tickets:
            return self.missing()
        fields = sent(request)
        pictures = [self.uploads[token] for token in fields["temporaryAttachmentIds"]]
        self.keep(key, fields["additionalComment"]["body"], fields["public"], pictures)
        return answer(201, {"comment": {"id": "1001", "body": fields["additionalComment"]["body"], "public": False}})

    def search(self, request: Request) -> Answer:
        asked = query(request)
        found = [one for one in self.tickets.values() if self.matches(one, asked["jql"])]
        found.sort(key=lambda one: moment(one["updated"]))
        start = int(asked.get("nextPageToken", "0").removeprefix("page"))
        size = min(self.page_size, int(asked["maxResults"]))
        shown = [self.plain(one, asked["fields"]) for one in found[start : start + size]]
        last = start + size >= len(found)
        more = {"isLast": True} if last else {"isLast": False, "nextPageToken": f"page{start + size}"}
        headers = {} if self.remaining is None else {"x_ratelimit_remaining": str(self.remaining)}
        return answer(200, {"issues": shown, **more}, **headers)

    def matches(self, issue: dict[str, Any], jql: str) -> bool:
        """Say whether an issue fits one of our two kinds of JQL; words are compared as an index does."""
        since = re.fullmatch(r'project = SUP AND labels = forewarn AND updated >= "-(\d+)m" ORDER BY updated ASC', jql)
        if since:
            recent = moment(issue["updated"]) >= self.now - 60 * int(since[1])
            return recent and "forewarn" in issue["labels"]
        asked = re.fullmatch(r'project = SUP AND (\w+|cf\[\d+\]) ~ "\\"(\S+)\\""', jql)
        assert asked, jql
        field = asked[1].replace("cf[", "customfield_").rstrip("]")
        return asked[2].lower() in re.findall(r"\w+", str(issue.get(field, "")).lower())

    def plain(self, issue: dict[str, Any], asked: str) -> dict[str, Any]:
        """Return an issue as the platform's API shows it: the fields that were asked for."""
        status = {"name": issue["status"], "statusCategory": {"key": CATEGORY.get(issue["status"], "indeterminate")}}
        ends = [{"outwardIssue": {"key": one["parent"]}} for one in self.links if one["child"] == issue["key"]]
        fields = issue | {"status": status, "issuelinks": ends}
        return {"id": "107001", "key": issue["key"], "fields": {name: fields.get(name) for name in asked.split(",")}}

    def show(self, request: Request, key: str) -> Answer:
        issue = self.tickets.get(key)
        return answer(200, self.plain(issue, query(request)["fields"])) if issue else self.missing()

    def edit(self, request: Request, key: str) -> Answer:
        if key not in self.tickets:
            return self.missing()
        issue, said = self.tickets[key], sent(request)
        priority = said.get("fields", {}).get("priority", {}).get("name", issue["priority"])
        labels = [each["add"] for each in said.get("update", {}).get("labels", ())]
        if priority not in PRIORITIES or any(" " in label for label in labels):
            return answer(400, {"errorMessages": [], "errors": {"priority": "is not valid"}})
        issue["priority"] = priority
        issue["labels"] = list(dict.fromkeys([*issue["labels"], *labels]))
        issue["updated"] = self.stamp()
        return Answer(204)

    def transitions(self, request: Request, key: str) -> Answer:
        if key not in self.tickets:
            return self.missing()
        ways = [
            {"id": str(number), "name": f"To {name}", "to": {"name": name, "statusCategory": {"key": category}}}
            for number, (name, category) in enumerate(CATEGORY.items())
            if name != self.tickets[key]["status"]
        ]
        return answer(200, {"transitions": ways})

    def move(self, request: Request, key: str) -> Answer:
        self.tickets[key]["status"] = list(CATEGORY)[int(sent(request)["transition"]["id"])]
        self.tickets[key]["updated"] = self.stamp()
        return Answer(204)

    def link(self, request: Request) -> Answer:
        said = sent(request)
        assert said["type"] == {"name": "Relates"}
        ends = {"child": said["inwardIssue"]["key"], "parent": said["outwardIssue"]["key"]}
        if not {*ends.values()} <= self.tickets.keys():
            return self.missing()
        self.links.append(ends)
        return Answer(201)

    def event(self, key: str) -> bytes:
        """Return what a webhook tells of an issue."""
        issue = self.plain(self.tickets[key], "labels,status,updated,assignee,summary")
        said = {"timestamp": int(self.now * 1000), "webhookEvent": "jira:issue_updated", "issue": issue}
        return json.dumps(said).encode()

    @staticmethod
    def sign(body: bytes, secret: str = SECRET) -> dict[str, str]:
        """Return the headers of a webhook's request."""
        return {"x-hub-signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
