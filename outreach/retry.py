"""What an answer or a failure means, for every connector: tables for statuses and exceptions, and schedules."""

import hashlib
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Literal

from outreach.base import Outcome, Receipt

ACCEPTED, RETRY, PERMANENT, UNKNOWN = Outcome.ACCEPTED, Outcome.RETRY, Outcome.PERMANENT, Outcome.UNKNOWN

STATUSES: Mapping[int, tuple[Outcome, Outcome]] = {
    408: (RETRY, RETRY),
    409: (RETRY, PERMANENT),
    423: (RETRY, RETRY),
    425: (RETRY, RETRY),
    429: (RETRY, RETRY),
    500: (RETRY, UNKNOWN),
    502: (RETRY, UNKNOWN),
    503: (RETRY, RETRY),
    504: (RETRY, UNKNOWN),
}
"""Status → outcome where the receiver recognises a repeat by its id, and where it does not.

408, 425, 429 and 503 say that the request was not handled (RFC 9110, RFC 8470, RFC 6585). Behind a 500, 502 or 504 it
may have been: only a receiver that knows the id may be asked again.
"""

ERRORS: Mapping[str, Outcome] = {
    "builtins.ConnectionRefusedError": RETRY,
    "builtins.ConnectionError": UNKNOWN,
    "builtins.TimeoutError": UNKNOWN,
    "socket.gaierror": RETRY,
    "ssl.SSLCertVerificationError": RETRY,
    "httpx.ConnectError": RETRY,
    "httpx.ConnectTimeout": RETRY,
    "httpx.PoolTimeout": RETRY,
    "httpx.ProxyError": RETRY,
    "httpx.UnsupportedProtocol": PERMANENT,
    "httpx.InvalidURL": PERMANENT,
    "httpx.TooManyRedirects": PERMANENT,
    "httpx.TransportError": UNKNOWN,
    "urllib3.exceptions.ConnectTimeoutError": RETRY,
    "urllib3.exceptions.NewConnectionError": RETRY,
    "urllib3.exceptions.NameResolutionError": RETRY,
    "urllib3.exceptions.SSLError": RETRY,
    "urllib3.exceptions.HTTPError": UNKNOWN,
    "requests.exceptions.ConnectTimeout": RETRY,
    "requests.exceptions.SSLError": RETRY,
    "requests.exceptions.ProxyError": RETRY,
    "requests.exceptions.InvalidURL": PERMANENT,
    "requests.exceptions.MissingSchema": PERMANENT,
    "requests.exceptions.ConnectionError": UNKNOWN,
    "requests.exceptions.RequestException": UNKNOWN,
    "builtins.OSError": UNKNOWN,
}
"""Exception class → outcome; the nearest base class counts. Whatever failed before the request left is surely not sent.

Named by text so that no HTTP library is imported to look something up.
"""

Kind = Literal["default", "webhook"]
SCHEDULES: Mapping[str, Sequence[float]] = {
    "default": (5, 15, 60, 300, 900, 3600, 7200, 14400),
    "webhook": (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400),
}
"""Seconds to wait after the first, second … attempt. `webhook` is the schedule of Standard Webhooks 1.0."""


def of_status(
    status: int,
    headers: Mapping[str, str] | None = None,
    *,
    detail: str = "",
    idempotent: bool = False,
    now: float = 0.0,
) -> Receipt:
    """Return what an HTTP answer means. `idempotent`: the receiver recognises a repeat by its id.

    `now` (epoch seconds) is needed to read a Retry-After that is a date.

    >>> of_status(429, {"retry-after": "7"}).retry_after
    7.0
    >>> of_status(504).outcome.value, of_status(504, idempotent=True).outcome.value
    ('unknown', 'retry')
    """
    outcome = _of_status(status, idempotent)
    wait = retry_after(headers or {}, now) if outcome is RETRY else None
    return Receipt(outcome, detail or f"HTTP {status}", code=str(status), retry_after=wait)


def _of_status(status: int, idempotent: bool) -> Outcome:
    if 200 <= status < 300:
        return ACCEPTED
    if status in STATUSES:
        return STATUSES[status][0 if idempotent else 1]
    if status >= 500:
        return RETRY if idempotent else UNKNOWN
    return PERMANENT


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds a `Retry-After` asks for (RFC 9110, 10.2.3: seconds or a date); None if nothing readable."""
    text = next((value for key, value in headers.items() if key.lower() == "retry-after"), "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None


def of_error(error: BaseException) -> Receipt:
    """Return what an exception means that came instead of an answer. Raises it again if it is none of the network's.

    >>> of_error(ConnectionRefusedError(111, "Connection refused")).outcome.value
    'retry'
    >>> of_error(TimeoutError("timed out")).outcome.value
    'unknown'
    """
    for inner in _chain(error):
        outcome = _of_class(type(inner))
        if outcome is not None:
            return Receipt(outcome, f"{type(inner).__name__}: {inner}"[:500], code=type(inner).__name__)
    raise error


def _of_class(kind: type[BaseException]) -> Outcome | None:
    for base in kind.__mro__:
        module = "httpx" if base.__module__.startswith("httpx.") else base.__module__
        outcome = ERRORS.get(f"{module}.{base.__name__}")
        if outcome is not None:
            return outcome
    return None


def _chain(error: BaseException) -> Sequence[BaseException]:
    """Return the innermost reason first: requests wraps urllib3's errors, and those say whether anything was sent."""
    found: list[BaseException] = [error]
    while (inner := _inside(found[-1])) is not None:
        found.append(inner)
    return found[::-1]


def _inside(error: BaseException) -> BaseException | None:
    if not type(error).__module__.startswith(("requests.", "urllib3.")):
        return None
    candidates = (getattr(error, "reason", None), *error.args)
    return next((inner for inner in candidates if isinstance(inner, BaseException)), None)


def delay(attempt: int, seed: str, kind: Kind = "default") -> float:
    """Return the seconds to wait after failed attempt `attempt` (from 1): the schedule's, spread by up to a fifth.

    The same attempt of the same `seed` (the outbox id) always waits equally long; different ones do not come at once.

    >>> 4 <= delay(1, "int_1") <= 6, delay(1, "int_1") == delay(1, "int_1")
    (True, True)
    """
    steps = SCHEDULES[kind]
    base = steps[min(max(attempt, 1), len(steps)) - 1]
    digest = hashlib.blake2b(f"{seed}:{attempt}".encode(), digest_size=8).digest()
    return base * (0.8 + 0.4 * int.from_bytes(digest) / 2**64)


def attempts(kind: Kind = "default") -> int:
    """Return how many attempts are made in all before giving up.

    >>> attempts("webhook")
    10
    """
    return len(SCHEDULES[kind]) + 1
