"""What Twilio tells us: only what it signed counts, and every word of it becomes an event with Twilio's own id."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # ships no py.typed

from engine.errors import Retryable
from engine.store.models import Consent
from outreach.channels.voice import Voice
from tests.engine.web.conftest import SLACK_SECRET

PUBLIC = "https://status.example.com"
ANN = "+436641234567"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def said(text: str, sid: str = "SM1", **more: str) -> dict[str, str]:
    return {"MessageSid": sid, "SmsStatus": "received", "From": ANN, "To": "+15005550006", "Body": text, **more}


def told(status: str, **more: str) -> dict[str, str]:
    return {"MessageSid": "SM7", "MessageStatus": status, "To": ANN, **more}


def post(desk: Any, form: Mapping[str, str], *, path: str = "/hooks/twilio/sms", signature: str = "") -> httpx.Response:
    """Send a callback, signed by Twilio's own SDK for the public address; the Host header is another."""
    desk.listen(public_url=PUBLIC)
    signed = signature or RequestValidator("twilio-auth-token").compute_signature(PUBLIC + path, dict(form))
    found: httpx.Response = desk.server().post(
        path, content=urlencode(form), headers={**FORM, "x-twilio-signature": signed, "host": "internal:8321"}
    )
    return found


def test_a_forged_request_is_403_and_changes_nothing(desk: Any) -> None:
    for signature in ("forged", "bm90IGl0"):
        answer = post(desk, said("STOP"), signature=signature)
        assert answer.status_code == 403
    assert desk.events() == []


def test_a_signature_for_another_form_is_forged(desk: Any) -> None:
    signature = RequestValidator("twilio-auth-token").compute_signature(f"{PUBLIC}/hooks/twilio/sms", said("hello"))
    assert post(desk, said("STOP"), signature=signature).status_code == 403


def test_the_query_is_part_of_what_is_signed(desk: Any) -> None:
    assert post(desk, told("sent"), path="/hooks/twilio/sms?of=a%20b").status_code == 200


@pytest.mark.parametrize("name", ["email", "nothing"])
def test_a_channel_that_twilio_does_not_call_back_is_404(desk: Any, name: str) -> None:
    assert post(desk, told("sent"), path=f"/hooks/twilio/{name}").status_code == 404


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        ("delivered", "", "delivered"),
        ("sent", "", "sent"),
        ("undelivered", "30005", "bounced"),
        ("undelivered", "30003", "failed"),
        ("failed", "21610", "bounced"),
        ("never-heard-of", "", "unknown"),
    ],
)
def test_c09_a_status_becomes_a_delivery_that_suppresses_dead_addresses_only(
    desk: Any, status: str, code: str, state: str
) -> None:
    desk.add(desk.intent(provider_id="SM7"))
    answer = post(desk, told(status, ErrorCode=code))
    assert (answer.status_code, answer.headers["content-type"][:15]) == (200, "application/xml")
    [event] = desk.of_type("forewarn.delivery")
    assert event["subject"] == "contact/ann"
    assert {**event["data"], "raw": {}} == {
        "state": state,
        "provider_id": "SM7",
        "channel": "sms",
        "code": code,
        "address": ANN,
        "raw": {},
    }
    assert event["data"]["raw"]["MessageStatus"] == status


def test_a_repeated_callback_has_the_same_id(desk: Any) -> None:
    for _ in range(2):
        post(desk, told("delivered"))
        desk.clock.advance(5)
    post(desk, told("read"))
    first, again, other = desk.of_type("forewarn.delivery")
    assert (first["id"], first["source"]) == (again["id"], again["source"])
    assert other["id"] != first["id"]


@pytest.mark.parametrize("text", ["STOP", " stop. ", "Unsubscribe", "Opt-out", "stopp"])
def test_c02_stop_withdraws_consent_for_everyone_with_this_number(desk: Any, text: str) -> None:
    desk.add(*desk.ann())
    assert post(desk, said(text)).status_code == 200
    [event] = desk.of_type("forewarn.consent")
    assert event["subject"] == "contact/ann"
    assert (event["data"]["state"], event["data"]["purpose"]) == ("withdrawn", "*")
    assert event["data"]["address"] == "+43 664 1234567", "as it is stored, so that the ledger finds it"
    assert event["data"]["wording"] == text
    assert desk.of_type("forewarn.contact") == [], "an opt-out is no call for help"


def test_c02_a_stop_from_an_unknown_number_is_kept(desk: Any) -> None:
    post(desk, said("STOP"))
    [event] = desk.of_type("forewarn.consent")
    assert (event["subject"], event["data"]["address"]) == (f"phone/{ANN}", ANN)


def test_c02_unclear_wording_suspends_and_goes_to_a_person(desk: Any) -> None:
    desk.add(*desk.everything())
    for _ in range(2):
        post(desk, said("please don't text me <script>"))
    assert {event["data"]["state"] for event in desk.of_type("forewarn.consent")} == {"suspended"}
    [contact] = desk.of_type("forewarn.contact")
    assert "please don't text me" in contact["data"]["text"]
    [reply] = desk.of_type("forewarn.reply")
    assert reply["data"]["hand_over"] == "may_stop"
    assert "answer" not in reply["data"], "nothing is sent until a person has read it"


def test_c02_start_restores_service_messages(desk: Any) -> None:
    desk.add(*desk.ann())
    assert "we write to you again" in post(desk, said("Start")).text
    [event] = desk.of_type("forewarn.consent")
    assert (event["data"]["state"], event["data"]["purpose"]) == ("granted", "service")


def willing(desk: Any, **more: Any) -> None:
    """Let Ann, whom we wrote to by text message, allow just that."""
    desk.add(desk.issue(), desk.intent(channel="sms", address=ANN), *desk.ann(**more))
    given: dict[str, Any] = {"entity": "contact/ann", "channel": "sms", "purpose": "service", "state": "granted"}
    desk.add(Consent(id="con_1", at=desk.clock.time() - 9.0, **given))


@pytest.mark.parametrize(("text", "answer"), [("help", "Anything else is read"), ("It works again!", "keep watching")])
def test_an_answer_goes_back_with_the_response(desk: Any, text: str, answer: str) -> None:
    willing(desk)
    assert answer in post(desk, said(text)).text
    [reply] = desk.of_type("forewarn.reply")
    assert answer in reply["data"]["answer"]
    assert "via" not in reply["data"], "it went at once, and nothing is to be sent"


def test_an_answer_speaks_the_persons_language(desk: Any) -> None:
    willing(desk, locale="de-AT")
    assert "Alles andere liest ein Mensch" in post(desk, said("Hilfe")).text


def test_at_most_two_texts_go_back_and_then_a_person_is_asked(desk: Any) -> None:
    willing(desk)
    texts = [post(desk, said("help", f"SM{number}")).text for number in range(4)]
    assert [text.count("<Message>") for text in texts] == [1, 1, 0, 0]
    assert [each["data"].get("hand_over", "") for each in desk.of_type("forewarn.reply")] == [
        "",
        "",
        "turns",
        "goes_on",
    ]


def test_c01_without_consent_no_text_goes_back_but_a_person_is_asked(desk: Any) -> None:
    desk.add(*desk.everything())
    assert post(desk, said("help")).text.count("<Message>") == 0
    [reply] = desk.of_type("forewarn.reply")
    assert reply["data"]["hand_over"] == "unanswerable"


def test_what_twilio_answered_itself_is_not_answered_again(desk: Any) -> None:
    willing(desk)
    assert post(desk, said("HELP", OptOutType="HELP")).text.count("<Message>") == 0


@pytest.mark.parametrize(
    ("key", "meaning"), [("1", "fixed"), ("2", "broken"), ("3", "call"), ("9", "stop"), ("7", "other")]
)
def test_a_key_pressed_in_a_call_is_an_answer(desk: Any, key: str, meaning: str) -> None:
    willing(desk)
    given: dict[str, Any] = {"entity": "contact/ann", "channel": "voice", "purpose": "service", "state": "granted"}
    desk.add(Consent(id="con_2", at=desk.clock.time() - 9.0, **given))
    desk.services.channels["voice"] = Voice(account_sid="AC1", auth_token="twilio-auth-token", from_="+15005550006")
    form = {"CallSid": "CA1", "Digits": key, "Direction": "outbound-api", "From": "+15005550006", "To": ANN}
    spoken = post(desk, form, path="/hooks/twilio/voice").text
    [reply] = desk.of_type("forewarn.reply")
    assert (reply["data"]["meaning"], reply["data"]["text"]) == (meaning, key)
    assert spoken.startswith('<Response><Say language="en-GB">')
    assert spoken.endswith("<Hangup/></Response>")


def test_c03_of_two_opt_outs_one_is_confirmed(desk: Any) -> None:
    willing(desk)
    texts = [post(desk, said("stopp", sid)).text for sid in ("SM1", "SM1", "SM2")]
    assert [text.count("<Message>") for text in texts] == [1, 1, 0], "what Twilio repeats is answered as before"
    assert len(desk.of_type("forewarn.consent")) == 2


@pytest.mark.parametrize(
    ("text", "more", "confirmed"),
    [("stopp", {}, True), ("STOP", {}, False), ("stopp", {"OptOutType": "STOP"}, False), ("hello", {}, False)],
)
def test_c03_at_most_one_confirmation_and_none_where_twilio_confirms(
    desk: Any, text: str, more: dict[str, str], confirmed: bool
) -> None:
    answer = post(desk, said(text, **more))
    assert answer.text.count("<Message>") == int(confirmed)
    assert answer.text.startswith("<?xml")


def test_c03_the_confirmation_is_in_the_persons_language(desk: Any) -> None:
    desk.add(*desk.ann(locale="de-AT"))
    assert "Sie bekommen keine Nachrichten mehr" in post(desk, said("stopp")).text


def test_a_reply_becomes_a_contact_about_what_we_wrote_last(desk: Any) -> None:
    desk.add(*desk.everything())
    post(desk, said("Is it fixed?"))
    [event] = desk.of_type("forewarn.contact")
    assert event["data"] == {"channel": "sms", "text": "Is it fixed?", "address": "+43 664 1234567", "issue": "iss_1"}
    assert event["source"] == "twilio/sms"
    assert event["id"].startswith("SM1")


def test_what_names_no_message_is_422(desk: Any) -> None:
    assert post(desk, {"MessageStatus": "sent"}).status_code == 422
    assert post(desk, {"Body": "hi"}).status_code == 422


def test_a_log_that_cannot_be_written_is_503_so_that_twilio_says_so(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise Retryable("no space left")

    monkeypatch.setattr(type(desk.services.log), "append", full)
    assert post(desk, said("STOP")).status_code == 503


FIELDS = st.sampled_from(["MessageSid", "MessageStatus", "SmsStatus", "From", "Body", "To", "ErrorCode", "OptOutType"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(FIELDS, st.text(max_size=12) | st.sampled_from(["received", "sent", "STOP", ANN]), max_size=8))
def test_whatever_twilio_signs_is_answered(desk: Any, form: dict[str, str]) -> None:
    assert post(desk, form).status_code in {200, 422}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=100), st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
def test_whatever_others_send_is_refused(desk: Any, body: bytes, signature: str) -> None:
    answer = desk.server().post("/hooks/twilio/sms", content=body, headers={"x-twilio-signature": signature})
    assert answer.status_code in {403, 422}
    assert desk.events() == []


SENT = "C0OPERATIONS:1795352700.000100"


def pressed(desk: Any, action: str, *, thread: str = SENT, at: float | None = None, secret: str = SLACK_SECRET) -> int:
    """Press a button of a message in Slack; the request is signed by Slack's own SDK."""
    place, _, stamp = thread.partition(":")
    payload = {
        "type": "block_actions",
        "user": {"id": "U0ANN", "username": "ann"},
        "container": {"channel_id": place, "message_ts": stamp},
        "actions": [{"action_id": action, "action_ts": "1.5"}],
    }
    body, time = urlencode({"payload": json.dumps(payload)}).encode(), str(int(desk.clock.time() if at is None else at))
    signature = SignatureVerifier(secret).generate_signature(timestamp=time, body=body) or ""
    headers = {**FORM, "x-slack-request-timestamp": time, "x-slack-signature": signature}
    desk.listen(public_url=PUBLIC)
    return int(desk.server().post("/hooks/channel/slack", content=body, headers=headers).status_code)


def test_a_button_in_slack_acknowledges_the_issue_once(desk: Any) -> None:
    desk.add(*desk.everything(), desk.intent("int_9", kind="escalate", provider_id=SENT, channel="slack"))
    for _ in range(2):
        assert pressed(desk, "acknowledge") == 200
    first, again = desk.of_type("forewarn.action")
    assert (first["data"]["what"], first["data"]["issue"], first["data"]["who"]) == ("acknowledge", "iss_1", "ann")
    assert (
        (first["id"], first["source"]) == (again["id"], again["source"]) == (f"{SENT}:1.5:acknowledge", "slack/slack")
    )


def test_a_button_of_no_message_of_ours_and_a_forged_one_do_nothing(desk: Any) -> None:
    desk.add(*desk.everything(), desk.intent("int_9", kind="escalate", provider_id=SENT, channel="slack"))
    assert pressed(desk, "resolve", thread="C0OTHER:1.0") == 422
    assert pressed(desk, "resolve", secret="another") == 403
    assert pressed(desk, "resolve", at=desk.clock.time() - 301) == 403
    assert desk.events() == []
