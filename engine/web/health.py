"""Is it alive, can it work, and how much: for load balancers and for Prometheus."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from engine.metrics import Metrics
from engine.web.problems import problem
from engine.web.state import Injected, metrics_of, vitals_of
from engine.web.vitals import Vitals

router = APIRouter(tags=["health"])
Looking = Annotated[Vitals, Depends(vitals_of)]


@router.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def ready(vitals: Looking) -> Response:
    """It can work: the stores that its role needs answer, a worker knows its partitions, and nothing has stopped."""
    if wrong := vitals.wrong():
        return problem(503, "; ".join(wrong), {"Retry-After": "5"}, reasons=wrong)
    return JSONResponse({"status": "ready", "lag": vitals.lag(), "warnings": vitals.warnings()})


@router.get("/v1/health")
def health(services: Injected, vitals: Looking) -> dict[str, Any]:
    """How it stands: `ok`, or `degraded` with reasons; every provider, and who is on duty."""
    state = services.sending()
    away = [f"{each.provider}: {each.state}{f': {each.why}' if each.why else ''}" for each in state.away]
    wrong = [*vitals.wrong(), *away]
    return {"status": "degraded" if wrong else "ok", "reasons": wrong, "lag": vitals.lag(), **asdict(state)}


@router.get("/metrics", include_in_schema=False)
def metrics(counted: Annotated[Metrics, Depends(metrics_of)]) -> Response:
    """Return everything in Prometheus' text format."""
    return Response(counted.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
