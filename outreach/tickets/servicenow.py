"""ServiceNow Customer Service Management. Source: developer.servicenow.com (Case, Table, Contact, Attachment API)."""

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from outreach import drafts, signed
from outreach.answers import answered, get, rows, stands, when, words
from outreach.base import Change, Draft, Status, TicketState
from outreach.inbound import Request
from outreach.remote import PAGES, RESERVE, Made, RemoteDesk
from outreach.rest import Api

CASES = "/api/sn_customerservice/case"
TABLE_NAME = "sn_customerservice_case"
TABLE = f"/api/now/table/{TABLE_NAME}"
PRIORITIES = {"low": "4", "medium": "3", "high": "2", "critical": "1"}
STATUSES = {
    "1": Status.OPEN,  # new
    "10": Status.OPEN,
    "18": Status.PENDING,  # awaiting info
    "6": Status.SOLVED,
    "3": Status.CLOSED,
    "7": Status.CLOSED,  # cancelled
}
NUMBERS = {Status.OPEN: "10", Status.PENDING: "18", Status.SOLVED: "6", Status.CLOSED: "3"}
PAGE = 100
PLAIN = {"sysparm_display_value": "false", "sysparm_exclude_reference_link": "true"}


class ServiceNow(RemoteDesk):
    """Cases known by `correlation_id`, which the database answers at once; `provider_id` is the `sys_id`.

    The case's contact is found by e-mail, and its account is the contact's. A contact sees the description in the
    portal: where there is one, what agents need is a work note. The portal shows attachments too: `pictures: false`
    sends none. `correlation_display` is set when nothing is missing any more. Business rules sign nothing: a REST
    message shows a secret in `X-Forewarn-Secret`, holds a `sys_id`, and is believed no further: the case is asked for.
    """

    kind: ClassVar[str] = "servicenow"
    vendor: ClassVar[str] = "servicenow"
    number: ClassVar[re.Pattern[str]] = re.compile(r"[0-9a-f]{32}")

    def __init__(  # noqa: PLR0913 -- the constructor is the config schema
        self,
        *,
        url: str,
        user: str = "",
        password: str = "",
        token: str = "",
        category: str = "",
        groups: dict[str, str] | None = None,
        tags_field: str = "",
        verdict_field: str = "",
        resolution: dict[str, str] | None = None,
        statuses: dict[str, str] | None = None,
        webhook_secret: str = "",
        pictures: bool = True,
        timeout: float = 15.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Give `user` and `password`, or a bearer `token`. `groups`: a playbook's queue to an assignment group's id.

        `tags_field`: a text field for our tags, without which they are work notes. `resolution`: fields the instance
        asks for when a case is solved or closed. `statuses`: states that were added to open, pending, solved, closed.
        """
        if bool(token) == bool(user and password):
            raise ValueError("give user and password, or token")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        auth = None if token else (user, password)
        self._api = Api(url, auth=auth, headers=headers, timeout=timeout, now=now)
        self._category, self._groups, self._resolution = category, dict(groups or {}), dict(resolution or {})
        self._tags, self._field, self._secret = tags_field, verdict_field, webhook_secret
        self._statuses, self._pictures, self._now = words(STATUSES, statuses), pictures, now
        fields = ("sys_id", "number", "state", "sys_updated_on", "assigned_to", "correlation_id", "correlation_display")
        self._fields = ",".join([*fields, *(each for each in (tags_field, verdict_field) if each)])

    def _search(self, id_: str) -> Made | None:
        found = self._list(f"correlation_id={id_}", 0)
        ours = [one for one in found if one.get("correlation_id") == id_]
        if not ours:
            return None
        number = answered(ours[0], "sys_id", repeatable=True)
        return Made(number, str(ours[0].get("number", "")), whole=ours[0].get("correlation_display") == drafts.OURS)

    def _list(self, query: str, offset: int) -> list[Mapping[str, Any]]:
        return self._page(query, offset)[0]

    def _page(self, query: str, offset: int) -> tuple[list[Mapping[str, Any]], bool]:
        asked: dict[str, str | int] = {"sysparm_query": query, "sysparm_fields": self._fields, **PLAIN}
        reply = self._api.get(TABLE, **asked, sysparm_limit=PAGE, sysparm_offset=offset)
        return rows(reply.data, "result"), reply.scarce(RESERVE)

    def _make(self, draft: Draft) -> Made:
        subject, contact = drafts.subject(draft, 160), self._contact(draft.requester)
        shown = f"{subject}\n\n{drafts.reference(draft.id)}" if draft.requester else drafts.body(draft, 4000)
        fields = {
            "short_description": subject,
            "description": shown,
            "priority": PRIORITIES.get(draft.severity, "3"),
            "correlation_id": draft.id,
            "assignment_group": self._groups.get(draft.queue, ""),
            "category": self._category,
            **contact,
        }
        made = self._api.ask("POST", CASES, json={name: value for name, value in fields.items() if value}).data
        return Made(answered(made, "result", "sys_id"), str(made["result"].get("number", "")), whole=False)

    def _contact(self, email: str) -> dict[str, str]:
        """Return the contact of that address and its account; nothing where there is none, or no telling which."""
        if not re.fullmatch(r"[^\s^@]+@[^\s^@]+", email):
            return {}
        found = self._api.get("/api/now/contact", sysparm_query=f"email={email}", sysparm_limit=2).data
        ours = [one for one in rows(found, "result") if str(one.get("email", "")).lower() == email.lower()]
        if len(ours) != 1:
            return {}
        account = ours[0].get("account") or ""
        name = account.get("value", "") if isinstance(account, dict) else account
        return {"contact": answered(ours[0], "sys_id", repeatable=True), "account": str(name)}

    def _rest(self, ticket: str, draft: Draft) -> Iterable[Callable[[], object]]:
        if draft.requester:
            yield partial(self._note, ticket, f"{drafts.body(draft)}\n\nCustomer: {draft.requester}", b"")
        if draft.picture:
            yield partial(self._attach, ticket, draft.picture)
        if self.number.fullmatch(draft.parent):
            yield partial(self._link, ticket, draft.parent)
        if self._tags:
            yield partial(self._tag, ticket, drafts.tags([*draft.tags, draft.queue]))
        yield partial(self._put, ticket, {"correlation_display": drafts.OURS})

    def _note(self, ticket: str, note: str, picture: bytes) -> None:
        if picture:
            self._attach(ticket, picture)
        self._put(ticket, {"work_notes": drafts.clean(note)}, repeatable=False)

    def _attach(self, ticket: str, picture: bytes) -> None:
        if not self._pictures:
            return
        where = {"table_name": TABLE_NAME, "table_sys_id": ticket, "file_name": drafts.PICTURE}
        headers = {"content-type": drafts.PICTURE_TYPE}
        path = "/api/now/attachment/file"
        self._api.ask("POST", path, repeatable=True, params=where, content=picture, headers=headers)

    def _notes(self, ticket: str, page: int) -> tuple[list[str], bool]:
        """Return all work notes in one, as they are shown; where we are shown none there may be some all the same."""
        asked = PLAIN | {"sysparm_display_value": "true"}
        found = self._api.get(f"{TABLE}/{ticket}", sysparm_fields="work_notes", **asked).data
        return [answered(found, "result", "work_notes")], False

    def _link(self, ticket: str, parent: str) -> None:
        self._case(parent)  # a reference to nothing would be taken
        self._put(ticket, {"parent": parent})

    def _change(self, ticket: str, change: Change) -> None:
        fields: dict[str, str] = {}
        if change.status:
            fields["state"] = NUMBERS[change.status]
        if change.status in (Status.SOLVED, Status.CLOSED):
            fields |= self._resolution
        if change.severity:
            fields["priority"] = PRIORITIES.get(change.severity, "3")
        if change.tags:
            fields |= self._tagged(ticket, [drafts.tag(each) for each in change.tags])
        if fields:
            self._put(ticket, fields)

    def _tag(self, ticket: str, tags: Sequence[str]) -> None:
        """Add tags to those there are: an agent may have said something by one before a ticket was complete."""
        self._put(ticket, self._tagged(ticket, tags))

    def _tagged(self, ticket: str, tags: Sequence[str]) -> dict[str, str]:
        if not self._tags:
            return {"work_notes": f"Tags: {', '.join(tags)}"}
        there = _split(self._case(ticket).get(self._tags))
        return {self._tags: ",".join(dict.fromkeys([*there, *tags]))}

    def _case(self, ticket: str) -> Mapping[str, Any]:
        found = self._api.get(f"{TABLE}/{ticket}", sysparm_fields=self._fields, **PLAIN).data
        answered(found, "result", "sys_id", repeatable=True)
        return dict(found["result"])

    def _put(self, ticket: str, fields: Mapping[str, str], repeatable: bool = True) -> None:
        self._api.ask("PATCH", f"{TABLE}/{ticket}", repeatable=repeatable, json=fields)

    def _changed(self, since: float) -> Iterator[TicketState]:
        """Ask by minutes ago: a time would be read in the time zone of our user there."""
        minutes = max(1, math.ceil((self._now() - since) / 60) + 1)
        ours, order = f"correlation_display={drafts.OURS}", "ORDERBYsys_updated_on"
        query = f"{ours}^sys_updated_onRELATIVEGT@minute@ago@{minutes}^{order}"
        for page in range(PAGES):
            found, scarce = self._page(query, page * PAGE)
            yield from map(self._state, found)
            if len(found) < PAGE or scarce:
                return

    def _state(self, case: Mapping[str, Any]) -> TicketState:
        return TicketState(
            str(get(case, "sys_id")),
            stands(self._statuses, get(case, "state")),
            when(case, "sys_updated_on"),
            drafts.verdict(_split(case.get(self._tags)), case.get(self._field)),
            str(case.get("assigned_to") or ""),
        )

    def page(self, ticket: str) -> str:
        """Return the address of a ticket."""
        return f"{self._api.url}/nav_to.do?uri={TABLE_NAME}.do?sys_id={ticket}"

    def _account(self) -> str:
        return ""  # whose credentials are wrong may not look up either

    def _verify(self, request: Request) -> None:
        signed.secret_header(request, signed.SECRET_HEADER, self._secret)

    def _told(self, said: Mapping[str, Any]) -> TicketState | None:
        number = str(said.get("sys_id", ""))
        return self._state(self._case(number)) if self.number.fullmatch(number) else None


def _split(tags: object) -> list[str]:
    return [each.strip() for each in str(tags or "").split(",") if each.strip()]
