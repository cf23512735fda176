"""What providers tell us by a request of theirs. The channel understands it; everything becomes an event.

Ids derive from the provider's own, as it repeats itself; states only move forward (`engine.feedback`).
"""

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from engine.conversations.people import last_sent, sent_as
from engine.eventlog.base import DeadLetter
from engine.events import UNMATCHED, make_event
from engine.store.models import Intent, Issue
from engine.web.actions import publish
from engine.web.problems import Refused
from engine.web.replies import answered
from engine.web.services import Services
from engine.web.state import Injected
from outreach import inbound
from outreach.inbound import (
    Acknowledged,
    Answer,
    CalledBack,
    Delivered,
    ForgedError,
    Inbound,
    Replied,
    Unread,
    UnreadableError,
)

router = APIRouter(include_in_schema=False)
REPORTED = 5 * 86_400.0
"""Seconds after a mail within which a report that names only its address is about it: servers give up after four to
five days (RFC 5321, 4.5.4.1)."""
UNREADABLE = "unreadable"
UNNAMED = "it names no message of ours, and none went lately to {address!r:.80}"


@router.post("/hooks/twilio/{name}")
@router.post("/hooks/channel/{name}")
async def called(services: Injected, request: Request, name: str) -> Response:
    """Take a request of the provider that a channel sends by."""
    channel = _channel(services, name)
    came = inbound.Request(public_url(services, request), headers(request), await request.body(), services.clock.time())
    answer = await run_in_threadpool(_taken, services, name, channel, came)
    return Response(answer.body, answer.status, media_type=answer.media_type)


def _channel(services: Services, name: str) -> CalledBack:
    found: object = services.channels.get(name)
    if not isinstance(found, CalledBack):
        raise Refused(404, f"there is no channel {name[:80]!r} that anyone calls back; see channels.yaml")
    return found


def public_url(services: Services, request: Request) -> str:
    """Return the address as the provider knows it: never from the Host header, which a sender chooses."""
    query = f"?{request.url.query}" if request.url.query else ""
    return services.config().main.listen.public_url.rstrip("/") + request.url.path + query


def headers(request: Request) -> Mapping[str, str]:
    """Return a request's headers, names in lower case."""
    return {name.lower(): value for name, value in request.headers.items()}


def _taken(services: Services, name: str, channel: CalledBack, came: inbound.Request) -> Answer:
    try:
        answer = channel.receive(came)
    except ForgedError as error:
        raise Refused(403, str(error)) from error
    except UnreadableError as error:
        raise Refused(422, str(error)) from error
    for told in answer.told:
        answer = take(services, name, channel, told) or answer
    return answer


def take(services: Services, name: str, channel: CalledBack, told: Inbound) -> Answer | None:
    """Make events of what was told; return what is said back at once, if anything. On return they are durable.

    Raises Refused (422) for what cannot be one, and Retryable if they cannot be written now.
    """
    if isinstance(told, Replied):
        return answered(services, name, channel, told)
    if isinstance(told, Delivered):
        _delivered(services, name, channel, told)
    elif isinstance(told, Acknowledged):
        _acknowledged(services, name, channel, told)
    elif isinstance(told, Unread):
        now, origin = services.clock.time(), f"{channel.vendor}/{name}"
        services.dead_letters.add([DeadLetter(UNREADABLE, told.why, told.raw, now, origin)])
    return None


def _delivered(services: Services, name: str, channel: CalledBack, told: Delivered) -> None:
    now = services.clock.time()
    with services.database.reading() as session:
        if told.provider_id:
            intent = sent_as(session, told.provider_id)
        else:
            intent = last_sent(session, name, told.address, now - REPORTED)
    event = _delivery(services, name, channel, told, intent)
    if told.provider_id or intent:
        publish(services, event)
    else:
        cause = UNNAMED.format(address=told.address)
        services.dead_letters.add([DeadLetter(UNMATCHED, cause, event, now, f"{channel.vendor}/{name}")])


def _delivery(services: Services, name: str, channel: CalledBack, told: Delivered, intent: Intent | None) -> bytes:
    data = {
        "state": told.state.value,
        "provider_id": told.provider_id,
        "channel": channel.kind,
        "code": told.code,
        "address": told.address,
        "raw": dict(told.raw),
        **({"intent": intent.id} if intent and not told.provider_id else {}),
    }
    about = told.provider_id or (intent.id if intent else told.address)
    key = f"{about}:{told.state.value}:{told.code}"
    source = f"{channel.vendor}/{name}"
    return make_event(
        "forewarn.delivery", _about(intent, told), data, id=key, source=source, time=services.clock.time()
    )


def _about(intent: Intent | None, told: Delivered) -> str:
    return intent.recipient if intent and intent.recipient else f"message/{told.provider_id or told.address}"


def _acknowledged(services: Services, name: str, channel: CalledBack, told: Acknowledged) -> None:
    with services.database.reading() as session:
        intent = sent_as(session, told.thread)
        issue = session.get(Issue, intent.issue) if intent else None
    if issue is None:
        raise Refused(422, f"no message of ours about an issue is known as {told.thread[:80]!r}")
    data = {"what": told.action, "issue": issue.id, "who": told.who, "note": ""}
    source, now = f"{channel.vendor}/{name}", services.clock.time()
    key = f"{told.id or told.thread}:{told.action}"
    publish(services, make_event("forewarn.action", issue.subject, data, id=key, source=source, time=now))
