"""Zammad. Sources: docs.zammad.org/en/latest/api (ticket, links, tags, search), admin-docs.zammad.org/…/webhook."""

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

from outreach import drafts, signed
from outreach.answers import answered, get, rows, stands, when, words
from outreach.base import Change, Draft, Status, TicketState
from outreach.inbound import Request
from outreach.remote import Made, Page, RemoteDesk, walk
from outreach.rest import Api, Failed, iso

PRIORITIES = {"low": "1 low", "medium": "2 normal", "high": "3 high", "critical": "3 high"}
STATUSES = {
    "new": Status.OPEN,
    "open": Status.OPEN,
    "pending reminder": Status.PENDING,
    "pending close": Status.PENDING,
    "closed": Status.SOLVED,
    "merged": Status.CLOSED,
    "removed": Status.CLOSED,
}
WORDS = {Status.OPEN: "open", Status.PENDING: "pending reminder", Status.SOLVED: "closed", Status.CLOSED: "closed"}
LAG = 60.0
"""Seconds by which the search index may lag: it is written by a background job."""
PAGE = 100
REMINDER = 86400.0
"""Seconds until a pending ticket comes back: a pending state needs a time."""


class Zammad(RemoteDesk):
    """Tickets with an internal first article, known by a sign of the draft's id that ends the title.

    Zammad has neither an idempotency key nor an external id; the sign is found by its search with and without
    Elasticsearch. With `external_field`, an attribute that the administrator added to tickets, it holds the id instead.
    A closed ticket can be opened again, so closed is SOLVED. Webhooks are signed with `X-Hub-Signature`, HMAC-SHA1 of
    the body, which holds no time: a replay tells the state there was, with its time.
    """

    kind: ClassVar[str] = "zammad"
    vendor: ClassVar[str] = "zammad"
    number: ClassVar[re.Pattern[str]] = re.compile(r"[0-9]{1,18}")

    def __init__(  # noqa: PLR0913 -- the constructor is the config schema
        self,
        *,
        url: str,
        token: str,
        group: str,
        customer: str,
        webhook_secret: str = "",
        groups: dict[str, str] | None = None,
        external_field: str = "",
        verdict_field: str = "",
        priorities: dict[str, str] | None = None,
        statuses: dict[str, str] | None = None,
        timeout: float = 10.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`group` takes queues that are not in `groups`; `customer` (e-mail) owns tickets without a requester.

        `priorities`: severities to names of priorities, `statuses`: names of states to open, pending, solved or closed,
        where they are not those Zammad comes with.
        """
        headers = {"authorization": f"Token token={token}"}
        self._api = Api(url, headers=headers, timeout=timeout, now=now)
        self._group, self._groups, self._customer = group, dict(groups or {}), customer
        self._secret, self._external, self._field, self._now = webhook_secret, external_field, verdict_field, now
        self._statuses = words(STATUSES, statuses)
        self._priorities = PRIORITIES | dict(priorities or {})

    def _search(self, id_: str) -> Made | None:
        sign = id_ if self._external else _sign(id_)
        query = f'{self._external}:"{sign}"' if self._external else sign
        ours = [one for one in self._find(query, 1) if self._sign_of(one) == sign]
        if not ours:
            return None
        number = answered(ours[0], "id", repeatable=True)
        return Made(number, f"#{ours[0].get('number', '')}", whole=drafts.OURS in self._tags(number))

    def _sign_of(self, ticket: Mapping[str, Any]) -> str:
        return str(ticket.get(self._external) if self._external else str(ticket.get("title")).split(" ")[-1])

    def _find(self, query: str, page: int) -> list[Mapping[str, Any]]:
        order: dict[str, str | int] = {
            "sort_by": "updated_at",
            "order_by": "asc",
            "page": page,
            "per_page": PAGE,
            "limit": PAGE,
        }
        found = self._api.get("/api/v1/tickets/search", query=query, expand="true", **order).data
        return rows({"found": found}, "found")

    def _tags(self, ticket: str) -> list[str]:
        found = self._api.get("/api/v1/tags", object="Ticket", o_id=ticket).data
        return [str(each) for each in rows(found, "tags")]

    def _make(self, draft: Draft) -> Made:
        title = drafts.subject(draft, 200)
        fields = {
            "title": title if self._external else f"{title} {_sign(draft.id)}",
            "group": self._groups.get(draft.queue, self._group),
            "customer_id": f"guess:{draft.requester or self._customer}",
            "priority": self._priorities.get(draft.severity, "2 normal"),
            "article": _article(drafts.body(draft), draft.picture),
        }
        if self._external:
            fields[self._external] = draft.id
        made = self._api.ask("POST", "/api/v1/tickets", json=fields).data
        return Made(answered(made, "id"), f"#{made.get('number', '')}", whole=False)

    def _rest(self, ticket: str, draft: Draft) -> Iterable[Callable[[], object]]:
        if self.number.fullmatch(draft.parent):
            yield partial(self._link, ticket, draft.parent)
        for tag in reversed(drafts.tags([*draft.tags, draft.queue])):  # ours last: it says that nothing is missing
            yield partial(self._tag, ticket, tag)

    def _tag(self, ticket: str, tag: str) -> None:
        fields = {"item": tag, "object": "Ticket", "o_id": int(ticket)}
        self._api.ask("POST", "/api/v1/tags/add", repeatable=True, json=fields)

    def _note(self, ticket: str, note: str, picture: bytes) -> None:
        fields = {"ticket_id": int(ticket), **_article(drafts.clean(note), picture)}
        self._api.ask("POST", "/api/v1/ticket_articles", json=fields)

    def _notes(self, ticket: str, page: int) -> tuple[list[str], bool]:
        found = self._api.get(f"/api/v1/ticket_articles/by_ticket/{ticket}").data
        return [str(get(each, "body")) for each in rows({"found": found}, "found")], False

    def _link(self, ticket: str, parent: str) -> None:
        """The child is the link's source, known by its number, the parent its target, known by its id."""
        self._api.get(f"/api/v1/tickets/{parent}")
        child = self._api.get(f"/api/v1/tickets/{ticket}").data
        fields = {
            "link_type": "child",
            "link_object_source": "Ticket",
            "link_object_source_number": answered(child, "number", repeatable=True),
            "link_object_target": "Ticket",
            "link_object_target_value": int(parent),
        }
        try:
            self._api.ask("POST", "/api/v1/links/add", repeatable=True, json=fields)
        except Failed as failed:
            if "already exists" not in failed.receipt.detail:
                raise

    def _change(self, ticket: str, change: Change) -> None:
        fields: dict[str, Any] = {}
        if change.status:
            fields["state"] = WORDS[change.status]
        if change.status is Status.PENDING:
            fields["pending_time"] = iso(self._now() + REMINDER)
        if change.severity:
            fields["priority"] = self._priorities.get(change.severity, "2 normal")
        if fields or not change.tags:
            self._api.ask("PUT", f"/api/v1/tickets/{ticket}", repeatable=True, json=fields)
        for tag in change.tags:
            self._tag(ticket, drafts.tag(tag))

    def _changed(self, since: float) -> Iterator[TicketState]:
        return walk(since - LAG, self._page)

    def _page(self, since: float, number: int) -> Page:
        found = self._find(f"tags:{drafts.OURS} AND updated_at:[{iso(since)} TO *]", number)
        states = [self._state(one) for one in found]
        return Page(states, states[-1].updated if states else since, len(found) == PAGE)

    def _state(self, ticket: Mapping[str, Any]) -> TicketState:
        number = str(get(ticket, "id"))
        said = ticket.get(self._field) if self._field else ""
        tags = [] if self._field else self._tags(number)
        state = stands(self._statuses, _name(get(ticket, "state")))
        return TicketState(number, state, when(ticket, "updated_at"), drafts.verdict(tags, said), _owner(ticket))

    def page(self, ticket: str) -> str:
        """Return the address of a ticket."""
        return f"{self._api.url}/#ticket/zoom/{ticket}"

    def _account(self) -> str:
        answered(self._api.get("/api/v1/users/me").data, "id", repeatable=True)
        return ""

    def _verify(self, request: Request) -> None:
        signed.hub(request, self._secret, "sha1")

    def _told(self, said: Mapping[str, Any]) -> TicketState | None:
        return self._state(said["ticket"]) if isinstance(said.get("ticket"), dict) else None


def _sign(id_: str) -> str:
    """Return a draft's sign: letters and digits, so that a search takes it for one word.

    >>> _sign("int_1")
    'fwpqdwq4ujynmky'
    """
    digest = hashlib.blake2b(id_.encode(), digest_size=8).digest()
    return "fw" + base64.b32encode(digest).decode().rstrip("=").lower()


def _article(text: str, picture: bytes) -> dict[str, Any]:
    article: dict[str, Any] = {"body": drafts.html(text), "content_type": "text/html", "type": "note", "internal": True}
    if picture:
        data = base64.b64encode(picture).decode()
        article["attachments"] = [{"filename": drafts.PICTURE, "data": data, "mime-type": drafts.PICTURE_TYPE}]
    return article


def _name(said: object) -> object:
    """Return the name of what a webhook tells whole and the API by its name."""
    return said.get("name") if isinstance(said, dict) else said


def _owner(ticket: Mapping[str, Any]) -> str:
    owner = ticket.get("owner")
    name = owner.get("login") if isinstance(owner, dict) else owner
    return "" if name in (None, "-") else str(name)
