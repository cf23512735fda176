"""Freshdesk. Source: developers.freshdesk.com/api (tickets, filter tickets, conversations, rate limit)."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from outreach import drafts, signed
from outreach.answers import answered, get, rows, stands, when, words
from outreach.base import Change, Draft, Outcome, Status, TicketState
from outreach.inbound import Request
from outreach.remote import RESERVE, Made, Page, RemoteDesk, walk
from outreach.rest import Api, Failed, iso

PRIORITIES = {"low": 1, "medium": 2, "high": 3, "critical": 4}
STATUSES = {
    "2": Status.OPEN,
    "3": Status.PENDING,
    "4": Status.SOLVED,
    "5": Status.CLOSED,
    "6": Status.PENDING,  # waiting on customer
    "7": Status.PENDING,  # waiting on third party
}
NUMBERS = {Status.OPEN: 2, Status.PENDING: 3, Status.SOLVED: 4, Status.CLOSED: 5}
LAG = 900.0
"""Seconds by which the search index may lag ("a few minutes"): what is newer is looked for in the list."""
PAGE = 100


class Freshdesk(RemoteDesk):
    """Tickets known by a custom field that holds the draft's id.

    Freshdesk has no idempotency key: the field (a single-line text, made by an administrator) is looked up in the
    search, and, as that lags, in the list of what changed in the last quarter of an hour. The customer sees a ticket's
    description: where one is the requester, what agents need is a private note. The incident is a tag, as no API makes
    a ticket that exists another's child; with `parent_child` a new one is made as a child where its parent takes it
    (ten at most). Webhooks of an automation are not signed: they show a secret in `X-Forewarn-Secret`, hold an `id`,
    and are believed no further: the ticket is asked for.
    """

    kind: ClassVar[str] = "freshdesk"
    vendor: ClassVar[str] = "freshdesk"
    number: ClassVar[re.Pattern[str]] = re.compile(r"[0-9]{1,18}")

    def __init__(  # noqa: PLR0913 -- the constructor is the config schema
        self,
        *,
        url: str,
        api_key: str,
        email: str,
        external_field: str = "cf_forewarn_id",
        verdict_field: str = "",
        webhook_secret: str = "",
        groups: dict[str, int] | None = None,
        statuses: dict[str, str] | None = None,
        parent_child: bool = False,
        timeout: float = 10.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`email`: whose tickets without a requester are. `groups`: a playbook's queue to the number of a group.

        `statuses`: numbers of statuses that an administrator added to open, pending, solved or closed.
        """
        if not re.fullmatch(r"cf_\w+", external_field):
            raise ValueError(f"external_field {external_field!r} must be the name of a custom field, cf_…")
        self._api = Api(url, auth=(api_key, "X"), timeout=timeout, now=now)
        self._email, self._external, self._field = email, external_field, verdict_field
        self._secret, self._groups, self._parents, self._now = webhook_secret, dict(groups or {}), parent_child, now
        self._statuses = words(STATUSES, statuses)

    def _search(self, id_: str) -> Made | None:
        found = self._api.get("/api/v2/search/tickets", query=f"\"{self._external}:'{id_}'\"").data
        for tickets in (lambda: rows(found, "results"), self._latest):
            ours = [one for one in tickets() if self._id(one) == id_]
            if ours:
                whole = drafts.OURS in (ours[0].get("tags") or ())
                return Made(answered(ours[0], "id", repeatable=True), whole=whole)
        return None

    def _latest(self) -> Sequence[Mapping[str, Any]]:
        return self._list(self._now() - LAG, 1, "desc")[0]

    def _list(self, since: float, page: int, order: str) -> tuple[list[Mapping[str, Any]], bool]:
        """Return a page of all tickets that changed, and whether others need the rest of the window."""
        asked: dict[str, str | int] = {"updated_since": iso(since), "order_by": "updated_at", "order_type": order}
        reply = self._api.get("/api/v2/tickets", **asked, per_page=PAGE, page=page)
        return rows({"found": reply.data}, "found"), reply.scarce(RESERVE)

    def _id(self, ticket: Mapping[str, Any]) -> str:
        return str((ticket.get("custom_fields") or {}).get(self._external) or "")

    def _make(self, draft: Draft) -> Made:
        fields = self._fields(draft)
        try:
            made = self._api.ask("POST", "/api/v2/tickets", json=fields)
        except Failed as failed:
            if "parent_id" not in fields or failed.receipt.outcome is not Outcome.PERMANENT:
                raise
            del fields["parent_id"]  # it has ten already, is closed, or the plan knows no children
            made = self._api.ask("POST", "/api/v2/tickets", json=fields)
        return Made(answered(made.data, "id"), whole=False)

    def _fields(self, draft: Draft) -> dict[str, Any]:
        subject = drafts.subject(draft, 250)
        shown = f"{subject}\n\n{drafts.reference(draft.id)}" if draft.requester else drafts.body(draft)
        fields: dict[str, Any] = {
            "subject": subject,
            "description": drafts.html(shown),
            "email": draft.requester or self._email,
            "priority": PRIORITIES.get(draft.severity, 2),
            "status": 2,
            "custom_fields": {self._external: draft.id},
        }
        if draft.queue in self._groups:
            fields["group_id"] = self._groups[draft.queue]
        if self._parents and self.number.fullmatch(draft.parent):
            fields["parent_id"] = int(draft.parent)
        return fields

    def _rest(self, ticket: str, draft: Draft) -> Iterable[Callable[[], object]]:
        if draft.requester or draft.picture:
            yield partial(self._note, ticket, drafts.body(draft) if draft.requester else "The evidence", draft.picture)
        more = [drafts.incident(draft.parent)] if draft.parent else []
        yield partial(self._tag, ticket, drafts.tags([*draft.tags, draft.queue, *more]))

    def _note(self, ticket: str, note: str, picture: bytes) -> None:
        path, text = f"/api/v2/tickets/{ticket}/notes", drafts.html(note)
        if picture:
            files = [("attachments[]", (drafts.PICTURE, picture, drafts.PICTURE_TYPE))]
            self._api.ask("POST", path, data={"body": text, "private": "true"}, files=files)
        else:
            self._api.ask("POST", path, json={"body": text, "private": True})

    def _tag(self, ticket: str, tags: Sequence[str], **fields: Any) -> None:
        """Add tags, and change other fields with them: Freshdesk knows only the whole list."""
        there = self._ticket(ticket).get("tags") or []
        self._put(ticket, {"tags": list(dict.fromkeys([*there, *tags])), **fields})

    def _notes(self, ticket: str, page: int) -> tuple[list[str], bool]:
        found = self._api.get(f"/api/v2/tickets/{ticket}/conversations", page=page, per_page=PAGE).data
        notes = [str(get(each, "body")) for each in rows({"found": found}, "found")]
        return notes, len(notes) == PAGE

    def _link(self, ticket: str, parent: str) -> None:
        self._ticket(parent)
        self._tag(ticket, [drafts.incident(parent)])

    def _change(self, ticket: str, change: Change) -> None:
        fields: dict[str, Any] = {}
        if change.status:
            fields["status"] = NUMBERS[change.status]
        if change.severity:
            fields["priority"] = PRIORITIES.get(change.severity, 2)
        if change.tags:
            self._tag(ticket, [drafts.tag(each) for each in change.tags], **fields)
        elif fields:
            self._put(ticket, fields)

    def _ticket(self, ticket: str) -> Mapping[str, Any]:
        found = self._api.get(f"/api/v2/tickets/{ticket}").data
        answered(found, "id", repeatable=True)
        return dict(found)

    def _put(self, ticket: str, fields: Mapping[str, Any]) -> None:
        self._api.ask("PUT", f"/api/v2/tickets/{ticket}", repeatable=True, json=fields)

    def _changed(self, since: float) -> Iterator[TicketState]:
        """Read all that changed and keep ours: the search knows days only, the list no fields."""
        return walk(since, self._page)

    def _page(self, since: float, number: int) -> Page:
        found, scarce = self._list(since, number, "asc")
        last = when(found[-1], "updated_at") if found else since
        states = [self._state(one) for one in found if self._id(one)]
        return Page(states, last, len(found) == PAGE and not scarce)

    def _state(self, ticket: Mapping[str, Any]) -> TicketState:
        said = (ticket.get("custom_fields") or {}).get(self._field)
        return TicketState(
            str(get(ticket, "id")),
            stands(self._statuses, get(ticket, "status")),
            when(ticket, "updated_at"),
            drafts.verdict(ticket.get("tags") or (), said),
            str(ticket.get("responder_id") or ""),
        )

    def page(self, ticket: str) -> str:
        """Return the address of a ticket."""
        return f"{self._api.url}/a/tickets/{ticket}"

    def _account(self) -> str:
        answered(self._api.get("/api/v2/agents/me").data, "id", repeatable=True)
        return ""

    def _verify(self, request: Request) -> None:
        signed.secret_header(request, signed.SECRET_HEADER, self._secret)

    def _told(self, said: Mapping[str, Any]) -> TicketState | None:
        number = str(said.get("id", ""))
        return self._state(self._ticket(number)) if self.number.fullmatch(number) else None
