"""What went wrong, as `application/problem+json` (RFC 9457); in a browser, as a page."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from engine.errors import ForewarnError, InvalidEvent, Overloaded, Permanent, Retryable
from engine.web.views import page

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 5.0
"""Seconds a sender is asked to wait while the disk is full or the database is locked."""


class Refused(HTTPException):
    """A request that is answered with a problem."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        """`more` are members of the problem beside the standard ones."""
        super().__init__(status, detail, dict(headers) if headers else None)
        self.more = more


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """Return a problem: its title is the status's, `detail` says place, cause and remedy."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Response(msgspec.json.encode(body), status, dict(headers or {}), MEDIA_TYPE)


def of_error(error: ForewarnError) -> Response:
    """Return the problem that one of our errors is to a client."""
    match error:
        case Overloaded():
            return problem(429, error.line(), retry_after(error.retry_after))
        case Retryable():
            return problem(503, error.line(), retry_after(RETRY_AFTER))
        case InvalidEvent():
            return problem(422, error.line())
        case Permanent():
            return problem(409, error.line())
        case _:
            return problem(500, error.line())


def retry_after(seconds: float) -> dict[str, str]:
    """Return the header that asks to wait; whole seconds, at least one (RFC 9110, 10.2.3)."""
    return {"Retry-After": str(max(1, round(seconds)))}


async def on_http(request: Request, error: Exception) -> Response:
    """Answer a request that was refused."""
    assert isinstance(error, HTTPException)
    more = error.more if isinstance(error, Refused) else {}
    detail = error.detail if isinstance(error, Refused) else _usual(request, error)
    if _wants_page(request):
        html = page("error.html.j2", title=HTTPStatus(error.status_code).phrase, detail=detail)
        return Response(html, error.status_code, error.headers, "text/html")
    return problem(error.status_code, detail, error.headers, **more)


async def on_invalid(_: Request, error: Exception) -> Response:
    """Answer a request whose parameters or body do not fit: all that is wrong, each with its place."""
    assert isinstance(error, RequestValidationError)
    wrong = [{"place": place(each["loc"]), "detail": str(each["msg"])} for each in error.errors()]
    detail = "; ".join(f"{each['place']}: {each['detail']}" for each in wrong)
    return problem(422, f"{detail}; see /v1/openapi.json for what is expected", errors=wrong)


async def on_ours(_: Request, error: Exception) -> Response:
    """Answer with one of our own errors."""
    assert isinstance(error, ForewarnError)
    return of_error(error)


async def on_bug(_: Request, _error: Exception) -> Response:
    """Answer after a mistake of ours; the server's log has the traceback."""
    return problem(500, "an error of the server's own, nothing of this request was done; see the server's log")


HANDLERS: Mapping[Any, Any] = {
    HTTPException: on_http,
    RequestValidationError: on_invalid,
    ForewarnError: on_ours,
    Exception: on_bug,
}


def place(path: Sequence[object]) -> str:
    """Return where in a request something is.

    >>> place(("body", "ids", 0))
    'body.ids.0'
    """
    return ".".join(str(each) for each in path)


def _usual(request: Request, error: HTTPException) -> str:
    match error.status_code:
        case 404:
            return f"{request.url.path}: there is nothing here; see /v1/openapi.json for what there is"
        case 405:
            return f"{request.url.path}: {request.method} is not possible here"
        case _:
            return f"{request.url.path}: {error.detail}"


def _wants_page(request: Request) -> bool:
    is_api = request.url.path.startswith(("/v1", "/hooks"))
    return not is_api and "text/html" in request.headers.get("accept", "")
