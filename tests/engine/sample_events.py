"""What the tests of decoding have in common: fields of every kind, and an event that is as it should be."""

from typing import Any

from engine.events import Kind

NOW = 1_700_000_000.0
FIELDS = {
    "status": Kind.NUMBER,
    "path": Kind.TEXT,
    "failed": Kind.TRUTH,
    "user": Kind.ANY,
    "http.size": Kind.NUMBER,
    "http.peer.name": Kind.TEXT,
    "time": Kind.NUMBER,
    "subject": Kind.TEXT,
}
GOOD: dict[str, Any] = {"id": "1", "source": "gw", "type": "api.request", "subject": "account/a"}
