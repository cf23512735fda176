"""A stand-in for PagerDuty's Events API v2: one incident a `dedup_key`."""

import json
from typing import Any

from tests.outreach.fakes.web import Answer, Request, WebServer

KEY = "a1b2" * 8
GONE = "b" * 32
"""A routing key of no integration."""


class FakePagerDuty:
    """Use it as a context manager; `url` is its base URL."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.incidents: dict[str, str] = {}
        self._next: list[Answer | str] = []
        self._server = WebServer(self._answer)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    def __enter__(self) -> "FakePagerDuty":
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def say(self, status: int, body: bytes) -> None:
        """Answer the next request like this."""
        self._next.append(Answer(status, body))

    def swallow(self) -> None:
        """Take the next request and never answer it."""
        self._next.append("swallow")

    def _answer(self, request: Request) -> Answer:
        planned = self._next.pop(0) if self._next else None
        if isinstance(planned, Answer):
            return planned
        answer = self._take(json.loads(request.body)) if request.path == "/v2/enqueue" else Answer(404)
        return Answer(silent=True) if planned == "swallow" else answer

    def _take(self, event: dict[str, Any]) -> Answer:
        payload = event.get("payload", {})
        right = payload.get("severity") in ("critical", "error", "warning", "info") and payload.get("source")
        if event.get("routing_key") == GONE or not right or len(payload.get("summary", "")) not in range(1, 1025):
            return Answer(400, b'{"status":"invalid event","message":"Event object is invalid","errors":[]}')
        self.events.append(event)
        state = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}[event["event_action"]]
        self.incidents[event["dedup_key"]] = state
        told = {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}
        return Answer(202, json.dumps(told).encode())
