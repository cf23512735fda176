"""What Twilio tells us by a request: what became of a message, and what people write. And what we say back, in TwiML.

A request counts only if Twilio signed it, for our public address. Twilio repeats itself and keeps no order.

Sources: twilio.com/docs/usage/security, /messaging/guides/webhook-request,
/messaging/guides/track-outbound-message-status, /messaging/tutorials/advanced-opt-out, /messaging/twiml,
/voice/twiml/gather.
"""

from collections.abc import Mapping
from typing import Literal
from xml.sax.saxutils import escape

from outreach.base import Delivery
from outreach.inbound import Answer, Delivered, ForgedError, Replied, Request, UnreadableError
from outreach.twilio import CALLS, ERRORS, STATES

TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response>{}</Response>'
XML = "application/xml"
CONFIRMED_BY_TWILIO = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
"""Words that Twilio answers itself: a second confirmation would break C3."""


def received(token: str, request: Request) -> Answer:
    """Return what a request says, with an empty TwiML answer. Raises ForgedError and UnreadableError."""
    verify(token, request)
    form = request.form
    return Answer([inbound(form) if _is_inbound(form) else report(form)], TWIML.format(""), XML)


def spoken(text: str) -> Answer:
    """Return the answer that sends `text` to who wrote.

    >>> spoken("a < b").body[-38:]
    '<Message>a &lt; b</Message></Response>'
    """
    return Answer(body=TWIML.format(f"<Message>{escape(text)}</Message>"), media_type=XML)


def verify(token: str, request: Request) -> None:
    """Raise ForgedError unless Twilio signed the request: the public address and the form, or the JSON body."""
    from twilio.request_validator import (  # type: ignore[import-untyped]  # noqa: PLC0415 -- only where used
        RequestValidator,
    )

    json = "application/json" in request.headers.get("content-type", "")
    params = request.body.decode("utf-8", "replace") if json else dict(request.form)
    signature = request.headers.get("x-twilio-signature", "")
    if not RequestValidator(token).validate(request.url, params, signature):
        cause = "the signature is not Twilio's for this address"
        raise ForgedError(f"{cause}; check auth_token in channels.yaml and listen.public_url in forewarn.yaml")


def report(form: Mapping[str, str]) -> Delivered:
    """Translate the form of a status callback: BOUNCED, which suppresses, only where the error says a dead address.

    >>> told = report({"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30005"})
    >>> told.provider_id, told.state, told.code, told.suppress
    ('SM1', <Delivery.BOUNCED: 'bounced'>, '30005', True)
    """
    sid, code = form.get("MessageSid") or form.get("SmsSid", ""), form.get("ErrorCode", "")
    if not sid:
        raise UnreadableError("MessageSid: it is missing; nothing can be said of an unnamed message")
    state = STATES.get(form.get("MessageStatus") or form.get("SmsStatus", ""), Delivery.UNKNOWN)
    known = ERRORS.get(int(code)) if code.isascii() and code.isdigit() else None
    suppress = bool(known and known[1])
    if suppress or state is Delivery.BOUNCED:
        state = Delivery.BOUNCED if suppress else Delivery.FAILED
    return Delivered(sid, state, code, form.get("To", ""), suppress, dict(form))


def inbound(form: Mapping[str, str]) -> Replied:
    """Translate the form of an inbound message.

    >>> inbound({"MessageSid": "SM1", "From": "+1555", "Body": "Stop", "OptOutType": "STOP"}).understood
    'stop'
    """
    sender, sid = form.get("From", ""), form.get("MessageSid") or form.get("SmsSid", "")
    if not sender or not sid:
        raise UnreadableError("From, MessageSid: one is missing; nothing can be said of an unnamed sender")
    text = form.get("Body", "")
    return Replied(sid, sender, text, button=form.get("ButtonPayload", ""), understood=_understood(form, text))


def _understood(form: Mapping[str, str], text: str) -> Literal["", "stop", "start", "help"]:
    match form.get("OptOutType", "").lower():
        case "stop":
            return "stop"
        case "start":
            return "start"
        case "help":
            return "help"
    word = "".join(char for char in text.casefold() if char.isalnum())
    return "stop" if word in CONFIRMED_BY_TWILIO else ""


def called(token: str, request: Request) -> Answer:
    """Return what a request about a call says: what became of it, or a key. Raises ForgedError and UnreadableError."""
    verify(token, request)
    form = request.form
    sid = form.get("CallSid", "")
    if not sid:
        raise UnreadableError("CallSid: it is missing; nothing can be said of an unnamed call")
    if "Digits" in form:
        other = form.get("To", "") if form.get("Direction", "").startswith("outbound") else form.get("From", "")
        pressed = Replied(f"{sid}:{form['Digits']}", other, "", thread=sid, button=form["Digits"])
        return Answer([pressed], TWIML.format("<Hangup/>"), XML)
    return Answer([call_report(form, sid)], TWIML.format(""), XML)


def call_report(form: Mapping[str, str], sid: str) -> Delivered:
    """Translate the form of a call's status callback; who answered, a person or a machine, stays in `raw`.

    >>> call_report({"CallStatus": "no-answer", "To": "+1555"}, "CA1").state
    <Delivery.FAILED: 'failed'>
    """
    status = form.get("CallStatus", "")
    return Delivered(sid, CALLS.get(status, Delivery.UNKNOWN), "", form.get("To", ""), raw=dict(form))


def _is_inbound(form: Mapping[str, str]) -> bool:
    return form.get("SmsStatus") == "received" or ("Body" in form and "MessageStatus" not in form)
