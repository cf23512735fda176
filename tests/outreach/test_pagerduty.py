"""PagerDuty's Events API against a stand-in: one incident a thread, resolved by the message that closes it."""

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from outreach.base import Message, Outcome
from outreach.channels.pagerduty import PagerDuty
from outreach.inbound import Acknowledged, ForgedError, Request, UnreadableError
from tests.outreach.fakes.pagerduty import GONE, KEY, FakePagerDuty

SECRET = "webhook-secret"
MESSAGE = Message(
    "int_1", KEY, "12 of 20 calls fail.", subject="API errors at Acme", data={"issue": {"severity": "high"}}
)


def channel(server: FakePagerDuty, **kwargs: Any) -> PagerDuty:
    given: dict[str, Any] = {"webhook_secret": SECRET, "timeout": 0.5, "now": lambda: 1e9}
    return PagerDuty(base_url=server.url, **given | kwargs)


def test_a_message_triggers_and_the_closing_one_resolves(pagerduty: FakePagerDuty) -> None:
    first = channel(pagerduty).send(MESSAGE)
    assert pagerduty.incidents == {first.provider_id: "triggered"}
    event = pagerduty.events[0]
    assert (event["payload"]["summary"], event["payload"]["severity"]) == ("API errors at Acme", "error")
    assert event["payload"]["custom_details"]["text"] == MESSAGE.text
    update = replace(MESSAGE, id="int_2", thread=first.provider_id, data={"occasion": "escalated"})
    closing = replace(MESSAGE, id="int_3", thread=first.provider_id, data={"occasion": "resolved"})
    for message in (update, closing):
        assert channel(pagerduty).send(message).provider_id == first.provider_id
    assert [one["event_action"] for one in pagerduty.events] == ["trigger", "trigger", "resolve"]
    assert pagerduty.incidents == {first.provider_id: "resolved"}


def test_c18_an_attempt_that_was_not_answered_may_be_repeated(pagerduty: FakePagerDuty) -> None:
    pagerduty.swallow()
    assert channel(pagerduty).send(MESSAGE).outcome is Outcome.UNKNOWN
    assert channel(pagerduty).find(MESSAGE).outcome is Outcome.RETRY
    channel(pagerduty).send(MESSAGE)
    assert len(pagerduty.incidents) == 1


@pytest.mark.parametrize(("to", "code"), [("short", ""), ("", ""), ("ü" * 32, ""), (GONE, "400")])
def test_a_wrong_key_is_permanent(pagerduty: FakePagerDuty, to: str, code: str) -> None:
    receipt = channel(pagerduty).send(replace(MESSAGE, to=to))
    assert (receipt.outcome, receipt.code) == (Outcome.PERMANENT, code)


@pytest.mark.parametrize(
    ("status", "outcome"), [(429, Outcome.RETRY), (500, Outcome.UNKNOWN), (400, Outcome.PERMANENT)]
)
def test_a_refusal(pagerduty: FakePagerDuty, status: int, outcome: Outcome) -> None:
    pagerduty.say(status, b"{}")
    assert channel(pagerduty).send(MESSAGE).outcome is outcome


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"dedup_key": "another"}'])
def test_a_success_that_names_no_key_is_not_believed(pagerduty: FakePagerDuty, body: bytes) -> None:
    pagerduty.say(202, body)
    assert channel(pagerduty).send(MESSAGE).outcome is Outcome.UNKNOWN


def told(event: object, *, secret: str = SECRET) -> Request:
    body = json.dumps({"event": event}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Request("https://x/", {"x-pagerduty-signature": f"v1=00,v1={signature}"}, body, 0.0)


def happened(type_: str, **data: str) -> dict[str, Any]:
    return {"id": "E1", "event_type": type_, "agent": {"summary": "Ann Smith"}, "data": {"id": "P1", **data}}


def test_who_acknowledges_there_acknowledges_here(pagerduty: FakePagerDuty) -> None:
    ours = channel(pagerduty)
    (acknowledged,) = ours.receive(told(happened("incident.acknowledged", incident_key="k1"))).told
    assert acknowledged == Acknowledged("k1", "Ann Smith", "acknowledge", "E1")
    (resolved,) = ours.receive(told(happened("incident.resolved", incident_key="k1"))).told
    assert isinstance(resolved, Acknowledged)
    assert resolved.action == "resolve"
    assert not ours.receive(told(happened("incident.annotated", incident_key="k1"))).told
    assert not ours.receive(told(happened("incident.resolved"))).told


def test_forged_and_senseless_requests_are_refused(pagerduty: FakePagerDuty) -> None:
    good = told(happened("incident.resolved", incident_key="k1"))
    for forged in (
        told(happened("incident.resolved", incident_key="k1"), secret="another"),
        replace(good, body=good.body + b" "),
        replace(good, headers={}),
    ):
        with pytest.raises(ForgedError):
            channel(pagerduty).receive(forged)
    with pytest.raises(ForgedError, match="webhook_secret"):
        channel(pagerduty, webhook_secret="").receive(good)
    senseless: list[object] = [
        None,
        [],
        {"event_type": "incident.resolved"},
        {"event_type": "incident.resolved", "data": 3},
    ]
    for event in senseless:
        with pytest.raises(UnreadableError):
            channel(pagerduty).receive(told(event))
