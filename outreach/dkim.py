"""Signing mail with DKIM (RFC 6376; Ed25519: RFC 8463), relaxed in headers and body.

Signed here, with the `cryptography` package: dkimpy computes RSA in plain Python, a tenth as fast; it is the oracle of
the tests. Every header that matters is named once more than it is there, so that none can be added to a mail on its
way; among them those that let a reader out, as RFC 8058 asks (section 4).
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

SIGNED = (
    "from",
    "reply-to",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "auto-submitted",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
)
"""Whoever adds, changes or removes one of these breaks the signature."""
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)*")
SHORTEST = 1024
"""Bits of an RSA key that verifiers must accept; shorter ones they must not (RFC 8301, 3.2)."""


@dataclass(frozen=True, slots=True)
class Dkim:
    """`dkim: {domain: example.com, selector: forewarn, key: {file: dkim.pem}}`"""

    domain: str
    """Whose signature it is: that of the sender's address, or one above it, for DMARC."""
    selector: str
    """The public key is the TXT record of `SELECTOR._domainkey.DOMAIN`."""
    key: str
    """The private key as PEM: RSA of 1024 bits at least (2048 are usual), or Ed25519."""


def aligned(domain: str, sender: str) -> bool:
    """Return whether DMARC counts a signature of `domain` for mail from `sender`: one lies within the other.

    Relaxed alignment (RFC 7489, 3.1.1) asks for one organisation; who that is only a list of all suffixes could tell.

    >>> aligned("example.com", "news.example.com"), aligned("example.com", "notexample.com")
    (True, False)
    """
    ours, theirs = f".{domain}".lower(), f".{sender}".lower()
    return ours.endswith(theirs) or theirs.endswith(ours)


class Signer:
    """Signs for one domain; ValueError: names or a key that cannot be used. Safe to use from several threads."""

    def __init__(self, given: Dkim) -> None:
        for what, name in (("domain", given.domain), ("selector", given.selector)):
            if not NAME.fullmatch(name):
                raise ValueError(f"dkim: {what} {name!r} is no name for DNS")
        self._given = given
        self._algorithm, self._sign = _signing(_loaded(given.key))

    @cached_property
    def _start(self) -> str:
        return f"v=1; a={self._algorithm}; c=relaxed/relaxed; d={self._given.domain}; s={self._given.selector};"

    def signed(self, mail: bytes, at: float) -> bytes:
        """Return the mail with its signature before it, made at epoch second `at`. Lines end in CRLF."""
        head, _, body = mail.partition(b"\r\n\r\n")
        there = _relaxed(head)
        names = [name for each in SIGNED for name in ([each, each] if each in there else [each])]
        digest = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode()
        tags = f"{self._start} t={int(at)};\r\n h={_folded(names)};\r\n bh={digest};\r\n b="
        signed = b"".join(there[name] + b"\r\n" for name in SIGNED if name in there)
        signature = self._sign(signed + _relaxed(f"DKIM-Signature: {tags}".encode())["dkim-signature"])
        return f"DKIM-Signature: {tags}{_broken(base64.b64encode(signature).decode())}\r\n".encode() + mail


def relaxed_body(body: bytes) -> bytes:
    r"""Return a body as it is hashed (RFC 6376, 3.4.4).

    >>> relaxed_body(b"a  b \r\n\r\n \r\n")
    b'a b\r\n'
    """
    even = re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n").rstrip(b"\r\n ")
    return even + b"\r\n" if even else b""


def _relaxed(head: bytes) -> Mapping[str, bytes]:
    """Return each header as it is signed (RFC 6376, 3.4.2), by its name; ours are there once each."""
    lines = re.sub(rb"\r\n(?=[ \t])", b"", head).split(b"\r\n")
    pairs = (line.partition(b":") for line in lines)
    found = ((name.strip().lower(), re.sub(rb"[ \t]+", b" ", value).strip()) for name, _, value in pairs)
    return {name.decode("ascii"): name + b":" + value for name, value in found}


def _folded(names: list[str]) -> str:
    """Return the list of headers, broken where a name ends."""
    rows = [":".join(names[at : at + 4]) for at in range(0, len(names), 4)]
    return ":\r\n  ".join(rows)


def _broken(text: str) -> str:
    return "\r\n  ".join(text[at : at + 70] for at in range(0, len(text), 70))


def _loaded(pem: str) -> "PrivateKeyTypes":
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 -- heavy: only where mail is signed
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        return load_pem_private_key(pem.encode(), None)
    except TypeError as error:
        raise ValueError("dkim: key is locked with a password: write it without one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(
            "dkim: key cannot be read: it is no private key as PEM (-----BEGIN PRIVATE KEY-----)"
        ) from error


def _signing(key: "PrivateKeyTypes") -> tuple[str, Callable[[bytes], bytes]]:
    """Return the algorithm's name and what makes a signature. ValueError: no DKIM with such a key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    if isinstance(key, Ed25519PrivateKey):
        return "ed25519-sha256", lambda data: key.sign(hashlib.sha256(data).digest())
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("dkim: key is neither RSA nor Ed25519, and there is no DKIM with others")  # noqa: TRY004
    if key.key_size < SHORTEST:
        raise ValueError(f"dkim: key has {key.key_size} bits: verifiers take {SHORTEST} at least, 2048 are usual")
    return "rsa-sha256", lambda data: key.sign(data, PKCS1v15(), SHA256())
