"""Messages to a Slack channel or person, with buttons, and what is pressed and written there.

Sources: docs.slack.dev/reference/methods/chat.postMessage, /reference/methods/conversations.history,
/messaging/message-metadata, /apis/web-api/rate-limits, /authentication/verifying-requests-from-slack,
/interactivity/handling-user-interaction, /apis/events-api.
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from outreach.base import Channel, Message, Outcome, Receipt
from outreach.inbound import Acknowledged, Answer, ForgedError, Inbound, Replied, Request, UnreadableError
from outreach.rest import Api, Failed
from outreach.signed import digest, fresh, need

PUBLIC = "https://slack.com/api"
PLACE = re.compile(r"[CDGUW][A-Z0-9]{2,20}")
"""The id of a channel, a conversation or a person."""
MAX_TEXT, LONGEST = 3000, 600
"""Characters of a section, and of ours in one: each may become five when it is made safe."""
MAX_SECTIONS = 40
AGE = 300.0
"""Seconds a signature is believed."""
METADATA = "forewarn_message"
SENT_LATELY = 100
"""Messages that are looked through for one that may have been taken."""
ACTIONS = ("acknowledge", "resolve")
REFUSALS: Mapping[str, Outcome] = {
    "channel_not_found": Outcome.PERMANENT,
    "is_archived": Outcome.PERMANENT,
    "user_not_found": Outcome.PERMANENT,
    "cannot_dm_bot": Outcome.PERMANENT,
    "msg_too_long": Outcome.PERMANENT,
    "no_text": Outcome.PERMANENT,
    "invalid_blocks": Outcome.PERMANENT,
    "restricted_action": Outcome.PERMANENT,
    "ratelimited": Outcome.RETRY,
    "rate_limited": Outcome.RETRY,
    "fatal_error": Outcome.UNKNOWN,
    "internal_error": Outcome.UNKNOWN,
    "request_timeout": Outcome.UNKNOWN,
    "service_unavailable": Outcome.RETRY,
    "team_added_to_org": Outcome.RETRY,
}
"""`error` of an answer that is not `ok` → outcome; any other (not_in_channel, invalid_auth …) is for an operator."""
GONE = ("user_not_found", "is_archived", "channel_not_found")


class Slack(Channel):
    """Posts as an app. What follows a message goes into its thread; `provider_id` is `channel:timestamp`.

    Slack has no idempotency key: each message carries its outbox id as metadata, and after a time-out `find` looks for
    it in the conversation's history (C18), for which the app needs `channels:history`.
    """

    kind: ClassVar[str] = "slack"
    address: ClassVar[str] = "slack"
    vendor: ClassVar[str] = "slack"
    spacing: ClassVar[float] = 1.0

    def __init__(
        self,
        *,
        token: str,
        signing_secret: str = "",
        base_url: str = PUBLIC,
        timeout: float = 10.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`token`: the bot's, xoxb-…; `signing_secret`: without it nothing that comes from Slack is believed."""
        if not token:
            raise ValueError("give the bot's token (xoxb-…)")
        self._secret, self._now = signing_secret, now
        self._api = Api(base_url, headers={"authorization": f"Bearer {token}"}, timeout=timeout, now=now)

    def send(self, message: Message) -> Receipt:
        """Post one message."""
        if not PLACE.fullmatch(message.to):
            return Receipt(
                Outcome.PERMANENT, f"{message.to[:80]!r} is no id of a Slack channel or person, as C0123ABCD"
            )
        try:
            answer = self._call("chat.postMessage", posted(message))
        except Failed as error:
            return error.receipt
        return Receipt(Outcome.ACCEPTED, provider_id=f"{answer['channel']}:{answer['ts']}", code="200")

    def find(self, message: Message) -> Receipt | None:
        """Look for the message's id in the latest of its conversation, or of its thread."""
        place, _, thread = message.thread.partition(":")
        try:
            if thread:
                query: dict[str, Any] = {"channel": place, "ts": thread}
                answer = self._ask("conversations.replies", query)
            else:
                answer = self._ask("conversations.history", {"channel": message.to})
        except Failed as error:
            return Receipt(Outcome.UNKNOWN, f"the history could not be read: {error.receipt.detail}")
        for one in answer.get("messages", []):
            if one.get("metadata", {}).get("event_payload", {}).get("id") == message.id:
                return Receipt(Outcome.ACCEPTED, provider_id=f"{place or message.to}:{one['ts']}")
        if answer.get("has_more"):
            return Receipt(Outcome.UNKNOWN, f"more than {SENT_LATELY} messages there: it may be among the older")
        return Receipt(Outcome.RETRY, "Slack has no such message")

    def receive(self, request: Request) -> Answer:
        """Understand a pressed button or what was written to us. Raises ForgedError and UnreadableError."""
        self._verify(request)
        if request.headers.get("content-type", "").startswith("application/json"):
            return _event(_parsed(request.body))
        return Answer(_pressed(_parsed(request.form.get("payload", "").encode())))

    def reply(self, text: str, locale: str = "en") -> Answer | None:
        """Return nothing: Slack takes no words as an answer to its requests."""
        return None

    def check(self) -> str:
        """Ask who we are; return what went wrong."""
        try:
            self._call("auth.test", {})
        except Failed as error:
            return error.receipt.detail
        return ""

    def close(self) -> None:
        """Let go of connections."""
        self._api.close()

    def _verify(self, request: Request) -> None:
        if not self._secret:
            raise ForgedError("there is no signing_secret for this channel in channels.yaml")
        stamp = request.headers.get("x-slack-request-timestamp", "")
        if not (stamp.isascii() and stamp.isdigit()):
            raise ForgedError("X-Slack-Request-Timestamp is missing or no number")
        signed = b"v0:" + stamp.encode() + b":" + request.body
        expected = f"v0={digest(self._secret, signed, 'sha256').hex()}"
        need("X-Slack-Signature", request.headers.get("x-slack-signature", ""), expected)
        fresh(float(stamp[:12]), request.time, AGE)

    def _call(self, method: str, body: Mapping[str, Any]) -> Any:
        return _ok(self._api.ask("POST", f"/{method}", json=dict(body)).data)

    def _ask(self, method: str, query: Mapping[str, str | int]) -> Any:
        params = {**query, "limit": SENT_LATELY, "include_all_metadata": "true"}
        return _ok(self._api.get(f"/{method}", **params).data)


def posted(message: Message) -> dict[str, Any]:
    """Return the body of `chat.postMessage`: text for notifications, blocks for the eye, metadata to be found by.

    >>> posted(Message("int_1", "C123", "It works again.", subject="API"))["blocks"][0]["text"]["text"]
    '*API*'
    """
    body: dict[str, Any] = {
        "channel": message.to,
        "text": escaped(f"{message.subject}\n{message.text}".strip()[:LONGEST]),
        "blocks": [*_sections(message), *_buttons(message)],
        "metadata": {"event_type": METADATA, "event_payload": {"id": message.id}},
        "unfurl_links": False,
        "unfurl_media": False,
    }
    _, _, thread = message.thread.partition(":")
    return body | ({"thread_ts": thread} if thread else {})


def escaped(text: str) -> str:
    """Return a text in which nothing is Slack's markup for links and mentions.

    >>> escaped("<!channel> & <https://evil.example|our page>")
    '&lt;!channel&gt; &amp; &lt;https://evil.example|our page&gt;'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _sections(message: Message) -> list[dict[str, Any]]:
    head = [f"*{escaped(message.subject)}*"] if message.subject else []
    cut = range(0, min(len(message.text), LONGEST * MAX_SECTIONS), LONGEST)
    parts = [escaped(message.text[start : start + LONGEST]) for start in cut]
    return [{"type": "section", "text": {"type": "mrkdwn", "text": part[:MAX_TEXT]}} for part in [*head, *parts]]


def _buttons(message: Message) -> list[dict[str, Any]]:
    if not message.choices:
        return []
    buttons = [
        {"type": "button", "action_id": key, "value": message.id, "text": {"type": "plain_text", "text": words[:75]}}
        for key, words in message.choices.items()
    ]
    return [{"type": "actions", "elements": buttons[:5]}]


def _ok(data: Any) -> Any:
    """Return a good answer. Raises Failed: an HTTP 200 may hold a refusal."""
    if isinstance(data, dict) and data.get("ok") is True:
        return data
    error = data.get("error", "") if isinstance(data, dict) else ""
    if not error:
        raise Failed(Receipt(Outcome.UNKNOWN, "Slack's answer is neither ok nor an error"))
    outcome = REFUSALS.get(error, Outcome.RETRY)
    raise Failed(Receipt(outcome, f"Slack says {error}", code=error, suppress=error in GONE))


def _parsed(body: bytes) -> Any:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise UnreadableError(f"payload: it is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise UnreadableError("payload: it is no JSON object")
    return found


def _pressed(payload: Mapping[str, Any]) -> Sequence[Inbound]:
    place, user = payload.get("container") or {}, payload.get("user") or {}
    thread = f"{place.get('channel_id', '')}:{place.get('message_ts', '')}"
    who = str(user.get("username") or user.get("id") or "")
    told: list[Inbound] = []
    for action in payload.get("actions") or []:
        key, id_ = str(action.get("action_id", "")), f"{thread}:{action.get('action_ts', '')}"
        if key in ACTIONS:
            told.append(Acknowledged(thread, who, key, id_))
        elif key:
            told.append(Replied(id_, str(user.get("id", "")), "", thread, key))
    return told


def _event(body: Mapping[str, Any]) -> Answer:
    if body.get("type") == "url_verification":
        return Answer(body=str(body.get("challenge", "")))
    event = body.get("event") or {}
    written = event.get("type") == "message" and not event.get("bot_id") and not event.get("subtype")
    if not written or not event.get("user"):
        return Answer()
    place = str(event.get("channel", ""))
    thread = f"{place}:{event['thread_ts']}" if event.get("thread_ts") else ""
    return Answer([Replied(f"{place}:{event.get('ts', '')}", str(event["user"]), str(event.get("text", "")), thread)])
