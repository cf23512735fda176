"""What the stand-ins of all ticket desks share: planned faults, credentials, routes, and a clock of their own."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.outreach.fakes.scripted import Scripted
from tests.outreach.fakes.web import Answer, Request

START = 1795352700.0
Handler = Callable[..., Answer]


class FakeDesk(Scripted):
    """Serves `routes`: (method, pattern of the path) → a method given the request and the pattern's groups."""

    routes: tuple[tuple[str, str, str], ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.tickets: dict[str, dict[str, Any]] = {}
        self.exchanges: list[tuple[Request, Answer]] = []
        self.remaining: int | None = None
        """How many requests are left in the window; None: it does not say."""
        self._any: list[Answer | None] = []
        self._writes: list[Answer | str] = []

    # -- what is to go wrong

    def answer_next(self, answer: Answer) -> None:
        """Answer the next request with this, and do nothing."""
        self._any.append(answer)

    def answer_at(self, number: int, answer: Answer) -> None:
        """Answer the request of that number from now, counted from 0, with this; those before it as ever."""
        self._any = [None] * number + [answer]

    def fail_at(self, number: int) -> None:
        """Answer the request of that number from now, counted from 0, with 503."""
        self.answer_at(number, Answer(503, b"busy"))

    def answer_next_write(self, answer: Answer) -> None:
        """Answer the next request that would change something with this, and do nothing."""
        self._writes.append(answer)

    def lie_next_write(self, body: bytes) -> None:
        """Do what the next writing request asks, and answer it 200 with this."""
        self._writes.append(f"lie:{body.decode()}")

    def swallow(self) -> None:
        """Do what the next writing request asks, and never answer it."""
        self._writes.append("swallow")

    # -- what subclasses say

    def allowed(self, request: Request) -> bool:
        """Say whether the credentials are right."""
        raise NotImplementedError

    def denied(self) -> Answer:
        """Answer a request without the right credentials."""
        return answer(401, {"error": "Couldn't authenticate you"})

    # -- how it answers

    def _answer(self, request: Request) -> Answer:
        answered = self._answered(request)
        self.exchanges.append((request, answered))
        return answered

    def _answered(self, request: Request) -> Answer:
        if not self.allowed(request):
            return self.denied()
        due = self._any.pop(0) if self._any else None
        if due:
            return due
        planned = self._writes.pop(0) if self._writes and self.writes(request) else None
        if isinstance(planned, Answer):
            return planned
        done = self._route(request)
        if planned == "swallow":
            return Answer(silent=True)
        return Answer(200, planned[4:].encode(), JSON) if planned else done

    def writes(self, request: Request) -> bool:
        """Say whether a request makes a ticket or a note: faults of writing wait for one."""
        return request.method != "GET"

    def _route(self, request: Request) -> Answer:
        path = urlsplit(request.path).path
        for method, pattern, name in self.routes:
            match = re.fullmatch(pattern, path)
            if match and method == request.method:
                handler: Handler = getattr(self, name)
                return handler(request, *match.groups())
        return answer(404, {"error": "not found", "path": path})


JSON = {"content-type": "application/json"}


def answer(status: int, body: object = None, **headers: str) -> Answer:
    """Return an answer in JSON; header names with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, b"" if body is None else json.dumps(body).encode(), JSON | named)


def query(request: Request) -> dict[str, str]:
    """Return the query of a request."""
    return {key: values[-1] for key, values in parse_qs(urlsplit(request.path).query).items()}


def sent(request: Request) -> Any:
    """Return the JSON of a request."""
    return json.loads(request.body)


def multipart(request: Request) -> dict[str, list[tuple[str, bytes]]]:
    """Return the fields of a multipart form: name → (file name, content), a reading of what we send, not of any."""
    boundary = request.headers["content-type"].split("boundary=")[1].encode()
    found: dict[str, list[tuple[str, bytes]]] = {}
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, content = part.strip(b"\r\n").split(b"\r\n\r\n", 1) if b"\r\n\r\n" in part else (part, b"")
        named = re.search(rb'name="([^"]*)"', head)
        filed = re.search(rb'filename="([^"]*)"', head)
        assert named
        found.setdefault(named[1].decode(), []).append((filed[1].decode() if filed else "", content))
    return found
