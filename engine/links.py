"""Signed links for customers: unguessable, bound to one message and one use, without a log-in.

A token is the claims as JSON and an HMAC-SHA256 over them (RFC 2104), both base64url without padding (RFC 4648, 5).
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

Use = Literal["page", "unsubscribe", "preferences", "feed", "confirm", "leave", "choose"]
BLOCK = 64
"""Bytes that SHA-256 takes at a time."""
LIFETIME = 60 * 86400.0
"""Seconds a link works: an opt-out must work for 30 days at least (C7)."""


class Claims(msgspec.Struct, frozen=True, array_like=True):
    """What a link says."""

    use: str
    intent: str
    """The message it came with; empty where it came with none."""
    person: str
    """The entity, or the subscriber, that it is for."""
    address: str
    purpose: str
    expires: float


class Links:
    """Makes and reads signed links under one public base URL."""

    def __init__(self, base_url: str, secret: bytes) -> None:
        self._base = base_url.rstrip("/")
        self._mac = Mac(secret)

    def url(self, claims: Claims) -> str:
        """Return the full link.

        >>> links = Links("https://status.example.com", b"k" * 32)
        >>> claims = Claims("page", "int_1", "contact/ann", "ann@example.com", "service", 2e9)
        >>> links.read(links.url(claims).rsplit("/", 1)[1], "page", now=1e9) == claims
        True
        """
        return self._url(claims.use, msgspec.json.encode(claims))

    def urls(self, uses: Iterable[str], claims: Claims) -> Mapping[str, str]:
        """Return the links for several uses of what is else the same; the use that `claims` name is not looked at.

        >>> links = Links("https://status.example.com", b"k" * 32)
        >>> claims = Claims("page", "int_1", "contact/ann", "ann@example.com", "service", 2e9)
        >>> links.urls(["page"], claims) == {"page": links.url(claims)}
        True
        """
        others = msgspec.json.encode(claims).removeprefix(b'["%s"' % claims.use.encode())
        return {use: self._url(use, b'["%s"%s' % (use.encode(), others)) for use in uses}

    def token(self, claims: Claims) -> str:
        """Return the signed claims alone."""
        return self._signed(msgspec.json.encode(claims))

    def _url(self, use: str, body: bytes) -> str:
        return f"{self._base}/{PATHS[use]}/{self._signed(body)}"

    def _signed(self, body: bytes) -> str:
        return (_text(body) + b"." + _text(self._mac.of(body))).decode()

    def read(self, token: str, use: Use, *, now: float) -> Claims | None:
        """Return what a token says; None if it is forged, for another use or expired."""
        body, _, mac = token.partition(".")
        try:
            raw = _bytes(body)
            given = _bytes(mac)
        except ValueError:
            return None
        if not hmac.compare_digest(given, self._mac.of(raw)):
            return None
        claims = msgspec.json.decode(raw, type=Claims)
        return claims if claims.use == use and claims.expires >= now else None


class Mac:
    """HMAC-SHA256 under one secret (RFC 2104): what the secret does in it is done once.

    >>> Mac(b"k").of(b"text") == hmac.digest(b"k", b"text", "sha256")
    True
    """

    def __init__(self, secret: bytes) -> None:
        block = (hashlib.sha256(secret).digest() if len(secret) > BLOCK else secret).ljust(BLOCK, b"\0")
        self._inner, self._outer = (hashlib.sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))

    def of(self, body: bytes) -> bytes:
        """Return the code of a text."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(body)
        outer.update(inner.digest())
        return outer.digest()


PATHS: dict[str, str] = {
    "page": "m",
    "unsubscribe": "u",
    "preferences": "p",
    "feed": "feed",
    "confirm": "status/c",
    "leave": "status/u",
    "choose": "status/p",
}
"""Use → the path before the token. Short, for text messages. `feed` is what a person may read inside the product, the
last three are a subscription's to the status page."""


def secret_at(path: Path) -> bytes:
    """Return the secret kept at `path`, readable by its owner only; a new one at the first call."""
    if not path.exists():
        _create(path, secrets.token_bytes(32))
    return path.read_bytes()


def _create(path: Path, secret: bytes) -> None:
    """Write the file whole before it gets its name; whoever comes second keeps the first's."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


_SAFE = bytes.maketrans(b"+/", b"-_")


def _text(raw: bytes) -> bytes:
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_SAFE)


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii", "strict") + b"=" * (-len(text) % 4))
