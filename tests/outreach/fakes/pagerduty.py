"""A stand-in for PagerDuty's Events API v2: one incident a `dedup_key`."""

import json
from typing import Any

from tests.outreach.fakes.scripted import Scripted
from tests.outreach.fakes.web import Answer, Request

KEY = "a1b2" * 8
GONE = "b" * 32
"""A routing key of no integration."""


class FakePagerDuty(Scripted):
    """Incidents, and the events they were made of."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.incidents: dict[str, str] = {}

    def say(self, status: int, body: bytes) -> None:
        """Answer the next request like this."""
        self.answer_next(Answer(status, body))

    def _route(self, request: Request) -> Answer:
        return self._take(json.loads(request.body)) if request.path == "/v2/enqueue" else Answer(404)

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
