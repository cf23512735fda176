"""Twilio's words in ours: error numbers, message states, and its SDK pointed at a base URL.

Sources: twilio.com/docs/api/errors, /messaging/api/message-resource, /messaging/guides/track-outbound-message-status.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from outreach.base import Delivery, Outcome, Receipt
from outreach.retry import of_status, retry_after

if TYPE_CHECKING:
    from twilio.rest import Client  # type: ignore[import-untyped]  # ships annotations but no py.typed

PUBLIC = "https://api.twilio.com"

ERRORS: Mapping[int, tuple[Outcome, bool]] = {
    20003: (Outcome.RETRY, False),  # our credentials are refused: an operator puts it right, the message is good
    20429: (Outcome.RETRY, False),
    21211: (Outcome.PERMANENT, True),  # no telephone number
    21408: (Outcome.PERMANENT, False),  # this country is not enabled for the account
    21610: (Outcome.PERMANENT, True),  # the recipient opted out
    21611: (Outcome.RETRY, False),  # the sender's queue is full
    21612: (Outcome.PERMANENT, False),  # no route from this sender to there
    21614: (Outcome.PERMANENT, True),  # no mobile number
    30001: (Outcome.RETRY, False),  # queue overflow
    30003: (Outcome.PERMANENT, False),  # switched off or out of reach
    30004: (Outcome.PERMANENT, False),  # blocked
    30005: (Outcome.PERMANENT, True),  # unknown number
    30006: (Outcome.PERMANENT, True),  # a landline, or a carrier out of reach
    30007: (Outcome.PERMANENT, False),  # filtered by the carrier
    63014: (Outcome.PERMANENT, True),  # blocked by the recipient
    63016: (Outcome.PERMANENT, False),  # WhatsApp: free words outside of the 24 hours
}
"""Error number → outcome, and whether the address is suppressed. Any other goes by its HTTP status."""

STATES: Mapping[str, Delivery] = {
    "accepted": Delivery.QUEUED,
    "scheduled": Delivery.QUEUED,
    "queued": Delivery.QUEUED,
    "sending": Delivery.QUEUED,
    "sent": Delivery.SENT,
    "partially_delivered": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.READ,
    "undelivered": Delivery.BOUNCED,
    "failed": Delivery.FAILED,
    "canceled": Delivery.FAILED,
}
"""`MessageStatus` → delivery. Anything else is UNKNOWN, the raw form is kept."""

CALLS: Mapping[str, Delivery] = {
    "queued": Delivery.QUEUED,
    "initiated": Delivery.QUEUED,
    "ringing": Delivery.SENT,
    "in-progress": Delivery.SENT,
    "completed": Delivery.DELIVERED,
    "busy": Delivery.FAILED,
    "no-answer": Delivery.FAILED,
    "failed": Delivery.FAILED,
    "canceled": Delivery.FAILED,
}
"""`CallStatus` → delivery."""


def refusal(status: int, code: int | None, detail: str) -> Receipt:
    """Return what an error answer of the API means."""
    if code is not None and code in ERRORS:
        outcome, suppress = ERRORS[code]
        return Receipt(outcome, detail, code=str(code), suppress=suppress)
    by_status = of_status(status, detail=detail)
    return Receipt(by_status.outcome, detail, code=str(code or status))


class Throttled(Exception):
    """Too many requests (HTTP 429); `wait` seconds were asked for."""

    def __init__(self, wait: float | None) -> None:
        self.wait = wait
        super().__init__("too many requests")


def client(account_sid: str, auth_token: str, base_url: str, timeout: float) -> "Client":
    """Return the SDK's client, talking to `base_url`, with one connection pool and no retries of its own."""
    from twilio.http.http_client import (  # type: ignore[import-untyped]  # noqa: PLC0415 -- 0.3 s, only where used
        TwilioHttpClient,
    )
    from twilio.rest import Client  # noqa: PLC0415

    class Pointed(TwilioHttpClient):  # type: ignore[misc]  # untyped base
        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            answer = super().request(method, url.replace(PUBLIC, base_url, 1), *args, **kwargs)
            if answer.status_code == 429:
                raise Throttled(retry_after(answer.headers, 0.0))
            return answer

    return Client(account_sid, auth_token, http_client=Pointed(timeout=timeout, max_retries=0))
