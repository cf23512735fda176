"""Names that come out the same on every replay."""

import hashlib


def drawn(what: bytes, *of: str) -> float:
    """Return a number from 0 to under 1: the same for the same texts on any machine; draws for `what` are independent.

    >>> drawn(b"holdout", "api", "iss_1") == drawn(b"holdout", "api", "iss_1") != drawn(b"choice", "api", "iss_1")
    True
    """
    digest = hashlib.blake2b("\0".join(of).encode(), digest_size=8, person=b"forewarn " + what)
    return int.from_bytes(digest.digest()) / 2**64


def derive(prefix: str, *parts: object) -> str:
    """Return a short id derived from `parts`: the same parts give the same id, on any machine, in any replay.

    80 bits of BLAKE2b: a billion ids of one prefix collide with a probability of about 4e-7.

    >>> derive("iss", "api-errors", "account/acme")
    'iss_65e7f0d0d5ae3fe1b600'
    """
    digest = hashlib.blake2b("\x1f".join(str(part) for part in parts).encode(), digest_size=10)
    return f"{prefix}_{digest.hexdigest()}"
