"""Addresses, looked at before anything is sent to them. Nothing here asks the network."""

import hashlib
import re
from collections.abc import Collection, Mapping
from email.headerregistry import Address
from email.utils import parseaddr
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from outreach.confusables import disguised, disguised_host

FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "email": (re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), "an e-mail address"),
    "phone": (re.compile(r"\+[1-9]\d{6,14}"), "a phone number as +15551234567"),
    "url": (re.compile(r"https?://\S+"), "a URL"),
    "slack": (re.compile(r"[CDGUW][A-Z0-9]{2,20}"), "the id of a Slack channel or person as C0123ABCD"),
    "pagerduty": (re.compile(r"[A-Za-z0-9]{32}"), "the integration's routing key: 32 letters and digits"),
    "entity": (re.compile(r"(?:account|contact)/[!-~]{1,180}"), "a person or account as contact/ann"),
}
"""What addresses look like, by kind, and how to say so; whether they are right is for whoever sends to them."""


ROLES = frozenset(
    {
        *("info", "marketing", "sales", "support", "abuse", "noc", "security", "postmaster", "hostmaster", "usenet"),
        *("news", "webmaster", "www", "uucp", "ftp", "mailer-daemon", "noreply", "no-reply", "donotreply", "root"),
    }
)
"""Mailboxes of roles and not of people (RFC 2142), and those that nobody reads."""
LONGEST: Mapping[str, int] = {"email": 254, "phone": 20, "url": 2048}
"""Characters an address may have (RFC 5321, 4.5.3.1.3; E.164 with some punctuation; what web servers take)."""


def digest(value: str) -> str:
    """Return what an address is remembered by once it was erased: who knows the address finds it, and nobody else.

    >>> digest("Ann@Acme.example") == digest(" ann@acme.example"), digest("ann@acme.example")[:14]
    (True, 'sha256:b759382')
    """
    return f"sha256:{hashlib.sha256(value.strip().casefold().encode()).hexdigest()}"


@lru_cache(maxsize=65_536)
def unfit(kind: str, value: str, given: tuple[str, ...] = ()) -> str:
    """Return why people may not be written to at an address; empty if they may.

    A role's mailbox (`abuse@…`) is not, unless it is `given`: its local part, or the whole address.

    >>> unfit("email", "abuse@example.com"), unfit("email", "abuse@example.com", ("abuse",))
    ("'abuse@example.com' is a role's mailbox, and not given under role_addresses", '')
    """
    if len(value) > LONGEST.get(kind, 2048):
        return f"{value[:40]!r}… is longer than {LONGEST.get(kind, 2048)} characters"
    match kind:
        case "email":
            return _unfit_mailbox(value, given)
        case "phone":
            return _unfit_phone(value)
        case "url":
            cause = disguised_host(urlsplit(value).hostname or "")
            return f"{value!r} {cause}" if cause else ""
        case _:
            return ""


def _unfit_mailbox(value: str, given: Collection[str]) -> str:
    local, _, domain = value.rpartition("@")
    role = local.casefold().partition("+")[0]
    if cause := disguised(local) or disguised_host(domain):
        return f"{value!r} {cause}"
    if role in ROLES and not {role, value.casefold()} & {each.casefold() for each in given}:
        return f"{value!r} is a role's mailbox, and not given under role_addresses"
    return ""


def _unfit_phone(value: str) -> str:
    try:
        phone(value)
    except ValueError as error:
        return str(error)
    return ""


def kind_of(text: str) -> str:
    """Return what kind of address it is; empty if none.

    >>> [kind_of(text) for text in ("ann@example.com", "+43 664 1", "+436641234567", "C0123ABCD")]
    ['email', '', 'phone', 'slack']
    """
    return next((kind for kind, (form, _) in FORMS.items() if form.fullmatch(text)), "")


class Mailbox(NamedTuple):
    """An e-mail address: as people write it, and as it travels."""

    written: str
    wire: str
    """With the domain in ASCII (IDNA 2008); the local part as it is."""
    international: bool
    """Whether the local part is not ASCII, so that every server on the way must speak SMTPUTF8 (RFC 6531)."""


def mailbox(text: str) -> Mailbox:
    """Read an e-mail address (RFC 5322, 6531); ValueError says what is wrong.

    >>> mailbox("ann@münchen.example").wire
    'ann@xn--mnchen-3ya.example'
    """
    from email_validator import validate_email  # noqa: PLC0415 -- loads IDNA tables

    found = validate_email(text, check_deliverability=False, globally_deliverable=False)
    wire = found.ascii_email or f"{found.local_part}@{found.ascii_domain}"
    return Mailbox(found.normalized, wire, found.smtputf8)


def sender(text: str) -> Address:
    """Read ``Example Ltd <status@example.com>`` or a bare address; ValueError says what is wrong.

    >>> sender("Example Ltd <status@example.com>").addr_spec
    'status@example.com'
    """
    if any(ord(char) < 32 for char in text):
        raise ValueError(f"{text!r} has control characters")
    name, address = parseaddr(text)
    if not address:
        raise ValueError(f"{text!r} is no sender: write `Name <name@example.com>`")
    return Address(display_name=name, addr_spec=mailbox(address).wire)


def phone(text: str) -> str:
    """Return an E.164 number that may be sent a text message; ValueError says why it may not.

    Emergency, premium-rate and shared-cost numbers are refused (libphonenumber's tables).

    >>> phone("+43 664 12345678")
    '+4366412345678'
    """
    import phonenumbers as pn  # noqa: PLC0415 -- loads every country's tables

    if not text.startswith("+"):
        raise ValueError(f"{text!r} is no E.164 number: write it with + and the country code")
    try:
        number = pn.parse(text, None)
    except pn.NumberParseException as error:
        raise ValueError(f"{text!r} is no telephone number: {error}") from error
    country = number.country_code or 0
    digits = pn.national_significant_number(number)
    if any(pn.is_emergency_number(digits, region) for region in pn.region_codes_for_country_code(country)):
        raise ValueError(f"{text!r} is an emergency number")
    if pn.number_type(number) in (pn.PhoneNumberType.PREMIUM_RATE, pn.PhoneNumberType.SHARED_COST):
        raise ValueError(f"{text!r} costs its owner or us extra")
    if not pn.is_possible_number(number):
        raise ValueError(f"{text!r} has not the length of a number of that country")
    return str(pn.format_number(number, pn.PhoneNumberFormat.E164))
