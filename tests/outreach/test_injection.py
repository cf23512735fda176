"""What an event's fields carry reaches nobody as markup, header or hidden text, on any channel."""

import json
from email import message_from_bytes
from email.headerregistry import Address
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from engine.config.model import Config, MainConfig, PolicyConfig, Sender
from engine.entities import Person
from engine.events import Decoder, Schema
from engine.links import Links
from engine.store.models import Entity, Intent, Issue
from engine.wording import Speaker
from outreach import drafts
from outreach.address import mailbox
from outreach.base import Message
from outreach.channels.pagerduty import event
from outreach.channels.slack import posted
from outreach.channels.teams import card
from outreach.channels.voice import twiml
from outreach.channels.webhook import payload
from outreach.mime import letterhead, written
from outreach.render import Templates
from outreach.text import SUBJECT_LENGTH, named

EVIL = 'Acme\r\nBcc: all@example.org\u202e<script>x</script><!channel>[our page](https://evil.example)"&\x00\x1b[31m'
NOTICE = "Subject: {{ customer.name }}: calls fail\n\n{{ customer.name }}: calls fail.\n\nSee: {{ links.page }}\n"
PAGE = "https://x.example/m/1"


def templates(folder: Path) -> Templates:
    files = {
        "book/notice/en/email.txt.j2": NOTICE,
        "book/notice/en/sms.txt.j2": "{{ customer.name }}: calls fail",
        "book/notice/en/email.html.j2": '<html lang="en"><b>{{ customer.name }}</b> {{ mail.subject }}</html>',
        "book/plain/en/email.txt.j2": NOTICE,
        "_layouts/email.html.j2": Path("templates/_layouts/email.html.j2").read_text(encoding="utf-8"),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return Templates(folder)


def variables(name: str = EVIL) -> dict[str, Any]:
    return {"customer": {"name": name, "zone": "UTC"}, "links": {"page": PAGE}, "sender": {"company": "Example"}}


def message(folder: Path, form: str = "email", template: str = "book/notice") -> Message:
    shown = templates(folder).render(template, form, "en", variables())
    return Message("int_1", "x", shown.text, subject=shown.subject, html=shown.html, data={"name": EVIL})


def test_a_mail_has_the_headers_it_was_given_and_no_other(tmp_path: Path) -> None:
    head = letterhead(Address("Example", addr_spec="a@x.example"), "", "x.example")
    raw = written(message(tmp_path), mailbox("ann@x.example"), head, 0.0)
    mail = message_from_bytes(raw, policy=default)
    headers = raw.partition(b"\r\n\r\n")[0].decode()
    assert not any(line.lower().startswith("bcc:") for line in headers.splitlines())
    assert mail["Bcc"] is None
    texts = [part.get_content() for part in mail.walk() if not part.is_multipart()]
    assert len(texts) == 2
    assert not [control for control in "\x00\x1b" for text in (raw.decode(), *texts) if control in text]


@pytest.mark.parametrize("template", ["book/notice", "book/plain"])
def test_html_shows_markup_as_text_and_links_only_where_we_do(tmp_path: Path, template: str) -> None:
    html = message(tmp_path, template=template).html
    assert "<script" not in html
    assert 'href="https://evil.example' not in html
    assert "\u202e" not in html


def test_a_text_message_has_no_control_characters(tmp_path: Path) -> None:
    text = message(tmp_path, "sms").text
    assert not set(text) & set("\r\x00\x1b\u202e")


def test_slack_shows_no_mention_and_no_hidden_link(tmp_path: Path) -> None:
    body = json.dumps(posted(message(tmp_path)), ensure_ascii=False)
    assert "<!channel>" not in body
    assert "<script>" not in body


def test_teams_shows_no_link_of_the_field(tmp_path: Path) -> None:
    texts = [block["text"] for block in card(message(tmp_path))["attachments"][0]["content"]["body"]]
    assert all("](" not in text.replace("\\](", "") for text in texts)
    assert not any("<script>" in text for text in texts)


def test_a_call_speaks_it_and_does_nothing_else(tmp_path: Path) -> None:
    spoken = twiml(message(tmp_path, "sms"), "")
    assert "<script>" not in spoken
    assert spoken.count("<Say") == 2


def test_pagerduty_and_webhooks_get_it_as_data(tmp_path: Path) -> None:
    said = json.loads(json.dumps(event(message(tmp_path), "forewarn")))
    assert "\n" not in said["payload"]["summary"]
    assert json.loads(payload(message(tmp_path)))["data"]["name"] == EVIL


def test_a_ticket_s_html_shows_it_as_text() -> None:
    assert "<script>" not in drafts.html(EVIL)


def test_a_subject_has_an_end(tmp_path: Path) -> None:
    shown = templates(tmp_path).render("book/notice", "email", "en", variables("x" * 5000))
    assert len(shown.subject) == SUBJECT_LENGTH


def test_a_name_is_one_short_line_without_a_link() -> None:
    assert named("Acme\n\nYour card was blocked: https://evil.example/pay") == (
        "Acme Your card was blocked: evil.example/pay"
    )
    assert len(named("x" * 5000)) == 120


def test_a_template_is_given_such_names() -> None:
    config = Config(Path("config"), MainConfig(Sender("Example")), PolicyConfig(), {}, {}, {})
    row = Issue(
        id="iss_1", fingerprint="f", detector="errors", series="s", subject=f"device/{EVIL}", account="account/acme",
        severity="high", status="open", opened_at=0.0, noticed_at=0.0, updated_at=0.0,
    )  # fmt: skip
    account = Entity(id="account/acme", kind="account", name=EVIL, updated_at=0.0)
    intent = Intent(
        id="int_1", kind="message", issue="iss_1", playbook="p", step="0", occasion="opened", status="claimed",
        due_at=0.0, created_at=0.0,
    )  # fmt: skip
    speaker = Speaker(config, Links("https://x.example", b"k" * 32))
    filled = speaker.to_person(intent, row, account, Person("contact/ann", name=EVIL), 0.0)
    for name in (filled["person"]["name"], filled["customer"]["name"], filled["issue"]["subject_name"]):
        assert not set(name) & set("\r\n\x00\x1b\u202e")
        assert "://" not in name


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("forewarn.entity", {"name": "x" * 301}, "data.name: expected `str` of length <= 300"),
        ("forewarn.entity", {"roles": ["x"] * 101}, "data.roles"),
        ("forewarn.entity", {"addresses": [{"kind": "email", "value": "x" * 2049}]}, "data.addresses"),
        ("forewarn.contact", {"channel": "email", "text": "x" * 20_001}, "data.text"),
        ("forewarn.consent", {"state": "granted", "wording": "x" * 20_001}, "data.wording"),
        ("forewarn.goodwill", {"remedy": "x", "amount": -1, "currency": "EUR", "who": "ann"}, "data.amount"),
    ],
)
def test_an_oversized_field_makes_a_dead_letter_with_its_place(kind: str, data: dict[str, Any], words: str) -> None:
    line = json.dumps({"id": "1", "source": "t", "type": kind, "subject": "account/a", "data": data}).encode()
    (reject,) = Decoder(Schema.build({}), future=300.0).decode(line, 0.0).rejects
    assert words.lower() in reject.detail.lower()
