"""Calls through Twilio: the words are spoken, to a person or after the tone of a machine, and a key may be pressed.

Sources: twilio.com/docs/voice/api/call-resource, /voice/answering-machine-detection, /voice/twiml/gather,
/voice/twiml/say/text-speech.
"""

import time
from collections.abc import Callable
from typing import Any, ClassVar
from xml.sax.saxutils import escape, quoteattr

from outreach.base import Message, Outcome, Receipt
from outreach.inbound import Answer, Request
from outreach.twilio import PUBLIC
from outreach.twilio_channel import TwilioChannel, given
from outreach.twilio_hooks import XML, called

LANGUAGES = {"de": "de-DE", "en": "en-GB", "es": "es-ES", "fr": "fr-FR", "it": "it-IT", "nl": "nl-NL", "pt": "pt-PT"}
"""The language a locale without a country is spoken in."""
MOST_WORDS = 3000
"""Characters that Twilio takes of TwiML are 4,000; the rest is for what is around the words."""
EVENTS = ["initiated", "ringing", "answered", "completed"]


class Voice(TwilioChannel):
    """Speaks the words twice, waits for a key, and says goodbye.

    Whether a machine took the call is found out first, so that it records the whole message. A call has no text that it
    could be found by: after a time-out it is only known not to have been made where none was made to that number in
    the last two days; else it stays unknown (C18).
    """

    kind: ClassVar[str] = "voice"

    def __init__(  # noqa: PLR0913 -- the constructor is the config schema
        self,
        *,
        account_sid: str,
        auth_token: str,
        from_: str,
        base_url: str = PUBLIC,
        status_callback: str = "",
        answer_callback: str = "",
        timeout: float = 10.0,
        ring: int = 25,
        machine_detection: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`ring`: seconds it may ring. `answer_callback`: where Twilio tells which key was pressed."""
        if not 5 <= ring <= 600:
            raise ValueError("ring must be 5 to 600 seconds")
        super().__init__(account_sid, auth_token, base_url, timeout, now)
        self._answer = answer_callback or status_callback
        self._fixed = given(
            from_=from_,
            status_callback=status_callback,
            status_callback_event=EVENTS if status_callback else None,
            timeout=ring,
            machine_detection="DetectMessageEnd" if machine_detection else None,
        )

    def receive(self, request: Request) -> Answer:
        """Understand what became of a call, or which key was pressed; `ForgedError` unless Twilio signed it."""
        return called(self._token, request)

    def reply(self, text: str, locale: str = "en") -> Answer:
        """Say it, and hang up."""
        return Answer(body=f"<Response>{say(text, locale)}<Hangup/></Response>", media_type=XML)

    def recall(self, provider_id: str) -> Receipt:
        """Cancel a call that is not answered yet."""
        made = self._ask(lambda: self._client.calls(provider_id).update(status="canceled"))
        return made if isinstance(made, Receipt) else Receipt(Outcome.ACCEPTED, provider_id=provider_id)

    def _make(self, to: str, message: Message) -> Any:
        if len(message.text) > MOST_WORDS:
            said = f"{len(message.text)} characters are too many for a call; {MOST_WORDS} are the most"
            return Receipt(Outcome.PERMANENT, said)
        spoken = twiml(message, self._answer)
        return self._ask(lambda: self._client.calls.create(to=to, twiml=spoken, **self._fixed))

    @property
    def _sent(self) -> Any:
        return self._client.calls

    def _found(self, message: Message, listed: list[Any]) -> Receipt:
        recent = [one for one in listed if one.date_created and one.date_created > self._since]
        if not recent:
            return Receipt(Outcome.RETRY, "Twilio made no call to this number")
        return Receipt(Outcome.UNKNOWN, f"one of {len(recent)} calls to this number may be {message.id}: look at them")


def twiml(message: Message, answer: str) -> str:
    """Return what is said in a call, as TwiML; where there are choices, a key is waited for.

    >>> twiml(Message("int_1", "+1555", "It works.", locale="en"), "")
    '<Response><Say language="en-GB">It works.</Say><Pause/><Say language="en-GB">It works.</Say></Response>'
    """
    keys = [words for key, words in message.choices.items() if key in "0123456789*#" and answer]
    said = say(" ".join([message.text.strip(), *keys]), message.locale)
    if keys:
        said = f'<Gather numDigits="1" timeout="6" action={quoteattr(answer)}>{said}</Gather>'
    return f"<Response>{said}<Pause/>{said}</Response>"


def say(text: str, locale: str) -> str:
    """Return words to be spoken, as TwiML.

    >>> say("Danke & Servus.", "de")
    '<Say language="de-DE">Danke &amp; Servus.</Say>'
    """
    return f"<Say language={quoteattr(LANGUAGES.get(locale, locale))}>{escape(text)}</Say>"
