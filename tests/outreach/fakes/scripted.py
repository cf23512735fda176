"""What the stand-ins of vendors' servers share: where they listen, and answers that are planned before the question."""

from typing import Self

from tests.outreach.fakes.web import Answer, Request, WebServer


class Scripted:
    """Use it as a context manager; `url` is its base URL. Subclasses say who may come in, and what is answered."""

    def __init__(self) -> None:
        self._next: list[Answer | str] = []
        self._server = WebServer(self._answer)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    @property
    def requests(self) -> list[Request]:
        """Every request that came."""
        return self._server.requests

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def answer_next(self, answer: Answer) -> None:
        """Answer the next request with this, and do nothing."""
        self._next.append(answer)

    def swallow(self) -> None:
        """Do what the next request asks, and never answer it."""
        self._next.append("swallow")

    def _denied(self, request: Request) -> Answer | None:
        """Return the answer to whoever has not the right credentials."""
        return None

    def _route(self, request: Request) -> Answer:
        """Do what a request asks."""
        raise NotImplementedError

    def _answer(self, request: Request) -> Answer:
        if denied := self._denied(request):
            return denied
        planned = self._next.pop(0) if self._next else None
        if isinstance(planned, Answer):
            return planned
        answer = self._route(request)
        return Answer(silent=True) if planned else answer
