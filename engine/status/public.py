"""What may stand on a public page: only what somebody meant for it, and nothing of a customer's."""

import re

from sqlalchemy import literal
from sqlmodel import Session, col, select

from engine.errors import Permanent
from engine.store.models import Address, Entity
from outreach.text import CONTROL, one_line

LONGEST_TITLE, LONGEST_TEXT = 200, 5000
_ID = re.compile(r"\b[a-z][a-z0-9_-]*/[\w.:@+-]+")
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:]+@[^\s@<>()\[\],;:]+\.\w+|\+[1-9]\d{6,14}\b|https?://[^\s<>\"]+")
_NAME = 4
"""Letters from which on a customer's name is told from a word."""


def title(session: Session, text: str) -> str:
    """Return a title for the public. Raises Permanent, as `words`."""
    return words(session, one_line(text), LONGEST_TITLE, "title")


def words(session: Session, text: str, longest: int = LONGEST_TEXT, what: str = "text") -> str:
    """Return `text` for the public, without control characters.

    Raises Permanent if there is none or too much of it, and if it names a customer: by an id, an address or the name
    of an account. An address of the company's own may stand in it.
    """
    clean = CONTROL.sub("", text.replace("\r\n", "\n")).strip()
    if not clean:
        raise Permanent(f"the {what} is empty", place="status", remedy="say in a sentence what the public is to know")
    if len(clean) > longest:
        raise Permanent(f"the {what} has {len(clean)} characters", place="status", remedy=f"{longest} are the most")
    found = _named(session, clean)
    if found:
        raise Permanent(f"the {what} names a customer: {found}", place="status", remedy="say it without")
    return clean


def _named(session: Session, text: str) -> str:
    """Return what of `text` is a customer's; empty if nothing is."""
    ids = sorted({each.rstrip(".:") for each in _ID.findall(text)})
    if ids and (row := session.exec(select(Entity.id).where(col(Entity.id).in_(ids))).first()):
        return row
    addresses = sorted({each.rstrip(".") for each in _ADDRESS.findall(text)})
    if addresses and (value := session.exec(select(Address.value).where(col(Address.value).in_(addresses))).first()):
        return value
    return next((name for name in _accounts(session, text) if len(name) >= _NAME and _says(text, name)), "")


def _accounts(session: Session, text: str) -> list[str]:
    """Return names of accounts that may be in `text`: the database looks roughly, whoever asks exactly."""
    named = select(Entity.name).where(Entity.kind == "account", Entity.name != "", col(Entity.deleted).is_(False))
    return list(session.exec(named.where(literal(text).contains(col(Entity.name)))))


def _says(text: str, name: str) -> bool:
    return name in text and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
