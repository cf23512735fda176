"""The web part, put together: from `Services` to an ASGI application."""

from typing import Any

from fastapi import FastAPI
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.metrics import Metrics, State
from engine.web import (
    announcements,
    api,
    approvals,
    bounds,
    console,
    customers,
    defects,
    desk_hooks,
    experiments,
    feed,
    feed_tokens,
    goodwill,
    health,
    incidents,
    ingest,
    predictions,
    problems,
    status,
    status_api,
    subscribe,
    ticket_pages,
    webhooks,
)
from engine.web.auth import Doorkeeper, Guard
from engine.web.schemas import Problem
from engine.web.services import Services
from engine.web.views import HEADERS, STATIC
from engine.web.vitals import Vitals

_AREAS = frozenset(
    {"v1", "hooks", "m", "u", "p", "feed", "status", "static", "healthz", "readyz", "metrics", "login", "logout"}
)


_PARTS = (
    health,
    api,
    status_api,
    feed_tokens,
    webhooks,
    desk_hooks,
    customers,
    feed,
    subscribe,
    status,
    announcements,
    console,
    ticket_pages,
    predictions,
    approvals,
    incidents,
    defects,
    experiments,
    goodwill,
)
"""What answers, in the order in which it is asked."""


def create_app(services: Services, metrics: Metrics | None = None, *, bare: bool = False) -> ASGIApp:
    """Return the application: ingest, API, webhooks, console, customer pages, health and metrics.

    `bare` has health and metrics alone, for a process that does something else.
    """
    counted = metrics or Metrics()
    vitals = Vitals(services)
    counted.watch(_state(services, vitals))
    doorkeeper = Doorkeeper(services)
    app = _application()
    app.state.services, app.state.metrics, app.state.doorkeeper = services, counted, doorkeeper
    app.state.vitals = vitals
    app.state.readers = feed.readers()
    if not bare:
        app.router.routes.append(_events(services, counted))
        app.include_router(goodwill.api)
    for module in (health,) if bare else _PARTS:
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=STATIC))
    return Dressed(Guard(bounds.Bounded(app), doorkeeper), counted)


def _state(services: Services, vitals: Vitals) -> State:
    return State(
        services.database,
        services.dead_letters,
        services.clock,
        services.lags,
        unread=services.unread,
        standing=services.standing,
        sending=services.sending,
        ready=vitals.ready,
    )


def _application() -> FastAPI:
    return _Documented(
        title="Forewarn",
        version="1",
        summary="Events in; issues, decisions and tickets out.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=dict(problems.HANDLERS),
    )


class _Documented(FastAPI):
    """Documents the path of events too, which is served without the framework."""

    def openapi(self) -> dict[str, Any]:
        """Return the description of the API."""
        if not self.openapi_schema:
            made = super().openapi()
            made["paths"] = {"/v1/events": dict(ingest.OPENAPI), **made["paths"]}
            made["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        return super().openapi()


def _events(services: Services, metrics: Metrics) -> Route:
    endpoint = ingest.Ingest(services.intake, metrics, bounds.EVENTS)
    return Route("/v1/events", endpoint.post, methods=["POST"])


class Dressed:
    """Around everything: the headers that every answer carries, and the count of answers."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _with_ours(message.get("headers", ()))}
                self._metrics.requests.labels(_area(scope["path"]), _method(scope), str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, dressed)


_OURS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _with_ours(given: Any) -> list[tuple[bytes, bytes]]:
    known = {bytes(name).lower() for name, _ in given}
    return [*given, *(each for each in _OURS if each[0] not in known)]


def _area(path: str) -> str:
    """Return the part of a path that is counted by: few values, whatever is asked for."""
    first = path.split("/", 2)[1].partition(".")[0] if "/" in path else ""
    if path == "/v1/events":
        return "events"
    return first if first in _AREAS else "console"


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"
