"""Calls through the stand-in for Twilio: what is spoken, which key was pressed, and what became of the call."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from outreach.base import Delivery, Message, Outcome
from outreach.channels.voice import Voice, twiml
from outreach.inbound import Delivered, ForgedError, Replied, Request, UnreadableError
from tests.outreach.fakes import twilio as fake
from tests.outreach.fakes.twilio import FakeTwilio

ANN = "+436641234567"
CALLBACK = "https://forewarn.example.org/hooks/twilio/voice"
MESSAGE = Message("int_1", ANN, "Ihre <Anlage> & Ihr Gerät laufen wieder.", locale="de")
ASKING = replace(MESSAGE, choices={"1": "Drücken Sie die Eins, wenn alles geht.", "2": "Die Zwei für einen Rückruf."})


def channel(server: FakeTwilio, **kwargs: Any) -> Voice:
    given: dict[str, Any] = {"auth_token": fake.TOKEN, "from_": fake.FROM, "timeout": 0.5, "now": lambda: 1795352700.0}
    return Voice(account_sid=fake.ACCOUNT, base_url=server.url, status_callback=CALLBACK, **given | kwargs)


def test_the_words_are_spoken_twice_whatever_they_hold(twilio: FakeTwilio) -> None:
    receipt = channel(twilio).send(MESSAGE)
    assert (receipt.outcome, receipt.provider_id[:2]) == (Outcome.ACCEPTED, "CA")
    said = ET.fromstring(twilio.spoken[receipt.provider_id]).findall("Say")
    assert [one.text for one in said] == [MESSAGE.text, MESSAGE.text]
    assert said[0].get("language") == "de-DE"


def test_a_machine_is_waited_for_and_the_ringing_ends(twilio: FakeTwilio) -> None:
    channel(twilio, ring=30).send(MESSAGE)
    form = parse_qs(twilio.requests[0].body.decode())
    assert (form["MachineDetection"], form["Timeout"]) == (["DetectMessageEnd"], ["30"])
    assert form["StatusCallbackEvent"] == ["initiated", "ringing", "answered", "completed"]
    channel(twilio, machine_detection=False).send(MESSAGE)
    assert "MachineDetection" not in parse_qs(twilio.requests[1].body.decode())


def test_a_key_is_asked_for_where_there_is_a_choice(twilio: FakeTwilio) -> None:
    receipt = channel(twilio).send(ASKING)
    gathers = ET.fromstring(twilio.spoken[receipt.provider_id]).findall("Gather")
    assert [one.get("action") for one in gathers] == [CALLBACK, CALLBACK]
    assert "Drücken Sie die Eins" in "".join(gathers[0].itertext())


def test_no_key_is_asked_for_where_nobody_would_hear_of_it() -> None:
    assert "Gather" not in twiml(ASKING, "")


def test_a_text_too_long_for_a_call_is_refused(twilio: FakeTwilio) -> None:
    assert channel(twilio).send(replace(MESSAGE, text="a" * 3001)).outcome is Outcome.PERMANENT
    assert twilio.calls == []


def posted(twilio: FakeTwilio, form: Mapping[str, str], *, signature: str = "") -> Request:
    signed = signature or twilio.sign(CALLBACK, dict(form))
    return Request(CALLBACK, {"x-twilio-signature": signed}, urlencode(form).encode(), 0.0)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("queued", Delivery.QUEUED),
        ("ringing", Delivery.SENT),
        ("completed", Delivery.DELIVERED),
        ("busy", Delivery.FAILED),
        ("no-answer", Delivery.FAILED),
        ("never-heard-of", Delivery.UNKNOWN),
    ],
)
def test_what_became_of_the_call(twilio: FakeTwilio, status: str, state: Delivery) -> None:
    form = {"CallSid": "CA1", "CallStatus": status, "To": ANN, "AnsweredBy": "machine_end_beep"}
    (told,) = channel(twilio).receive(posted(twilio, form)).told
    assert isinstance(told, Delivered)
    assert (told.provider_id, told.state, told.address, told.suppress) == ("CA1", state, ANN, False)
    assert told.raw["AnsweredBy"] == "machine_end_beep"


def test_a_key_is_an_answer_of_the_person_called(twilio: FakeTwilio) -> None:
    form = {"CallSid": "CA1", "Digits": "2", "Direction": "outbound-api", "From": fake.FROM, "To": ANN}
    answer = channel(twilio).receive(posted(twilio, form))
    assert answer.told == [Replied("CA1:2", ANN, "", thread="CA1", button="2")]
    assert "<Hangup/>" in answer.body


def test_what_nobody_signed_or_names_no_call_is_refused(twilio: FakeTwilio) -> None:
    with pytest.raises(ForgedError):
        channel(twilio).receive(posted(twilio, {"CallSid": "CA1", "Digits": "1"}, signature="forged"))
    with pytest.raises(UnreadableError, match="CallSid"):
        channel(twilio).receive(posted(twilio, {"Digits": "1"}))


def test_a_call_that_is_not_answered_yet_can_be_recalled(twilio: FakeTwilio) -> None:
    sender = channel(twilio)
    sid = sender.send(MESSAGE).provider_id
    assert sender.recall(sid).outcome is Outcome.ACCEPTED
    assert sender.recall(sid).outcome is Outcome.PERMANENT


def test_c18_a_call_is_only_known_not_to_be_made_where_none_was(twilio: FakeTwilio) -> None:
    sender = channel(twilio)
    twilio.swallow()
    assert sender.send(MESSAGE).outcome is Outcome.UNKNOWN
    found, other = sender.find(MESSAGE), sender.find(replace(MESSAGE, to="+436649999999"))
    assert found is not None
    assert other is not None
    assert (found.outcome, other.outcome) == (Outcome.UNKNOWN, Outcome.RETRY)


def test_ringing_for_ever_is_refused(twilio: FakeTwilio) -> None:
    with pytest.raises(ValueError, match="5 to 600"):
        channel(twilio, ring=700)
