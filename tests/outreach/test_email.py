"""E-mail over a real SMTP conversation: encryption, headers, threads, refusals, and connections that break."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from outreach.base import Message, Outcome
from outreach.channels.email import Email
from outreach.smtp_pool import FRESH, KEPT, MAILS
from tests.outreach.fakes.certificate import Certificate
from tests.outreach.fakes.mail import BreakingServer, MailServer

MESSAGE = Message("int_1", "ann@example.org", "Grüße\n.\n..two dots\n" + "x" * 3000, subject="Guten Tag – hallo")
R, P, U = Outcome.RETRY, Outcome.PERMANENT, Outcome.UNKNOWN


def channel(port: int, **kwargs: Any) -> Email:
    given: dict[str, Any] = {
        "from_": "Müller & Söhne <status@example.com>",
        "timeout": 5.0,
        "now": lambda: 1795352700.0,
    }
    return Email(host="127.0.0.1", port=port, **(given | kwargs))


class FakeClock:
    now = 1795352700.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def plain() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def test_starttls_is_used_and_the_certificate_checked(mail_server: MailServer, certificate: Certificate) -> None:
    trusting = channel(mail_server.port, tls="starttls", ca_file=str(certificate.certificate))
    assert trusting.send(MESSAGE).outcome is Outcome.ACCEPTED
    trusting.close()
    assert mail_server.mails[0].encrypted
    stranger = channel(mail_server.port, tls="starttls").send(MESSAGE)
    assert stranger.outcome is R
    assert "CERTIFICATE_VERIFY_FAILED" in stranger.detail
    assert len(mail_server.mails) == 1


def test_tls_from_the_first_byte_and_the_name_checked(certificate: Certificate) -> None:
    with MailServer(wrapped=certificate.server_context()) as server:
        trusting = channel(server.port, tls="tls", ca_file=str(certificate.certificate))
        for _ in range(2):
            assert trusting.send(MESSAGE).outcome is Outcome.ACCEPTED
        trusting.close()
        assert len(server.mails) == 2
        stranger = channel(server.port, tls="tls").send(MESSAGE)
        assert (stranger.outcome, len(server.mails)) == (R, 2)
        assert "CERTIFICATE_VERIFY_FAILED" in stranger.detail


def test_nothing_goes_out_in_plain_where_encryption_is_asked_for(plain: MailServer) -> None:
    receipt = channel(plain.port, tls="starttls").send(MESSAGE)
    assert (receipt.outcome, plain.mails) == (R, [])
    assert "STARTTLS" in receipt.detail
    assert channel(plain.port, tls="tls").send(MESSAGE).outcome is R


def test_encryption_is_the_default_except_on_this_machine() -> None:
    with pytest.raises(ValueError, match="without encryption"):
        Email(host="mail.example.org", from_="a@example.org", username="u", password="p", tls="none")
    assert Email(host="mail.example.org", from_="a@example.org")._lines._server.tls == "starttls"
    assert Email(host="localhost", from_="a@example.org")._lines._server.tls == "none"


def test_login(certificate: Certificate) -> None:
    secure: dict[str, Any] = {"tls": "starttls", "ca_file": str(certificate.certificate), "username": "forewarn"}
    with MailServer(tls=certificate.server_context(), password="secret") as server:
        good = channel(server.port, password="secret", **secure)
        assert good.check() == ""
        assert good.send(MESSAGE).outcome is Outcome.ACCEPTED
        good.close()
        assert server.mails[0].user == "forewarn"
        wrong = channel(server.port, password="guess", **secure)
        assert wrong.send(MESSAGE).outcome is R
        assert "535" in wrong.check()


def test_headers(plain: MailServer) -> None:
    url = "https://example.org/u/" + "abcdefghij" * 20
    sender = channel(plain.port, reply_to="Help <help@example.com>")
    sender.send(replace(MESSAGE, thread="<int_0@example.com>", unsubscribe_url=url, html="<p>Grüße</p>"))
    sender.close()
    mail = plain.mails[0].parsed
    assert mail["From"].addresses[0].display_name == "Müller & Söhne"
    assert mail["Reply-To"] == "Help <help@example.com>"
    assert mail["To"] == "ann@example.org"
    assert mail["Subject"] == MESSAGE.subject
    assert mail["Message-ID"] == "<int_1@example.com>"
    assert mail["References"] == mail["In-Reply-To"] == "<int_0@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.isoformat() == "2026-11-22T13:05:00+00:00"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"List-Unsubscribe: <{url}>\r\n".encode() in plain.mails[0].raw
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_the_text_arrives_as_it_is(plain: MailServer) -> None:
    sender = channel(plain.port)
    sender.send(MESSAGE)
    sender.close()
    assert plain.mails[0].parsed.get_content().replace("\r\n", "\n") == MESSAGE.text + "\n"
    assert all(len(line) <= 998 for line in plain.mails[0].raw.split(b"\r\n"))
    assert plain.mails[0].raw.isascii()


def test_each_attempt_is_the_same_to_the_byte(plain: MailServer) -> None:
    sender = channel(plain.port)
    for _ in range(2):
        sender.send(replace(MESSAGE, html="<p>Grüße</p>"))
    sender.close()
    first, again = plain.mails
    assert first.raw == again.raw


@pytest.mark.parametrize(
    "evil",
    [
        {"subject": "Hi\r\nBcc: all@example.org"},
        {"subject": "Hi\nBcc: all@example.org\n\nbody"},
        {"thread": "<a@b>\r\nBcc: all@example.org"},
        {"id": "x>\r\nBcc: all@example.org"},
        {"subject": "\u2028Bcc: all@example.org\x00\x85"},
    ],
)
def test_no_header_can_be_injected(plain: MailServer, evil: dict[str, str]) -> None:
    sender = channel(plain.port)
    assert sender.send(replace(MESSAGE, **evil)).outcome is Outcome.ACCEPTED  # type: ignore[arg-type]  # all are text
    sender.close()
    assert plain.mails[0].parsed["Bcc"] is None
    assert b"\r\nBcc:" not in plain.mails[0].raw


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://a/\r\nBcc: x", "https://a/>,<http://b", "mailto:a@b"])
def test_a_wrong_opt_out_address_is_refused(plain: MailServer, url: str) -> None:
    receipt = channel(plain.port).send(replace(MESSAGE, unsubscribe_url=url))
    assert (receipt.outcome, receipt.suppress, plain.mails) == (P, False, [])


def test_international_addresses() -> None:
    with MailServer() as modern:
        sender = channel(modern.port)
        assert sender.send(replace(MESSAGE, to="jürgen@münchen.example")).outcome is Outcome.ACCEPTED
        assert sender.send(replace(MESSAGE, to="ann@münchen.example")).outcome is Outcome.ACCEPTED
        sender.close()
        assert [mail.to for mail in modern.mails] == ["jürgen@xn--mnchen-3ya.example", "ann@xn--mnchen-3ya.example"]
        assert modern.connections == 1
    with MailServer(utf8=False) as old:
        sender = channel(old.port)
        receipt = sender.send(replace(MESSAGE, to="jürgen@münchen.example"))
        sender.close()
        assert (receipt.outcome, receipt.suppress) == (P, False)
        assert "SMTPUTF8" in receipt.detail


@pytest.mark.parametrize(
    ("answer", "outcome", "suppress"),
    [
        ("450 4.2.0 try later", R, False),
        ("421 4.3.2 closing", R, False),
        ("451 4.7.1 greylisted", R, False),
        ("550 5.1.1 no such user", P, True),
        ("550 5.1.10 null MX", P, True),
        ("550 5.2.1 mailbox disabled", P, True),
        ("553 5.1.8 bad sender's system", P, False),
        ("550 5.7.1 rejected by policy", P, False),
        ("552 5.2.2 mailbox full", P, False),
        ("550 no", P, False),
    ],
)
def test_answers_to_an_address(plain: MailServer, answer: str, outcome: Outcome, suppress: bool) -> None:
    plain.answers["ann@example.org"] = answer
    receipt = channel(plain.port).send(MESSAGE)
    assert (receipt.outcome, receipt.suppress, receipt.code) == (outcome, suppress, answer[:3])


@pytest.mark.parametrize(("answer", "outcome"), [("451 4.3.0 disk", R), ("554 5.6.0 content", P)])
def test_answers_to_the_mail(plain: MailServer, answer: str, outcome: Outcome) -> None:
    plain.after_data = answer
    assert channel(plain.port).send(MESSAGE).outcome is outcome


@pytest.mark.parametrize("offers", ["HELP", "PIPELINING"])
@pytest.mark.parametrize("silent", [False, True], ids=["hangs up", "says nothing"])
@pytest.mark.parametrize(
    ("step", "outcome"), [("greeting", R), ("EHLO", R), ("MAIL", R), ("RCPT", R), ("DATA", R), ("dot", U)]
)
def test_a_conversation_that_breaks_off(step: str, outcome: Outcome, silent: bool, offers: str) -> None:
    with BreakingServer(step, silent=silent, offers=offers) as server:
        receipt = channel(server.port, timeout=0.3).send(MESSAGE)
        assert receipt.outcome is outcome
        assert receipt.detail
        assert len(server.taken) == (1 if outcome is U else 0)


@pytest.mark.parametrize(
    ("answers", "outcome", "code", "suppress"),
    [
        ({"MAIL": "451 4.3.0 later"}, R, "451", False),
        ({"RCPT": "550 5.1.1 no such user", "DATA": "503 no recipient"}, P, "550", True),
        ({"RCPT": "550 5.1.1 no such user"}, P, "550", True),
        ({"RCPT": "450 4.2.0 greylisted"}, R, "450", False),
        ({"MAIL": "550 5.7.1 no", "RCPT": "503 no sender", "DATA": "503 no sender"}, P, "550", False),
        ({"DATA": "421 4.3.2 closing"}, R, "421", False),
    ],
)
def test_all_answers_to_commands_sent_at_once_are_looked_at(
    answers: dict[str, str], outcome: Outcome, code: str, suppress: bool
) -> None:
    with BreakingServer("never", offers="PIPELINING", answers=answers) as server:
        sender = channel(server.port)
        receipt = sender.send(MESSAGE)
        assert (receipt.outcome, receipt.code, receipt.suppress) == (outcome, code, suppress)
        assert server.taken == []
        sender.close()


def test_commands_sent_at_once_send_the_mail_whole() -> None:
    with BreakingServer("never", offers="PIPELINING") as server:
        sender = channel(server.port)
        for _ in range(2):
            assert sender.send(MESSAGE).outcome is Outcome.ACCEPTED
        sender.close()
        first, again = server.taken
        assert first == again
        assert first.startswith(b"From: ")


def test_a_break_amid_the_mail_is_no_unknown() -> None:
    with BreakingServer("body") as server:
        receipt = channel(server.port).send(replace(MESSAGE, text="x" * 20_000_000))
        assert receipt.outcome is R


def test_connections_are_kept_and_replaced(plain: MailServer) -> None:
    clock = FakeClock()
    sender = channel(plain.port, now=clock)
    for number in range(3):
        assert sender.send(replace(MESSAGE, id=f"int_{number}")).outcome is Outcome.ACCEPTED
    assert plain.connections == 1
    assert len(sender._lines._free) == 1
    sender._lines._free[0].session._smtp.close()
    clock.now += FRESH + 1
    assert sender.send(MESSAGE).outcome is Outcome.ACCEPTED
    assert plain.connections == 2
    sender.close()


def test_a_connection_that_was_idle_for_long_or_took_many_mails_is_not_used_again(plain: MailServer) -> None:
    clock = FakeClock()
    sender = channel(plain.port, now=clock)
    sender.send(MESSAGE)
    clock.now += KEPT + 1
    sender.send(MESSAGE)
    assert plain.connections == 2
    for _ in range(MAILS):
        assert sender.send(MESSAGE).outcome is Outcome.ACCEPTED
    assert plain.connections == 3
    sender.close()


def test_several_threads_have_a_connection_each_and_a_closed_channel_keeps_none(plain: MailServer) -> None:
    sender = channel(plain.port)
    with ThreadPoolExecutor(4) as threads:
        receipts = list(threads.map(sender.send, [replace(MESSAGE, id=f"int_{n}") for n in range(40)]))
    assert {receipt.outcome for receipt in receipts} == {Outcome.ACCEPTED}
    assert len({mail.parsed["Message-ID"] for mail in plain.mails}) == 40
    assert plain.connections <= 4
    sender.close()
    assert sender.send(MESSAGE).outcome is Outcome.ACCEPTED
    assert sender._lines._free == []


def test_an_answer_that_drips_is_cut_off_at_the_deadline() -> None:
    with BreakingServer("RCPT", drips=True) as server:
        receipt = channel(server.port, timeout=0.4).send(MESSAGE)
        assert (receipt.outcome, server.taken) == (R, [])
        assert "timed out" in receipt.detail


def test_c18_where_no_time_is_left_the_final_dot_is_not_sent(plain: MailServer) -> None:
    times = iter([0.0, 0.0, 0.0, 6.0])
    receipt = channel(plain.port, now=lambda: next(times, 6.0)).send(MESSAGE)
    assert (receipt.outcome, plain.mails) == (R, [])
    assert "not taken" in receipt.detail


def test_c18_an_answer_to_the_final_dot_that_is_no_smtp_leaves_the_outcome_unknown(plain: MailServer) -> None:
    plain.after_data = "yes, thank you"
    assert channel(plain.port).send(MESSAGE).outcome is U


def test_c09_a_server_that_can_report_is_asked_to_under_our_id() -> None:
    with BreakingServer("never", offers="DSN") as server:
        sender = channel(server.port, return_path="bounces+fw@example.com")
        assert sender.send(MESSAGE).outcome is Outcome.ACCEPTED
        sender.close()
        assert server.lines[1:3] == [
            "MAIL FROM:<bounces+fw@example.com> RET=HDRS ENVID=int_1@example.com",
            f"RCPT TO:<{MESSAGE.to}> NOTIFY=FAILURE,DELAY ORCPT=rfc822;{MESSAGE.to}",
        ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"from_": "nobody"},
        {"return_path": "nobody"},
        {"from_": "a@b\r\nBcc: c@d"},
        {"domain": "a b"},
        {"reply_to": "x"},
        {"domain": "ü.example"},
    ],
)
def test_a_wrong_configuration_says_so(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        channel(25, **wrong)
