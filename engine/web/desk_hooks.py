"""What ticket desks tell us by a request of theirs. The desk understands it; everything becomes an event.

A ticket is matched by the desk's number. What is told twice, late or out of order does no harm, and what is told of
tickets that nobody knows yet is read by polling once they are known (`engine.desks.states`).
"""

import asyncio

import structlog
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from engine.desks.states import events_of
from engine.web.actions import publish
from engine.web.problems import Refused, retry_after
from engine.web.services import Services
from engine.web.state import Injected
from engine.web.webhooks import headers, public_url
from outreach import inbound
from outreach.inbound import Answer, CalledBack, ForgedError, Ticketed, UnreadableError

log = structlog.get_logger()
router = APIRouter(include_in_schema=False)
PATIENCE = 8.0
"""Seconds until an answer is given; some desks are asked back for the ticket. Zendesk waits for 12 s
(https://developer.zendesk.com/documentation/webhooks/), others for longer."""
LATER = 60.0
"""Seconds after which a vendor may tell it again."""


@router.post("/hooks/desk/{name}")
async def called(services: Injected, request: Request, name: str) -> Response:
    """Take a request of a ticket desk."""
    desk = _desk(services, name)
    came = inbound.Request(public_url(services, request), headers(request), await request.body(), services.clock.time())
    work = asyncio.ensure_future(run_in_threadpool(_taken, services, name, desk, came))
    try:
        answer = await asyncio.wait_for(asyncio.shield(work), PATIENCE)
    except TimeoutError as error:
        work.add_done_callback(_finished)
        cause = f"desk {name} did not tell more of the ticket within {PATIENCE:.0f} s; it is read by polling"
        raise Refused(503, cause, headers=retry_after(LATER)) from error
    return Response(answer.body, answer.status, media_type=answer.media_type)


def _desk(services: Services, name: str) -> CalledBack:
    found: object = services.desks.get(name)
    if not isinstance(found, CalledBack):
        raise Refused(404, f"there is no desk {name[:80]!r} that anyone calls back; see desks.yaml")
    return found


def _taken(services: Services, name: str, desk: CalledBack, came: inbound.Request) -> Answer:
    try:
        answer = desk.receive(came)
    except ForgedError as error:
        raise Refused(403, str(error)) from error
    except UnreadableError as error:
        raise Refused(400, str(error)) from error
    states = [told.state for told in answer.told if isinstance(told, Ticketed)]
    with services.database.reading() as session:
        events = events_of(session, name, desk.kind, states, services.clock.time())
    if events:
        publish(services, *events, origin=f"desk:{name}")
    return answer


def _finished(work: "asyncio.Future[Answer]") -> None:
    """Log how something ended that nobody waited for."""
    error = None if work.cancelled() else work.exception()
    if error is not None:
        log.warning("a desk's request was dealt with too late, and failed", error=str(error))
