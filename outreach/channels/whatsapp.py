"""WhatsApp messages through Twilio: approved templates, and free words while a conversation is open.

Sources: twilio.com/docs/whatsapp/key-concepts, /content/send-templates-created-with-the-content-template-builder,
/api/errors/63016.
"""

import json
import time
from collections.abc import Callable
from typing import Any, ClassVar

from outreach.base import Message, Outcome, Receipt
from outreach.twilio import PUBLIC
from outreach.twilio_channel import TwilioChannel, given, marked

PREFIX = "whatsapp:"
OUTSIDE = "63016"
"""Twilio's error number for free words outside of the 24 hours."""


class WhatsApp(TwilioChannel):
    """Writes freely for 24 hours after the person wrote; at any other time only what WhatsApp approved (C12).

    A template's words are fixed: there is no room for a sign of the outbox id, so what became of a template message
    that was not answered for is only known where none was sent to the number; else it stays unknown (C18).
    """

    kind: ClassVar[str] = "whatsapp"
    session: ClassVar[float] = 86400.0

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        from_: str = "",
        messaging_service_sid: str = "",
        base_url: str = PUBLIC,
        status_callback: str = "",
        timeout: float = 10.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`from_`: the sender's number. Approved templates are named by `whatsapp.yaml` beside the words."""
        if bool(from_) == bool(messaging_service_sid):
            raise ValueError("give either from or messaging_service_sid")
        super().__init__(account_sid, auth_token, base_url, timeout, now)
        self._fixed = given(
            from_=from_ and PREFIX + from_.removeprefix(PREFIX),
            messaging_service_sid=messaging_service_sid,
            status_callback=status_callback,
        )

    def _make(self, to: str, message: Message) -> Any:
        if message.content:
            said = given(content_sid=message.content, content_variables=json.dumps(dict(message.variables)))
        elif self._now() < message.session_until:
            said = {"body": marked(message)}
        else:
            cause = "outside of the 24 hours after the person wrote, only an approved template may be sent"
            remedy = "name its ContentSid in whatsapp.yaml beside the words"
            return Receipt(Outcome.PERMANENT, f"{cause}; {remedy}", code=OUTSIDE)
        return self._ask(lambda: self._client.messages.create(to=PREFIX + to, **said, **self._fixed))

    @property
    def _sent(self) -> Any:
        return self._client.messages

    def _place(self, to: str) -> str:
        return PREFIX + to

    def _found(self, message: Message, listed: list[Any]) -> Receipt:
        recent = [one for one in listed if one.date_created and one.date_created > self._since]
        if message.content:
            if not recent:
                return Receipt(Outcome.RETRY, "Twilio sent nothing to this number")
            return Receipt(
                Outcome.UNKNOWN, f"one of {len(recent)} messages to this number may be it: look, then decide"
            )
        found = next((one for one in recent if one.body == marked(message)), None)
        if found is None:
            return self._not_found(listed)
        return Receipt(Outcome.ACCEPTED, str(found.status), provider_id=str(found.sid))
