"""Jira Service Management, Cloud. Sources: developer.atlassian.com/cloud/jira, service-desk/rest, platform/rest/v2."""

import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

from outreach import drafts, signed
from outreach.answers import answered, get, rows, when, words
from outreach.base import Change, Draft, Outcome, Receipt, Status, TicketState
from outreach.inbound import ForgedError, Request
from outreach.jira_words import PRIORITIES, STATUSES, means
from outreach.remote import PAGES, RESERVE, Made, RemoteDesk
from outreach.rest import Api, Failed

DESK, PLATFORM = "/rest/servicedeskapi", "/rest/api/2"
LAG = 120.0
"""Seconds by which the search may lag: it is eventually consistent."""
MAX_AGE = 7200.0
"""Seconds after which a signed request is refused: Jira tries five times, up to 15 minutes apart."""
TRIAL = {"x-experimentalapi": "opt-in"}
UPLOAD = {"x-atlassian-token": "no-check"}


class Jira(RemoteDesk):
    """Requests of one service desk, known by the reference in their description, or by a custom field.

    There is no idempotency key. `external_field` (customfield_…, a short text on the request type's form) holds the
    draft's id; without one the reference that ends the description is searched for, and compared letter by letter. The
    request is raised on behalf of the customer whose address is exactly the requester's; as they see a description,
    what agents need is an internal comment then. Labels are set last, when nothing is missing any more. The incident is
    linked by `link_type`. Webhooks that an administrator registers are signed: `X-Hub-Signature` is HMAC-SHA256 of the
    body, and the body holds a time.
    """

    kind: ClassVar[str] = "jira"
    vendor: ClassVar[str] = "jira"
    number: ClassVar[re.Pattern[str]] = re.compile(r"[A-Z][A-Z0-9_]{0,30}-[0-9]{1,12}")

    def __init__(  # noqa: PLR0913 -- the constructor is the config schema
        self,
        *,
        url: str,
        email: str,
        token: str,
        project: str,
        service_desk: str,
        request_type: str,
        request_types: dict[str, str] | None = None,
        external_field: str = "",
        verdict_field: str = "",
        priorities: dict[str, str] | None = None,
        statuses: dict[str, str] | None = None,
        link_type: str = "Relates",
        webhook_secret: str = "",
        timeout: float = 15.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`request_types`: a playbook's queue to the id of a request type, others take `request_type`.

        `priorities`: severities to names of priorities, `statuses`: names of statuses to open, pending, solved or
        closed, where they are not those Jira comes with.
        """
        if not re.fullmatch(r"[A-Z][A-Z0-9_]+", project):
            raise ValueError(f"project {project!r} must be the key of a project, such as SUP")
        if not re.fullmatch(r"(customfield_[0-9]+)?", external_field):
            raise ValueError(f"external_field {external_field!r} must be the id of a field, customfield_…")
        self._api = Api(url, auth=(email, token), timeout=timeout, now=now)
        self._project, self._desk, self._now = project, service_desk, now
        self._type, self._types = request_type, dict(request_types or {})
        self._external, self._field, self._secret = external_field, verdict_field, webhook_secret
        self._priorities, self._statuses = PRIORITIES | dict(priorities or {}), words(STATUSES, statuses)
        self._link_type, self._seen = link_type, signed.Seen(MAX_AGE)
        named = ("description", "labels", "status", "updated", "assignee", external_field, verdict_field)
        self._fields = ",".join(each for each in named if each)

    # -- looking up

    def _search(self, id_: str) -> Made | None:
        where = f"cf[{self._external.removeprefix('customfield_')}]" if self._external else "description"
        found, _, _ = self._page(f'project = {self._project} AND {where} ~ "\\"{id_}\\""')
        ours = [one for one in found if self._is(one, id_)]
        if not ours:
            return None
        labels = get(ours[0], "fields").get("labels") or ()
        return Made(answered(ours[0], "key", repeatable=True), whole=drafts.OURS in labels)

    def _is(self, issue: Mapping[str, Any], id_: str) -> bool:
        fields = issue.get("fields") or {}
        if self._external:
            return fields.get(self._external) == id_
        return drafts.reference(id_) in str(fields.get("description") or "").splitlines()

    def _page(self, jql: str, token: str = "") -> tuple[list[Mapping[str, Any]], str, bool]:
        """Return a page of issues, the token of the next one, and whether others need the rest of the window."""
        asked: dict[str, str | int] = {"jql": jql, "fields": self._fields, "maxResults": 100}
        reply = self._api.get(f"{PLATFORM}/search/jql", **asked, **({"nextPageToken": token} if token else {}))
        more = "" if reply.data and reply.data.get("isLast") else str((reply.data or {}).get("nextPageToken") or "")
        return rows(reply.data, "issues"), more, reply.scarce(RESERVE)

    # -- making

    def _make(self, draft: Draft) -> Made:
        customer = self._customer(draft.requester) if draft.requester else ""
        subject = drafts.subject(draft, 250)
        shown = f"{subject}\n\n{drafts.reference(draft.id)}" if draft.requester else drafts.body(draft)
        values = {"summary": subject, "description": shown}
        if self._external:
            values[self._external] = draft.id
        fields: dict[str, Any] = {
            "serviceDeskId": self._desk,
            "requestTypeId": self._types.get(draft.queue, self._type),
            "requestFieldValues": values,
        }
        if customer:
            fields["raiseOnBehalfOf"] = customer
        made = self._api.ask("POST", f"{DESK}/request", json=fields)
        return Made(answered(made.data, "issueKey"), whole=False)

    def _customer(self, email: str) -> str:
        """Return the account of a customer; empty where there is none, or Jira does not show us whose it is.

        The search finds parts of names too: another person must never be shown this customer's ticket.
        """
        path = f"{DESK}/servicedesk/{self._desk}/customer"
        found = self._api.ask("GET", path, repeatable=True, params={"query": email}, headers=TRIAL).data
        ours = [one for one in rows(found, "values") if str(one.get("emailAddress", "")).lower() == email.lower()]
        return answered(ours[0], "accountId", repeatable=True) if len(ours) == 1 else ""

    def _rest(self, ticket: str, draft: Draft) -> Iterable[Callable[[], object]]:
        if draft.requester:
            text = f"{drafts.body(draft)}\n\nCustomer: {draft.requester}"
            yield partial(self._note, ticket, text, draft.picture)
        elif draft.picture:
            yield partial(self._note, ticket, "The evidence", draft.picture)
        if self.number.fullmatch(draft.parent):
            yield partial(self._link, ticket, draft.parent)
        yield partial(self._prioritise, ticket, draft.severity)
        yield partial(self._label, ticket, drafts.tags([*draft.tags, draft.queue]))

    def _note(self, ticket: str, note: str, picture: bytes) -> None:
        text = drafts.cut(drafts.clean(note), 32_000)
        if not picture:
            self._api.ask("POST", f"{DESK}/request/{ticket}/comment", json={"body": text, "public": False})
            return
        fields = {
            "temporaryAttachmentIds": [self._upload(picture)],
            "public": False,
            "additionalComment": {"body": text},
        }
        self._api.ask("POST", f"{DESK}/request/{ticket}/attachment", json=fields)

    def _upload(self, picture: bytes) -> str:
        files = {"file": (drafts.PICTURE, picture, drafts.PICTURE_TYPE)}
        path = f"{DESK}/servicedesk/{self._desk}/attachTemporaryFile"
        made = self._api.ask("POST", path, repeatable=True, files=files, headers=TRIAL | UPLOAD)
        return answered(made.data, "temporaryAttachments", 0, "temporaryAttachmentId", repeatable=True)

    def _notes(self, ticket: str, page: int) -> tuple[list[str], bool]:
        asked: dict[str, str | int] = {"internal": "true", "public": "true", "start": (page - 1) * 100, "limit": 100}
        found = self._api.get(f"{DESK}/request/{ticket}/comment", **asked).data
        return [str(get(each, "body")) for each in rows(found, "values")], not get(found, "isLastPage")

    # -- changing

    def _link(self, ticket: str, parent: str) -> None:
        self._issue(parent, "status")
        links = get(self._issue(ticket, "issuelinks"), "fields").get("issuelinks") or ()
        if any((link.get("outwardIssue") or {}).get("key") == parent for link in links):
            return
        ends = {"inwardIssue": {"key": ticket}, "outwardIssue": {"key": parent}}
        fields = {"type": {"name": self._link_type}, **ends}
        self._api.ask("POST", f"{PLATFORM}/issueLink", repeatable=True, json=fields)

    def _change(self, ticket: str, change: Change) -> None:
        if change.severity:
            self._prioritise(ticket, change.severity)
        if change.tags:
            self._label(ticket, [drafts.tag(each) for each in change.tags])
        if change.status:
            self._move(ticket, change.status)

    def _prioritise(self, ticket: str, severity: str) -> None:
        name = self._priorities.get(severity, "")
        if name:
            self._put(ticket, {"fields": {"priority": {"name": name}}})

    def _label(self, ticket: str, labels: Iterable[str]) -> None:
        self._put(ticket, {"update": {"labels": [{"add": label} for label in labels]}})

    def _put(self, ticket: str, fields: Mapping[str, Any]) -> None:
        self._api.ask("PUT", f"{PLATFORM}/issue/{ticket}", repeatable=True, json=fields)

    def _move(self, ticket: str, status: Status) -> None:
        """Take the first transition that leads to such a status; none is needed where it is in one."""
        if means(self._statuses, get(self._issue(ticket, "status"), "fields", "status")) is status:
            return
        path = f"{PLATFORM}/issue/{ticket}/transitions"
        ways = rows(self._api.get(path).data, "transitions")
        leading = [way for way in ways if means(self._statuses, way.get("to") or {}) is status]
        if not leading:
            known = ", ".join(str((way.get("to") or {}).get("name")) for way in ways)
            told = f"no transition of {ticket} leads to {status}, only to {known}: name it under statuses"
            raise Failed(Receipt(Outcome.PERMANENT, told))
        fields = {"transition": {"id": answered(leading[0], "id", repeatable=True)}}
        self._api.ask("POST", path, repeatable=True, json=fields)

    def _issue(self, ticket: str, fields: str) -> Mapping[str, Any]:
        found = self._api.get(f"{PLATFORM}/issue/{ticket}", fields=fields).data
        answered(found, "key", repeatable=True)
        return dict(found)

    # -- reading

    def _changed(self, since: float) -> Iterator[TicketState]:
        """Ask by minutes ago: a time would be read in the time zone of our user there."""
        minutes = max(1, math.ceil((self._now() - since + LAG) / 60) + 1)
        ours = f"project = {self._project} AND labels = {drafts.OURS}"
        jql, token = f'{ours} AND updated >= "-{minutes}m" ORDER BY updated ASC', ""
        for _ in range(PAGES):
            found, token, scarce = self._page(jql, token)
            yield from map(self._state, found)
            if not token or scarce:
                return

    def _state(self, issue: Mapping[str, Any]) -> TicketState:
        fields = get(issue, "fields")
        said = fields.get(self._field) if self._field else ""
        assignee = fields.get("assignee") or {}
        return TicketState(
            str(get(issue, "key")),
            means(self._statuses, get(fields, "status")),
            when(fields, "updated"),
            drafts.verdict(fields.get("labels") or (), said.get("value") if isinstance(said, dict) else said),
            str(assignee.get("displayName") or assignee.get("accountId") or ""),
        )

    def page(self, ticket: str) -> str:
        """Return the address of a ticket."""
        return f"{self._api.url}/browse/{ticket}"

    def _account(self) -> str:
        found = self._api.get(f"{DESK}/servicedesk/{self._desk}").data
        key = answered(found, "projectKey", repeatable=True)
        return "" if key == self._project else f"service desk {self._desk} is of project {key}, not {self._project}"

    def _verify(self, request: Request) -> None:
        signed.hub(request, self._secret, "sha256")
        try:
            said = json.loads(request.body)
        except ValueError:
            return  # genuine, and unreadable
        if isinstance(said, dict):
            stamp = said.get("timestamp")
            if not isinstance(stamp, int | float):
                raise ForgedError("the body holds no timestamp: it may be a replay")
            signed.fresh(stamp / 1000, request.time, MAX_AGE)
            self._seen.once(request.body, request.time)

    def _told(self, said: Mapping[str, Any]) -> TicketState | None:
        return self._state(said["issue"]) if isinstance(said.get("issue"), dict) else None
