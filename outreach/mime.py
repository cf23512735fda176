"""A message as an e-mail: text and HTML, with headers that thread it and let its reader out: RFC 5322, 3834, 8058."""

import hashlib
import re
from datetime import UTC, datetime
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from outreach.address import Mailbox
from outreach.base import Message
from outreach.text import one_line

MESSAGE_ID = re.compile(r"<[^<>\s@]{1,400}@[^<>\s@]{1,400}>")


class _Whole(UnstructuredHeader):
    """A header that is never folded inside a word, nor encoded: an address that is cut is no address (RFC 8058, 4)."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]  # mixed into BaseHeader by the registry


_REGISTRY = HeaderRegistry()
for _name in ("list-unsubscribe", "message-id", "in-reply-to", "references"):
    _REGISTRY.map_to_type(_name, _Whole)  # type: ignore[arg-type]  # the registry mixes BaseHeader in
POLICY = SMTP.clone(header_factory=_REGISTRY)


class Letterhead(NamedTuple):
    """What all e-mails of one channel have in common."""

    sender: Address
    reply_to: str
    domain: str


def message_id(id_: str, domain: str) -> str:
    """Return the Message-ID of an outbox id: the same for each attempt.

    >>> message_id("int_1", "example.org")
    '<int_1@example.org>'
    """
    return f"<{re.sub(r'[^A-Za-z0-9_.+-]', '-', id_)}@{domain}>"


def compose(message: Message, to: Mailbox, head: Letterhead, at: float) -> EmailMessage:
    """Return the e-mail, dated epoch second `at`. Raises ValueError if `unsubscribe_url` is no web address."""
    mail = EmailMessage(policy=POLICY)
    for name, value in _headers(message, to, head, at).items():
        mail[name] = value
    mail.set_content(message.text, cte="quoted-printable")
    if message.html:
        mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
        # Python's own is random; this one is the same for each attempt, and no text can hold its own digest.
        mail.set_boundary(hashlib.blake2b((message.text + message.html).encode(), digest_size=16).hexdigest())
    return mail


def _headers(message: Message, to: Mailbox, head: Letterhead, at: float) -> dict[str, Any]:
    return {
        "From": head.sender,
        "To": to.written if to.international else to.wire,
        **({"Reply-To": head.reply_to} if head.reply_to else {}),
        "Subject": one_line(message.subject),
        "Date": datetime.fromtimestamp(at, UTC),
        "Message-ID": message_id(message.id, head.domain),
        "Auto-Submitted": "auto-generated",
        **_thread(message.thread),
        **_unsubscribe(message.unsubscribe_url),
    }


def _thread(thread: str) -> dict[str, str]:
    return {"In-Reply-To": thread, "References": thread} if MESSAGE_ID.fullmatch(thread) else {}


def _unsubscribe(url: str) -> dict[str, str]:
    if not url:
        return {}
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.netloc or re.search(r"[^!-;=?-~]", url):
        raise ValueError(f"unsubscribe_url {url!r} is no web address")
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
