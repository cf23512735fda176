"""A message as the bytes of an e-mail, with headers that thread it and let its reader out: RFC 5322, 2045, 3834, 8058.

The bytes are put together here, with those codecs of the standard library that are written in C: its `EmailMessage`
folds and encodes header by header in Python, and makes a few hundred mails a second. What comes out is plain ASCII in
lines of at most 998 characters, so that no relay has to change a byte of it, and the same for each attempt.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from urllib.parse import urlsplit

from outreach.address import Mailbox
from outreach.base import Message
from outreach.text import one_line

MESSAGE_ID = re.compile(r"<[^<>\s@]{1,400}@[^<>\s@]{1,400}>")
_PLAIN_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:/[!-;=?-~]*)?")
"""A web address of which nothing else has to be looked at."""
_LINE = 76
"""Characters a line should have at most (RFC 5322, 2.1.1; RFC 2047, 2)."""
LONGEST_LINE = 998
"""Characters a line may have (RFC 5322, 2.1.1)."""
_WORD = 39
"""Bytes in one encoded word: with the longest name of a header before it, it fits a line."""
_LONGEST_WORD = 900
"""Characters without a blank that may stand in a header as they are: a line has at most 998."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all e-mails of one channel have in common."""

    domain: str
    """The right side of Message-IDs."""
    lines: str
    """The headers From and, where there is one, Reply-To."""


def letterhead(sender: Address, reply_to: str, domain: str) -> Letterhead:
    r"""Return the headers that are the same in each e-mail.

    >>> letterhead(Address("Example", addr_spec="a@example.com"), "", "example.com").lines
    'From: Example <a@example.com>\r\n'
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    if reply_to:
        mail["Reply-To"] = reply_to
    return Letterhead(domain, mail.as_bytes().decode("ascii").removesuffix("\r\n"))


def message_id(id_: str, domain: str) -> str:
    """Return the Message-ID of an outbox id: the same for each attempt.

    >>> message_id("int_1", "example.org")
    '<int_1@example.org>'
    """
    return f"<{re.sub(r'[^A-Za-z0-9_.+-]', '-', id_)}@{domain}>"


def written(message: Message, to: Mailbox, head: Letterhead, at: float) -> bytes:
    """Return the e-mail, dated epoch second `at`.

    Raises ValueError if `unsubscribe_url` is no web address, or there is none in marketing (C7).

    It is ASCII but for the address of a reader whose own is not, which the server must take (SMTPUTF8, RFC 6532).
    """
    if message.purpose == "marketing" and not message.unsubscribe_url:
        raise ValueError("marketing needs an address to opt out at")
    headers = "".join((head.lines, *_headers(message, to, head, at))).encode()
    if not message.html:
        return headers + _part("plain", message.text)
    boundary = _boundary(message)
    start = f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'.encode()
    line = f"\r\n--{boundary}".encode()  # the line end before it is its own (RFC 2046, 5.1.1)
    plain, html = (b"\r\n" + _part(*each) for each in (("plain", message.text), ("html", message.html)))
    return b"".join((headers, start, line[2:], plain, line, html, line, b"--\r\n"))


def _headers(message: Message, to: Mailbox, head: Letterhead, at: float) -> Iterator[str]:
    yield f"To: {to.written if to.international else to.wire}\r\n"
    yield header("Subject", one_line(message.subject))
    yield f"Date: {_date(int(at))}\r\n"
    yield f"Message-ID: {message_id(message.id, head.domain)}\r\n"
    yield "Auto-Submitted: auto-generated\r\n"
    if threads := list(filter(_is_id, (message.thread, *message.also))):
        named = "\r\n ".join(threads)  # every parent; no References of several is defined (RFC 5322, 3.6.4)
        yield f"In-Reply-To: {named}\r\nReferences: {threads[0]}\r\n"
    if message.unsubscribe_url:
        yield f"List-Unsubscribe: <{_web_address(message.unsubscribe_url)}>\r\n"
        yield "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    yield "MIME-Version: 1.0\r\n"


def _is_id(thread: str) -> bool:
    return MESSAGE_ID.fullmatch(thread) is not None and thread.isascii()


@lru_cache(maxsize=16)
def _date(at: int) -> str:
    return format_datetime(datetime.fromtimestamp(at, UTC))


def header(name: str, text: str) -> str:
    r"""Return a header whose text has no line ends: folded where it is long, encoded where it is not plain ASCII.

    >>> header("Subject", "Grüße")
    'Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n'
    """
    first = len(name) + 2
    if not text.isascii() or "=?" in text or len(max(text.split(" "), key=len)) > _LONGEST_WORD:
        words = (base64.b64encode(piece).decode("ascii") for piece in _pieces(text))
        return f"{name}: " + "\r\n ".join(f"=?utf-8?b?{word}?=" for word in words) + "\r\n"
    if first + len(text) <= _LINE:
        return f"{name}: {text}".rstrip() + "\r\n"
    return f"{name}: " + "\r\n ".join(_folded(text, _LINE - first)) + "\r\n"


def _folded(text: str, width: int) -> Iterator[str]:
    """Yield the words of a text in lines of so many characters; a longer word has a line of its own."""
    line: list[str] = []
    length = 0
    for word in text.split():
        if line and length + len(word) > width:
            yield " ".join(line)
            line, length = [], 0
        line.append(word)
        length += len(word) + 1
    yield " ".join(line)


def _pieces(text: str) -> Iterator[bytes]:
    """Yield the text in runs of whole characters that fit one encoded word each."""
    piece = b""
    for char in text:
        encoded = char.encode()
        if len(piece) + len(encoded) > _WORD:
            yield piece
            piece = b""
        piece += encoded
    yield piece


def _part(subtype: str, text: str) -> bytes:
    """Return a part with its headers: as it is where it may be, else quoted-printable, or base64 if that is less."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    data = (lines.removesuffix("\n").replace("\n", "\r\n") + "\r\n").encode()
    encoding = _encoding(data, len(text))
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return head.encode() + _ENCODED[encoding](data)


def _encoding(data: bytes, characters: int) -> str:
    if data.isascii() and b"\0" not in data and _has_short_lines(data):
        return "7bit"
    return "base64" if len(data) > 1.5 * characters + 4 else "quoted-printable"


def _has_short_lines(data: bytes) -> bool:
    """Return whether no line is too long, looking at one line end in so many characters.

    >>> _has_short_lines(b"a" * 998 + b"\\r\\n"), _has_short_lines(b"a" * 999 + b"\\r\\n")
    (True, False)
    """
    start, most = 0, LONGEST_LINE + len(b"\r\n")
    while len(data) - start > most:
        end = data.rfind(b"\r\n", start, start + most)
        if end < 0:
            return False
        start = end + len(b"\r\n")
    return True


_ENCODED: Mapping[str, Callable[[bytes], bytes]] = {
    "7bit": lambda data: data,
    "base64": lambda data: base64.encodebytes(data).replace(b"\n", b"\r\n"),
    "quoted-printable": binascii.b2a_qp,
}


def _boundary(message: Message) -> str:
    """Return what stands between the parts: the same for each attempt, and no text can hold its own digest.

    HTML is made of the text, or of the same values.
    """
    return hashlib.blake2b(f"{message.id} {message.text}".encode(), digest_size=16).hexdigest()


def _web_address(url: str) -> str:
    if _PLAIN_ADDRESS.fullmatch(url):
        return url
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.netloc or re.search(r"[^!-;=?-~]", url):
        raise ValueError(f"unsubscribe_url {url!r} is no web address")
    return url
