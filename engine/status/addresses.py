"""What a form may have us write to: somebody's e-mail address, or the address of a system on the public internet."""

import ipaddress
from typing import Literal
from urllib.parse import SplitResult

from outreach.address import mailbox
from outreach.guard import is_public, read

Kind = Literal["email", "url"]
"""Of an address: who is told by mail, and what is told by webhook."""
KINDS: tuple[Kind, ...] = ("email", "url")
ROLES = frozenset(
    {"abuse", "hostmaster", "mailer-daemon", "no-reply", "noreply", "postmaster", "security", "webmaster"}
)
"""Local parts that belong to a role (RFC 2142), or to nobody: never written to by the wish of a form."""
LONGEST_MAIL, LONGEST_URL = 254, 500


def cleaned(kind: Kind, given: str) -> str:
    """Return an address as it is kept; empty if it is none that a form may have us write to.

    Whether the name of a system leads inside our network is looked at whenever it is written to, not here: who asks
    would learn from the answer what our name servers know.

    >>> cleaned("email", " Ann@Example.COM "), cleaned("email", "postmaster@example.com")
    ('ann@example.com', '')
    >>> cleaned("url", "HTTPS://Hooks.Example.com/in?a=1#b"), cleaned("url", "https://127.0.0.1/")
    ('https://hooks.example.com/in?a=1', '')
    """
    try:
        return _mail(given.strip()) if kind == "email" else _system(given.strip())
    except ValueError:
        return ""


def _mail(given: str) -> str:
    if len(given) > LONGEST_MAIL:
        return ""
    box = mailbox(given)
    local = box.written.rpartition("@")[0].partition("+")[0].lower()
    return "" if local in ROLES or box.international else box.wire.lower()


def _system(given: str) -> str:
    if len(given) > LONGEST_URL or not given.isascii():
        return ""
    parts, host, _ = read(given, allow_internal=False)
    if ("." not in host and ":" not in host) or not _may_be_outside(host):
        return ""
    return SplitResult(parts.scheme, parts.netloc.lower(), parts.path or "/", parts.query, "").geturl()


def _may_be_outside(host: str) -> bool:
    try:
        return is_public(ipaddress.ip_address(host))
    except ValueError:
        return True  # a name
