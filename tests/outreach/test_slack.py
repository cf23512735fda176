"""Slack against a stateful stand-in; what is signed and verified is held against Slack's own SDK."""

import json
from dataclasses import replace
from typing import Any

import pytest

from outreach.base import Message, Outcome
from outreach.channels.slack import Slack
from outreach.inbound import Acknowledged, ForgedError, Replied, UnreadableError
from tests.outreach.fakes import slack as fake
from tests.outreach.fakes.slack import NOW, FakeSlack, signed

MESSAGE = Message("int_1", "C0OPERATIONS", "12 of 20 calls fail since 09:40.", subject="API errors at Acme")
JSON = "application/json"


def channel(server: FakeSlack, **kwargs: Any) -> Slack:
    given: dict[str, Any] = {"token": fake.TOKEN, "signing_secret": fake.SECRET, "timeout": 0.5, "now": lambda: NOW}
    return Slack(base_url=server.url, **given | kwargs)


def test_what_is_sent(slack: FakeSlack) -> None:
    receipt = channel(slack).send(replace(MESSAGE, choices={"acknowledge": "I look at it"}))
    assert receipt.provider_id == f"C0OPERATIONS:{slack.messages[0]['ts']}"
    (sent,) = slack.messages
    assert sent["text"] == "API errors at Acme\n12 of 20 calls fail since 09:40."
    heading, section, actions = sent["blocks"]
    assert (heading["text"]["text"], section["text"]["text"]) == ("*API errors at Acme*", MESSAGE.text)
    assert [one["action_id"] for one in actions["elements"]] == ["acknowledge"]


def test_words_of_events_are_no_markup_and_mention_nobody(slack: FakeSlack) -> None:
    channel(slack).send(replace(MESSAGE, subject="<!channel>", text="<https://evil.example|our page> & <@U0ANN>"))
    words = json.dumps(slack.messages[0]["blocks"]) + slack.messages[0]["text"]
    assert "<" not in words
    assert "&lt;!channel&gt;" in words


def test_a_long_text_is_several_sections_and_none_is_too_long(slack: FakeSlack) -> None:
    assert channel(slack).send(replace(MESSAGE, text="<" * 5000)).outcome is Outcome.ACCEPTED
    sections = [one["text"]["text"] for one in slack.messages[0]["blocks"]][1:]
    assert "".join(sections) == "&lt;" * 5000


def test_an_update_goes_into_the_thread(slack: FakeSlack) -> None:
    first = channel(slack).send(MESSAGE)
    channel(slack).send(replace(MESSAGE, id="int_2", thread=first.provider_id, text="It works again."))
    assert slack.messages[1]["thread_ts"] == slack.messages[0]["ts"]


@pytest.mark.parametrize(
    ("error", "outcome", "suppress"),
    [
        ("is_archived", Outcome.PERMANENT, True),
        ("channel_not_found", Outcome.PERMANENT, True),
        ("msg_too_long", Outcome.PERMANENT, False),
        ("ratelimited", Outcome.RETRY, False),
        ("invalid_auth", Outcome.RETRY, False),
        ("not_in_channel", Outcome.RETRY, False),
        ("internal_error", Outcome.UNKNOWN, False),
    ],
)
def test_a_200_may_hold_a_refusal(slack: FakeSlack, error: str, outcome: Outcome, suppress: bool) -> None:
    slack.refuse(error)
    receipt = channel(slack).send(MESSAGE)
    assert (receipt.outcome, receipt.code, receipt.suppress) == (outcome, error, suppress)


def test_busy_tells_how_long_to_wait(slack: FakeSlack) -> None:
    slack.throttle(7)
    receipt = channel(slack).send(MESSAGE)
    assert (receipt.outcome, receipt.retry_after) == (Outcome.RETRY, 7.0)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"ok": "yes"}', b"null"])
def test_an_answer_that_says_nothing_is_unknown(slack: FakeSlack, body: bytes) -> None:
    slack.say(body)
    assert channel(slack).send(MESSAGE).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_broken_server_may_have_taken_it(slack: FakeSlack, status: int) -> None:
    slack.say(b"oops", status)
    assert channel(slack).send(MESSAGE).outcome is Outcome.UNKNOWN


def test_c18_what_was_not_answered_is_found_by_its_metadata(slack: FakeSlack) -> None:
    sender = channel(slack)
    slack.swallow()
    assert sender.send(MESSAGE).outcome is Outcome.UNKNOWN
    found, other = sender.find(MESSAGE), sender.find(replace(MESSAGE, id="int_2"))
    assert found is not None
    assert other is not None
    assert (found.outcome, found.provider_id) == (Outcome.ACCEPTED, f"C0OPERATIONS:{slack.messages[0]['ts']}")
    assert other.outcome is Outcome.RETRY


def test_c18_in_a_thread_too(slack: FakeSlack) -> None:
    sender = channel(slack)
    first = sender.send(MESSAGE).provider_id
    update = replace(MESSAGE, id="int_2", thread=first)
    slack.swallow()
    sender.send(update)
    found = sender.find(update)
    assert found is not None
    assert found.provider_id == f"C0OPERATIONS:{slack.messages[1]['ts']}"


def test_c18_a_history_that_is_too_long_or_not_to_be_read_leaves_it_unknown(slack: FakeSlack) -> None:
    sender = channel(slack)
    slack.refuse("missing_scope")
    unreadable = sender.find(MESSAGE)
    slack.page = 1
    for number in range(2):
        sender.send(replace(MESSAGE, id=f"int_{number}"))
    crowded = sender.find(replace(MESSAGE, id="int_9"))
    for found in (unreadable, crowded):
        assert found is not None
        assert found.outcome is Outcome.UNKNOWN


def test_a_pressed_button_is_who_looks_after_it(slack: FakeSlack) -> None:
    sender = channel(slack)
    sent = sender.send(MESSAGE).provider_id
    (told,) = sender.receive(slack.press(sent, "acknowledge")).told
    assert told == Acknowledged(sent, "ann", "acknowledge", f"{sent}:1795352701.1")
    (other,) = sender.receive(slack.press(sent, "call-me")).told
    assert other == Replied(f"{sent}:1795352701.1", "U0ANN", "", sent, "call-me")


def test_what_is_written_in_a_thread_is_an_answer_and_what_bots_write_is_none(slack: FakeSlack) -> None:
    event = {"type": "message", "channel": "C1", "user": "U1", "text": "on it", "ts": "2.0", "thread_ts": "1.0"}
    body = json.dumps({"type": "event_callback", "event": event}).encode()
    assert channel(slack).receive(signed(body, JSON)).told == [Replied("C1:2.0", "U1", "on it", "C1:1.0")]
    for more in ({"bot_id": "B1"}, {"subtype": "message_changed"}, {"user": ""}, {"type": "reaction_added"}):
        body = json.dumps({"type": "event_callback", "event": {**event, **more}}).encode()
        assert channel(slack).receive(signed(body, JSON)).told == ()


def test_the_address_is_confirmed_to_slack(slack: FakeSlack) -> None:
    body = b'{"type":"url_verification","challenge":"abc"}'
    assert channel(slack).receive(signed(body, JSON)).body == "abc"


def test_forged_old_and_unsigned_requests_are_refused(slack: FakeSlack) -> None:
    sender, good = channel(slack), slack.press("C1:1.0", "acknowledge")
    forged = [
        replace(good, body=good.body.replace(b"acknowledge", b"resolve")),
        replace(good, headers={**good.headers, "x-slack-signature": "v0=00"}),
        replace(good, headers={"content-type": JSON}),
        slack.press("C1:1.0", "acknowledge", at=NOW - 301),
        slack.press("C1:1.0", "acknowledge", at=NOW + 120),
        signed(good.body, JSON, secret="another"),
    ]
    for request in forged:
        with pytest.raises(ForgedError):
            sender.receive(request)
    with pytest.raises(ForgedError, match="signing_secret"):
        channel(slack, signing_secret="").receive(good)


@pytest.mark.parametrize("body", [b"", b"payload=", b"payload=%7B", b"payload=3", b"nonsense"])
def test_what_cannot_be_read_says_so(slack: FakeSlack, body: bytes) -> None:
    with pytest.raises(UnreadableError, match="payload"):
        channel(slack).receive(signed(body, "application/x-www-form-urlencoded"))


def test_a_check_names_what_is_wrong(slack: FakeSlack) -> None:
    assert channel(slack).check() == ""
    assert "invalid_auth" in channel(slack, token="xoxb-other").check()


def test_without_a_token_there_is_no_channel() -> None:
    with pytest.raises(ValueError, match="token"):
        Slack(token="")
