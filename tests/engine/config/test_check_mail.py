"""What e-mails must say by law is asked for before anyone gets one (C7)."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from engine.config.check import check

Write = Callable[..., Path]
P = "playbooks/errors.yaml"
EMAIL = "mail: {type: email, host: 127.0.0.1, from: a@example.com}\n"
MAIN = "sender: {company: Example, postal_address: 1 Example Street}\ntemplates: templates\n"
STEPS = """name: errors
when: {detector: errors}
steps:
  - message: {channels: CHANNELS, template: errors/notice, purpose: marketing}
  - message: {on: resolved, template: errors/resolved}
"""
NOTICE = "templates/errors/notice/en/email.txt.j2"
WHOLE = "Subject: New\n\nBuy.\n{{ sender.postal_address }} {{ links.unsubscribe }}\n"


def told(write: Write, notice: str, channels: str = "mail", **more: str) -> list[str]:
    files: Mapping[str, str] = {
        "forewarn.yaml": MAIN,
        "channels.yaml": EMAIL,
        P: STEPS.replace("CHANNELS", channels),
        NOTICE: notice,
        "templates/errors/notice/sample.json": '{"sender": {"postal_address": "x"}, "links": {"unsubscribe": "y"}}',
        **more,
    }
    return [str(problem) for problem in check(write(files), {}) if "(C7)" in str(problem)]


def test_c07_marketing_that_says_all_of_it_is_right(write: Write) -> None:
    assert told(write, WHOLE) == []
    assert told(write, WHOLE.replace("links.unsubscribe", "links.preferences")) == []


@pytest.mark.parametrize(
    ("without", "words"),
    [
        ("{{ sender.postal_address }}", "must name our postal address"),
        ("{{ links.unsubscribe }}", "how to hear no more"),
    ],
)
@pytest.mark.parametrize("channels", ["mail", "preferred"])
def test_c07_marketing_names_a_postal_address_and_a_way_out(
    write: Write, without: str, words: str, channels: str
) -> None:
    (problem,) = told(write, WHOLE.replace(without, ""), channels)
    assert problem.startswith(f"{P}:4:")
    assert words in problem


def test_c07_what_goes_by_other_channels_or_is_no_marketing_is_not_asked_for_it(write: Write) -> None:
    assert told(write, "Subject: New\n\nBuy.\n", **{"channels.yaml": "mail: {type: memory}\n"}) == []
    service = STEPS.replace("CHANNELS", "mail").replace(", purpose: marketing", "")
    assert told(write, "Subject: New\n\nHello.\n", **{P: service}) == []


@pytest.mark.parametrize("subject", ["Re: your order", "FWD: invoice", " aw : Ihre Frage", "Re: {{ customer.name }}"])
def test_c07_a_subject_does_not_pretend_to_be_an_answer(write: Write, subject: str) -> None:
    (problem,) = told(write, WHOLE.replace("Subject: New", f"Subject: {subject}"))
    assert "pretends to be an answer" in problem


def test_dkim_without_its_key_leaves_the_channel_out_and_a_wrong_key_is_an_error(write: Write, tmp_path: Path) -> None:
    lines = "mail:\n  type: email\n  host: 127.0.0.1\n  from: a@example.com\n"
    dkim = "  dkim: {domain: example.com, selector: fw, key: {file: KEY}}\n"
    files = {"channels.yaml": lines + dkim}
    (missing,) = (str(each) for each in check(write(files), {}) if "KEY" in str(each))
    assert missing.startswith("channels.yaml:5:")
    assert "cannot be read" in missing
    files["KEY"] = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"
    (wrong,) = (str(each) for each in check(write(files), {}) if "dkim" in str(each))
    assert wrong.startswith("channels.yaml:5:")
    assert "key cannot be read" in wrong
    unset = {"channels.yaml": lines + "  inbox: {host: imap.example.com, user: u, password: {env: INBOX_PASSWORD}}\n"}
    assert any("INBOX_PASSWORD is not set" in str(each) for each in check(write(unset | {"KEY": None}), {}))
