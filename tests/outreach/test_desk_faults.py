"""What goes wrong between us and a desk: the same for every vendor, and nothing is lost or made twice."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from outreach.base import Outcome, Receipt, Status
from outreach.desk_bench import PICTURE
from outreach.inbound import ForgedError, Request, Ticketed, UnreadableError
from outreach.remote import RemoteDesk
from tests.outreach import desk_benches
from tests.outreach.desk_benches import RemoteBench
from tests.outreach.fakes.desk import answer
from tests.outreach.fakes.web import Answer

HTML = Answer(200, b"<html>Sign in</html>", {"content-type": "text/html"})


@pytest.fixture(params=desk_benches.REMOTE, ids=lambda made: made.__name__)
def bench(request: pytest.FixtureRequest) -> Iterator[RemoteBench]:
    with request.param() as made:
        yield made


def test_busy_tells_how_long_to_wait(bench: RemoteBench) -> None:
    bench.fake.answer_next_write(answer(429, {"error": "too many"}, retry_after="37"))
    receipt = bench.desk.create(bench.draft())
    assert (receipt.outcome, receipt.retry_after, receipt.code) == (Outcome.RETRY, 37.0, "429")
    bench.fake.answer_next(answer(429, {"error": "too many"}, retry_after="5"))
    states = bench.desk.states(0.0)
    assert isinstance(states, Receipt)
    assert (states.outcome, states.retry_after) == (Outcome.RETRY, 5.0)
    assert bench.held() == []


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(500, Outcome.UNKNOWN), (502, Outcome.UNKNOWN), (503, Outcome.RETRY), (504, Outcome.UNKNOWN)],
)
def test_a_broken_desk(bench: RemoteBench, status: int, outcome: Outcome) -> None:
    bench.fake.answer_next_write(Answer(status, b"upstream error"))
    assert bench.desk.create(bench.draft()).outcome is outcome
    found = bench.desk.find(bench.draft())
    assert found is not None
    assert found.outcome is Outcome.RETRY
    bench.made()
    assert len(bench.held()) == 1


def test_a_look_up_that_fails_makes_nothing(bench: RemoteBench) -> None:
    for wrong in (Answer(500), Answer(400, b"{}"), HTML, answer(200, {"surprise": 1})):
        bench.fake.answer_next(wrong)
        receipt = bench.desk.create(bench.draft())
        assert receipt.outcome is Outcome.RETRY
        bench.fake.answer_next(wrong)
        found = bench.desk.find(bench.draft())
        assert found is not None
        assert found.outcome is Outcome.UNKNOWN
    assert bench.held() == []


def test_a_log_in_page_instead_of_an_answer_is_unknown(bench: RemoteBench) -> None:
    bench.fake.answer_next_write(HTML)
    receipt = bench.desk.create(bench.draft())
    assert (receipt.outcome, "Sign in" in receipt.detail) == (Outcome.UNKNOWN, True)
    bench.fake.answer_next(HTML)
    states = bench.desk.states(0.0)
    assert isinstance(states, Receipt)
    assert states.outcome is Outcome.RETRY


def test_a_redirect_is_not_followed(bench: RemoteBench) -> None:
    bench.fake.answer_next_write(Answer(302, b"", {"location": "https://elsewhere.example/login"}))
    receipt = bench.desk.create(bench.draft())
    assert (receipt.outcome, "elsewhere.example" in receipt.detail) == (Outcome.RETRY, True)


@pytest.mark.parametrize("lie", [b"{}", b"[]", b"null", b'"yes"', b'{"ticket": {"id": null}}', b'{"id": {}}'])
def test_a_yes_without_a_number_is_unknown_and_found(bench: RemoteBench, lie: bytes) -> None:
    bench.fake.lie_next_write(lie)
    assert bench.desk.create(bench.draft()).outcome is Outcome.UNKNOWN
    found = bench.desk.find(bench.draft())
    assert found is not None
    assert found.outcome in (Outcome.ACCEPTED, Outcome.RETRY)
    bench.made()
    assert len(bench.held()) == 1


def test_a_ticket_is_made_whole_where_what_follows_was_interrupted(bench: RemoteBench) -> None:
    """Whatever request of a creation fails, trying again ends with one whole ticket."""
    parent = bench.made("int_parent")
    draft = replace(bench.draft(), requester="ann@acme.example", picture=PICTURE, parent=parent)
    before = len(bench.fake.requests)
    bench.desk.create(replace(draft, id="int_whole"))
    count = len(bench.fake.requests) - before
    for failing in range(count):
        bench.fake.fail_at(failing)
        one = replace(draft, id=f"int_{failing}")
        assert bench.desk.create(one).outcome is Outcome.RETRY
        assert bench.desk.create(one).outcome is Outcome.ACCEPTED
        found = bench.desk.find(one)
        assert found is not None
        assert found.outcome is Outcome.ACCEPTED
        held = bench.the(found.provider_id)
        assert (held.parent, held.requester, set(held.pictures)) == (parent, "ann@acme.example", {PICTURE})
        assert "東京" in held.text
        assert "forewarn" in held.tags
    assert len(bench.held()) == count + 2


def request(bench: RemoteBench, headers: Mapping[str, str], body: bytes, later: float = 0.0) -> Request:
    return Request("https://forewarn.example.com/hooks/desk/x", headers, body, bench.time() + later)


def desk(bench: RemoteBench) -> RemoteDesk:
    assert isinstance(bench.desk, RemoteDesk)
    return bench.desk


def test_a_webhook_tells_what_became_of_a_ticket(bench: RemoteBench) -> None:
    number = bench.made()
    bench.says(number, "false")
    headers, body = bench.webhook(number)
    told = desk(bench).receive(request(bench, headers, body)).told
    assert isinstance(told[0], Ticketed)
    state = told[0].state
    assert (state.ticket, state.status, state.verdict) == (number, Status.OPEN, "false")
    assert abs(state.updated - bench.time()) < 120


def tampered(headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    return headers, body.replace(b"e", b"o")


def unsigned(headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    return {}, body


def guessed(headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    return dict.fromkeys(headers, "sha256=" + "0" * 64), body


@pytest.mark.parametrize("forge", [tampered, unsigned, guessed])
def test_a_forged_webhook_is_refused(bench: RemoteBench, forge: Callable[..., Any]) -> None:
    number = bench.made()
    headers, body = forge(*bench.webhook(number))
    if forge is tampered and not bench.signs:
        return
    with pytest.raises(ForgedError):
        desk(bench).receive(request(bench, headers, body))


def test_without_a_secret_nothing_is_believed(bench: RemoteBench) -> None:
    number = bench.made()
    headers, body = bench.webhook(number, "")
    with pytest.raises(ForgedError, match="webhook_secret"):
        bench.build(webhook_secret="").receive(request(bench, headers, body))


def test_an_old_or_replayed_webhook_is_refused(bench: RemoteBench) -> None:
    if bench.stamps:
        headers, body = bench.webhook(bench.made())
        with pytest.raises(ForgedError, match="signed"):
            desk(bench).receive(request(bench, headers, body, later=3 * 3600))
        with pytest.raises(ForgedError, match="signed"):
            desk(bench).receive(request(bench, headers, body, later=-600))
        desk(bench).receive(request(bench, headers, body))
        with pytest.raises(ForgedError, match="was here"):
            desk(bench).receive(request(bench, headers, body, later=30))


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"7"])
def test_a_genuine_webhook_that_cannot_be_read_says_so(bench: RemoteBench, body: bytes) -> None:
    with pytest.raises(UnreadableError):
        desk(bench).receive(request(bench, bench.signed(body), body))


def test_a_genuine_webhook_about_nothing_of_ours_tells_nothing(bench: RemoteBench) -> None:
    body = json.dumps({"something": "else", "timestamp": int(bench.time() * 1000)}).encode()
    assert desk(bench).receive(request(bench, bench.signed(body), body)).told == ()


def test_polling_leaves_the_rest_of_the_window_to_others(bench: RemoteBench) -> None:
    if bench.windows:
        for count in range(120):
            bench.made(f"int_{count}")
        bench.fake.remaining = 3
        states = bench.desk.states(bench.time() - 60)
        assert not isinstance(states, Receipt)
        assert 0 < len(states) < 120


@pytest.mark.parametrize(
    "url", ["", "acme.example.com", "http://acme.example.com", "https://a:b@c.example", "https://", "https://x/?a=1"]
)
def test_credentials_go_nowhere_in_the_clear(bench: RemoteBench, url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        bench.build(url=url)


def test_an_answer_without_end_is_not_read_to_its_end(bench: RemoteBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outreach.rest.MAX_ANSWER", 100)
    bench.fake.lie_next_write(json.dumps({"x": "y" * 200_000}).encode())
    receipt = bench.desk.create(bench.draft())
    assert receipt.outcome in (Outcome.UNKNOWN, Outcome.RETRY)
    assert len(receipt.detail) < 1000
