"""The edge tables that every connector shares, exhausted once."""

import socket
import ssl
from email.utils import formatdate

import httpx
import pytest
import requests
import urllib3

from outreach.base import Outcome
from outreach.retry import SCHEDULES, attempts, delay, of_error, of_status, retry_after

A, R, P, U = Outcome.ACCEPTED, Outcome.RETRY, Outcome.PERMANENT, Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("status", "idempotent", "otherwise"),
    [
        (200, A, A), (201, A, A), (202, A, A), (204, A, A), (299, A, A),
        (300, P, P), (301, P, P), (302, P, P), (304, P, P),
        (400, P, P), (401, P, P), (403, P, P), (404, P, P), (405, P, P), (408, R, R), (409, R, P), (410, P, P),
        (413, P, P), (415, P, P), (422, P, P), (423, R, R), (425, R, R), (429, R, R), (451, P, P),
        (500, R, U), (501, R, U), (502, R, U), (503, R, R), (504, R, U), (507, R, U), (599, R, U),
    ],
)  # fmt: skip
def test_statuses(status: int, idempotent: Outcome, otherwise: Outcome) -> None:
    assert of_status(status, idempotent=True).outcome is idempotent
    assert of_status(status).outcome is otherwise
    assert of_status(status).code == str(status)


def requests_error(inner: Exception) -> Exception:
    pool = urllib3.HTTPConnectionPool("example.org")
    return requests.exceptions.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", inner))


CONNECTION = urllib3.connection.HTTPConnection("example.org")
ERRORS: list[tuple[Exception, Outcome]] = [
    (ConnectionRefusedError(), R),
    (socket.gaierror(-2, "Name or service not known"), R),
    (ssl.SSLCertVerificationError(), R),
    (TimeoutError(), U),
    (ConnectionResetError(), U),
    (BrokenPipeError(), U),
    (OSError(113, "No route to host"), U),
    (httpx.ConnectError(""), R),
    (httpx.ConnectTimeout(""), R),
    (httpx.PoolTimeout(""), R),
    (httpx.ProxyError(""), R),
    (httpx.ReadTimeout(""), U),
    (httpx.WriteTimeout(""), U),
    (httpx.ReadError(""), U),
    (httpx.WriteError(""), U),
    (httpx.RemoteProtocolError(""), U),
    (httpx.UnsupportedProtocol(""), P),
    (httpx.InvalidURL(""), P),
    (requests.exceptions.ConnectTimeout(), R),
    (requests.exceptions.ReadTimeout(), U),
    (requests.exceptions.ConnectionError(), U),
    (requests.exceptions.SSLError(), R),
    (requests.exceptions.ChunkedEncodingError(), U),
    (requests.exceptions.MissingSchema(), P),
    (requests_error(urllib3.exceptions.NewConnectionError(CONNECTION, "refused")), R),
    (requests_error(urllib3.exceptions.ProtocolError("aborted", ConnectionResetError())), U),
    (requests_error(urllib3.exceptions.SSLError("certificate")), R),
]


@pytest.mark.parametrize(("error", "outcome"), ERRORS, ids=lambda value: type(value).__name__)
def test_errors(error: Exception, outcome: Outcome) -> None:
    assert of_error(error).outcome is outcome


def test_a_bug_is_no_receipt() -> None:
    with pytest.raises(KeyError):
        of_error(KeyError("x"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0), ("0", 0.0), (" 5 ", 5.0), ("", None), ("soon", None), ("-3", None), ("1.5", None), ("²", None),
        (formatdate(1060, usegmt=True), 60.0), (formatdate(900, usegmt=True), 0.0), ("9" * 400, 999999999.0),
    ],
)  # fmt: skip
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}, now=1000.0) == seconds
    assert of_status(429, {"retry-after": value}, now=1000.0).retry_after == seconds
    assert of_status(400, {"retry-after": value}, now=1000.0).retry_after is None


@pytest.mark.parametrize("kind", SCHEDULES)
def test_delays_follow_the_schedule_within_a_fifth(kind: str) -> None:
    for attempt, base in enumerate(SCHEDULES[kind], 1):
        waits = [delay(attempt, f"int_{n}", kind) for n in range(50)]  # type: ignore[arg-type]  # keys are the kinds
        assert all(0.8 * base <= wait <= 1.2 * base for wait in waits)
        assert len(set(waits)) == 50
    assert delay(99, "int_1") <= 1.2 * SCHEDULES["default"][-1]
    assert attempts() == len(SCHEDULES["default"]) + 1
