"""A stateful stand-in for Twilio's messaging API: it keeps and lists what it takes, and signs its callbacks."""

import base64
import hashlib
import json
from collections.abc import Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # ships no py.typed

from outreach.segments import segments
from tests.outreach.fakes.scripted import Scripted
from tests.outreach.fakes.web import Answer, Request

ACCOUNT = "AC" + "a" * 32
TOKEN = "secret-token"
FROM = "+15005550006"
NOT_MOBILE = "+15005550009"
INVALID = "+15005550001"
OPTED_OUT = "+15005550004"


class FakeTwilio(Scripted):
    """Speaks `/2010-04-01/Accounts/…/Messages.json`."""

    def __init__(self, now: Callable[[], float] = lambda: 1795352700.0) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.in_session: set[str] = set()
        """WhatsApp numbers that wrote within the last 24 hours."""
        self.opted_out = {OPTED_OUT}
        self.page_size = 50
        self._now = now
        self.callbacks: dict[str, str] = {}
        self.spoken: dict[str, str] = {}
        """Each call's TwiML."""

    def throttle(self, retry_after: int) -> None:
        """Answer the next request 429."""
        answer = _error(429, 20429, "Too Many Requests")
        self.answer_next(Answer(429, answer.body, {"retry-after": str(retry_after)}))

    def fail(self, status: int) -> None:
        """Answer the next request with a status and no words of Twilio's."""
        self.answer_next(Answer(status, b"upstream error"))

    def callback(self, sid: str, status: str, error: str = "") -> tuple[str, dict[str, str], str]:
        """Return a status callback: its URL, form and signature."""
        message = next(one for one in self.messages if one["sid"] == sid)
        message["status"] = status
        told = {"MessageStatus": status, "SmsStatus": status, **({"ErrorCode": error} if error else {})}
        form = {"MessageSid": sid, "SmsSid": sid, "To": message["to"], "AccountSid": ACCOUNT, **told}
        return self.callbacks[sid], form, self.sign(self.callbacks[sid], form)

    def inbound(self, url: str, from_: str, text: str) -> tuple[dict[str, str], str]:
        """Return an inbound message to our number as a form, and its signature for `url`."""
        form = {"MessageSid": _sid(len(self.messages) + 500), "AccountSid": ACCOUNT, "From": from_, "To": FROM,
                "Body": text, "SmsStatus": "received"}  # fmt: skip
        return form, self.sign(url, form)

    def sign(self, url: str, form: dict[str, str]) -> str:
        """Sign as Twilio does."""
        return str(RequestValidator(TOKEN).compute_signature(url, form))

    def _denied(self, request: Request) -> Answer | None:
        basic = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        known = request.headers.get("authorization") == f"Basic {basic}"
        return None if known else _error(401, 20003, "Authenticate")

    def _route(self, request: Request) -> Answer:
        path = urlsplit(request.path)
        account = f"/2010-04-01/Accounts/{ACCOUNT}"
        if path.path == f"{account}.json":
            return _json(200, {"sid": ACCOUNT, "status": "active", "friendly_name": "Test"})
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        query = {key: values[0] for key, values in parse_qs(path.query).items()}
        for name, kept in (("Messages", self.messages), ("Calls", self.calls)):
            if path.path == f"{account}/{name}.json":
                if request.method == "GET":
                    return self._list(query, name.lower(), kept)
                return self._create(form) if name == "Messages" else self._call(form)
            if path.path.startswith(f"{account}/{name}/") and request.method == "POST":
                return self._cancel(path.path.rsplit("/", 1)[1].removesuffix(".json"), kept, form)
        return _error(404, 20404, "The requested resource was not found")

    def _cancel(self, sid: str, kept: list[dict[str, Any]], form: dict[str, str]) -> Answer:
        found = next((one for one in kept if one["sid"] == sid), None)
        if found is None:
            return _error(404, 20404, "The requested resource was not found")
        if found["status"] not in ("scheduled", "queued", "ringing") or form.get("Status") != "canceled":
            return _error(400, 30409, "Message cannot be canceled")
        found["status"] = "canceled"
        return _json(200, found)

    def _call(self, form: dict[str, str]) -> Answer:
        to = form.get("To", "")
        if to == INVALID or not form.get("From") or not form.get("Twiml"):
            return _error(400, 21211 if to == INVALID else 21213, f"Invalid 'To' Phone Number: {to}")
        sid, stamp = _sid(len(self.calls)).replace("SM", "CA", 1), formatdate(self._now())
        uri = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}"
        call = {
            "sid": sid, "account_sid": ACCOUNT, "api_version": "2010-04-01", "to": to, "to_formatted": to,
            "from": form["From"], "from_formatted": form["From"], "status": "queued", "direction": "outbound-api",
            "date_created": stamp, "date_updated": stamp, "start_time": None, "end_time": None, "duration": None,
            "price": None, "price_unit": "USD", "parent_call_sid": None, "phone_number_sid": None, "answered_by": None,
            "forwarded_from": None, "group_sid": None, "caller_name": None, "queue_time": "0", "trunk_sid": None,
            "uri": f"{uri}.json", "subresource_uris": {"recordings": f"{uri}/Recordings.json"},
        }  # fmt: skip
        self.calls.append(call)
        self.spoken[sid] = form["Twiml"]
        self.callbacks[sid] = form.get("StatusCallback", "")
        return _json(201, call)

    def _create(self, form: dict[str, str]) -> Answer:
        refused = self._refusal(form)
        if refused:
            return refused
        message = self._message(form)
        self.messages.append(message)
        self.callbacks[message["sid"]] = form.get("StatusCallback", "")
        return _json(201, message)

    def _refusal(self, form: dict[str, str]) -> Answer | None:
        to = form.get("To", "")
        problems = [
            (not to, 21604, "A 'To' phone number is required."),
            (to == INVALID, 21211, f"Invalid 'To' Phone Number: {to}"),
            (to == NOT_MOBILE, 21614, f"'To' number is not a valid mobile number: {to}"),
            (to in self.opted_out, 21610, "Attempt to send to unsubscribed recipient"),
            (not (form.get("From") or form.get("MessagingServiceSid")), 21603, "A 'From' phone number is required."),
            (not (form.get("Body") or form.get("ContentSid")), 21602, "Message body is required."),
            (self._is_outside(form), 63016, "Failed to send freeform message because you are outside the window"),
            (len(form.get("Body", "")) > 1600, 21617, "The concatenated message body exceeds the 1600 character limit"),
        ]
        return next((_error(400, code, words) for wrong, code, words in problems if wrong), None)

    def _is_outside(self, form: dict[str, str]) -> bool:
        to = form.get("To", "")
        return to.startswith("whatsapp:") and "ContentSid" not in form and to not in self.in_session

    def _message(self, form: dict[str, str]) -> dict[str, Any]:
        sid, stamp = _sid(len(self.messages)), formatdate(self._now())
        uri = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}"
        return {
            "sid": sid, "account_sid": ACCOUNT, "api_version": "2010-04-01", "body": _said(form), "to": form["To"],
            "from": form.get("From"), "messaging_service_sid": form.get("MessagingServiceSid"), "status": "queued",
            "direction": "outbound-api", "num_media": "0", "num_segments": str(segments(_said(form)).messages),
            "price": None, "price_unit": "USD", "error_code": None, "error_message": None, "date_created": stamp,
            "date_sent": None, "date_updated": stamp, "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }  # fmt: skip

    def _list(self, query: dict[str, str], name: str = "messages", kept: list[dict[str, Any]] | None = None) -> Answer:
        kept = self.messages if kept is None else kept
        found = [one for one in reversed(kept) if one["to"] == query.get("To", one["to"])]
        size, page = min(int(query.get("PageSize", "50")), self.page_size), int(query.get("Page", "0"))
        base = f"/2010-04-01/Accounts/{ACCOUNT}/{name.title()}.json"
        rest = {**query, "PageSize": str(size), "Page": str(page + 1), "PageToken": "PA1"}
        more = f"{base}?{urlencode(rest)}" if len(found) > size * (page + 1) else None
        return _json(200, {name: found[size * page : size * (page + 1)], "page": page, "page_size": size,
                           "next_page_uri": more, "previous_page_uri": None, "first_page_uri": base, "uri": base,
                           "start": size * page, "end": size * (page + 1)})  # fmt: skip


def _said(form: dict[str, str]) -> str:
    """Return the words: the body, or what an approved template makes of its variables."""
    if "ContentSid" not in form:
        return form["Body"]
    variables: dict[str, str] = json.loads(form.get("ContentVariables", "{}"))
    return " ".join(["Approved words:", *variables.values()])


def _sid(number: int) -> str:
    return "SM" + hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


def _json(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"content-type": "application/json"})


def _error(status: int, code: int, words: str) -> Answer:
    url = f"https://www.twilio.com/docs/errors/{code}"
    return _json(status, {"code": code, "message": words, "more_info": url, "status": status})
