"""What mails that come back say: reports, complaints, answers of people, and what is none of these."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.base import Delivery
from outreach.dsn import judged
from outreach.inbound import Delivered, Replied, Unread
from outreach.incoming import Ours, understood
from outreach.quoted import plain, said
from tests.outreach.fakes import mails
from tests.outreach.fakes.mails import ANN, ID

OURS = Ours("example.com", frozenset({"status@example.com"}))
B, F, Q, D, S = Delivery.BOUNCED, Delivery.FAILED, Delivery.QUEUED, Delivery.DELIVERED, Delivery.SENT


def delivered(raw: bytes) -> Delivered:
    (told,) = understood(raw, OURS)
    assert isinstance(told, Delivered)
    return told


def replied(raw: bytes) -> Replied:
    (told,) = understood(raw, OURS)
    assert isinstance(told, Replied)
    return told


@pytest.mark.parametrize(
    ("status", "action", "words", "state"),
    [
        ("5.1.1", "failed", "smtp; 550 5.1.1 no such user", B),
        ("5.1.10", "failed", "smtp; 556 null MX", B),
        ("5.2.1", "failed", "smtp; 550 mailbox disabled", B),
        ("5.0.0", "failed", "smtp; 550-5.1.1 The email account does not exist", B),
        ("5.0.0", "failed", "smtp; 550 User unknown", B),
        ("5.0.0", "failed", "smtp; 550 rejected as spam", F),
        ("5.2.2", "failed", "smtp; 552 5.2.2 mailbox full", F),
        ("5.7.1", "failed", "smtp; 550 5.7.1 by policy", F),
        ("5.1.8", "failed", "smtp; 553 5.1.8 the sender's domain", F),
        ("4.4.7", "failed", "smtp; 4.4.7 expired after 5 days", F),
        ("4.4.1", "delayed", "smtp; no answer", Q),
        ("2.0.0", "delivered", "smtp; 250 ok", D),
        ("2.0.0", "relayed", "smtp; 250 ok", S),
        ("2.1.5", "expanded", "smtp; 250 ok", S),
    ],
)
def test_c09_the_status_says_whether_the_address_is_dead(status: str, action: str, words: str, state: Delivery) -> None:
    told = delivered(mails.dsn(status, action, words))
    assert (told.state, told.suppress, told.provider_id, told.address) == (state, state is B, f"<{ID}>", ANN)
    assert told.raw["diagnostic"] == words


@pytest.mark.parametrize("kind", ["text/rfc822-headers", "message/rfc822", "message/global", "message/global-headers"])
def test_the_mail_is_known_by_what_came_back_of_it(kind: str) -> None:
    assert delivered(mails.dsn(kind=kind)).provider_id == f"<{ID}>"


def test_the_mail_is_known_by_the_id_it_was_handed_in_with() -> None:
    told = delivered(mails.dsn(envelope="int+5F1@example.com", original=""))
    assert told.provider_id == f"<{ID}>"


def test_a_report_that_names_no_mail_of_ours_names_the_address_we_wrote_to() -> None:
    recipients = f"Original-Recipient: rfc822;{ANN}\nFinal-Recipient: rfc822; ann.forwarded@elsewhere.example"
    told = delivered(mails.dsn(original="Message-ID: <other@elsewhere.example>\n", recipients=recipients))
    assert (told.provider_id, told.address) == ("", ANN)


def test_a_message_id_of_another_domain_is_not_ours() -> None:
    for other in ("int_1@example.com.evil.example", "int_1@notexample.com", "int_1@sub.example.com"):
        assert delivered(mails.dsn(original=f"Message-ID: <{other}>\n")).provider_id == ""


@pytest.mark.parametrize(
    ("raw", "state"),
    [(mails.QMAIL, B), (mails.EXIM, F), (mails.EXIM_WARNING, Q)],
    ids=["qmail", "exim", "exim warns"],
)
def test_bounces_that_are_no_reports(raw: bytes, state: Delivery) -> None:
    told = delivered(raw)
    assert (told.state, told.address, told.provider_id) == (state, ANN, f"<{ID}>")


def test_c09_a_complaint() -> None:
    told = delivered(mails.complaint())
    assert (told.state, told.provider_id, told.address) == (Delivery.COMPLAINED, f"<{ID}>", ANN)
    hidden = delivered(mails.complaint(recipient="Reported-Domain: example.com"))
    assert (hidden.provider_id, hidden.address) == (f"<{ID}>", "")
    redacted = delivered(mails.complaint(original="Message-ID: redacted\n"))
    assert (redacted.provider_id, redacted.address) == ("", ANN)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "nonsense", ""])
def test_feedback_that_is_no_complaint(kind: str) -> None:
    assert understood(mails.complaint(kind), OURS) == []


def test_an_answer_of_a_person_without_what_it_quotes() -> None:
    told = replied(mails.answer())
    assert told == Replied("<CAF1@mail.example.org>", ANN, "It works again, thanks!", f"<{ID}>")


def test_an_answer_is_known_by_the_latest_reference_that_is_ours() -> None:
    more = f"In-Reply-To: <x@elsewhere.example>\nReferences: <int_0@example.com>\n <{ID}> <x@elsewhere.example>"
    assert replied(mails.answer(more=more)).thread == f"<{ID}>"
    assert replied(mails.answer(more="X-None: 1")).thread == ""


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; owner=x",
        "Precedence: bulk",
        "X-Autoreply: yes",
        "List-Id: <list.example.org>",
    ],
)
def test_what_no_person_wrote_is_no_answer(header: str) -> None:
    assert understood(mails.answer(more=f"In-Reply-To: <{ID}>\n{header}"), OURS) == []


def test_a_vacation_notice_and_a_mail_of_ours_that_came_round_are_no_answers() -> None:
    assert understood(mails.VACATION, OURS) == []
    assert understood(mails.answer(sender="Example <status@example.com>"), OURS) == []
    assert replied(mails.answer(more="Auto-Submitted: no")).sender == ANN


def test_a_mail_without_an_id_has_one_of_its_bytes() -> None:
    raw = mails.answer().replace(b"Message-ID: <CAF1@mail.example.org>\r\n", b"")
    assert replied(raw).provider_id == replied(raw).provider_id != ""
    assert replied(raw).provider_id != replied(raw + b"more\r\n").provider_id


def test_an_answer_in_html_only_and_an_encoded_one() -> None:
    html = "<html><head><style>p{}</style></head><body><p>It works.</p><p>Ann</p><blockquote>Hello</blockquote>"
    raw = mails.answer(html).replace(b"text/plain", b"text/html")
    assert replied(raw).text.startswith("It works.\n\nAnn\n")
    latin = mails.answer("Grüße").replace(b"utf-8", b"iso-8859-1").replace("Grüße".encode(), "Grüße".encode("latin-1"))
    assert replied(latin).text == "Grüße"
    unknown = mails.answer("Grüße").replace(b"utf-8", b"x-none")
    assert replied(unknown).text == "Grüße"


@pytest.mark.parametrize(
    "quote",
    [
        "On Mon, 3 Mar 2025 at 10:00, Example <a@b.example> wrote:\n> Hello",
        "On Mon, 3 Mar 2025 at 10:00, Example\n<a@b.example> wrote:\n> Hello",
        "Am 3. März 2025 um 10:00 schrieb Example <a@b.example>:\n\n> Hallo",
        "Le lun. 3 mars 2025 à 10:00, Example <a@b.example> a écrit :\n> Bonjour",
        "-----Original Message-----\nFrom: Example\nHello",
        "-----Ursprüngliche Nachricht-----\nVon: Example\nHallo",
        "From: Example <a@b.example>\nSent: Monday, 3 March 2025 10:00\nTo: Ann\nHello",
        "Von: Example <a@b.example>\nGesendet: Montag, 3. März 2025 10:00\nAn: Ann\nHallo",
        "________________________________\nFrom: Example\nHello",
        "-- \nAnn\nExample Ltd",
        "> Hello\n> Ann",
    ],
)
def test_what_is_quoted_is_left_out(quote: str) -> None:
    assert said(f"It still fails.\nOn Monday too.\n\n{quote}") == "It still fails.\nOn Monday too."


def test_an_answer_between_the_lines_is_kept() -> None:
    assert said("> Does it work?\nYes\n> Really?\nI think so") == "Yes\nI think so"
    assert plain("a<br>b<div class='gmail_quote'>x<div>y</div></div>c").split() == ["a", "bc"]


JUNK = st.binary(max_size=600) | st.sampled_from([mails.dsn(), mails.complaint(), mails.answer(), mails.QMAIL]).flatmap(
    lambda raw: st.integers(0, len(raw)).map(lambda cut: raw[:cut] + b"\xff\x00" + raw[cut:][::-1])
)


@given(JUNK)
def test_whatever_comes_nothing_is_raised(raw: bytes) -> None:
    assert isinstance(understood(raw, OURS), list)


def test_a_mail_made_to_break_its_reader_is_kept_for_a_person() -> None:
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(5000))
    (told,) = understood(b"From: ann@example.org\r\n" + parts.encode(), OURS)
    assert isinstance(told, Unread)
    assert "cannot be read" in told.why
    assert told.raw.startswith(b"From: ann@example.org\r\n")


def test_a_bounce_of_nothing_that_concerns_us_says_nothing() -> None:
    assert understood(b"From: postmaster@mx.example.org\r\n\r\nWelcome to your new mailbox.\r\n", OURS) == []
    assert understood(b"", OURS) == []


@pytest.mark.parametrize(
    "words",
    ["user " + "!" * 200_000, "user user " * 50_000, "address x:" * 50_000, "on wrote\n" * 50_000, "a" * 500_000 + "@"],
)
def test_what_is_written_to_keep_us_busy_does_not(words: str) -> None:
    """Each takes well under a second; a pattern that tries all ways would take hours."""
    assert judged("", words)[0] is F
    assert len(said(words)) <= 20_000
    assert list(OURS.ids(words)) == []
