"""What comes back by mail, posted or lying in a mailbox: events first, and only then is a mail marked as read."""

from collections.abc import Callable
from typing import Any

import pytest
import structlog

from engine.errors import Retryable
from engine.web.mailboxes import collect
from outreach.channels.email import Email
from outreach.imap import Inbox
from tests.outreach.fakes import mails
from tests.outreach.fakes.imap import PASSWORD, USER, FakeImap

SECRET = "a-shared-secret"
ANN = "ann@example.com"
DAY = 86_400.0


def about_ann(make: Callable[..., bytes], *args: Any, **kwargs: Any) -> bytes:
    return make(*args, **kwargs).replace(mails.ANN.encode(), ANN.encode())


@pytest.fixture
def post(desk: Any) -> Any:
    """Return what posts a mail to the channel."""
    desk.services.channels["email"] = Email(host="127.0.0.1", from_="status@example.com", webhook_secret=SECRET)

    def posted(raw: bytes, secret: str = SECRET) -> int:
        headers = {"content-type": "message/rfc822", "x-forewarn-secret": secret}
        return int(desk.server().post("/hooks/channel/email", content=raw, headers=headers).status_code)

    return posted


def test_a_forged_mail_is_403_and_changes_nothing(desk: Any, post: Any) -> None:
    assert post(mails.dsn(), "guess") == 403
    assert desk.events() == []


def test_c09_a_report_becomes_a_delivery_once(desk: Any, post: Any) -> None:
    desk.add(desk.intent(provider_id=f"<{mails.ID}>"))
    for _ in range(2):
        assert post(about_ann(mails.dsn)) == 200
    first, again = desk.of_type("forewarn.delivery")
    assert (first["id"], first["source"], first["subject"]) == (again["id"], "email/email", "contact/ann")
    said = first["data"]
    assert (said["state"], said["code"], said["provider_id"]) == ("bounced", "5.1.1", f"<{mails.ID}>")


def test_c09_a_report_that_names_an_address_only_is_about_the_last_mail_there(desk: Any, post: Any) -> None:
    now = desk.clock.time()
    desk.add(*(desk.intent(f"int_{day}", claimed_at=now - day * DAY, address="Ann@Example.com") for day in (1, 2)))
    assert post(about_ann(mails.dsn, original="")) == 200
    (event,) = desk.of_type("forewarn.delivery")
    assert (event["data"]["intent"], event["data"]["provider_id"]) == ("int_1", "")


def test_a_report_of_nobody_we_wrote_to_lately_is_a_dead_letter(desk: Any, post: Any) -> None:
    desk.add(desk.intent(claimed_at=desk.clock.time() - 6 * DAY))
    assert post(about_ann(mails.dsn, original="")) == 200
    assert desk.events() == []
    assert sum(desk.services.dead_letters.counts().values()) == 1


def test_an_answer_becomes_a_contact_and_a_stop_withdraws(desk: Any, post: Any) -> None:
    desk.add(*desk.everything())
    assert post(about_ann(mails.answer, "Is it fixed?")) == 200
    (event,) = desk.of_type("forewarn.contact")
    said = {"channel": "email", "text": "Is it fixed?", "address": ANN, "issue": "iss_1"}
    assert (event["subject"], event["data"]) == ("contact/ann", said)
    assert post(about_ann(mails.answer, "STOP").replace(b"<CAF1@", b"<CAF2@")) == 200
    (consent,) = desk.of_type("forewarn.consent")
    assert (consent["subject"], consent["data"]["state"]) == ("contact/ann", "withdrawn")


@pytest.mark.parametrize(
    ("address", "thread", "counts"),
    [(ANN, mails.ID, True), (ANN, "", False), (ANN, "int_9@example.com", False), ("bob@example.com", mails.ID, False)],
    ids=["her own mail", "no mail", "a mail that is none", "another's mail"],
)
def test_c02_the_end_of_an_opt_out_counts_only_from_who_got_the_mail_that_is_answered(
    desk: Any, post: Any, address: str, thread: str, counts: bool
) -> None:
    desk.add(*desk.ann(), desk.intent(provider_id=f"<{mails.ID}>", address=address))
    more = f"In-Reply-To: <{thread}>" if thread else "X-None: 1"
    assert post(about_ann(mails.answer, "START", more=more)) == 200
    assert len(desk.of_type("forewarn.consent")) == counts
    assert len(desk.of_type("forewarn.contact")) == (not counts)


def test_an_answer_of_a_stranger_is_kept_under_the_address(desk: Any, post: Any) -> None:
    assert post(mails.answer("Who are you?")) == 200
    assert [event["subject"] for event in desk.of_type("forewarn.contact")] == [f"email/{mails.ANN}"]


def mailbox(desk: Any, server: FakeImap) -> None:
    inbox = Inbox("127.0.0.1", USER, PASSWORD, server.port, tls="none", timeout=5.0)
    desk.services.channels["email"] = Email(host="127.0.0.1", from_="status@example.com", inbox=inbox)


def test_a_mailbox_is_read_and_what_comes_twice_is_taken_once(desk: Any) -> None:
    desk.add(*desk.everything())
    with FakeImap() as server:
        mailbox(desk, server)
        server.put(about_ann(mails.answer), about_ann(mails.answer), mails.VACATION)
        assert collect(desk.services) == 3
        assert collect(desk.services) == 0
        assert server.unread() == []
    (event,) = desk.of_type("forewarn.reply")
    assert (event["subject"], event["source"]) == ("contact/ann", "email/email")


def test_a_mail_whose_events_cannot_be_written_is_read_again(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise Retryable("no space left")

    with FakeImap() as server:
        mailbox(desk, server)
        server.put(about_ann(mails.answer))
        with monkeypatch.context() as broken:
            broken.setattr(type(desk.services.log), "append", full)
            with pytest.raises(Retryable):
                collect(desk.services)
        assert len(server.unread()) == 1
        assert collect(desk.services) == 1
    assert len(desk.of_type("forewarn.reply")) == 1


def test_c09_a_complaint_in_a_mailbox_that_names_no_mail_of_ours_is_left_to_a_person(desk: Any, post: Any) -> None:
    desk.add(desk.intent(provider_id=f"<{mails.ID}>", claimed_at=desk.clock.time()))
    unnamed = about_ann(mails.complaint, original="Message-ID: redacted\n")
    with FakeImap() as server:
        mailbox(desk, server)
        server.put(unnamed)
        collect(desk.services)
    assert desk.events() == []
    assert desk.services.dead_letters.counts() == {"unreadable": 1}
    desk.services.channels["email"] = Email(host="127.0.0.1", from_="status@example.com", webhook_secret=SECRET)
    assert post(unnamed) == 200
    assert [event["data"]["state"] for event in desk.of_type("forewarn.delivery")] == ["complained"]


def test_a_mail_made_to_break_its_reader_is_a_dead_letter_and_not_read_again(desk: Any) -> None:
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(5000))
    with FakeImap() as server:
        mailbox(desk, server)
        server.put(parts.encode(), about_ann(mails.answer))
        assert collect(desk.services) == 2
        assert server.unread() == []
    assert desk.services.dead_letters.counts() == {"unreadable": 1}
    assert len(desk.of_type("forewarn.reply")) == 1


def test_a_mailbox_that_cannot_be_read_is_said_to_be_so_and_harms_nothing(desk: Any) -> None:
    with FakeImap() as server:
        mailbox(desk, server)
    with structlog.testing.capture_logs() as told:
        assert collect(desk.services) == 0
    assert [(each["event"], each["channel"]) for each in told] == [("mailbox cannot be read", "email")]
