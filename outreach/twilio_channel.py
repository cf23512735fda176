"""What the channels that go through Twilio have in common: one account, its client, its errors and its callbacks."""

import re
import time
from abc import abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

from outreach.address import phone
from outreach.base import Channel, Message, Outcome, Receipt
from outreach.inbound import Answer, Request
from outreach.retry import of_error
from outreach.text import mark
from outreach.twilio import Throttled, client, refusal
from outreach.twilio_hooks import received, spoken

LOOK_BACK = 2 * 86400.0
LOOK_AT = 200
SID = re.compile("[A-Z]{2}[0-9a-f]{32}")
"""An id of Twilio's."""
UNDONE = ("failed", "undelivered", "canceled")
"""Statuses that say, of a message or call just made, that nothing comes of it."""


class TwilioChannel(Channel):
    """Base of the channels that Twilio carries."""

    vendor: ClassVar[str] = "twilio"
    address: ClassVar[str] = "phone"
    plain: ClassVar[bool] = True

    def __init__(
        self, account_sid: str, auth_token: str, base_url: str, timeout: float, now: Callable[[], float] = time.time
    ) -> None:
        self._account, self._token = account_sid, auth_token
        self._base_url, self._timeout, self._now = base_url.rstrip("/"), timeout, now

    @cached_property
    def _client(self) -> Any:
        return client(self._account, self._token, self._base_url, self._timeout)

    def send(self, message: Message) -> Receipt:
        """Hand one message to Twilio."""
        try:
            to = phone(message.to)
        except ValueError as error:
            return Receipt(Outcome.PERMANENT, str(error), suppress=True)
        made = self._make(to, message)
        return made if isinstance(made, Receipt) else taken(made)

    def find(self, message: Message) -> Receipt | None:
        """Look for the message in what was sent to its number in the last two days."""
        try:
            to = phone(message.to)
        except ValueError as error:
            return Receipt(Outcome.PERMANENT, str(error), suppress=True)
        listed = self._ask(lambda: self._sent.list(to=self._place(to), limit=LOOK_AT))
        if isinstance(listed, Receipt):
            return Receipt(Outcome.UNKNOWN, f"the list could not be read: {listed.detail}", code=listed.code)
        return self._found(message, listed)

    @abstractmethod
    def _make(self, to: str, message: Message) -> Any:
        """Return what Twilio made of it, or a receipt that says why it made nothing."""

    @property
    @abstractmethod
    def _sent(self) -> Any:
        """The SDK's list of what was sent."""

    def _place(self, to: str) -> str:
        """Return a number as this channel names it."""
        return to

    @abstractmethod
    def _found(self, message: Message, listed: list[Any]) -> Receipt:
        """Return whether the message is among them."""

    def _not_found(self, listed: list[Any]) -> Receipt:
        if len(listed) == LOOK_AT and all(one.date_created and one.date_created > self._since for one in listed):
            return Receipt(Outcome.UNKNOWN, f"more than {LOOK_AT} messages to this number: it may be among the older")
        return Receipt(Outcome.RETRY, "Twilio has no such message")

    @property
    def _since(self) -> datetime:
        return datetime.fromtimestamp(self._now() - LOOK_BACK, UTC)

    def receive(self, request: Request) -> Answer:
        """Understand a status callback or what a person wrote; `ForgedError` unless Twilio signed it."""
        return received(self._token, request)

    def reply(self, text: str, locale: str = "en") -> Answer | None:
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
        except (ValueError, TypeError, AttributeError) as error:  # what the SDK makes of JSON that is no object
            return Receipt(Outcome.UNKNOWN, f"Twilio's answer cannot be read: {error}")


def taken(made: Any) -> Receipt:
    """Return what an answer of success says: it may hold a refusal, or name nothing that could be asked about.

    >>> from types import SimpleNamespace as Made
    >>> taken(Made(sid="SM" + "0" * 32, status="queued")).outcome.value, taken(Made(sid=None, status="")).outcome.value
    ('accepted', 'unknown')
    >>> taken(Made(sid="SM" + "0" * 32, status="failed", error_code=30005)).outcome.value
    'permanent'
    """
    status, error = str(made.status), getattr(made, "error_code", None)
    if status in UNDONE:
        words = getattr(made, "error_message", None) or "no reason is given"
        return refusal(400, int(error) if error else None, f"Twilio took it and says {status}: {words}")
    if not SID.fullmatch(str(made.sid)):
        return Receipt(Outcome.UNKNOWN, f"Twilio's answer names no message: its sid is {str(made.sid)[:40]!r}")
    return Receipt(Outcome.ACCEPTED, status, provider_id=str(made.sid), code="201")


def marked(message: Message) -> str:
    """Return the text with the sign of its outbox id, by which it is found in Twilio's list."""
    return f"{message.text.strip()} {mark(message.id)}"


def given(**values: Any) -> dict[str, Any]:
    """Return what has a value: a parameter that is left out is Twilio's own default.

    >>> given(body="Hello", from_="", max_price=None)
    {'body': 'Hello'}
    """
    return {name: value for name, value in values.items() if value not in ("", None)}
