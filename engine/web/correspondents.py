"""Whom a telephone number or an e-mail address belongs to, and what we last wrote there."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from engine.store.models import Address, Entity, Intent

_SEPARATORS = " -()./"


@dataclass(frozen=True, slots=True)
class Correspondent:
    """Someone who wrote to us."""

    id: str
    """The person; `phone/…` or `email/…` where nobody is known by the address."""
    address: str
    """The number or address, as it is stored."""
    account: str = ""
    locale: str = ""
    issue: str = ""
    """What our latest message to them was about."""


def correspondents(session: Session, address: str) -> list[Correspondent]:
    """Return everyone who is known by an E.164 number or an e-mail address; if nobody is, the address itself."""
    kind = "email" if "@" in address else "phone"
    same = func.lower(Address.value) == address.lower() if kind == "email" else _plain(col(Address.value)) == address
    rows = session.exec(select(Address).where(Address.kind == kind, same).order_by(col(Address.entity))).all()
    return [_known(session, row) for row in rows] or [Correspondent(f"{kind}/{address}", address)]


def sent_as(session: Session, provider_id: str) -> Intent | None:
    """Return the message that a provider knows under this id."""
    return session.exec(select(Intent).where(Intent.provider_id == provider_id)).first()


def last_sent(session: Session, channel: str, address: str, since: float) -> Intent | None:
    """Return the latest message that went by a channel to an e-mail address since then."""
    sent = select(Intent).where(
        Intent.kind == "message",
        Intent.channel == channel,
        func.lower(Intent.address) == address.lower(),
        col(Intent.status).in_(("sent", "unknown")),
        col(Intent.claimed_at) >= since,
    )
    return session.exec(sent.order_by(col(Intent.claimed_at).desc(), col(Intent.id)).limit(1)).first()


def _known(session: Session, row: Address) -> Correspondent:
    person = session.get(Entity, row.entity)
    latest = session.exec(
        select(Intent)
        .where(Intent.recipient == row.entity, Intent.kind == "message", Intent.status == "sent")
        .order_by(col(Intent.sent_at).desc(), col(Intent.id))
    ).first()
    account = (latest.account if latest else None) or (person.parent if person else None) or ""
    return Correspondent(
        row.entity, row.value, account, person.locale if person else "", latest.issue if latest else ""
    )


def _plain(value: object) -> ColumnElement[str]:
    """Return a number without what people write between its digits."""
    found: ColumnElement[str] = value  # type: ignore[assignment]  # a column is one
    for separator in _SEPARATORS:
        found = func.replace(found, separator, "")
    return found
