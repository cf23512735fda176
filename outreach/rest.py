"""A vendor's REST API: JSON in, JSON out, and every way to fail as a receipt."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from outreach.base import Outcome, Receipt
from outreach.retry import of_error, of_status
from outreach.text import one_line

if TYPE_CHECKING:
    import httpx

MAX_ANSWER = 16 << 20
"""Bytes read of an answer."""
SHOWN = 300
"""Characters of an answer that a receipt quotes."""
LOCAL = ("127.0.0.1", "::1", "localhost")


class Failed(Exception):
    """A request came to nothing; `receipt` says what that means."""

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        super().__init__(receipt.detail)


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer."""

    data: Any
    """The JSON; None where there was no body."""
    headers: Mapping[str, str]

    @property
    def remaining(self) -> int | None:
        """How many requests are left in the vendor's window, if it says so.

        >>> Reply(None, {"x-ratelimit-remaining": "12"}).remaining
        12
        """
        told = self.headers.get("x-ratelimit-remaining") or self.headers.get("x-rate-limit-remaining") or ""
        return int(told) if told.isascii() and told.isdigit() else None

    def scarce(self, reserve: int) -> bool:
        """Say whether fewer requests than `reserve` are left."""
        return self.remaining is not None and self.remaining < reserve


class Api:
    """Requests to one base URL, with one connection pool, no redirects and no proxy from the environment."""

    def __init__(
        self,
        url: str,
        *,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float,
        now: Callable[[], float],
    ) -> None:
        """`auth`: user and password. ValueError for a URL that credentials must not be sent to, or no header's text."""
        self.url = base_url(url)
        for name, value in (headers or {}).items():
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"{name}: the token holds what no token holds: check it for blanks and line ends")
        self._auth, self._headers, self._timeout, self._now = auth, dict(headers or {}), timeout, now

    @cached_property
    def _client(self) -> "httpx.Client":
        import httpx  # noqa: PLC0415 -- only where used

        return httpx.Client(
            auth=self._auth,
            headers={"accept": "application/json", **self._headers},
            timeout=self._timeout,
            follow_redirects=False,
            trust_env=False,
        )

    def get(self, path: str, **params: str | int) -> Reply:
        """Read; an outcome is never UNKNOWN."""
        return self.ask("GET", path, repeatable=True, params=params)

    def ask(self, method: str, path: str, *, repeatable: bool = False, **request: Any) -> Reply:
        """Send one request (`request` as httpx takes it) and return what was answered. Raises Failed.

        `repeatable`: the same request again does no harm, so what is not known is RETRY.
        """
        import httpx  # noqa: PLC0415

        try:
            with self._client.stream(method, self.url + path, **request) as answer:
                body = _body(answer)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Failed(_softened(of_error(error), repeatable)) from error
        if not answer.is_success:
            raise Failed(self._refusal(answer, body, repeatable))
        return Reply(_parsed(body, answer, repeatable), answer.headers)

    def _refusal(self, answer: "httpx.Response", body: bytes, repeatable: bool) -> Receipt:
        status = answer.status_code
        said = f"HTTP {status} {_words(body)}".strip()
        if status in (401, 403):  # an operator puts it right, the ticket is good
            return Receipt(Outcome.RETRY, f"{said}; check the credentials and what they may do", code=str(status))
        if 300 <= status < 400:
            goal = one_line(answer.headers.get("location", ""))[:SHOWN]
            return Receipt(Outcome.RETRY, f"{said}; leads to {goal!r}: check the url", code=str(status))
        receipt = of_status(status, answer.headers, detail=said, idempotent=repeatable, now=self._now())
        if receipt.outcome is Outcome.RETRY and receipt.retry_after is None:
            return replace(receipt, retry_after=reset(answer.headers, self._now()))
        return receipt

    def close(self) -> None:
        """Let go of connections."""
        if "_client" in self.__dict__:
            self._client.close()


def base_url(url: str) -> str:
    """Return the URL without a slash at its end. ValueError where it is none, or would show credentials to others.

    >>> base_url("https://acme.zendesk.com/")
    'https://acme.zendesk.com'
    >>> base_url("http://acme.zendesk.com")
    Traceback (most recent call last):
    ValueError: url 'http://acme.zendesk.com' must begin with https://
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOCAL):
        raise ValueError(f"url {url!r} must begin with https://")
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"url {url!r} must be a host and perhaps a path, such as https://help.example.com")
    return url.rstrip("/")


def reset(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds until a vendor's window begins anew: `X-RateLimit-Reset`, epoch seconds or an ISO time.

    Epoch seconds: ServiceNow; an ISO 8601 time: Jira (developer.atlassian.com/cloud/jira/platform/rate-limiting).

    >>> reset({"x-ratelimit-reset": "1000060"}, 1000000.0), reset({"x-ratelimit-reset": "1970-01-01T00:01Z"}, 0.0)
    (60.0, 60.0)
    """
    told = headers.get("x-ratelimit-reset", "")
    try:
        at = float(told) if told.isascii() and told.isdigit() else moment(told)
    except ValueError:
        return None
    return min(max(at - now, 0.0), 3600.0)


def moment(text: str) -> float:
    """Return an ISO 8601 time as epoch seconds; UTC where it names no zone. ValueError: it is none.

    >>> moment("2026-11-25T18:00:00Z") == moment("2026-11-25T19:00:00.000+0100") == moment("2026-11-25 18:00:00")
    True
    """
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def iso(at: float) -> str:
    """Return epoch seconds as vendors write them, whole seconds of UTC.

    >>> iso(0.0)
    '1970-01-01T00:00:00Z'
    """
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%dT%H:%M:%SZ}"


def _body(answer: "httpx.Response") -> bytes:
    read = bytearray()
    for chunk in answer.iter_bytes():
        read += chunk
        if len(read) > MAX_ANSWER:
            break
    return bytes(read)


def _parsed(body: bytes, answer: "httpx.Response", repeatable: bool) -> Any:
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        told = f"HTTP {answer.status_code} with no JSON: {_words(body)}"
        unknown = Receipt(Outcome.UNKNOWN, told, code=str(answer.status_code))
        raise Failed(_softened(unknown, repeatable)) from error


def _softened(receipt: Receipt, repeatable: bool) -> Receipt:
    """Return RETRY for UNKNOWN where the same request again does no harm."""
    unknown = receipt.outcome is Outcome.UNKNOWN
    return replace(receipt, outcome=Outcome.RETRY) if repeatable and unknown else receipt


def _words(body: bytes) -> str:
    return one_line(body[: 4 * SHOWN].decode("utf-8", "replace"))[:SHOWN]
