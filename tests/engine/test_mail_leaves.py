"""Mail as its reader gets it, from the issue to the server: who it is from, and how to hear no more (C7, C8)."""

import asyncio
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from engine.app import services
from engine.links import LIFETIME
from engine.replay import drain
from engine.store.models import Consent, CustomerContact, Intent, Issue, Suppression
from engine.web.server import create_app
from outreach.base import Message, Outcome
from outreach.channels.email import Email
from outreach.imap import Inbox
from tests.faults.house import FILES, House, event, opened, people, prepared
from tests.outreach.fakes import mails
from tests.outreach.fakes.imap import PASSWORD, USER, FakeImap
from tests.outreach.fakes.mail import MailServer

DAY = 86_400.0
SECRET = "a-shared-secret"
MARKETING = FILES["config/playbooks/errors.yaml"].replace("all/notice}", "all/notice, purpose: marketing}")
NOTICE = (
    "Subject: {{ issue.subject }} & more – news\n\nBuy.\n\n--\n{{ sender.postal_address }} {{ links.unsubscribe }}\n"
)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def house(tmp_path: Path, server: MailServer) -> Iterator[House]:
    changed = {
        "config/forewarn.yaml": "sender: {company: Acme, postal_address: 1 Acme Street}\nevents: {known: ['app.*']}\n",
        "config/playbooks/errors.yaml": MARKETING,
        "templates/all/notice/en/email.txt.j2": NOTICE,
    }
    channel = Email(host="127.0.0.1", port=server.port, from_="Acme <status@example.com>", webhook_secret=SECRET)
    with opened(prepared(tmp_path, **changed), email=channel) as running:
        running.hand_in(*people(), consent(running))
        running.trouble()
        yield running


def consent(house: House) -> bytes:
    said = {"state": "granted", "purpose": "marketing", "channel": "email", "written": True}
    return event("forewarn.consent", "contact/ann", said, house.clock.time(), "granted")


def request(house: House, method: str, path: str, **more: object) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(services(house.engine, list)))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8321") as client:
            return await client.request(method, path, **more)  # type: ignore[arg-type]  # what httpx takes

    return asyncio.run(asked())


def opt_out(mail: EmailMessage) -> str:
    return urlsplit(str(mail["List-Unsubscribe"]).strip("<>")).path


def test_c07_marketing_carries_address_opt_out_and_a_truthful_head(house: House, server: MailServer) -> None:
    (mail,) = (each.parsed for each in server.mails)
    (text, html) = (part.get_content() for part in mail.iter_parts())
    assert str(mail["From"]) == "Acme <status@example.com>"
    assert mail["Subject"] == "account/acme & more – news"
    for said in (text, html):
        assert "1 Acme Street" in said
        assert opt_out(mail) in said
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_c08_one_click_from_the_mail_itself_ends_it(house: House, server: MailServer) -> None:
    path = opt_out(server.mails[0].parsed)
    assert request(house, "GET", path).status_code == 200
    drain(house.engine)
    assert [row.state for row in house.rows(Consent)] == ["granted"], "GET never opts out"
    house.clock.advance(30 * DAY)
    answer = request(house, "POST", path, content=b"List-Unsubscribe=One-Click", follow_redirects=False)
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    drain(house.engine)
    (withdrawn,) = (row for row in house.rows(Consent) if row.state == "withdrawn")
    assert (withdrawn.entity, withdrawn.purpose) == ("contact/ann", "marketing")
    assert LIFETIME >= 30 * DAY


def test_c09_a_report_that_is_posted_suppresses_the_address(house: House, server: MailServer) -> None:
    id_ = str(server.mails[0].parsed["Message-ID"])
    raw = mails.dsn(original=f"Message-ID: {id_}\n").replace(mails.ANN.encode(), b"ann@example.com")
    headers = {"x-forewarn-secret": SECRET, "content-type": "message/rfc822"}
    assert request(house, "POST", "/hooks/channel/email", content=raw, headers=headers).status_code == 200
    drain(house.engine)
    (sent,) = (row for row in house.rows(Intent) if row.kind == "message")
    assert (sent.status, sent.delivery, sent.provider_id) == ("failed", "bounced", id_)
    (suppressed,) = house.rows(Suppression)
    assert (suppressed.address, suppressed.channel) == ("ann@example.com", "email")


def test_an_answer_in_the_mailbox_is_known_to_be_about_the_issue(tmp_path: Path, server: MailServer) -> None:
    with FakeImap() as imap:
        inbox = Inbox("127.0.0.1", USER, PASSWORD, imap.port, tls="none", timeout=5.0)
        channel = Email(host="127.0.0.1", port=server.port, from_="status@example.com", inbox=inbox)
        with opened(prepared(tmp_path), email=channel) as house:
            house.hand_in(*people())
            house.trouble()
            id_ = str(server.mails[0].parsed["Message-ID"])
            answer = mails.answer("It still fails.", more=f"In-Reply-To: {id_}", sender="Ann <Ann@example.com>")
            imap.put(answer)
            assert house.engine.collect() == 1
            drain(house.engine)
            (contact,) = house.rows(CustomerContact)
            (issue,) = house.rows(Issue)
    assert (contact.subject, contact.account, contact.text) == ("contact/ann", "account/acme", "It still fails.")
    assert (contact.issue, contact.channel) == (issue.id, "email")


def test_c07_marketing_without_a_way_out_does_not_leave(server: MailServer) -> None:
    channel = Email(host="127.0.0.1", port=server.port, from_="status@example.com")
    receipt = channel.send(Message("int_1", "ann@example.org", "Buy", purpose="marketing"))
    assert (receipt.outcome, receipt.suppress, server.mails) == (Outcome.PERMANENT, False, [])
    assert "opt out" in receipt.detail
