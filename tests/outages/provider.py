"""A provider of messages, whose customers' phones are in this process: it counts what arrives."""

import threading
import time
from collections import Counter
from collections.abc import Callable

from tests.outages.state import arrived
from tests.outreach.fakes.slack import FakeSlack
from tests.outreach.fakes.web import Answer, Request


class Provider(FakeSlack):
    """Slack, as the first part of the path says to whom: `moment` is told when that process sends, and has sent."""

    def __init__(self, moment: Callable[[str, str], bool]) -> None:
        super().__init__()
        self._moment, self._one = moment, threading.Lock()
        self.slow = 0.0
        """Seconds that a message is under way before it arrives."""

    def arrived(self) -> Counter[tuple[str, str]]:
        """Return how often each message came to whom."""
        with self._one:
            return arrived((each["metadata"]["event_payload"]["id"], each["channel"]) for each in self.messages)

    def _answer(self, request: Request) -> Answer:
        name, _, path = request.path.lstrip("/").partition("/")
        sends = path.startswith("chat.postMessage")
        if sends and not self._moment(name, "message, asked"):
            return Answer(503)
        if sends and self.slow:
            time.sleep(self.slow)
        with self._one:
            plain = Request(request.method, f"/{path}", request.headers, request.body)
            answer = super()._answer(plain)
        if sends and not self._moment(name, "message, taken"):
            return Answer(503)
        return answer
