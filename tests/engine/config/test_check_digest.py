"""What `forewarn check` says of several issues told in one message."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config.check import check
from engine.config.load import load_or_raise
from engine.config.model.digests import DigestConfig, terms
from tests.engine.config.conftest import SAMPLE

Write = Callable[..., Path]
POLICY = 'hours: {from: "08:00", to: "21:00"}\ndigest: {wait: 30m, at_most: 8}\n'
P = "playbooks/errors.yaml"
BOOK = """name: errors
when: {detector: errors}
steps:
  - message: {channels: mail, template: errors/notice}
  - message: {on: resolved, template: errors/resolved}
"""
MAIL = "mail: {type: email, host: 127.0.0.1, from: a@example.com}\n"
TEXTS = 'text: {type: sms, account_sid: AC00000000000000000000000000000000, auth_token: t, from: "+15005550006"}\n'
FRAME = "{% for item in items %}{{ item.text }} {{ item.link }}\n{% endfor %}"
SAID = "You need not do anything. You are a contact for {{ customer.name }}. More by {{ next_update_at | when }}.\n"
ITEMS = '{"items": [{"headline": "calls fail", "text": "Calls fail.", "link": "https://x.example"}], '
WORDS = {
    "templates/_common/digest/en/email.txt.j2": f"Subject: {{{{ items[0].headline }}}}\n\n{FRAME}{SAID}",
    "templates/_common/digest/sample.json": ITEMS + SAMPLE.removeprefix("{"),
    "templates/errors/notice/en/digest.txt.j2": "Subject: calls fail\n\nCalls fail for {{ customer.name }}.\n",
    "templates/_common/ends/en/email.txt.j2": f"Subject: {{{{ items[0].headline }}}}\n\n{FRAME}{SAID}",
    "templates/_common/ends/sample.json": ITEMS + SAMPLE.removeprefix("{"),
    "templates/errors/resolved/en/digest.txt.j2": "Subject: calls work\n\nCalls work for {{ customer.name }}.\n",
}


def told(write: Write, **changed: str | None) -> list[str]:
    named = {name.replace("__", "/").replace("_yaml", ".yaml"): text for name, text in changed.items()}
    files = {"channels.yaml": MAIL, "policy.yaml": POLICY, **WORDS, **named}
    return [str(problem) for problem in check(write(files), {})]


def test_terms_with_words_for_it_are_right(write: Write) -> None:
    assert told(write) == []


@pytest.mark.parametrize(
    ("digest", "place", "words"),
    [
        ("{wait: 0}", "policy.yaml:2:16", "nothing is gathered where nothing waits"),
        ("{wait: 30m, at_most: 1}", "policy.yaml:2:30", "1 issues in one message; write 2 to 20"),
        ("{wait: 30m, at_most: 21}", "policy.yaml:2:30", "21 issues in one message"),
        ("{at_most: 3}", "policy.yaml:2:9", '"wait" is missing'),
        ("{wait: 30m, most: 3}", "policy.yaml:2:21", 'unknown key "most"'),
    ],
)
def test_terms_out_of_bounds_are_told_with_their_place(write: Write, digest: str, place: str, words: str) -> None:
    found = told(write, policy_yaml=POLICY.replace("{wait: 30m, at_most: 8}", digest))
    assert [line for line in found if line.startswith(place) and words in line], found


def test_a_playbook_has_terms_of_its_own_or_none(write: Write) -> None:
    files = {"channels.yaml": MAIL, "policy.yaml": POLICY, **WORDS}
    for written, expected in (("{wait: 1h, at_most: 3}", (3600.0, 3)), ("never", None)):
        config = load_or_raise(write({**files, P: f"{BOOK}digest: {written}\n"}), {})
        found = terms(config.policy.digest, config.playbooks["errors"].digest)
        assert (found and (float(found.wait), found.at_most)) == expected
    config = load_or_raise(write({**files, P: BOOK}), {})
    assert isinstance(terms(config.policy.digest, config.playbooks["errors"].digest), DigestConfig)


def test_a_wait_longer_than_the_issue_lasts_is_an_error(write: Write) -> None:
    [found] = told(write, **{P: f"{BOOK}expire: 20m\n"})
    assert "messages wait for 30m and the issue expires after 20m: they are never sent" in found
    assert told(write, **{P: f"{BOOK}expire: 20m\ndigest: never\n"}) == []


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("escalate: {after: 15m, to: on-call}", "escalation"),
        ("ticket: {queue: q, template: errors/agent, after: 15m}", "ticket"),
    ],
)
def test_a_wait_longer_than_what_our_people_do_next_is_warned_of(write: Write, step: str, kind: str) -> None:
    [found] = told(write, **{P: f"{BOOK}  - {step}\n"})
    assert f"warning: messages wait for 30m, and the {kind} of errors comes after 15m already" in found


def test_terms_of_what_is_urgent_have_no_effect(write: Write) -> None:
    urgent = BOOK.replace("errors/notice}", "errors/notice, emergency: ann}")
    [found] = told(write, **{P: f"{urgent}digest: {{wait: 5m}}\n"})
    assert "digest has no effect: all that this playbook tells is urgent" in found


def test_a_message_without_words_for_it_goes_alone(write: Write) -> None:
    found = told(write, **{"templates/errors/notice/en/digest.txt.j2": None})
    assert [line for line in found if "in en these messages go alone" in line]


def test_no_template_around_them_is_an_error(write: Write) -> None:
    found = told(write, **{"templates/_common/digest/en/email.txt.j2": None})
    assert [line for line in found if line.startswith("policy.yaml:2:9") and "nothing is told together" in line]


def test_an_end_without_words_for_it_goes_alone(write: Write) -> None:
    [found] = told(write, **{"templates/errors/resolved/en/digest.txt.j2": None})
    assert "in en these messages go alone: there is no errors/resolved/LOCALE/digest.txt.j2" in found


def test_no_template_around_ends_is_warned_of(write: Write) -> None:
    [found] = told(write, **{"templates/_common/ends/en/email.txt.j2": None})
    assert "ends that are due at the same time are told one by one" in found


def test_without_short_words_only_mail_is_told_together(write: Write) -> None:
    short = {"templates/_common/digest/en/sms.txt.j2": f"{FRAME}{SAID}"}
    notice = {"templates/errors/notice/en/sms.txt.j2": f"Calls fail. {{{{ links.page }}}} {SAID}"}
    both = {"channels_yaml": MAIL + TEXTS, **notice}
    [found] = [line for line in told(write, **both) if "by text" in line]
    assert "each issue is a message of its own: _common/digest has no sms.txt.j2" in found
    assert not [line for line in told(write, **both, **short) if "by text" in line]
    long = {name: text + "and so on " * 60 for name, text in short.items()}
    assert [line for line in told(write, **both, **long) if "by text fewer issues go together in en" in line]


def test_words_for_it_are_looked_over_as_all_others(write: Write) -> None:
    wrong = {"templates/errors/notice/en/digest.txt.j2": "Calls fail for {{ costumer.name }}.\n"}
    found = told(write, **wrong)
    assert [line for line in found if "digest.txt.j2:1" in line and "the first line must be `Subject: …`" in line]
    assert [line for line in found if "nothing fills the variable 'costumer.name'" in line]
