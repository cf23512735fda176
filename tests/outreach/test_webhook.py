"""Signed webhooks: what is sent, what the answers mean, and where requests never go."""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from outreach import guard
from outreach.base import Message, Outcome
from outreach.channels.webhook import Webhook
from tests.outreach.fakes.web import Answer, Request, WebServer

SECRET = "whsec_" + base64.b64encode(b"0123456789" * 3).decode()
OLD = "whsec_" + base64.b64encode(b"abcdefghij" * 3).decode()
MESSAGE = Message("int_1", "https://hooks.example.org/in", "Hello", subject="Hi", data={"issue": "iss_1"})


def channel(**kwargs: Any) -> Webhook:
    given: dict[str, Any] = {"secret": SECRET, "timeout": 0.5, "allow_internal": True}
    return Webhook(**(given | kwargs))


def post(answer: Answer, message: Message = MESSAGE, **kwargs: Any) -> tuple[Any, list[Request]]:
    with WebServer(lambda request: answer) as server:
        sender = channel(**kwargs)
        receipt = sender.send(replace(message, to=f"{server.url}/in"))
        sender.close()
        return receipt, server.requests


def test_the_receiver_can_verify_it() -> None:
    receipt, (request,) = post(Answer(204))
    assert (receipt.outcome, receipt.provider_id) == (Outcome.ACCEPTED, "int_1")
    body = Verifier(SECRET).verify(request.body, dict(request.headers))
    assert body == {
        "type": "forewarn.message",
        "data": {"subject": "Hi", "text": "Hello", "purpose": "service", "issue": "iss_1"},
    }
    with pytest.raises(WebhookVerificationError):
        Verifier(OLD).verify(request.body, dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(request.body.replace(b"Hello", b"Hallo"), dict(request.headers))


def test_two_secrets_sign_during_a_rotation() -> None:
    _, (request,) = post(Answer(200), secret="", secrets=[SECRET, OLD])
    for secret in (SECRET, OLD):
        assert Verifier(secret).verify(request.body, dict(request.headers))


@pytest.mark.parametrize(
    ("status", "outcome", "suppress"),
    [
        (200, Outcome.ACCEPTED, False),
        (299, Outcome.ACCEPTED, False),
        (302, Outcome.PERMANENT, False),
        (400, Outcome.PERMANENT, False),
        (410, Outcome.PERMANENT, True),
        (429, Outcome.RETRY, False),
        (500, Outcome.RETRY, False),
        (503, Outcome.RETRY, False),
    ],
)
def test_answers(status: int, outcome: Outcome, suppress: bool) -> None:
    receipt, requests = post(Answer(status, b"words", {"retry-after": "9", "location": "http://127.0.0.1:1/"}))
    assert (receipt.outcome, receipt.suppress, receipt.code) == (outcome, suppress, str(status))
    assert receipt.retry_after == (9.0 if outcome is Outcome.RETRY else None)
    assert len(requests) == 1
    assert "words" in receipt.detail


@pytest.mark.parametrize("data", [{"x": "y" * 21000}, {"x": float("nan")}, {"x": object()}])
def test_a_body_that_cannot_be_sent_is_a_receipt(data: dict[str, object]) -> None:
    receipt, requests = post(Answer(200), replace(MESSAGE, data=data))
    assert (receipt.outcome, requests) == (Outcome.PERMANENT, [])


def test_a_long_answer_is_not_read_to_its_end() -> None:
    receipt, _ = post(Answer(500, b"x" * 1_000_000))
    assert len(receipt.detail) < 1000


INSIDE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "::",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_internal_addresses_are_refused(address: str) -> None:
    receipt = channel(allow_internal=False, resolve=lambda host, port: [address]).send(MESSAGE)
    assert receipt.outcome is Outcome.PERMANENT
    assert "inside our network" in receipt.detail


def test_one_internal_address_among_public_ones_is_enough() -> None:
    both = ["93.184.216.34", "127.0.0.1"]
    assert channel(allow_internal=False, resolve=lambda host, port: both).send(MESSAGE).outcome is Outcome.PERMANENT


@pytest.mark.parametrize(
    "url",
    ["http://example.org/", "https://2130706433/", "https://0x7f.1/", "https://u:p@example.org/", "ftp://a/", "https:///x",
     "https://[::1]/", "https://example.org:99999/", "https://exa mple.org/", "//example.org"],
)  # fmt: skip
def test_urls_that_are_refused(url: str) -> None:
    sender = Webhook(secret=SECRET, timeout=0.5)
    assert sender.send(replace(MESSAGE, to=url)).outcome is Outcome.PERMANENT


def test_a_name_that_changes_its_mind_is_resolved_once() -> None:
    """DNS rebinding: the second look-up would say something else, so there is none."""
    with WebServer(lambda request: Answer(200)) as server:
        answers = iter([["127.0.0.1"]])

        def resolve(host: str, port: int) -> Sequence[str]:
            return next(answers)

        sender = channel(resolve=resolve)
        receipt = sender.send(replace(MESSAGE, to=f"http://rebind.example:{server.port}/in"))
        sender.close()
        assert receipt.outcome is Outcome.ACCEPTED
        assert server.requests[0].headers["host"] == f"rebind.example:{server.port}"


def test_a_name_nobody_knows_is_tried_again() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    assert channel(allow_internal=False, resolve=resolve).send(MESSAGE).outcome is Outcome.RETRY


def test_the_target_keeps_name_port_and_path() -> None:
    goal = guard.target(
        "https://münchen.example:8443/a?b=c#d", allow_internal=False, lookup=lambda host, port: ["2606:4700::1111"]
    )
    assert goal.url == "https://[2606:4700::1111]:8443/a?b=c"
    assert (goal.host, goal.header) == ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example:8443")


@pytest.mark.parametrize("secret", ["", "whsec_short", "whsec_" + "A" * 8, "whsec_" + "A" * 200, "not base64!"])
def test_weak_secrets_are_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        Webhook(secret=secret)


def test_the_body_is_the_same_for_each_attempt() -> None:
    bodies = [post(Answer(500))[1][0].body for _ in range(2)]
    assert bodies[0] == bodies[1]
    assert json.loads(bodies[0])
