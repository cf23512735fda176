"""A stateful stand-in for Slack's web API: it keeps conversations with their threads, and presses buttons."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from slack_sdk.signature import SignatureVerifier

from outreach import inbound
from tests.outreach.fakes.scripted import Scripted
from tests.outreach.fakes.web import Answer, Request

TOKEN = "xoxb-token"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
ARCHIVED = "C0ARCHIVED"
NOW = 1795352700.0


class FakeSlack(Scripted):
    """Conversations, and who may speak in them."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []
        self.page = 100

    def throttle(self, retry_after: int) -> None:
        """Answer the next request 429."""
        self.answer_next(Answer(429, b'{"ok":false,"error":"ratelimited"}', {"retry-after": str(retry_after)}))

    def refuse(self, error: str) -> None:
        """Answer the next request 200 with an error."""
        self.answer_next(_json({"ok": False, "error": error}))

    def say(self, body: bytes, status: int = 200) -> None:
        """Answer the next request with these bytes."""
        self.answer_next(Answer(status, body))

    def press(self, provider_id: str, action: str, *, at: float = NOW) -> inbound.Request:
        """Return the request that a pressed button makes, signed by Slack's own SDK."""
        place, _, stamp = provider_id.partition(":")
        payload = {
            "type": "block_actions",
            "user": {"id": "U0ANN", "username": "ann"},
            "container": {"type": "message", "channel_id": place, "message_ts": stamp},
            "actions": [{"action_id": action, "value": "int_1", "action_ts": "1795352701.1"}],
        }
        return signed(urlencode({"payload": json.dumps(payload)}).encode(), "application/x-www-form-urlencoded", at)

    def _denied(self, request: Request) -> Answer | None:
        known = request.headers.get("authorization") == f"Bearer {TOKEN}"
        return None if known else _json({"ok": False, "error": "invalid_auth"})

    def _route(self, request: Request) -> Answer:
        path = urlsplit(request.path)
        query = {key: values[0] for key, values in parse_qs(path.query).items()}
        body = json.loads(request.body or b"{}")
        routes: dict[str, Callable[[], Answer]] = {
            "/chat.postMessage": lambda: self._post(body),
            "/conversations.history": lambda: self._listed(query, ""),
            "/conversations.replies": lambda: self._listed(query, query.get("ts", "")),
            "/auth.test": lambda: _json({"ok": True, "user_id": "U0BOT"}),
        }
        return routes.get(path.path, lambda: _json({"ok": False, "error": "unknown_method"}))()

    def _post(self, body: dict[str, Any]) -> Answer:
        if body["channel"] == ARCHIVED:
            return _json({"ok": False, "error": "is_archived"})
        if not body.get("text") and not body.get("blocks"):
            return _json({"ok": False, "error": "no_text"})
        if any(len(one["text"]["text"]) > 3000 for one in body["blocks"] if one["type"] == "section"):
            return _json({"ok": False, "error": "invalid_blocks"})
        message = {**body, "ts": f"1795352700.{len(self.messages):06d}"}
        self.messages.append(message)
        return _json({"ok": True, "channel": body["channel"], "ts": message["ts"], "message": {"text": body["text"]}})

    def _listed(self, query: dict[str, str], thread: str) -> Answer:
        own = [one for one in self.messages if one["channel"] == query["channel"]]
        own = [one for one in own if thread in (one["ts"], one.get("thread_ts", ""))] if thread else own
        found = list(reversed(own))
        if query.get("include_all_metadata") != "true":
            found = [{key: value for key, value in one.items() if key != "metadata"} for one in found]
        return _json({"ok": True, "messages": found[: self.page], "has_more": len(found) > self.page})


def signed(body: bytes, type_: str, at: float = NOW, *, secret: str = SECRET) -> inbound.Request:
    """Return a request as Slack signs it."""
    stamp = str(int(at))
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body) or ""
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature, "content-type": type_}
    return inbound.Request("https://forewarn.example.org/hooks/channel/slack", headers, body, NOW)


def _json(body: object) -> Answer:
    return Answer(200, json.dumps(body).encode(), {"content-type": "application/json"})
