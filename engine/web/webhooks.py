"""What Twilio tells us: what became of a message, and what people answer. Everything becomes an event.

A request counts only if Twilio signed it, for the public address of the configuration. Twilio repeats itself and keeps
no order, so ids derive from Twilio's own and states only move forward (`engine.feedback`).

Sources: twilio.com/docs/usage/security, /messaging/guides/webhook-request, /messaging/tutorials/advanced-opt-out.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, Protocol, runtime_checkable

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from engine.events import make_event
from engine.store.models import Intent
from engine.web.actions import consent, publish
from engine.web.correspondents import Correspondent, correspondents, sent_as
from engine.web.problems import Refused
from engine.web.services import Services
from engine.web.state import Form, Injected
from engine.web.words import words
from outreach.base import Delivery, Draft
from outreach.optout import opt_out
from outreach.twilio import StatusReport

router = APIRouter(include_in_schema=False)
EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
CONFIRMED = '<?xml version="1.0" encoding="UTF-8"?><Response><Message>{}</Message></Response>'
START = frozenset({"start", "unstop", "yes"})
ANSWERED_BY_TWILIO = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
"""Words that Twilio answers itself: a second confirmation would break C3."""
QUEUE = "default"

Meaning = Literal["stop", "start", "unclear", "other"]


@runtime_checkable
class TwilioChannel(Protocol):
    """A channel that Twilio calls back."""

    kind: str

    def verify(self, url: str, params: Mapping[str, str] | str, signature: str) -> bool:
        """Return whether Twilio signed the request."""

    def delivery(self, form: Mapping[str, str]) -> StatusReport:
        """Return what a status callback says."""


@router.post("/hooks/twilio/{name}")
async def twilio(services: Injected, request: Request, name: str, form: Form) -> Response:
    """Take a status callback or an inbound message."""
    channel = _channel(services, name)
    signature = request.headers.get("x-twilio-signature", "")
    if not channel.verify(public_url(services, request), form, signature):
        cause = "the signature is not Twilio's for this address"
        raise Refused(403, f"{cause}; check auth_token in channels.yaml and listen.public_url in forewarn.yaml")
    taken = _inbound if _is_inbound(form) else _delivered
    return Response(await run_in_threadpool(taken, services, name, channel, form), media_type="application/xml")


def _channel(services: Services, name: str) -> TwilioChannel:
    found: object = services.channels.get(name)
    if not isinstance(found, TwilioChannel):
        raise Refused(404, f"there is no channel {name[:80]!r} that Twilio calls back; see channels.yaml")
    return found


def public_url(services: Services, request: Request) -> str:
    """Return the address as Twilio knows it: never from the Host header, which a sender chooses."""
    query = f"?{request.url.query}" if request.url.query else ""
    return services.config().main.listen.public_url.rstrip("/") + request.url.path + query


def meaning(form: Mapping[str, str]) -> Meaning:
    """Return what an inbound message asks for.

    >>> [meaning({"Body": text}) for text in ("Stop.", "START", "wrong number", "Hi")]
    ['stop', 'start', 'unclear', 'other']
    """
    by_twilio = form.get("OptOutType", "").lower()
    if by_twilio in ("stop", "start"):
        return "stop" if by_twilio == "stop" else "start"
    text = form.get("Body", "")
    if text.strip().strip(".!").casefold() in START:
        return "start"
    found = opt_out(text)
    return found or "other"


def _is_inbound(form: Mapping[str, str]) -> bool:
    return form.get("SmsStatus") == "received" or ("Body" in form and "MessageStatus" not in form)


# -- what became of a message


def _delivered(services: Services, name: str, channel: TwilioChannel, form: Mapping[str, str]) -> str:
    told = channel.delivery(form)
    if not told.provider_id:
        raise Refused(422, "MessageSid: it is missing; nothing can be said of an unnamed message")
    with services.database.reading() as session:
        intent = sent_as(session, told.provider_id)
    status = form.get("MessageStatus") or form.get("SmsStatus", "")
    event = make_event(
        "forewarn.delivery",
        _about(intent, told),
        {
            "state": _state(told),
            "provider_id": told.provider_id,
            "channel": channel.kind,
            "code": told.code,
            "address": form.get("To", ""),
            "raw": dict(told.raw),
        },
        id=f"{told.provider_id}:{status}:{told.code}",
        source=f"twilio/{name}",
        time=services.clock.time(),
    )
    publish(services, event)
    return EMPTY


def _about(intent: Intent | None, told: StatusReport) -> str:
    return intent.recipient if intent and intent.recipient else f"message/{told.provider_id}"


def _state(told: StatusReport) -> str:
    """Return the state; `bounced`, which suppresses the address, only where the error number says that it is dead."""
    if told.suppress:
        return str(Delivery.BOUNCED.value)
    return str((Delivery.FAILED if told.delivery is Delivery.BOUNCED else told.delivery).value)


# -- what people answer


def _inbound(services: Services, name: str, channel: TwilioChannel, form: Mapping[str, str]) -> str:
    meant = meaning(form)
    sender, sid = form.get("From", ""), form.get("MessageSid") or form.get("SmsSid", "")
    if not sender or not sid:
        raise Refused(422, "From, MessageSid: one is missing; nothing can be said of an unnamed sender")
    with services.database.reading() as session:
        people = correspondents(session, sender)
    publish(services, *_events(services, name, channel.kind, form, meant, sid, people))
    if meant == "unclear":
        services.tickets.add(_to_be_read(sid, form, people))
    return _reply(form, meant, people[0].locale or services.config().main.locale)


def _events(
    services: Services,
    name: str,
    kind: str,
    form: Mapping[str, str],
    meant: Meaning,
    sid: str,
    people: list[Correspondent],
) -> Iterator[bytes]:
    now, source, text = services.clock.time(), f"twilio/{name}", form.get("Body", "")
    for person in people:
        key = f"{sid}:{person.id}"
        if meant != "other":
            data = {"address": person.address, "channel": kind, "source": source, "wording": text, **_CONSENT[meant]}
            yield consent(person.id, key, source, data, now)
        if meant in ("other", "unclear"):
            said = {"channel": kind, "text": text, "address": person.address, "issue": person.issue}
            yield make_event("forewarn.contact", person.id, said, id=key, source=source, time=now)


_CONSENT: Mapping[Meaning, Mapping[str, str]] = {
    "stop": {"state": "withdrawn", "purpose": "*"},
    "unclear": {"state": "suspended", "purpose": "*"},
    "start": {"state": "granted", "purpose": "service"},
}


def _to_be_read(sid: str, form: Mapping[str, str], people: list[Correspondent]) -> Draft:
    """Return a ticket: somebody has to read what may be an opt-out (C2)."""
    who = ", ".join(person.id for person in people)
    sender, text = form.get("From", ""), form.get("Body", "")
    return Draft(
        id=f"opt-out:{sid}",
        queue=QUEUE,
        subject=f"May be an opt-out: {who}",
        body=f"{sender} wrote:\n\n{text}\n\nNothing is sent to {who} until this is clear.",
        severity="medium",
        account=people[0].account,
        tags=("forewarn", "opt-out"),
        evidence={"issue": people[0].issue},
        next_step="Read it; then record the consent as withdrawn or granted, and resolve this ticket.",
    )


def _reply(form: Mapping[str, str], meant: Meaning, locale: str) -> str:
    """Return one confirmation of an opt-out that Twilio does not confirm itself (C3), else nothing."""
    word = "".join(char for char in form.get("Body", "").casefold() if char.isalnum())
    if meant != "stop" or "OptOutType" in form or word in ANSWERED_BY_TWILIO:
        return EMPTY
    return CONFIRMED.format(words(locale)["stopped_sms"])
