"""What a mail server reports of a mail of ours: delivery status notifications (RFC 3464), other forms of bounces."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message as Mail
from email.parser import HeaderParser
from email.utils import parseaddr

from outreach.base import Delivery
from outreach.smtp import DEAD, ENHANCED
from outreach.text import one_line

ACTIONS: Mapping[str, Delivery] = {
    "delayed": Delivery.QUEUED,
    "delivered": Delivery.DELIVERED,
    "relayed": Delivery.SENT,
    "expanded": Delivery.SENT,
}
"""`Action` of a recipient → state; what failed is told by its status."""
STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
NOBODY = re.compile(
    r"(?:user|address|mailbox|recipient|account|person|alias)\W{1,5}(?:\S{1,80}\s{1,5}){0,4}?"
    r"(?:unknown|not? (?:found|exist|longer)|n't exist|does not exist|invalid|disabled|unavailable|rejected)"
    r"|(?:no such|unknown|invalid|unrouteable|undeliverable) (?:user|address|mailbox|recipient|person|account)"
    r"|no mailbox here|unbekannt",
    re.IGNORECASE,
)
"""How servers that give no enhanced code say that an address is dead."""
FULL = re.compile(
    r"quota|full|over(?:size|limit)|too large|spam|policy|blocked|denied|rate limit|greylist", re.IGNORECASE
)
"""What they say where it is not."""
SHOWN = 500
READ = 5_000
"""Characters of the words that are looked at."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one recipient."""

    state: Delivery
    code: str
    """The enhanced status code (RFC 3463); empty where there is none."""
    address: str
    detail: str
    envelope: str = ""
    """The id we gave the mail as we handed it in (RFC 3461), where the server took such."""


def reports(mail: Mail) -> list[Report]:
    """Return what a delivery status notification says; nothing of a mail that is none."""
    blocks = next((_blocks(part) for part in mail.walk() if part.get_content_type() in STATUS_TYPES), [])
    if not blocks:
        return []
    envelope = unquoted(_field(blocks[0], "original-envelope-id"))
    return [_report(block, envelope) for block in blocks if block.get("action") or block.get("final-recipient")]


def bounce(mail: Mail) -> Report | None:
    """Return what a bounce says that is no notification of RFC 3464, by the habits of the servers that write such.

    flufl.bounce knows the forms; it cannot tell an address that is dead from a full mailbox, so that the words must.
    """
    from flufl.bounce import all_failures  # noqa: PLC0415 -- loads a detector for each form

    temporary, permanent = all_failures(mail)
    addresses = sorted(permanent or temporary)
    if not addresses:
        return None
    address, words = addresses[0].decode("utf-8", "replace"), text_of(mail)
    if not permanent:
        return Report(Delivery.QUEUED, "", address, "delayed")
    state, code = judged("", words)
    return Report(state, code, address, one_line(words)[:SHOWN])


def judged(status: str, words: str) -> tuple[Delivery, str]:
    """Return what a failure is, and its code: BOUNCED where the address is dead, FAILED where it may work again.

    A code that says something counts before one that does not (5.0.0), and codes count before words.

    >>> judged("5.0.0", "smtp; 550 5.1.1 <ann@example.org>: no such user here")
    (<Delivery.BOUNCED: 'bounced'>, '5.1.1')
    >>> judged("5.2.2", "mailbox full")[0].value, judged("", "550 unknown user")[0].value
    ('failed', 'bounced')
    """
    words = words[:READ]
    found = [status, *re.findall(rf"(?<![\d.]){ENHANCED.pattern}(?![\d.])", words)]
    codes = [code for code in found if ENHANCED.fullmatch(code)]
    code = next((each for each in codes if not each.endswith(".0.0")), codes[0] if codes else "")
    if code and not code.endswith(".0.0"):
        return (Delivery.BOUNCED if DEAD.fullmatch(code) else Delivery.FAILED), code
    dead = NOBODY.search(words) and not FULL.search(words)
    return (Delivery.BOUNCED if dead else Delivery.FAILED), code


def unquoted(text: str) -> str:
    """Return what a text in xtext stands for (RFC 3461, 4).

    >>> unquoted("a+2Bb@example.com")
    'a+b@example.com'
    """
    return re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text.strip())


def text_of(mail: Mail) -> str:
    """Return the first plain text of a mail."""
    part = next((part for part in mail.walk() if part.get_content_type() == "text/plain"), None)
    return decoded(part) if part is not None else ""


def decoded(part: Mail) -> str:
    """Return the text of a part, whatever is wrong with its encoding."""
    raw = part.get_payload(decode=True)
    data = raw if isinstance(raw, bytes) else b""
    charset = part.get_content_charset() or "utf-8"
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _blocks(part: Mail) -> list[Mail]:
    """Return the fields of the mail, then those of each recipient."""
    payload = part.get_payload()
    if isinstance(payload, list) and part.get_content_type() == STATUS_TYPES[0]:
        return [block for block in payload if isinstance(block, Mail) and block.keys()]
    text = "\n".join(str(each) for each in payload) if isinstance(payload, list) else decoded(part)
    parser = HeaderParser()
    return [parser.parsestr(block) for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")) if block.strip()]


def _report(block: Mail, envelope: str) -> Report:
    words = _field(block, "diagnostic-code")
    status = next(iter(ENHANCED.findall(_field(block, "status"))), "")
    action = _field(block, "action").casefold()
    state, code = (ACTIONS[action], status) if action in ACTIONS else judged(status, words)
    address = next(_addresses(block), "")
    return Report(state, code, address, words[:SHOWN] or action, envelope)


def _addresses(block: Mail) -> Iterator[str]:
    """Yield the address as we wrote it, then that which it became: `rfc822; ann@example.org`."""
    for name in ("original-recipient", "final-recipient"):
        given = _field(block, name)
        address = parseaddr(unquoted(given.partition(";")[2] or given))[1]
        if "@" in address:
            yield address


def _field(block: Mail, name: str) -> str:
    return one_line(str(block.get(name, "")))
