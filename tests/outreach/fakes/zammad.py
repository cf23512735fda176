"""A stateful stand-in for Zammad's tickets, articles, tags, links, search and signed webhooks."""

import base64
import hashlib
import hmac
import json
import re
from typing import Any

from outreach.rest import iso, moment
from tests.outreach.fakes.desk import FakeDesk, answer, query, sent
from tests.outreach.fakes.web import Answer, Request

TOKEN, SECRET = "zm-token", "zm-webhook-secret"
STATES = {"new", "open", "pending reminder", "pending close", "closed", "merged"}
PRIORITIES = {"1 low", "2 normal", "3 high"}
GROUPS = {"Users", "2nd Level"}
FIELDS = {"title", "group", "customer_id", "priority", "state", "pending_time", "article", "forewarn_id", "verdict"}


class FakeZammad(FakeDesk):
    """Keeps tickets with articles, tags and links; a search that knows our two kinds of query."""

    routes = (
        ("GET", r"/api/v1/users/me", "me"),
        ("GET", r"/api/v1/tickets/search", "search"),
        ("POST", r"/api/v1/tickets", "create"),
        ("GET", r"/api/v1/tickets/(\d+)", "show"),
        ("PUT", r"/api/v1/tickets/(\d+)", "update"),
        ("POST", r"/api/v1/ticket_articles", "add_article"),
        ("GET", r"/api/v1/ticket_articles/by_ticket/(\d+)", "articles"),
        ("GET", r"/api/v1/tags", "tags"),
        ("POST", r"/api/v1/tags/add", "add_tag"),
        ("POST", r"/api/v1/links/add", "add_link"),
    )

    def writes(self, request: Request) -> bool:
        return request.method == "POST" and request.path in ("/api/v1/tickets", "/api/v1/ticket_articles")

    def allowed(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Token token={TOKEN}"

    def me(self, request: Request) -> Answer:
        return answer(200, {"id": 3, "login": "forewarn@example.com"})

    def create(self, request: Request) -> Answer:
        fields = sent(request)
        problem = self.problem(fields)
        if problem:
            return problem
        number = len(self.tickets) + 19
        customer = fields.pop("customer_id").removeprefix("guess:")
        article = fields.pop("article")
        self.tickets[str(number)] = {"id": number, "number": f"22{number:03}", "state": "new", "owner": "-", "tags": [],
                                     "articles": [], "parent": "", "customer": customer, **fields}  # fmt: skip
        self.keep(self.tickets[str(number)], article)
        return answer(201, self.plain(self.tickets[str(number)], expand=False))

    @staticmethod
    def problem(fields: dict[str, Any]) -> Answer | None:
        """Return what Zammad would say against the fields of a ticket."""
        problems = [
            (set(fields) - FIELDS, f"unknown attribute {set(fields) - FIELDS}"),
            (fields.get("group", "Users") not in GROUPS, "No lookup value found for 'group'"),
            (fields.get("priority", "1 low") not in PRIORITIES, "No lookup value found for 'priority'"),
            (fields.get("state", "new") not in STATES, "No lookup value found for 'state'"),
            ("pending" in fields.get("state", "") and "pending_time" not in fields, "Missing required value"),
            (len(fields.get("title", "")) > 250, "Title is too long"),
        ]
        wrong = next((words for bad, words in problems if bad), None)
        return answer(422, {"error": wrong, "error_human": wrong}) if wrong else None

    def keep(self, ticket: dict[str, Any], article: dict[str, Any]) -> None:
        """Keep an article of a ticket."""
        assert article["type"] == "note"
        files = article.get("attachments", ())
        assert all(each["mime-type"] == "image/svg+xml" and each["filename"] for each in files)
        article["pictures"] = [base64.b64decode(each["data"], validate=True) for each in files]
        ticket["articles"].append(article)
        ticket["updated_at"] = self.stamp()

    def stamp(self) -> str:
        return iso(self.now).replace("Z", ".809Z")

    def show(self, request: Request, number: str) -> Answer:
        ticket = self.tickets.get(number)
        return answer(200, self.plain(ticket, expand=False)) if ticket else self.missing(number)

    def missing(self, number: str) -> Answer:
        return answer(404, {"error": f"Couldn't find Ticket with 'id'={number}"})

    def update(self, request: Request, number: str) -> Answer:
        if number not in self.tickets:
            return self.missing(number)
        problem = self.problem(sent(request))
        if problem:
            return problem
        if sent(request):
            self.tickets[number].update(sent(request), updated_at=self.stamp())
        return answer(200, self.plain(self.tickets[number], expand=False))

    def add_article(self, request: Request) -> Answer:
        fields = sent(request)
        number = str(fields.pop("ticket_id"))
        if number not in self.tickets:
            return self.missing(number)
        self.keep(self.tickets[number], fields)
        return answer(201, {"id": 30, "ticket_id": int(number)})

    def articles(self, request: Request, number: str) -> Answer:
        if number not in self.tickets:
            return self.missing(number)
        kept = self.tickets[number]["articles"]
        return answer(200, [{"id": at, "body": one["body"]} for at, one in enumerate(kept)])

    def tags(self, request: Request) -> Answer:
        ticket = self.tickets.get(query(request)["o_id"])
        return answer(200, {"tags": ticket["tags"]}) if ticket else self.missing("?")

    def add_tag(self, request: Request) -> Answer:
        fields = sent(request)
        ticket = self.tickets.get(str(fields["o_id"]))
        if ticket is None:
            return self.missing(str(fields["o_id"]))
        if fields["item"] not in ticket["tags"]:
            ticket["tags"].append(fields["item"])
            ticket["updated_at"] = self.stamp()
        return answer(201, True)

    def add_link(self, request: Request) -> Answer:
        fields = sent(request)
        assert (fields["link_object_source"], fields["link_object_target"]) == ("Ticket", "Ticket")
        child = [one for one in self.tickets.values() if one["number"] == fields["link_object_source_number"]]
        parent = str(fields["link_object_target_value"])
        if not child or parent not in self.tickets:
            return self.missing(parent)
        if child[0]["parent"] == parent:
            return answer(422, {"error": "Link already exists"})
        assert fields["link_type"] == "child"
        child[0]["parent"] = parent
        return answer(201, {"id": 11, "link_type_id": 3})

    def search(self, request: Request) -> Answer:
        asked = query(request)
        assert asked["expand"] == "true"
        found = [one for one in self.tickets.values() if self.matches(one, asked["query"])]
        found.sort(key=lambda one: moment(one["updated_at"]))
        page, size = int(asked["page"]), int(asked["per_page"])
        return answer(200, [self.plain(one, expand=True) for one in found[(page - 1) * size : page * size]])

    @staticmethod
    def matches(ticket: dict[str, Any], asked: str) -> bool:
        """Say whether a ticket fits a query: a word, an attribute, or our tag and a time."""
        since = re.fullmatch(r"tags:forewarn AND updated_at:\[(\S+) TO \*\]", asked)
        if since:
            return "forewarn" in ticket["tags"] and moment(ticket["updated_at"]) >= moment(since[1])
        field = re.fullmatch(r'(\w+):"([^"]+)"', asked)
        if field:
            return field[2] in str(ticket.get(field[1], ""))
        assert re.fullmatch(r"[a-z0-9]+", asked), "a word that every search takes for one"
        return asked in ticket["title"].lower()

    @staticmethod
    def plain(ticket: dict[str, Any], *, expand: bool) -> dict[str, Any]:
        """Return a ticket as the API shows it: with names only where it is expanded; tags never."""
        hidden = {"articles", "tags", "parent"} | (set() if expand else {"state", "priority", "group", "owner"})
        return {name: value for name, value in ticket.items() if name not in hidden}

    def event(self, number: str) -> bytes:
        """Return what a webhook tells of a ticket."""
        ticket = self.plain(self.tickets[number], expand=True)
        owner = {"login": "emma@example.com", "id": 5}
        return json.dumps({"ticket": ticket | {"owner": owner}, "article": {"internal": True}}).encode()

    @staticmethod
    def sign(body: bytes, secret: str = SECRET) -> dict[str, str]:
        """Return the headers of a webhook's request."""
        return {"x-hub-signature": "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}
