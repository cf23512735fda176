"""Events to PagerDuty, for those on call, and what they do with the incident there.

Sources: developer.pagerduty.com/docs/events-api-v2-overview, /docs/send-alert-event, /docs/webhooks-overview,
/docs/verifying-webhook-signatures.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from outreach.base import Channel, Message, Outcome, Receipt
from outreach.inbound import Acknowledged, Answer, ForgedError, Request, UnreadableError
from outreach.rest import Api, Failed
from outreach.signed import digest

PUBLIC = "https://events.pagerduty.com"
KEY = re.compile(r"[A-Za-z0-9]{32}")
MAX_SUMMARY = 1024
SEVERITIES: Mapping[str, str] = {"critical": "critical", "high": "error", "medium": "warning", "low": "info"}
ENDS = ("resolved", "dismissed", "expired")
"""Occasions that end what an earlier message began."""
DONE: Mapping[str, str] = {"incident.acknowledged": "acknowledge", "incident.resolved": "resolve"}


class PagerDuty(Channel):
    """Triggers an incident, and resolves it by the message that closes the thread.

    The address is the integration's routing key. What belongs to one thread has one `dedup_key`, so a repeat does no
    harm: an attempt without an answer is UNKNOWN, and `find` says that it may be made again.
    """

    kind: ClassVar[str] = "pagerduty"
    address: ClassVar[str] = "pagerduty"
    vendor: ClassVar[str] = "pagerduty"

    def __init__(
        self,
        *,
        webhook_secret: str = "",
        source: str = "forewarn",
        base_url: str = PUBLIC,
        timeout: float = 10.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`webhook_secret`: of the subscription (v3) that calls us back. `source`: where the incident is from."""
        self._secret, self._source, self._now = webhook_secret, source, now
        self._api = Api(base_url, timeout=timeout, now=now)

    def send(self, message: Message) -> Receipt:
        """Send one event."""
        if not KEY.fullmatch(message.to):
            return Receipt(Outcome.PERMANENT, "the address is no routing key of PagerDuty: 32 letters and digits")
        body = event(message, self._source)
        try:
            answer = self._api.ask("POST", "/v2/enqueue", json=body)
        except Failed as error:
            return error.receipt
        key = answer.data.get("dedup_key") if isinstance(answer.data, dict) else None
        if key != body["dedup_key"]:
            return Receipt(Outcome.UNKNOWN, "PagerDuty's answer does not name the dedup_key")
        return Receipt(Outcome.ACCEPTED, provider_id=str(key), code="202")

    def find(self, message: Message) -> Receipt:
        """Answer that a repeat does no harm: PagerDuty knows it by its dedup_key."""
        return Receipt(Outcome.RETRY, "safe to repeat: PagerDuty knows it by its dedup_key")

    def receive(self, request: Request) -> Answer:
        """Understand what was done with an incident. Raises ForgedError and UnreadableError."""
        self._verify(request)
        try:
            told = json.loads(request.body)["event"]
            action = DONE.get(str(told["event_type"]))
            thread = str(told["data"].get("incident_key") or "")
            id_ = str(told.get("id") or "")
            who = str((told.get("agent") or {}).get("summary") or "PagerDuty")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableError(f"event: it cannot be read: {error}") from error
        return Answer([Acknowledged(thread, who, action, id_)] if action and thread else [])

    def reply(self, text: str, locale: str = "en") -> Answer | None:
        """Return nothing: PagerDuty carries no words back."""
        return None

    def close(self) -> None:
        """Let go of connections."""
        self._api.close()

    def _verify(self, request: Request) -> None:
        if not self._secret:
            raise ForgedError("there is no webhook_secret for this channel in channels.yaml")
        given = [one.strip() for one in request.headers.get("x-pagerduty-signature", "").split(",")]
        if f"v1={digest(self._secret, request.body, 'sha256').hex()}" not in given:
            raise ForgedError("X-PagerDuty-Signature is missing or wrong: check webhook_secret")


def event(message: Message, source: str) -> dict[str, Any]:
    """Return the event: `trigger` for a first message, `resolve` for the one that closes, else an update.

    >>> event(Message("int_1", "k", "12 of 20 calls fail.", subject="API errors"), "forewarn")["event_action"]
    'trigger'
    """
    key = message.thread or hashlib.blake2b(message.id.encode(), digest_size=16).hexdigest()
    action = "resolve" if message.thread and message.data.get("occasion") in ENDS else "trigger"
    summary = (message.subject or message.text or "Forewarn")[:MAX_SUMMARY]
    issue = message.data.get("issue")
    severity = SEVERITIES.get(str(issue.get("severity", "")) if isinstance(issue, Mapping) else "", "warning")
    details = {"text": message.text, **{name: value for name, value in message.data.items() if value}}
    payload = {"summary": summary, "source": source, "severity": severity, "custom_details": details}
    return {"routing_key": message.to, "event_action": action, "dedup_key": key, "payload": payload}
