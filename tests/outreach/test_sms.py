"""Text messages against a stateful stand-in for Twilio, driven by Twilio's own SDK."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # ships no py.typed

from outreach.base import Delivery, Message, Outcome
from outreach.channels.sms import Sms
from outreach.inbound import Delivered, ForgedError, Replied, Request, UnreadableError
from outreach.text import mark
from outreach.twilio import ERRORS, refusal
from outreach.twilio_hooks import report
from tests.outreach.fakes import twilio as fake
from tests.outreach.fakes.twilio import FakeTwilio

MESSAGE = Message("int_1", "+436641234567", "Ihre Webhooks kommen wieder an.")
CALLBACK = "https://forewarn.example.org/hooks/twilio"


def channel(server: FakeTwilio, **kwargs: Any) -> Sms:
    given: dict[str, Any] = {"auth_token": fake.TOKEN, "from_": fake.FROM, "timeout": 0.5, "now": lambda: 1795352700.0}
    return Sms(account_sid=fake.ACCOUNT, base_url=server.url, **(given | kwargs))


def test_what_is_sent(twilio: FakeTwilio) -> None:
    receipt = channel(twilio, status_callback=CALLBACK, max_price=0.1).send(MESSAGE)
    assert receipt.provider_id == twilio.messages[0]["sid"]
    body = twilio.requests[0].body.decode()
    assert "To=%2B436641234567" in body
    assert "StatusCallback=https%3A%2F%2Fforewarn.example.org%2Fhooks%2Ftwilio" in body
    assert "MaxPrice=0.1" in body
    assert "ValidityPeriod=14400" in body
    assert twilio.messages[0]["body"] == f"{MESSAGE.text} {mark('int_1')}"


def test_a_messaging_service_stands_in_for_a_number(twilio: FakeTwilio) -> None:
    channel(twilio, from_="", messaging_service_sid="MG" + "b" * 32).send(MESSAGE)
    assert twilio.messages[0]["messaging_service_sid"] == "MG" + "b" * 32


@pytest.mark.parametrize(
    ("to", "outcome", "suppress"),
    [
        (fake.NOT_MOBILE, Outcome.PERMANENT, True),
        (fake.INVALID, Outcome.PERMANENT, True),
        (fake.OPTED_OUT, Outcome.PERMANENT, True),
        ("+43112", Outcome.PERMANENT, True),
        ("+1911", Outcome.PERMANENT, True),
        ("+43900123456", Outcome.PERMANENT, True),
        ("06641234567", Outcome.PERMANENT, True),
    ],
)
def test_numbers_that_are_refused(twilio: FakeTwilio, to: str, outcome: Outcome, suppress: bool) -> None:
    receipt = channel(twilio).send(replace(MESSAGE, to=to))
    assert (receipt.outcome, receipt.suppress) == (outcome, suppress)
    assert twilio.messages == []


def test_busy_tells_how_long_to_wait(twilio: FakeTwilio) -> None:
    twilio.throttle(7)
    receipt = channel(twilio).send(MESSAGE)
    assert (receipt.outcome, receipt.retry_after) == (Outcome.RETRY, 7.0)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(500, Outcome.UNKNOWN), (502, Outcome.UNKNOWN), (503, Outcome.RETRY), (504, Outcome.UNKNOWN)],
)
def test_a_broken_provider(twilio: FakeTwilio, status: int, outcome: Outcome) -> None:
    twilio.fail(status)
    assert channel(twilio).send(MESSAGE).outcome is outcome


def test_wrong_credentials_lose_no_message(twilio: FakeTwilio) -> None:
    wrong = channel(twilio, auth_token="guess")
    assert wrong.send(MESSAGE).outcome is Outcome.RETRY
    assert "Authenticate" in wrong.check()
    assert channel(twilio).check() == ""


def test_a_message_that_was_taken_in_silence_is_found_and_no_other_is(twilio: FakeTwilio) -> None:
    sender = channel(twilio)
    twilio.swallow()
    assert sender.send(MESSAGE).outcome is Outcome.UNKNOWN
    found = sender.find(MESSAGE)
    assert found is not None
    assert (found.outcome, found.provider_id) == (Outcome.ACCEPTED, twilio.messages[0]["sid"])
    same_words = sender.find(replace(MESSAGE, id="int_2"))
    assert same_words is not None
    assert same_words.outcome is Outcome.RETRY


def test_the_list_is_read_page_by_page(twilio: FakeTwilio) -> None:
    sender = channel(twilio)
    twilio.page_size = 10
    for number in range(35):
        sender.send(replace(MESSAGE, id=f"int_{number}"))
    found = sender.find(replace(MESSAGE, id="int_0"))
    assert found is not None
    assert found.outcome is Outcome.ACCEPTED


def test_a_list_that_cannot_be_read_or_ends_too_early_leaves_it_unknown(
    twilio: FakeTwilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = channel(twilio)
    twilio.fail(500)
    broken = sender.find(MESSAGE)
    assert broken is not None
    assert broken.outcome is Outcome.UNKNOWN
    monkeypatch.setattr("outreach.twilio_channel.LOOK_AT", 3)
    for number in range(3):
        sender.send(replace(MESSAGE, id=f"int_{number}"))
    crowded = sender.find(replace(MESSAGE, id="int_9"))
    assert crowded is not None
    assert crowded.outcome is Outcome.UNKNOWN


def request(url: str, form: Mapping[str, str], signature: str) -> Request:
    return Request(url, {"x-twilio-signature": signature}, urlencode(form).encode(), 0.0)


def test_callbacks_are_verified_and_translated(twilio: FakeTwilio) -> None:
    sender = channel(twilio, status_callback=CALLBACK)
    sid = sender.send(MESSAGE).provider_id
    url, form, signature = twilio.callback(sid, "undelivered", "30005")
    answer = sender.receive(request(url, form, signature))
    (told,) = answer.told
    assert isinstance(told, Delivered)
    assert (told.provider_id, told.state, told.code, told.suppress) == (sid, Delivery.BOUNCED, "30005", True)
    assert told.raw == form
    assert answer.media_type == "application/xml"
    for forged in (
        request(url, form | {"MessageStatus": "delivered"}, signature),
        request("https://evil.example/", form, signature),
        request(url, form, ""),
    ):
        with pytest.raises(ForgedError, match="auth_token"):
            sender.receive(forged)


def test_a_body_of_json_is_verified_by_its_digest(twilio: FakeTwilio) -> None:
    body = b'{"MessageSid":"SM1"}'
    url = f"{CALLBACK}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = RequestValidator(fake.TOKEN).compute_signature(url, {})
    headers = {"x-twilio-signature": signature, "content-type": "application/json"}
    with pytest.raises(UnreadableError):  # it is genuine, and says nothing that we know
        channel(twilio).receive(Request(url, headers, body, 0.0))
    with pytest.raises(ForgedError):
        channel(twilio).receive(Request(url, headers, body + b" ", 0.0))


def test_inbound_messages_are_verified(twilio: FakeTwilio) -> None:
    form, signature = twilio.inbound(CALLBACK, MESSAGE.to, "STOP")
    (told,) = channel(twilio).receive(request(CALLBACK, form, signature)).told
    assert isinstance(told, Replied)
    assert (told.sender, told.text, told.understood) == (MESSAGE.to, "STOP", "stop")


def test_what_is_scheduled_can_be_recalled_and_what_is_sent_cannot(twilio: FakeTwilio) -> None:
    sender = channel(twilio)
    first, second = (sender.send(replace(MESSAGE, id=f"int_{number}")).provider_id for number in (1, 2))
    twilio.messages[0]["status"] = "scheduled"
    twilio.messages[1]["status"] = "delivered"
    assert sender.recall(first).outcome is Outcome.ACCEPTED
    assert twilio.messages[0]["status"] == "canceled"
    assert sender.recall(second).outcome is Outcome.PERMANENT


STATES = {
    "accepted": Delivery.QUEUED, "scheduled": Delivery.QUEUED, "queued": Delivery.QUEUED, "sending": Delivery.QUEUED,
    "sent": Delivery.SENT, "partially_delivered": Delivery.SENT, "delivered": Delivery.DELIVERED, "read": Delivery.READ,
    "undelivered": Delivery.FAILED, "failed": Delivery.FAILED, "canceled": Delivery.FAILED,
    "receiving": Delivery.UNKNOWN, "something new": Delivery.UNKNOWN, "": Delivery.UNKNOWN,
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_states(state: str) -> None:
    assert report({"MessageSid": "SM1", "MessageStatus": state}).state is STATES[state]
    assert report({"SmsSid": "SM1", "SmsStatus": state}).provider_id == "SM1"


@pytest.mark.parametrize("code", [21610, 30004, 30005, 30006, 30007])
def test_what_is_never_tried_again(code: int) -> None:
    assert refusal(400, code, "").outcome is Outcome.PERMANENT
    assert code in ERRORS


def test_an_error_nobody_knows_goes_by_its_status() -> None:
    assert refusal(400, 99999, "").outcome is Outcome.PERMANENT
    assert refusal(500, None, "").outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "wrong",
    [{"from_": ""}, {"from_": "+1", "messaging_service_sid": "MG"}, {"validity": 0}, {"validity": 40000}],
)
def test_a_wrong_configuration_says_so(twilio: FakeTwilio, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"give either|validity"):
        channel(twilio, **wrong)
