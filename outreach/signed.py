"""Whether a request is from whom it says: HMAC signatures, shared secrets, and a memory against replays."""

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass, field

from outreach.inbound import ForgedError, Request

SECRET_HEADER = "X-Forewarn-Secret"  # noqa: S105 -- a header's name
"""Where vendors that sign nothing show the secret."""
AGE = 300.0
"""Seconds for which something signed as Standard Webhooks is believed."""
KEPT = 10_000
"""Signatures remembered at most."""


def digest(secret: str, body: bytes, algorithm: str) -> bytes:
    """Return the HMAC of a body.

    >>> digest("It's a Secret to Everybody", b"Hello World!", "sha256").hex()[:10]
    'a4771c39fb'
    """
    return hmac.new(secret.encode(), body, algorithm).digest()


def need(name: str, given: str, expected: str) -> None:
    """Raise ForgedError unless a header holds what is expected; how much of it fits takes the same time."""
    if not given:
        raise ForgedError(f"there is no {name}: let the other side sign")
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise ForgedError(f"{name} is wrong: check that both sides have the same secret")


def configured(secret: str) -> None:
    """Raise ForgedError where there is no secret to check by: nothing is believed then."""
    if not secret:
        raise ForgedError("webhooks are not believed without a secret: set webhook_secret, here and there")


def hub(request: Request, secret: str, algorithm: str) -> None:
    """Check `X-Hub-Signature: METHOD=HEX` over the body (WebSub, 7.1). Raises ForgedError."""
    configured(secret)
    given = request.headers.get("x-hub-signature", "")
    need("X-Hub-Signature", given.strip().lower(), f"{algorithm}={digest(secret, request.body, algorithm).hex()}")


def fresh(at: float, now: float, age: float) -> None:
    """Raise ForgedError where something was signed too long ago, or in the future (seconds)."""
    if not -60.0 <= now - at <= age:
        raise ForgedError(f"signed {now - at:.0f} s ago, {age:.0f} s are allowed: check the clocks")


def secret_header(request: Request, name: str, secret: str) -> None:
    """Check a header that holds the secret itself, for vendors that sign nothing. Raises ForgedError."""
    configured(secret)
    need(name, request.headers.get(name.lower(), ""), secret)


def standard(request: Request, secret: str) -> None:
    """Check a request that is signed as Standard Webhooks 1.0 says (standardwebhooks.com). Raises ForgedError."""
    id_, stamp, given = (request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (stamp.isascii() and stamp.isdigit()):
        raise ForgedError("webhook-timestamp is missing or no number")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ForgedError("webhook_secret is not whsec_ and base64, as a signature needs it") from error
    signed = f"{id_}.{stamp}.".encode() + request.body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
    if not any(hmac.compare_digest(each.encode(), expected.encode()) for each in given.split()):
        need("webhook-signature", given, expected)
    fresh(float(stamp[:12]), request.time, AGE)


def vouched(request: Request, secret: str) -> None:
    """Check a request that is signed as Standard Webhooks, or else holds the secret in `SECRET_HEADER`.

    Raises ForgedError.
    """
    configured(secret)
    if "webhook-signature" in request.headers:
        standard(request, secret)
    else:
        secret_header(request, SECRET_HEADER, secret)


@dataclass(slots=True)
class Seen:
    """What was here before, for as long as it would be believed."""

    age: float
    """Seconds after which something is refused for its age anyway."""
    _times: OrderedDict[bytes, float] = field(default_factory=OrderedDict)

    def once(self, what: bytes, now: float) -> None:
        """Remember `what`. Raises ForgedError where it was here before.

        >>> seen = Seen(300.0)
        >>> seen.once(b"a", 0.0)
        >>> seen.once(b"a", 10.0)
        Traceback (most recent call last):
        outreach.inbound.ForgedError: this very request was here 10 s ago
        """
        key = hashlib.blake2b(what, digest_size=16).digest()
        if key in self._times and now - self._times[key] <= self.age:
            raise ForgedError(f"this very request was here {now - self._times[key]:.0f} s ago")
        self._times[key] = now
        self._times.move_to_end(key)
        while len(self._times) > KEPT:
            self._times.popitem(last=False)
