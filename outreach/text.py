"""Text made safe for where it goes, and marked so that it can be found again."""

import hashlib
import re

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters and those that turn the direction of reading; line ends and tabs stay."""


def one_line(text: str) -> str:
    r"""Return a text that is safe in a header: no line ends, no control characters.

    >>> one_line("Hello\r\nBcc: all@example.org")
    'Hello Bcc: all@example.org'
    """
    if text.isprintable() and "  " not in text and text == text.strip():
        return text  # nearly always
    return " ".join(CONTROL.sub(" ", text.replace("\u2028", " ").replace("\u2029", " ")).split())


SUBJECT_LENGTH = 250
"""Characters of a subject; what events carry may make it longer (RFC 5322, 2.1.1: a line has at most 998)."""


def short(subject: str) -> str:
    """Return a subject that is not too long."""
    return subject if len(subject) <= SUBJECT_LENGTH else subject[: SUBJECT_LENGTH - 1] + "…"


_SCHEME = re.compile(r"\b[a-z][a-z0-9+.-]*://", re.IGNORECASE)
LONGEST_NAME = 120


def named(text: str) -> str:
    r"""Return a name as a message may say it: one line, not long, and nothing in it that becomes a link by its scheme.

    >>> named("Acme\n\nPay now: https://evil.example/pay")
    'Acme Pay now: evil.example/pay'
    """
    line = one_line(text)
    name = _SCHEME.sub("", line) if "://" in line else line
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def mark(id_: str) -> str:
    """Return the short sign of an outbox id that ends a text message, by which a provider's list tells two apart.

    >>> mark("int_1")
    '#e7q8w6c'
    """
    digest = int.from_bytes(hashlib.blake2b(id_.encode(), digest_size=8).digest())
    letters = "23456789abcdefghijkmnpqrstuvwxyz"
    return "#" + "".join(letters[(digest >> (5 * place)) % 32] for place in range(7))
