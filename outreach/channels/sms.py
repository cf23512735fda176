"""Text messages through Twilio's Programmable Messaging API and its own SDK."""

import time
from collections.abc import Callable
from typing import Any, ClassVar

from outreach.base import Message, Outcome, Receipt
from outreach.text import mark
from outreach.twilio import PUBLIC
from outreach.twilio_channel import TwilioChannel, given, marked


class Sms(TwilioChannel):
    """Sends by a number or a Messaging Service.

    Twilio has no idempotency key. So each text ends with a short sign of its outbox id, and after a time-out
    `find` looks for it in the list of what was sent to that number (C18). Ask a minute after the attempt, not at
    once: the list may lag.
    """

    kind: ClassVar[str] = "sms"

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
        super().__init__(account_sid, auth_token, base_url, timeout, now)
        self._fixed = given(
            from_=from_,
            messaging_service_sid=messaging_service_sid,
            status_callback=status_callback,
            max_price=max_price,
            validity_period=validity,
        )

    def recall(self, provider_id: str) -> Receipt:
        """Cancel what Twilio was told to send later; what it already sends cannot be."""
        made = self._ask(lambda: self._client.messages(provider_id).update(status="canceled"))
        return made if isinstance(made, Receipt) else Receipt(Outcome.ACCEPTED, provider_id=provider_id)

    def _make(self, to: str, message: Message) -> Any:
        return self._ask(lambda: self._client.messages.create(to=to, body=marked(message), **self._fixed))

    @property
    def _sent(self) -> Any:
        return self._client.messages

    def _found(self, message: Message, listed: list[Any]) -> Receipt:
        body = marked(message)
        found = next((one for one in listed if one.body and one.body.endswith(mark(message.id))), None)
        if found is not None and found.body == body:
            return Receipt(Outcome.ACCEPTED, str(found.status), provider_id=str(found.sid))
        return self._not_found(listed)
