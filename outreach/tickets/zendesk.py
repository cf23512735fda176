"""Zendesk Support. Sources: developer.zendesk.com/api-reference/ticketing and /documentation/webhooks/verifying."""

import base64
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from outreach import drafts, signed
from outreach.answers import answered, get, rows, when, word
from outreach.base import Change, Draft, Outcome, Receipt, Status, TicketState
from outreach.inbound import Request
from outreach.remote import RESERVE, Made, Page, RemoteDesk, walk
from outreach.rest import Api, Failed, iso

PRIORITIES = {"low": "low", "medium": "normal", "high": "high", "critical": "urgent"}
STATUSES = {
    "new": Status.OPEN,
    "open": Status.OPEN,
    "pending": Status.PENDING,
    "hold": Status.PENDING,
    "solved": Status.SOLVED,
    "closed": Status.CLOSED,
}
LAG = 300.0
"""Seconds by which the search index may lag ("up to a few minutes", …/ticketing/ticket-management/search)."""
MAX_AGE = 300.0
"""Seconds after which a signed request is refused."""


class Zendesk(RemoteDesk):
    """Tickets with an internal first comment, known by `external_id`.

    An `Idempotency-Key` keeps a repeat within two hours from making a second one; after that, and where the key was
    used with other words, `external_id` is looked up. The parent becomes a ticket of type problem, its children
    incidents of it. Webhooks are signed: `X-Zendesk-Webhook-Signature` is base64 of HMAC-SHA256 over the timestamp and
    the body; the body is a ticket event's, or a trigger's JSON with the same `detail`: id, status, updated_at, tags.
    """

    kind: ClassVar[str] = "zendesk"
    vendor: ClassVar[str] = "zendesk"
    number: ClassVar[re.Pattern[str]] = re.compile(r"[0-9]{1,19}")

    def __init__(
        self,
        *,
        url: str,
        email: str,
        token: str,
        webhook_secret: str = "",
        groups: dict[str, int] | None = None,
        verdict_field: int = 0,
        timeout: float = 10.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`groups`: a playbook's queue to the number of a group. `verdict_field`: the number of a ticket field."""
        self._api = Api(url, auth=(f"{email}/token", token), timeout=timeout, now=now)
        self._secret, self._groups, self._field, self._now = webhook_secret, dict(groups or {}), verdict_field, now
        self._seen = signed.Seen(MAX_AGE)

    def _search(self, id_: str) -> Made | None:
        found = self._api.get("/api/v2/tickets", external_id=id_).data
        ours = [one for one in rows(found, "tickets") if one.get("external_id") == id_]
        return Made(answered(ours[0], "id", repeatable=True)) if ours else None

    def _make(self, draft: Draft) -> Made:
        ticket = self._ticket(draft)
        headers = {"idempotency-key": draft.id}
        try:
            made = self._api.ask("POST", "/api/v2/tickets", json={"ticket": ticket}, headers=headers)
        except Failed as failed:
            return self._clash(failed, draft)
        return Made(answered(made.data, "ticket", "id"))

    def _clash(self, failed: Failed, draft: Draft) -> Made:
        """Return the ticket that the key belongs to, where that is why another was refused."""
        if failed.receipt.code != "409" and "IdempotentRequestError" not in failed.receipt.detail:
            raise failed
        made = self._known(draft.id)
        if made is None:
            raise Failed(Receipt(Outcome.UNKNOWN, f"its key is taken: {failed.receipt.detail}")) from failed
        return made

    def _ticket(self, draft: Draft) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "subject": drafts.subject(draft, 150),
            "comment": self._comment(drafts.body(draft), draft.picture),
            "external_id": draft.id,
            "type": "incident",
            "priority": PRIORITIES.get(draft.severity, "normal"),
            "tags": drafts.tags([*draft.tags, draft.queue]),
        }
        if draft.requester:
            fields["requester"] = {"email": draft.requester, "name": draft.requester}
        if draft.queue in self._groups:
            fields["group_id"] = self._groups[draft.queue]
        if draft.parent and self._is_problem(draft.parent):
            fields["problem_id"] = int(draft.parent)
        return fields

    def _is_problem(self, parent: str) -> bool:
        """Make the parent a problem; a ticket whose parent is gone is made without it."""
        try:
            self._put(parent, {"type": "problem"})
        except Failed as failed:
            if failed.receipt.outcome is not Outcome.PERMANENT:
                raise
            return False
        return True

    def _comment(self, text: str, picture: bytes) -> dict[str, Any]:
        comment: dict[str, Any] = {"body": text, "public": False}
        return comment | {"uploads": [self._upload(picture)]} if picture else comment

    def _upload(self, picture: bytes) -> str:
        """Leave the picture there, for a comment to refer to within the hour."""
        made = self._api.ask(
            "POST",
            "/api/v2/uploads",
            repeatable=True,
            params={"filename": drafts.PICTURE},
            content=picture,
            headers={"content-type": drafts.PICTURE_TYPE},
        )
        return answered(made.data, "upload", "token", repeatable=True)

    def _note(self, ticket: str, note: str, picture: bytes) -> None:
        self._put(ticket, {"comment": self._comment(drafts.clean(note), picture)}, repeatable=False)

    def _notes(self, ticket: str, page: int) -> tuple[list[str], bool]:
        found = self._api.get(f"/api/v2/tickets/{ticket}/comments", page=page, per_page=100).data
        return [str(get(each, "body")) for each in rows(found, "comments")], bool(get(found, "next_page"))

    def _link(self, ticket: str, parent: str) -> None:
        self._put(parent, {"type": "problem"})
        self._put(ticket, {"type": "incident", "problem_id": int(parent)})

    def _change(self, ticket: str, change: Change) -> None:
        fields: dict[str, Any] = {}
        if change.status:
            fields["status"] = change.status.value
        if change.severity:
            fields["priority"] = PRIORITIES.get(change.severity, "normal")
        if change.tags:  # before the status: a closed ticket takes none
            path = f"/api/v2/tickets/{ticket}/tags"
            self._api.ask("PUT", path, repeatable=True, json={"tags": [drafts.tag(each) for each in change.tags]})
        if fields:
            self._put(ticket, fields)

    def _put(self, ticket: str, fields: Mapping[str, Any], repeatable: bool = True) -> None:
        self._api.ask("PUT", f"/api/v2/tickets/{ticket}", repeatable=repeatable, json={"ticket": fields})

    def _changed(self, since: float) -> Iterator[TicketState]:
        return walk(since - LAG, self._page)

    def _page(self, since: float, number: int) -> Page:
        query = f"type:ticket tags:{drafts.OURS} updated>={iso(since)}"
        order: dict[str, str | int] = {"query": query, "sort_by": "updated_at", "sort_order": "asc", "per_page": 100}
        reply = self._api.get("/api/v2/search", **order, page=number)
        states = [self._state(one) for one in rows(reply.data, "results")]
        more = bool(states and get(reply.data, "next_page")) and not reply.scarce(RESERVE)
        return Page(states, states[-1].updated if states else since, more)

    def _state(self, ticket: Mapping[str, Any]) -> TicketState:
        tags = ticket.get("tags") or []
        fields = {each.get("id"): each.get("value") for each in ticket.get("custom_fields") or []}
        return TicketState(
            str(get(ticket, "id")),
            word(STATUSES, get(ticket, "status")),
            when(ticket, "updated_at"),
            drafts.verdict(tags.split() if isinstance(tags, str) else tags, fields.get(self._field)),
            str(ticket.get("assignee_id") or ""),
        )

    def page(self, ticket: str) -> str:
        """Return the address of a ticket."""
        return f"{self._api.url}/agent/tickets/{ticket}"

    def _account(self) -> str:
        role = get(self._api.get("/api/v2/users/me").data, "user", "role")
        return "" if role in ("agent", "admin") else "nobody is signed in: check url, email and token"

    def _verify(self, request: Request) -> None:
        signed.configured(self._secret)
        stamp = request.headers.get("x-zendesk-webhook-signature-timestamp", "")
        expected = base64.b64encode(signed.digest(self._secret, stamp.encode() + request.body, "sha256")).decode()
        given = request.headers.get("x-zendesk-webhook-signature", "")
        signed.need("X-Zendesk-Webhook-Signature", given, expected)
        signed.fresh(when({"timestamp": stamp}, "timestamp"), request.time, MAX_AGE)
        self._seen.once(given.encode(), request.time)

    def _told(self, said: Mapping[str, Any]) -> TicketState | None:
        return self._state(said["detail"]) if isinstance(said.get("detail"), dict) else None
