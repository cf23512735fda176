"""A provider that says yes and means no, or says it of nothing: it is not believed, and what is true is asked for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from outreach.base import Channel, Message, Outcome
from outreach.channels.sms import Sms
from outreach.channels.teams import Teams
from outreach.channels.voice import Voice
from outreach.channels.whatsapp import WhatsApp
from tests.outreach.fakes import twilio as fake
from tests.outreach.fakes.twilio import FakeTwilio
from tests.outreach.fakes.web import Answer, WebServer

NOW = 1795352700.0
MESSAGE = Message("int_1", "+436641234567", "Calls fail.", session_until=NOW + 3600.0)
SID = "SM" + "0" * 32
TwilioMade = Callable[[FakeTwilio], Channel]


def _twilio(kind: Any) -> TwilioMade:
    def made(server: FakeTwilio) -> Channel:
        channel: Channel = kind(
            account_sid=fake.ACCOUNT,
            base_url=server.url,
            auth_token=fake.TOKEN,
            from_=fake.FROM,
            timeout=0.5,
            now=lambda: NOW,
        )
        return channel

    return made


TWILIO = [_twilio(Sms), _twilio(WhatsApp), _twilio(Voice)]


def says(server: FakeTwilio, text: str, status: int = 201) -> None:
    server.answer_next(Answer(status, text.encode(), {"content-type": "application/json"}))


@pytest.mark.parametrize("made", TWILIO, ids=["sms", "whatsapp", "voice"])
@pytest.mark.parametrize(
    "body",
    ["{}", '{"status": "queued"}', '{"sid": null, "status": "queued"}', '{"sid": "", "status": "queued"}',
     '{"sid": "queued", "status": "queued"}', "[]", '"yes"', "<html>thank you</html>", ""],
)  # fmt: skip
def test_a_yes_that_names_no_message_is_unknown(twilio: FakeTwilio, made: TwilioMade, body: str) -> None:
    says(twilio, body)
    receipt = made(twilio).send(MESSAGE)
    assert receipt.outcome is Outcome.UNKNOWN, receipt
    assert receipt.provider_id == ""
    assert receipt.detail, "nobody would know why"


def test_a_yes_that_was_a_lie_is_found_out_by_asking(twilio: FakeTwilio) -> None:
    channel = TWILIO[0](twilio)
    says(twilio, "{}")
    assert channel.send(MESSAGE).outcome is Outcome.UNKNOWN
    found = channel.find(MESSAGE)
    assert found is not None
    assert found.outcome is Outcome.RETRY, "it was never taken, so it may be sent"


@pytest.mark.parametrize(
    ("error", "outcome", "suppress"),
    [("30005", Outcome.PERMANENT, True), ("21610", Outcome.PERMANENT, True), ("30001", Outcome.RETRY, False)],
)
@pytest.mark.parametrize("status", ["failed", "undelivered", "canceled"])
def test_a_yes_that_holds_a_refusal_is_one(
    twilio: FakeTwilio, status: str, error: str, outcome: Outcome, suppress: bool
) -> None:
    says(twilio, f'{{"sid": "{SID}", "status": "{status}", "error_code": {error}, "error_message": "no"}}')
    receipt = TWILIO[0](twilio).send(MESSAGE)
    assert (receipt.outcome, receipt.code, receipt.suppress) == (outcome, error, suppress)
    assert status in receipt.detail


def test_the_sign_of_another_message_is_not_ours(twilio: FakeTwilio) -> None:
    """Asked about one message, it shows another to the same number: that one proves nothing."""
    channel = TWILIO[0](twilio)
    channel.send(replace(MESSAGE, id="int_2"))
    found = channel.find(MESSAGE)
    assert found is not None
    assert found.outcome is Outcome.RETRY


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(400, Outcome.PERMANENT), (413, Outcome.PERMANENT), (429, Outcome.RETRY), (503, Outcome.RETRY),
     (502, Outcome.UNKNOWN)],
)  # fmt: skip
def test_a_200_of_teams_that_tells_of_a_refusal_is_one(status: int, outcome: Outcome) -> None:
    words = f"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {status} with"
    with WebServer(lambda _: Answer(200, words.encode())) as server:
        channel = Teams(timeout=0.5, allow_internal=True)
        receipt = channel.send(replace(MESSAGE, to=f"{server.url}/workflows/1"))
        channel.close()
    assert (receipt.outcome, receipt.provider_id) == (outcome, "")
    assert str(status) in receipt.detail
