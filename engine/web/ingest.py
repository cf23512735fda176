"""Events over HTTP: `POST /v1/events`. Answered only when they are durable in the log.

CloudEvents 1.0, HTTP binding: structured (one event), batched, and newline-delimited JSON, which is the fastest. This
path parses nothing itself and builds no models: the bytes go to the intake as they came.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from engine.events import OVERSIZED
from engine.events.lines import BOM, WHITE
from engine.intake import Accepted, Intake
from engine.metrics import Metrics
from engine.web.bounds import unpacked
from engine.web.problems import Refused, problem

ORIGIN = "http"
LISTED = 100
"""So many rejects are listed in an answer; all of them are dead letters."""
MAX_LINES = 100_000
"""Events of one body."""
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
MEDIA_TYPES = (
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/json",
    *LINES,
)
Reader = Callable[[Intake, bytes], Accepted]


class Ingest:
    """The endpoint."""

    def __init__(self, intake: Intake, metrics: Metrics, limit: int) -> None:
        self._intake, self._metrics, self._limit = intake, metrics, limit

    async def post(self, request: Request) -> Response:
        """Take the events of one request."""
        read = reader(request.headers.get("content-type", ""))
        body = await request.body()
        encoding = request.headers.get("content-encoding", "").strip().lower()
        done = await run_in_threadpool(self._take, read, body, encoding)
        self._metrics.count(done.accepted, Counter(reject.reason for reject in done.rejects))
        return answer(done)

    def _take(self, read: Reader, body: bytes, encoding: str) -> Accepted:
        return read(self._intake, unpacked(body, encoding, self._limit))


def reader(content_type: str) -> Reader:
    """Return how a body of this media type is read. Raises Refused (415)."""
    media_type = content_type.partition(";")[0].strip().lower()
    found = _READERS.get(media_type)
    if found is None:
        cause = f"content-type: {media_type!r:.80} is not understood; send one of {', '.join(MEDIA_TYPES)}"
        raise Refused(415, cause, headers={"Accept-Post": ", ".join(MEDIA_TYPES)})
    return found


def answer(done: Accepted) -> Response:
    """Return what the sender is told: 202, or what was wrong with which event; the good ones are kept in any case."""
    if not done.rejects:
        return Response(msgspec.json.encode({"accepted": done.accepted}), 202, media_type="application/json")
    alone = done.accepted == 0 and len(done.rejects) == 1
    status = 413 if alone and done.rejects[0].reason == OVERSIZED else 422
    errors = [{"index": each.line, "reason": each.reason, "detail": each.detail} for each in done.rejects[:LISTED]]
    detail = f"event {done.rejects[0].line}: {done.rejects[0].reason}: {done.rejects[0].detail}; it is a dead letter"
    return problem(status, detail, accepted=done.accepted, rejected=len(done.rejects), errors=errors)


def _lines(intake: Intake, body: bytes) -> Accepted:
    if body.count(b"\n") > MAX_LINES:
        raise Refused(413, f"body: it has more than {MAX_LINES:,} lines; send it in parts")
    return intake.accept(body, ORIGIN)


def _one(intake: Intake, body: bytes) -> Accepted:
    return intake.accept_one(body, ORIGIN)


def _array(intake: Intake, body: bytes) -> Accepted:
    return intake.accept_array(body, ORIGIN)


def _json(intake: Intake, body: bytes) -> Accepted:
    is_array = body[:1024].removeprefix(BOM).lstrip(WHITE)[:1] == b"["
    return (_array if is_array else _one)(intake, body)


_READERS: Mapping[str, Reader] = {
    "application/cloudevents+json": _one,
    "application/cloudevents-batch+json": _array,
    "application/json": _json,
    **dict.fromkeys(LINES, _lines),
}

_EVENT: Mapping[str, Any] = {
    "type": "object",
    "required": ["id", "source", "type", "subject"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string"},
        "source": {"type": "string"},
        "type": {"type": "string", "examples": ["api.request"]},
        "time": {"type": "string", "format": "date-time"},
        "subject": {"type": "string", "examples": ["account/acme"]},
        "data": {"type": "object"},
    },
}
_BATCH: Mapping[str, Any] = {"type": "array", "items": _EVENT}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
OPENAPI: Mapping[str, Any] = {
    "post": {
        "tags": ["events"],
        "summary": "Send events",
        "description": "CloudEvents 1.0, one or many, gzip or zstd if you like. Answered when they are durable.",
        "operationId": "send_events",
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": _EVENT},
                "application/cloudevents-batch+json": {"schema": _BATCH},
                "application/json": {"schema": {"oneOf": [_EVENT, _BATCH]}},
                "application/x-ndjson": {"schema": {"type": "string", "description": "one event a line"}},
            },
        },
        "responses": {
            "202": {
                "description": "All of them are in the log.",
                "content": {
                    "application/json": {
                        "schema": {"type": "object", "properties": {"accepted": {"type": "integer"}}},
                    }
                },
            },
            "413": {"description": "Body or event too long.", "content": _PROBLEM},
            "415": {"description": "Media type or encoding not understood.", "content": _PROBLEM},
            "422": {
                "description": "Some events are bad: `errors` lists them, the others were taken.",
                "content": _PROBLEM,
            },
            "429": {"description": "Too much at once: wait for Retry-After seconds.", "content": _PROBLEM},
            "503": {"description": "Cannot be written now: wait for Retry-After seconds.", "content": _PROBLEM},
        },
    }
}
"""What OpenAPI says of this path, as no framework reads it from the code."""
