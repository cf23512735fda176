"""Addresses, looked at before anything is sent to them. Nothing here asks the network."""

import re
from collections.abc import Mapping
from email.headerregistry import Address
from email.utils import parseaddr
from typing import NamedTuple

FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "email": (re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), "an e-mail address"),
    "phone": (re.compile(r"\+[1-9]\d{6,14}"), "a phone number as +15551234567"),
    "url": (re.compile(r"https?://\S+"), "a URL"),
    "slack": (re.compile(r"[CDGUW][A-Z0-9]{2,20}"), "the id of a Slack channel or person as C0123ABCD"),
    "pagerduty": (re.compile(r"[A-Za-z0-9]{32}"), "the integration's routing key: 32 letters and digits"),
    "entity": (re.compile(r"(?:account|contact)/[!-~]{1,180}"), "a person or account as contact/ann"),
}
"""What addresses look like, by kind, and how to say so; whether they are right is for whoever sends to them."""


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
