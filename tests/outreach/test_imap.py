"""A mailbox that is read: nothing is marked before it was dealt with, and nothing is dealt with unencrypted."""

from collections.abc import Iterator
from typing import Any

import pytest

from outreach.channels.email import Email
from outreach.imap import Inbox, Postbox
from outreach.inbound import Inbound
from tests.outreach.fakes import mails
from tests.outreach.fakes.certificate import Certificate
from tests.outreach.fakes.imap import PASSWORD, USER, FakeImap
from tests.outreach.fakes.mail import MailServer


def inbox(server: FakeImap, **more: Any) -> Inbox:
    given: dict[str, Any] = {"host": "127.0.0.1", "user": USER, "password": PASSWORD, "tls": "none", "timeout": 5.0}
    return Inbox(port=server.port, **(given | more))


@pytest.fixture
def server() -> Iterator[FakeImap]:
    with FakeImap() as running:
        running.put(b"Subject: 1\r\n\r\none\r\n", b"Subject: 2\r\n\r\ntwo\r\n")
        yield running


def test_what_is_unread_is_read_once_the_oldest_first(server: FakeImap) -> None:
    seen: list[bytes] = []
    postbox = Postbox(inbox(server))
    assert postbox.poll(seen.append) == 2
    assert [raw[:10] for raw in seen] == [b"Subject: 1", b"Subject: 2"]
    assert postbox.poll(seen.append) == 0
    server.put(b"Subject: 3\r\n\r\n")
    assert postbox.poll(seen.append) == 1


def test_what_was_not_dealt_with_stays_unread(server: FakeImap) -> None:
    def full(raw: bytes) -> None:
        if b"two" in raw:
            raise RuntimeError("disk full")

    postbox = Postbox(inbox(server))
    with pytest.raises(RuntimeError):
        postbox.poll(full)
    assert [raw[-5:] for raw in server.unread()] == [b"two\r\n"]


def test_a_connection_that_breaks_before_the_mark_leaves_it_unread(server: FakeImap) -> None:
    seen: list[bytes] = []
    server.breaks = "UID STORE"
    postbox = Postbox(inbox(server))
    with pytest.raises(OSError, match=r"\w"):
        postbox.poll(seen.append)
    assert (len(seen), len(server.unread())) == (1, 2)
    assert postbox.poll(seen.append) == 2


@pytest.mark.parametrize("without", ["", "MOVE", "UIDPLUS"])
def test_what_was_dealt_with_is_moved(without: str) -> None:
    with FakeImap(without=without) as server:
        server.put(b"a\r\n", b"b\r\n")
        assert Postbox(inbox(server, done="Done")).poll(lambda raw: None) == 2
        assert (server.folders["INBOX"], [kept.raw for kept in server.folders["Done"]]) == ([], [b"a\r\n", b"b\r\n"])


@pytest.mark.parametrize("starttls", [False, True], ids=["tls", "starttls"])
def test_the_certificate_is_checked(certificate: Certificate, starttls: bool) -> None:
    with FakeImap(tls=certificate.server_context(), starttls=starttls) as server:
        server.put(b"a\r\n")
        secure = {"tls": "starttls" if starttls else "tls"}
        trusting = Postbox(inbox(server, ca_file=str(certificate.certificate), **secure))
        assert trusting.check() == ""
        assert trusting.poll(lambda raw: None) == 1
        assert "CERTIFICATE_VERIFY_FAILED" in Postbox(inbox(server, **secure)).check()


def test_what_is_wrong_is_said(server: FakeImap) -> None:
    assert "wrong password" in Postbox(inbox(server, password="guess")).check()
    assert "no such folder" in Postbox(inbox(server, folder="Nowhere")).check()
    assert "'Gone'" in Postbox(inbox(server, done="Gone")).check()
    for wrong in ({"host": "imap.example.org"}, {"folder": 'a"\r\nx'}, {"done": "ü"}):
        with pytest.raises(ValueError, match="inbox"):
            Postbox(inbox(server, **wrong))


def test_the_channel_reads_its_mailbox_and_checks_it(server: FakeImap) -> None:
    told: list[Inbound] = []
    server.put(mails.dsn(), mails.answer(), mails.VACATION)
    channel = Email(host="127.0.0.1", from_="status@example.com", inbox=inbox(server))
    assert channel.poll(told.append) == 5
    assert [type(each).__name__ for each in told] == ["Delivered", "Replied"]
    assert Email(host="127.0.0.1", from_="status@example.com").poll(told.append) == 0


@pytest.mark.parametrize(("given", "words"), [({}, ""), ({"password": "guess"}, "inbox 127.0.0.1")])
def test_the_channels_check_looks_at_both_servers(server: FakeImap, given: dict[str, str], words: str) -> None:
    with MailServer() as smtp:
        read = inbox(server, **given)
        channel = Email(host="127.0.0.1", port=smtp.port, from_="status@example.com", inbox=read)
        found = channel.check()
        channel.close()
        assert found.startswith(words)
        assert bool(found) is bool(words)
    assert channel.check().startswith(f"127.0.0.1:{smtp.port}: ")
