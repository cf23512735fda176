"""What a mailbox provider passes on of a reader's complaint: feedback reports (RFC 5965)."""

from dataclasses import dataclass
from email.message import Message as Mail
from email.parser import HeaderParser
from email.utils import parseaddr

from outreach.dsn import decoded
from outreach.text import one_line

TYPE = "message/feedback-report"
COMPLAINTS = frozenset({"abuse", "fraud", "virus", "opt-out", "opt-out-list", "other", "miscategorized"})
"""Kinds of feedback after which nothing more is sent. `not-spam` is none, `auth-failure` (RFC 6591) is of DMARC."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A reader called a mail of ours unwanted."""

    kind: str
    address: str
    """Of the reader; empty where the provider keeps it to itself."""


def complaint(mail: Mail) -> Complaint | None:
    """Return the complaint that a feedback report passes on; None: it is no such report, or no complaint."""
    part = next((part for part in mail.walk() if part.get_content_type() == TYPE), None)
    if part is None:
        return None
    fields = _fields(part)
    kind = one_line(str(fields.get("feedback-type", ""))).casefold()
    told = (one_line(str(fields.get(name, ""))) for name in ("original-rcpt-to", "removal-recipient"))
    address = next((found for each in told if "@" in (found := parseaddr(each)[1])), "")
    return Complaint(kind, address) if kind in COMPLAINTS else None


def is_report(mail: Mail) -> bool:
    """Return whether a mail is a feedback report of any kind."""
    return any(part.get_content_type() == TYPE for part in mail.walk())


def _fields(part: Mail) -> Mail:
    """Return the report's fields: the parser takes them for the head of a mail, as `message/…` says."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return payload[0] if payload and isinstance(payload[0], Mail) else HeaderParser().parsestr("")
    return HeaderParser().parsestr(decoded(part))
