"""What an endpoint is handed: the engine's services, the counters, and who asks."""

from typing import Annotated, cast
from urllib.parse import parse_qsl

from fastapi import Depends
from starlette.requests import Request

from engine.metrics import Metrics
from engine.web.auth import Caller, Doorkeeper
from engine.web.problems import Refused
from engine.web.services import Services
from engine.web.vitals import Vitals

FIELDS = 200
"""Fields of a form."""


def services_of(request: Request) -> Services:
    """Return the engine's services."""
    return cast("Services", request.app.state.services)


def metrics_of(request: Request) -> Metrics:
    """Return the process's counters."""
    return cast("Metrics", request.app.state.metrics)


def vitals_of(request: Request) -> Vitals:
    """Return who looks whether the process can work."""
    return cast("Vitals", request.app.state.vitals)


def doorkeeper_of(request: Request) -> Doorkeeper:
    """Return who knows the tokens."""
    return cast("Doorkeeper", request.app.state.doorkeeper)


def caller_of(request: Request) -> Caller:
    """Return who asks, as the guard found out."""
    return cast("Caller", request.scope["caller"])


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of an URL-encoded form; of a field that repeats the last. Raises Refused (422)."""
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS))
    except ValueError as error:
        raise Refused(422, f"body: it is no form: {error}") from error


Injected = Annotated[Services, Depends(services_of)]
Asking = Annotated[Caller, Depends(caller_of)]
Form = Annotated[dict[str, str], Depends(form_of)]
