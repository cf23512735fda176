"""What a mail that came in says: a report of a failure, a complaint, the answer of a person, or nothing.

Nobody is believed for what stands in From, which anyone can write. Our Message-ID is made of a digest, so only who got
the mail, or carried it, can name it: reports and answers are matched by it. A report that names none, as some servers
send, is matched by the address it is about; whoever takes it looks whether a mail went there lately.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Mail
from email.utils import parseaddr

from outreach import arf, dsn, quoted
from outreach.base import Delivery
from outreach.inbound import Delivered, Inbound, Replied, Unread
from outreach.text import one_line

LARGEST = 10_000_000
"""Bytes of a mail that is looked at."""
KEPT = 100_000
"""Bytes kept of one that cannot be read, and looked at of a bounce in a form of its own."""
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)
"""What the standard library's parser and flufl.bounce raise for mails made to break them, such as one nested deeper
than the stack."""
ORIGINAL = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")
_MACHINES = re.compile(
    r"(?:mailer-daemon|postmaster|mail-?daemon|mailerdaemon|maildaemon|bounces?|noreply-dmarc.*)", re.IGNORECASE
)
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})
_AUTOMATIC = ("x-autoreply", "x-autorespond", "x-auto-reply-from", "x-mail-autoreply", "list-id")


@dataclass(frozen=True, slots=True)
class Ours:
    """How we know our own."""

    domain: str
    """The right side of our Message-IDs."""
    senders: frozenset[str]
    """Addresses that we write from."""

    def ids(self, text: str) -> Iterator[str]:
        """Yield the ids of ours that a text names, in order, with or without their brackets."""
        for found in re.findall(rf"(?<![\w.+-])[\w.+-]{{1,200}}@{re.escape(self.domain)}(?![\w.-]*\w)", text):
            if found not in self.senders:
                yield f"<{found}>"


def understood(raw: bytes, ours: Ours) -> list[Inbound]:
    """Return what a mail says; an empty list: nothing that concerns us. Never raises for what it holds."""
    try:
        return _understood(raw[:LARGEST], ours)
    except _UNREADABLE as error:
        return [Unread(f"the mail cannot be read: {type(error).__name__}: {error}", raw[:KEPT])]


def believed(told: Inbound, raw: bytes) -> Inbound:
    """Return what is to be made of something that lies in a mailbox, where anyone may have written it.

    A complaint that names no mail of ours is left to a person: it costs nothing to write, and enough of them would halt
    a stream.
    """
    complained = isinstance(told, Delivered) and told.state is Delivery.COMPLAINED and not told.provider_id
    return Unread("a complaint that names no mail of ours, which anyone can write", raw[:KEPT]) if complained else told


def _understood(raw: bytes, ours: Ours) -> list[Inbound]:
    mail = message_from_bytes(raw)
    if arf.is_report(mail):
        return _complained(mail, ours)
    if reports := dsn.reports(mail):
        return [_delivered(mail, each, ours) for each in reports]
    if _is_machine(mail):
        report = dsn.bounce(message_from_bytes(raw[:KEPT]))
        return [_delivered(mail, report, ours)] if report else []
    return [] if _is_automatic(mail, ours) else _replied(mail, raw, ours)


def _complained(mail: Mail, ours: Ours) -> list[Inbound]:
    found = arf.complaint(mail)
    if found is None:
        return []
    id_ = next(_named(mail, ours), "")
    told = {"feedback-type": found.kind}
    return [Delivered(id_, Delivery.COMPLAINED, found.kind, found.address, suppress=True, raw=told)]


def _delivered(mail: Mail, report: dsn.Report, ours: Ours) -> Inbound:
    id_ = next((found for text in (ours.ids(report.envelope), _named(mail, ours)) for found in text), "")
    hard = report.state is Delivery.BOUNCED
    raw = {"diagnostic": report.detail, "from": _header(mail, "from")[:200], "report": own_id(mail)}
    return Delivered(id_, report.state, report.code, report.address, suppress=hard, raw=raw)


def _named(mail: Mail, ours: Ours) -> Iterator[str]:
    """Yield ids of ours: of the mail that came back, of what the report answers, of what its text tells."""
    for part in mail.walk():
        if part is not mail and part.get_content_type() in ORIGINAL:
            yield from _original(part, ours)
    yield from _answers(mail, ours)
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            yield from ours.ids(dsn.decoded(part))


def _original(part: Mail, ours: Ours) -> Iterator[str]:
    payload = part.get_payload()
    heads = (
        [str(each.get("message-id", "")) for each in payload if isinstance(each, Mail)] if part.is_multipart() else []
    )
    for head in heads or re.findall(r"(?im)^message-id:\s*(\S+)", dsn.decoded(part)):
        yield from ours.ids(head)


def _answers(mail: Mail, ours: Ours) -> Iterator[str]:
    for name in ("in-reply-to", "references"):
        yield from reversed(list(ours.ids(_header(mail, name))))


def _is_machine(mail: Mail) -> bool:
    """Return whether a mail server wrote it: nobody is to answer (RFC 5321, 4.5.5), or its name says so."""
    nobody = str(mail.get("return-path", "")).strip() == "<>"
    return nobody or bool(_MACHINES.fullmatch(_author(mail).partition("@")[0]))


def _is_automatic(mail: Mail, ours: Ours) -> bool:
    """Return whether no person wrote it: a vacation notice (RFC 3834), a list, a mail of ours that came round."""
    submitted = _header(mail, "auto-submitted").partition(";")[0].strip().casefold() not in ("", "no")
    bulk = _header(mail, "precedence").casefold() in _BULK
    return submitted or bulk or any(name in mail for name in _AUTOMATIC) or _author(mail) in ours.senders


def _replied(mail: Mail, raw: bytes, ours: Ours) -> list[Inbound]:
    author = _author(mail)
    if "@" not in author:
        return []
    text = quoted.said(_words(mail))
    return [Replied(own_id(mail) or _digest(raw), author, text, next(_answers(mail, ours), ""))]


def _words(mail: Mail) -> str:
    """Return what a mail says: its plain text, or that of its HTML; attachments are not read."""
    shown = [part for part in mail.walk() if part.get_content_disposition() != "attachment"]
    text = next((part for part in shown if part.get_content_type() == "text/plain"), None)
    if text is not None:
        return dsn.decoded(text)
    html = next((part for part in shown if part.get_content_type() == "text/html"), None)
    return quoted.plain(dsn.decoded(html)) if html is not None else ""


def own_id(mail: Mail) -> str:
    """Return the mail's own Message-ID; empty where there is none."""
    return _header(mail, "message-id")[:500]


def _digest(raw: bytes) -> str:
    return f"<{hashlib.blake2b(raw, digest_size=16).hexdigest()}@unnamed>"


def _author(mail: Mail) -> str:
    return parseaddr(_header(mail, "from"))[1].casefold()


def _header(mail: Mail, name: str) -> str:
    """Return a header in one line, its encoded words read; as it stands where they cannot be."""
    given = mail.get(name, "")
    try:
        return one_line(str(make_header(decode_header(given))))
    except (ValueError, LookupError):
        return one_line(str(given))
