"""Is it alive, can it work, and how much: for load balancers and for Prometheus."""

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from engine.desks.polling import troubles
from engine.errors import ForewarnError
from engine.metrics import Metrics
from engine.store.models import Token
from engine.web.problems import problem
from engine.web.services import Services
from engine.web.state import Injected, metrics_of

router = APIRouter(tags=["health"])


@router.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def ready(services: Injected) -> Response:
    """It can work: database and log answer, and nothing that runs has stopped."""
    wrong = [*services.unready(), *unreachable(services)]
    if wrong:
        return problem(503, "; ".join(wrong), {"Retry-After": "5"}, reasons=wrong)
    return JSONResponse({"status": "ready", "lag": services.lag(), "warnings": warnings(services)})


@router.get("/v1/health")
def health(services: Injected) -> dict[str, Any]:
    """How it stands: `ok`, or `degraded` with reasons; every provider, and who is on duty."""
    state = services.sending()
    away = [f"{each.provider}: {each.state}{f': {each.why}' if each.why else ''}" for each in state.away]
    wrong = [*services.unready(), *unreachable(services), *away]
    return {"status": "degraded" if wrong else "ok", "reasons": wrong, "lag": services.lag(), **asdict(state)}


@router.get("/metrics", include_in_schema=False)
def metrics(counted: Annotated[Metrics, Depends(metrics_of)]) -> Response:
    """Return everything in Prometheus' text format."""
    return Response(counted.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def warnings(services: Services) -> list[str]:
    """Return one sentence for each thing that does not work and does not keep the engine from working."""
    with services.database.reading() as session:
        return [str(trouble) for trouble in troubles(session)]


def unreachable(services: Services) -> list[str]:
    """Return one sentence for each store that does not answer."""
    wrong = []
    for name, ask in (("database", partial(_ask, services)), ("event log", partial(services.log.end, 0))):
        try:
            ask()
        except ForewarnError as error:
            wrong.append(f"{name}: {error.line()}")
    return wrong


def _ask(services: Services) -> object:
    with services.database.reading() as session:
        return session.get(Token, "")
