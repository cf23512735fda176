"""Events over HTTP: what is taken, what is refused and how, and that nothing is ever read without bound."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import Overloaded, Retryable
from engine.web import bounds, ingest
from engine.web.server import create_app

LINES = {"content-type": "application/x-ndjson"}
ONE = {"content-type": "application/cloudevents+json"}
MANY = {"content-type": "application/cloudevents-batch+json"}
JSON = {"content-type": "application/json"}


def lines(*events: Any) -> bytes:
    return b"\n".join(json.dumps(event).encode() for event in events)


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == answer.status_code
    assert found["title"]
    assert found["detail"]
    return found


@pytest.mark.parametrize(
    ("headers", "body", "count"),
    [
        (ONE, b'{"id":"1","source":"s","type":"api.request",\n"subject":"account/a"}', 1),
        (JSON, b' {"id":"1","source":"s","type":"api.request","subject":"account/a"}', 1),
        (JSON, b'\n[{"id":"1","source":"s","type":"api.request","subject":"account/a"}]', 1),
        (MANY, b"[]", 0),
        (LINES, b"", 0),
        ({"content-type": "application/x-ndjson; charset=utf-8"}, b"\n", 0),
    ],
)
def test_each_media_type_is_taken(desk: Any, headers: dict[str, str], body: bytes, count: int) -> None:
    answer = desk.server().post("/v1/events", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (202, {"accepted": count})
    assert desk.services.log.end(0) == count


def test_what_is_accepted_is_in_the_log(desk: Any, server: Any) -> None:
    answer = server.post("/v1/events", content=lines(desk.event("1"), desk.event("2")), headers=LINES)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2})
    assert [event["id"] for event in desk.events()] == ["1", "2"]


def test_the_good_events_of_a_batch_are_kept_and_the_bad_ones_named(desk: Any, server: Any) -> None:
    batch = [desk.event("1"), {"id": "2"}, desk.event("3", data={"status": "x"}), desk.event("4")]
    answer = server.post("/v1/events", content=json.dumps(batch), headers=MANY)
    found = problem(answer)
    assert (answer.status_code, found["accepted"], found["rejected"]) == (422, 2, 2)
    assert [(error["index"], error["reason"]) for error in found["errors"]] == [(1, "malformed"), (2, "malformed")]
    assert "data.status" in found["errors"][1]["detail"]
    assert [event["id"] for event in desk.events()] == ["1", "4"]
    assert desk.services.dead_letters.counts() == {"malformed": 2}


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'"text"', b"\xff\xfe", b"{}"])
def test_a_malformed_event_is_422(desk: Any, server: Any, body: bytes) -> None:
    found = problem(server.post("/v1/events", content=body, headers=ONE))
    assert (found["status"], found["accepted"]) == (422, 0)
    assert desk.services.log.end(0) == 0


@pytest.mark.parametrize("media_type", ["text/plain", "", "application/xml", "application/json-seq"])
def test_an_unknown_media_type_is_415(server: Any, media_type: str) -> None:
    answer = server.post("/v1/events", content=b"{}", headers={"content-type": media_type})
    assert problem(answer)["status"] == 415
    assert "application/x-ndjson" in answer.headers["accept-post"]


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_bodies_may_be_compressed(desk: Any, server: Any, encoding: str, pack: Any) -> None:
    answer = server.post(
        "/v1/events", content=pack(lines(desk.event())), headers={**LINES, "content-encoding": encoding}
    )
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})


def test_a_zstd_body_may_have_several_frames(desk: Any, server: Any) -> None:
    body = zstandard.compress(lines(desk.event("1")) + b"\n") + zstandard.compress(lines(desk.event("2")))
    answer = server.post("/v1/events", content=body, headers={**LINES, "content-encoding": "zstd"})
    assert answer.json() == {"accepted": 2}


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_a_small_body_that_unpacks_to_a_huge_one_is_413(server: Any, encoding: str, pack: Any) -> None:
    body = pack(b" " * (bounds.EVENTS * 4))
    assert len(body) < bounds.EVENTS / 100
    answer = server.post("/v1/events", content=body, headers={**LINES, "content-encoding": encoding})
    assert problem(answer)["status"] == 413


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_a_packed_body_that_breaks_off_is_400(desk: Any, server: Any, encoding: str, cut: float) -> None:
    whole = lines(*(desk.event(str(each)) for each in range(50)))
    packed = gzip.compress(whole) if encoding == "gzip" else zstandard.compress(whole)
    body = packed[: int(len(packed) * cut)]
    answer = server.post("/v1/events", content=body, headers={**LINES, "content-encoding": encoding})
    assert problem(answer)["status"] == 400
    assert desk.services.log.end(0) == 0


def test_an_unknown_encoding_is_415(server: Any) -> None:
    answer = server.post("/v1/events", content=b"{}", headers={**ONE, "content-encoding": "br"})
    assert problem(answer)["status"] == 415


def test_a_stream_without_an_end_is_cut_off(desk: Any) -> None:
    """The server stops reading soon after the limit, whatever else would come."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    answer = desk.server().post("/v1/events", content=endless(), headers=LINES)
    assert problem(answer)["status"] == 413
    assert sent <= bounds.EVENTS + 2 * 65_536


def test_a_declared_length_over_the_limit_is_refused_unread(desk: Any) -> None:
    async def unread() -> Any:
        raise AssertionError("the body was read")

    started: list[Any] = []

    async def send(message: Any) -> None:
        started.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/events",
        "raw_path": b"/v1/events",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"content-length", b"99999999")],
    }

    async def serve() -> None:
        await create_app(desk.services)(scope, unread, send)

    asyncio.run(serve())
    assert started[0]["status"] == 413


def test_an_event_over_256_kb_alone_is_413_and_in_a_batch_listed(desk: Any, server: Any) -> None:
    big = desk.event("big", data={"text": "x" * 300_000})
    assert problem(server.post("/v1/events", content=json.dumps(big), headers=ONE))["status"] == 413
    found = problem(server.post("/v1/events", content=lines(desk.event("small"), big), headers=LINES))
    assert (found["status"], found["accepted"]) == (422, 1)
    assert [(error["index"], error["reason"]) for error in found["errors"]] == [(1, "oversized")]


def test_a_body_of_very_many_lines_is_413(desk: Any, server: Any) -> None:
    answer = server.post("/v1/events", content=b"x\n" * (ingest.MAX_LINES + 1), headers=LINES)
    assert problem(answer)["status"] == 413
    assert desk.services.dead_letters.counts() == {}


def test_a_long_list_of_errors_is_cut_and_counted(server: Any) -> None:
    found = problem(server.post("/v1/events", content=b"x\n" * 500, headers=LINES))
    assert (found["rejected"], len(found["errors"])) == (500, ingest.LISTED)


def test_too_much_at_once_is_429_with_retry_after(desk: Any, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def overloaded(*_: Any) -> Any:
        raise Overloaded("busy", retry_after=2.4)

    monkeypatch.setattr(type(desk.services.intake), "accept", overloaded)
    answer = server.post("/v1/events", content=b"{}", headers=LINES)
    assert problem(answer)["status"] == 429
    assert answer.headers["retry-after"] == "2"


def test_a_log_that_cannot_be_written_is_503_with_retry_after(
    desk: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise Retryable("no space left", place="log.db")

    monkeypatch.setattr(type(desk.services.log), "append", full)
    answer = server.post("/v1/events", content=lines(desk.event()), headers=LINES)
    assert problem(answer)["status"] == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "log.db: no space left" in answer.json()["detail"]


def test_get_is_405(server: Any) -> None:
    assert problem(server.get("/v1/events"))["status"] == 405


def test_requests_at_the_same_time_are_all_kept(desk: Any) -> None:
    async def all_at_once() -> list[int]:
        transport = httpx.ASGITransport(create_app(desk.services))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            sends = (
                client.post("/v1/events", content=lines(desk.event(str(each))), headers=LINES) for each in range(40)
            )
            return [answer.status_code for answer in await asyncio.gather(*sends)]

    assert set(asyncio.run(all_at_once())) == {202}
    assert desk.services.log.end(0) == 40


EVENTISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "source", "type", "subject", "time", "data", "specversion", "x"]), inner, max_size=6
        )
    ),
    max_leaves=12,
)
BODIES = (
    st.binary(max_size=200)
    | EVENTISH.map(lambda value: json.dumps(value).encode())
    | st.lists(EVENTISH.map(lambda value: json.dumps(value).encode()), max_size=4).map(b"\n".join)
)
ENCODINGS = st.sampled_from(["", "gzip", "zstd", "identity", "br"])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, media_type=st.sampled_from(ingest.MEDIA_TYPES), encoding=ENCODINGS, packed=st.booleans())
def test_whatever_is_sent_is_answered_and_counted(
    desk: Any, server: Any, body: bytes, media_type: str, encoding: str, packed: bool
) -> None:
    """Never a 500; and what the answer says was accepted is what the log grew by."""
    before = desk.services.log.end(0)
    sent = gzip.compress(body) if packed and encoding == "gzip" else body
    answer = server.post("/v1/events", content=sent, headers={"content-type": media_type, "content-encoding": encoding})
    assert answer.status_code in {202, 400, 413, 415, 422}
    assert desk.services.log.end(0) - before == answer.json().get("accepted", 0)
