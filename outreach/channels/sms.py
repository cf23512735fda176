"""Text messages through Twilio's Programmable Messaging API and its own SDK."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

from outreach.address import phone
from outreach.base import Channel, Message, Outcome, Receipt
from outreach.inbound import Answer, Request
from outreach.retry import of_error
from outreach.text import mark
from outreach.twilio import PUBLIC, Throttled, client, refusal
from outreach.twilio_hooks import received, spoken

LOOK_BACK = 2 * 86400.0
LOOK_AT = 200


class Sms(Channel):
    """Sends by a number or a Messaging Service.

    Twilio has no idempotency key. So each text ends with a short sign of its outbox id, and after a time-out
    `find` looks for it in the list of what was sent to that number (C18). Ask a minute after the attempt, not at
    once: the list may lag.
    """

    kind: ClassVar[str] = "sms"
    vendor: ClassVar[str] = "twilio"
    address: ClassVar[str] = "phone"
    plain: ClassVar[bool] = True

    def __init__(  # noqa: PLR0913 -- the constructor is the config schema
        self,
        *,
        account_sid: str,
        auth_token: str,
        from_: str = "",
        messaging_service_sid: str = "",
        base_url: str = PUBLIC,
        status_callback: str = "",
        timeout: float = 10.0,
        max_price: float | None = None,
        validity: int = 14400,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`max_price`: USD a message may cost. `validity`: seconds after which Twilio drops what it could not send."""
        if bool(from_) == bool(messaging_service_sid):
            raise ValueError("give either from or messaging_service_sid")
        if not 1 <= validity <= 36000:
            raise ValueError("validity must be 1 to 36000 seconds")
        self._account, self._token = account_sid, auth_token
        self._base_url, self._timeout, self._now = base_url.rstrip("/"), timeout, now
        self._fixed = _given(
            from_=from_,
            messaging_service_sid=messaging_service_sid,
            status_callback=status_callback,
            max_price=max_price,
            validity_period=validity,
        )

    @cached_property
    def _client(self) -> Any:
        return client(self._account, self._token, self._base_url, self._timeout)

    def send(self, message: Message) -> Receipt:
        """Hand one message to Twilio."""
        try:
            to = phone(message.to)
        except ValueError as error:
            return Receipt(Outcome.PERMANENT, str(error), suppress=True)
        made = self._ask(lambda: self._client.messages.create(to=to, body=_body(message), **self._fixed))
        if isinstance(made, Receipt):
            return made
        return Receipt(Outcome.ACCEPTED, str(made.status), provider_id=str(made.sid), code="201")

    def find(self, message: Message) -> Receipt | None:
        """Look for the message's sign in what was sent to its number in the last two days."""
        try:
            to = phone(message.to)
        except ValueError as error:
            return Receipt(Outcome.PERMANENT, str(error), suppress=True)
        listed = self._ask(lambda: self._client.messages.list(to=to, limit=LOOK_AT))
        if isinstance(listed, Receipt):
            return Receipt(Outcome.UNKNOWN, f"the list could not be read: {listed.detail}", code=listed.code)
        body = _body(message)
        found = next((one for one in listed if one.body and one.body.endswith(mark(message.id))), None)
        if found is not None and found.body == body:
            return Receipt(Outcome.ACCEPTED, str(found.status), provider_id=str(found.sid))
        return self._not_found(listed)

    def _not_found(self, listed: list[Any]) -> Receipt:
        since = datetime.fromtimestamp(self._now() - LOOK_BACK, UTC)
        if len(listed) == LOOK_AT and all(one.date_created and one.date_created > since for one in listed):
            return Receipt(Outcome.UNKNOWN, f"more than {LOOK_AT} messages to this number: it may be among the older")
        return Receipt(Outcome.RETRY, "Twilio has no such message")

    def receive(self, request: Request) -> Answer:
        """Understand a status callback or what a person wrote; `ForgedError` unless Twilio signed it."""
        return received(self._token, request)

    def reply(self, text: str) -> Answer:
        """Answer who wrote, in TwiML."""
        return spoken(text)

    def check(self) -> str:
        """Read the account; return what went wrong."""
        answer = self._ask(lambda: self._client.api.v2010.accounts(self._account).fetch())
        return answer.detail if isinstance(answer, Receipt) else ""

    def close(self) -> None:
        """Let go of the connection pool."""
        if "_client" in self.__dict__:
            self._client.http_client.session.close()

    def _ask(self, question: Callable[[], Any]) -> Any:
        """Return the SDK's answer, or a receipt that says why there is none."""
        from twilio.base.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415
            TwilioException,
            TwilioRestException,
        )

        try:
            return question()
        except TwilioRestException as error:
            return refusal(error.status, error.code, f"{error.status}: {error.msg}")
        except Throttled as error:
            return Receipt(Outcome.RETRY, str(error), code="429", retry_after=error.wait)
        except OSError as error:  # what the SDK's HTTP library raises
            return of_error(error)
        except TwilioException as error:
            return refusal(getattr(error.args[-1], "status_code", 500), None, str(error))
        except ValueError as error:
            return Receipt(Outcome.UNKNOWN, f"Twilio's answer cannot be read: {error}")


def _body(message: Message) -> str:
    return f"{message.text.strip()} {mark(message.id)}"


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", None)}
