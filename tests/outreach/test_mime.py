"""What is written reads back as it was meant, by the standard library's parser, whatever is in it."""

import email
from dataclasses import replace
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.address import mailbox, sender
from outreach.base import Message
from outreach.mime import header, letterhead, written
from outreach.text import one_line

AT = 1795352700.0
TO = mailbox("ann@example.org")
HEAD = letterhead(sender("Müller & Söhne <status@example.com>"), "Help <help@example.com>", "example.com")
MESSAGE = Message("int_1", "ann@example.org", "Hello", subject="Hi")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | st.text("aé=.\r\n \t東", max_size=300)


def read(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=policy.default)


def lines(text: str) -> str:
    """Return a text as it travels: line ends are all alike, and there is one at the end."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return plain.removesuffix("\n") + "\n"


def content(part: EmailMessage) -> str:
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found.decode(part.get_content_charset() or "").replace("\r\n", "\n")


@given(TEXTS, TEXTS, TEXTS)
def test_what_is_written_is_what_is_read(subject: str, text: str, html: str) -> None:
    raw = written(replace(MESSAGE, subject=subject, text=text, html=html), TO, HEAD, AT)
    mail = read(raw)
    assert mail["Subject"] == one_line(subject)
    parts = list(mail.iter_parts()) if html else [mail]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"][: len(parts)]
    wanted = [lines(each) for each in (text, html)][: len(parts)]
    assert [content(part) for part in parts if isinstance(part, EmailMessage)] == wanted
    assert not any(part.defects for part in (mail, *parts))
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@given(st.text(max_size=2000))
def test_a_header_is_one_header_whatever_it_says(text: str) -> None:
    said = one_line(text.encode("utf-8", "ignore").decode())
    raw = header("Subject", said)
    assert raw.isascii()
    assert all(line.startswith((" ", "Subject:")) for line in raw.removesuffix("\r\n").split("\r\n"))
    mail = read(f"{raw}X-After: 1\r\n\r\n".encode())
    assert mail.keys() == ["Subject", "X-After"]
    assert mail["Subject"] == said


@pytest.mark.parametrize("text", ["x" * 60, "word " * 60, "y" * 2000, "=?utf-8?q?hi?=", "ü" * 100, "", "a" * 67])
def test_headers_are_folded(text: str) -> None:
    raw = header("Subject", one_line(text))
    assert read(f"{raw}\r\n".encode())["Subject"] == one_line(text)
    assert max(len(line) for line in raw.split("\r\n")) <= 78


def test_much_that_is_not_ascii_is_base64_and_little_is_quoted() -> None:
    dense = written(replace(MESSAGE, text="東京の障害について\n" * 20), TO, HEAD, AT)
    light = written(replace(MESSAGE, text="Grüße aus Wien, mit freundlichen Worten\n" * 20), TO, HEAD, AT)
    assert b"Content-Transfer-Encoding: base64" in dense
    assert b"Content-Transfer-Encoding: quoted-printable" in light
    assert content(read(dense)) == "東京の障害について\n" * 20


def test_the_same_headers_as_the_standard_library_would_write() -> None:
    mail = read(written(replace(MESSAGE, thread="<int_0@example.com>"), TO, HEAD, AT))
    assert str(mail["From"]) == "Müller & Söhne <status@example.com>"
    assert mail["Date"].datetime.timestamp() == AT
    assert mail["Reply-To"].addresses[0].addr_spec == "help@example.com"
    assert mail["MIME-Version"] == "1.0"
    assert list(dict.fromkeys(mail.keys())) == mail.keys(), "each header once"


def test_a_text_that_cannot_be_encoded_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        written(replace(MESSAGE, text="\ud800"), TO, HEAD, AT)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Hello\n.\nFrom me", "7bit"),
        ("x" * 998, "7bit"),
        ("x" * 999, "quoted-printable"),
        ("Grüße", "quoted-printable"),
        ("привет", "base64"),
        ("a\0b", "quoted-printable"),
    ],
)
def test_what_may_travel_as_it_is_does(text: str, encoding: str) -> None:
    raw = written(replace(MESSAGE, text=text), TO, HEAD, AT)
    assert read(raw)["Content-Transfer-Encoding"] == encoding
    assert content(read(raw)) == lines(text)
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_what_follows_several_names_each_and_is_in_the_thread_of_the_first() -> None:
    ids = [f"<int_{n}@{'long' * 20}.example.com>" for n in range(4)]
    mail = read(raw := written(replace(MESSAGE, thread=ids[0], also=(*ids[1:], "memory-7", "<ü@x>")), TO, HEAD, AT))
    assert str(mail["In-Reply-To"]).split() == ids
    assert mail["References"] == ids[0]
    assert max(map(len, raw.split(b"\r\n"))) < 200
