"""WhatsApp through the stand-in for Twilio: approved templates, and free words within a day (C12)."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from outreach.base import Message, Outcome
from outreach.channels.whatsapp import WhatsApp
from tests.outreach.fakes import twilio as fake
from tests.outreach.fakes.twilio import FakeTwilio

NOW = 1795352700.0
ANN = "+436641234567"
MESSAGE = Message("int_1", ANN, "Ihre Webhooks kommen wieder an.")
TEMPLATE = replace(MESSAGE, content="HX" + "c" * 32, variables={"1": "Webhooks", "2": "10:40"})


def channel(server: FakeTwilio, **kwargs: Any) -> WhatsApp:
    given: dict[str, Any] = {"auth_token": fake.TOKEN, "from_": fake.FROM, "timeout": 0.5, "now": lambda: NOW}
    return WhatsApp(account_sid=fake.ACCOUNT, base_url=server.url, **given | kwargs)


def test_c12_outside_of_the_day_only_an_approved_template_goes_out(twilio: FakeTwilio) -> None:
    refused = channel(twilio).send(MESSAGE)
    assert (refused.outcome, refused.code, refused.suppress) == (Outcome.PERMANENT, "63016", False)
    assert "ContentSid" in refused.detail
    assert twilio.requests == []
    assert channel(twilio).send(TEMPLATE).outcome is Outcome.ACCEPTED
    form = {key: value[0] for key, value in parse_qs(twilio.requests[0].body.decode()).items()}
    assert (form["To"], form["From"]) == (f"whatsapp:{ANN}", f"whatsapp:{fake.FROM}")
    assert form["ContentSid"] == TEMPLATE.content
    assert json.loads(form["ContentVariables"]) == TEMPLATE.variables
    assert "Body" not in form


def test_c12_within_the_day_free_words_do(twilio: FakeTwilio) -> None:
    twilio.in_session.add(f"whatsapp:{ANN}")
    assert channel(twilio).send(replace(MESSAGE, session_until=NOW + 1)).outcome is Outcome.ACCEPTED
    assert twilio.messages[0]["body"].startswith(MESSAGE.text)
    assert channel(twilio).send(replace(MESSAGE, session_until=NOW)).outcome is Outcome.PERMANENT


def test_c12_a_window_that_whatsapp_sees_otherwise_is_a_refusal(twilio: FakeTwilio) -> None:
    receipt = channel(twilio).send(replace(MESSAGE, session_until=NOW + 1))
    assert (receipt.outcome, receipt.code) == (Outcome.PERMANENT, "63016")


def test_c18_free_words_are_found_by_their_sign(twilio: FakeTwilio) -> None:
    twilio.in_session.add(f"whatsapp:{ANN}")
    sender, message = channel(twilio), replace(MESSAGE, session_until=NOW + 1)
    twilio.swallow()
    assert sender.send(message).outcome is Outcome.UNKNOWN
    found = sender.find(message)
    assert found is not None
    assert (found.outcome, found.provider_id) == (Outcome.ACCEPTED, twilio.messages[0]["sid"])
    other = sender.find(replace(message, id="int_2"))
    assert other is not None
    assert other.outcome is Outcome.RETRY


def test_c18_a_template_message_is_only_known_not_to_be_sent_where_none_was(twilio: FakeTwilio) -> None:
    sender = channel(twilio)
    never = sender.find(TEMPLATE)
    assert never is not None
    assert never.outcome is Outcome.RETRY
    twilio.swallow()
    sender.send(TEMPLATE)
    perhaps = sender.find(TEMPLATE)
    assert perhaps is not None
    assert perhaps.outcome is Outcome.UNKNOWN


def test_a_number_that_is_none_is_refused(twilio: FakeTwilio) -> None:
    receipt = channel(twilio).send(replace(TEMPLATE, to="ann"))
    assert (receipt.outcome, receipt.suppress) == (Outcome.PERMANENT, True)


@pytest.mark.parametrize("wrong", [{"from_": ""}, {"messaging_service_sid": "MG"}])
def test_a_wrong_configuration_says_so(twilio: FakeTwilio, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give either"):
        channel(twilio, **wrong)
