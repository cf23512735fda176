"""API tokens: 256 random bits, shown once and stored as their SHA-256 only.

A token of so much chance needs no slow hash: nobody can guess it, with or without the digest.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from sqlmodel import col, select

from engine.clock import Clock
from engine.errors import Permanent
from engine.ids import derive
from engine.store.database import Database
from engine.store.models import Token

Scope = Literal["ingest", "agent", "admin"]
"""What a token may: send events; see and act on issues and tickets; everything."""
SCOPES: tuple[str, ...] = get_args(Scope)
PREFIX = "fw_"
"""So that a token that leaked is recognised by those who search for such."""


def create(database: Database, name: str, scope: str, clock: Clock) -> str:
    """Make a token called `name` and return it: nobody can show it again.

    Raises Permanent for a name that is taken or empty, and for a scope that is none of `SCOPES`.
    """
    if scope not in SCOPES:
        raise Permanent(f"there is no scope {scope!r}", place="token", remedy=f"choose one of {', '.join(SCOPES)}")
    if not name.strip():
        raise Permanent("a token needs a name", place="token", remedy="name the program or person that will use it")
    secret = PREFIX + secrets.token_urlsafe(32)
    with database.transaction() as session:
        if session.exec(select(Token).where(Token.name == name)).first():
            raise Permanent(f"there is a token {name!r} already", place="token", remedy="choose another name")
        key = derive("tok", name)
        session.add(Token(id=key, name=name, digest=digest(secret), scope=scope, created_at=clock.time()))
    return secret


def revoke(database: Database, name: str, clock: Clock) -> None:
    """Make the token called `name` worthless; revoking it again changes nothing. Permanent if there is none."""
    with database.transaction() as session:
        row = session.exec(select(Token).where(Token.name == name)).first()
        if row is None:
            raise Permanent(f"there is no token {name!r}", place="token", remedy="see `forewarn token list`")
        if row.revoked_at is None:
            row.revoked_at = clock.time()


def list(database: Database) -> Sequence[Token]:  # noqa: A001 -- read as `tokens.list`
    """Return all tokens, revoked ones too, by name."""
    with database.reading() as session:
        return session.exec(select(Token).order_by(col(Token.name))).all()


def find(known: Iterable[Token], secret: str) -> Token | None:
    """Return the token among `known` that `secret` is, unless it was revoked; every one is compared."""
    given = digest(secret)
    found = [token for token in known if hmac.compare_digest(token.digest, given) and token.revoked_at is None]
    return found[0] if found else None


def allows(scope: str, needed: str) -> bool:
    """Return whether a token of `scope` may do what needs `needed`: an admin may all.

    >>> allows("admin", "ingest"), allows("ingest", "agent")
    (True, False)
    """
    return scope in ("admin", needed)


def digest(secret: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()
