"""What a person reads inside the product: their own messages, by a signed token, and that they read them.

The token is made for one reader by the product's own server (`POST /v1/feed-tokens`), which hands it to the browser.
Nothing here knows cookies; other websites' pages may ask only from the origins that the channel lists.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from engine.events import make_event
from engine.feed import Feed, Page
from engine.ids import derive
from engine.links import Claims
from engine.store.models import FeedItem
from engine.web.actions import publish
from engine.web.problems import problem, retry_after
from engine.web.schemas import In, Word
from engine.web.services import Services
from engine.web.state import Injected
from engine.web.throttle import Throttle
from engine.web.views import STATIC
from outreach.channels.inapp import InApp

router = APIRouter(include_in_schema=False)
SOURCE = "forewarn/feed"
READ_AT_ONCE = 200
"""Items that one request marks."""


def readers() -> Throttle:
    """Return what one reader may ask: 60 times at once, and once a second from then on."""
    return Throttle(burst=60, per_second=1.0)


class ReadIn(In):
    """Which items were read."""

    ids: list[Word] = Field(default_factory=list, max_length=READ_AT_ONCE)
    all: bool = False

    @model_validator(mode="after")
    def _something(self) -> "ReadIn":
        if bool(self.ids) is self.all:
            raise ValueError('name ids, or write {"all": true}')
        return self


@router.get("/feed/forewarn.js")
def script() -> Response:
    """Return the script that shows a feed in a page of the product."""
    headers = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}
    return FileResponse(STATIC / "feed.js", media_type="text/javascript", headers=headers)


@router.options("/feed/{token}")
@router.options("/feed/{token}/read")
def preflight(services: Injected, request: Request) -> Response:
    """Tell a browser which pages may ask (https://fetch.spec.whatwg.org/#http-cors-protocol)."""
    return Response(status_code=204, headers=_cors(services, request))


@router.get("/feed/{token}")
def feed(
    services: Injected,
    request: Request,
    token: str,
    before: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
) -> Response:
    """Return what is kept for the reader, the newest first."""
    headers = _cors(services, request)
    claims = _reader(services, token)
    if claims is None:
        return _unknown(headers)
    if wait := _wait(request, services, claims):
        return _too_often(wait, headers)
    body = _body(_feed(services).page(claims.person, before, limit))
    tag = f'"{derive("fd", claims.person, body.decode())}"'
    headers |= {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


@router.post("/feed/{token}/read")
def read(services: Injected, request: Request, token: str, what: ReadIn) -> Response:
    """Take note of what the reader read: a delivery event each, once."""
    headers = _cors(services, request)
    claims = _reader(services, token)
    if claims is None:
        return _unknown(headers)
    if wait := _wait(request, services, claims):
        return _too_often(wait, headers)
    store = _feed(services)
    rows = store.unread(claims.person, None if what.all else what.ids, READ_AT_ONCE)
    if rows:
        publish(services, *(_event(row, services.clock.time()) for row in rows), origin="feed")
        store.read([row.id for row in rows])
    left = msgspec.json.encode({"unread": store.page(claims.person, "", 1).unread})
    return Response(left, headers=headers, media_type="application/json")


def _feed(services: Services) -> Feed:
    return Feed(services.database, services.clock)


def _reader(services: Services, token: str) -> Claims | None:
    return services.links.read(token, "feed", now=services.clock.time())


def _wait(request: Request, services: Services, claims: Claims) -> float:
    throttle: Throttle = request.app.state.readers
    return throttle.wait(claims.person, services.clock.time())


def _too_often(wait: float, headers: Mapping[str, str]) -> Response:
    return problem(429, "feed: asked too often; wait as long as Retry-After says", {**headers, **retry_after(wait)})


def _unknown(headers: Mapping[str, str]) -> Response:
    """The same answer whatever is wrong with a token."""
    return problem(404, "feed: this token is incomplete, too old or none; ask for a new one", headers)


def _cors(services: Services, request: Request) -> dict[str, str]:
    """Return the headers that let pages of the configured origins read the answer, and no others."""
    origin = request.headers.get("origin", "")
    known = {each for channel in services.channels.values() if isinstance(channel, InApp) for each in channel.origins}
    if origin not in known:
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "content-type",
        "Access-Control-Max-Age": "600",
    }


def _event(row: FeedItem, now: float) -> bytes:
    """Return that an item was read, as a provider would tell it."""
    data = {"state": "read", "intent": row.id, "provider_id": row.id, "channel": InApp.kind}
    key = derive("rd", row.id)
    return make_event("forewarn.delivery", row.entity, data, id=key, source=SOURCE, time=now)


def _body(page: Page) -> bytes:
    items = [_plain(row) for row in page.items]
    told = {"unread": page.unread, "items": items, "next": page.items[-1].id if page.more else None}
    return msgspec.json.encode(told)


def _plain(row: FeedItem) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": datetime.fromtimestamp(row.at, UTC),
        "subject": row.subject,
        "text": row.text,
        "locale": row.locale,
        "occasion": row.occasion,
        "thread": row.thread,
        "read": row.read_at is not None,
    }
