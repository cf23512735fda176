"""Signed links for customers: unguessable, bound to one message and one use, without a log-in.

A token is the claims as JSON and an HMAC-SHA256 over them (RFC 2104), both base64url without padding (RFC 4648, 5).
"""

import base64
import binascii
import contextlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Literal

import msgspec

Use = Literal["page", "unsubscribe", "preferences", "feed", "confirm", "leave", "choose"]
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
        self._mac_of_nothing = hmac.new(secret, digestmod="sha256")

    def url(self, claims: Claims) -> str:
        """Return the full link.

        >>> links = Links("https://status.example.com", b"k" * 32)
        >>> claims = Claims("page", "int_1", "contact/ann", "ann@example.com", "service", 2e9)
        >>> links.read(links.url(claims).rsplit("/", 1)[1], "page", now=1e9) == claims
        True
        """
        return f"{self._base}/{PATHS[claims.use]}/{self.token(claims)}"

    def token(self, claims: Claims) -> str:
        """Return the signed claims alone."""
        body = msgspec.json.encode(claims)
        return f"{_text(body)}.{_text(self._mac(body))}"

    def read(self, token: str, use: Use, *, now: float) -> Claims | None:
        """Return what a token says; None if it is forged, for another use or expired."""
        body, _, mac = token.partition(".")
        try:
            raw = _bytes(body)
            given = _bytes(mac)
        except ValueError:
            return None
        if not hmac.compare_digest(given, self._mac(raw)):
            return None
        claims = msgspec.json.decode(raw, type=Claims)
        return claims if claims.use == use and claims.expires >= now else None

    def _mac(self, body: bytes) -> bytes:
        mac = self._mac_of_nothing.copy()  # the secret's part of it is the same for all
        mac.update(body)
        return mac.digest()


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


def _text(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_SAFE).decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii", "strict") + b"=" * (-len(text) % 4))
