"""Whom an answer is from, and what we last wrote to them."""

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from engine.issues.view import ACTIVE
from engine.playbooks import CLOSING
from engine.store import digests
from engine.store.models import Address, Entity, Intent, Issue

_SEPARATORS = " -()./"


@dataclass(frozen=True, slots=True)
class Correspondent:
    """Someone who wrote to us."""

    id: str
    """The person; `phone/…`, `email/…` where nobody is known by the address."""
    address: str
    """As it is stored."""
    account: str = ""
    locale: str = ""
    issue: str = ""
    """What we last wrote to them about."""
    intent: str = ""
    """The message in which we did."""
    closed: bool = False
    """Whether it said that it was over."""
    others: tuple[tuple[str, str, str], ...] = ()
    """What else it told of that is still open, or is over as it says: issue, message, and in a few words what it is."""


def correspondents(session: Session, kind: str, sender: str, thread: str = "") -> list[Correspondent]:
    """Return everyone who is known by the address `sender` of a `kind`, whom we wrote to last first.

    An answer to a message of ours (`thread`) is its recipient's, whoever's the address is. If nobody is known, what is
    returned is the address itself.
    """
    asked = sent_as(session, thread) if thread else None
    if asked is not None and asked.kind == "message" and asked.recipient:
        return [_meant(session, asked.recipient, asked.address or sender, asked)]
    rows = session.exec(select(Address).where(Address.kind == kind, _same(kind, sender))).all()
    found = [(_latest(session, row.entity), row) for row in rows]
    found.sort(key=lambda each: (-(each[0].sent_at or 0.0) if each[0] else 0.0, each[1].entity))
    known = [_meant(session, row.entity, row.value, latest) for latest, row in found]
    return known or [Correspondent(f"{kind}/{sender}", sender)]


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


def recipient(session: Session, person: str, address: str, message: Intent | None) -> Correspondent:
    """Return the person to whom `message` went, who speaks to us by a link in it."""
    return _written_to(session, person, address, message)


def _meant(session: Session, person: str, address: str, message: Intent | None) -> Correspondent:
    """Return a person with what they mean: of things told together that which is open, if it is the only one.

    Of several ends that were told together they may mean any.
    """
    told = digests.members(session, message) if message else []
    if message is None or len(told) == 1:
        return _written_to(session, person, address, message)
    states = {
        row.id: row.status for row in session.exec(select(Issue).where(col(Issue.id).in_([i.issue for i in told])))
    }
    ended = message.occasion in CLOSING
    still = sorted((each for each in told if ended or states.get(each.issue) in ACTIVE), key=_order)
    found = _written_to(session, person, address, still[0] if still else message)
    return replace(found, others=tuple((each.issue, each.id, digests.headline(each)) for each in still[1:]))


def _order(intent: Intent) -> tuple[bool, str]:
    """Return the order of what was told together: the one the message is named after, then the others."""
    return digests.first(intent) != intent.id, intent.id


def _written_to(session: Session, person: str, address: str, message: Intent | None) -> Correspondent:
    entity = session.get(Entity, person)
    account = (message.account if message else None) or (entity.parent if entity else None) or ""
    home = session.get(Entity, account)
    locale = (entity.locale if entity else "") or (home.locale if home else "")
    if message is None:
        return Correspondent(person, address, account, locale)
    closed = message.occasion in CLOSING
    return Correspondent(person, address, account, locale, message.issue, message.id, closed)


def _latest(session: Session, person: str) -> Intent | None:
    return session.exec(
        select(Intent)
        .where(
            Intent.recipient == person,
            Intent.kind == "message",
            Intent.status == "sent",
            Intent.occasion != "reply",
        )
        .order_by(col(Intent.sent_at).desc(), col(Intent.id))
    ).first()


def _same(kind: str, sender: str) -> ColumnElement[bool]:
    value = col(Address.value)
    if kind == "phone":
        return _plain(value) == sender
    if kind == "email":
        return func.lower(value) == sender.lower()
    return value == sender


def _plain(value: object) -> ColumnElement[str]:
    """Return a number without what people write between its digits."""
    found: ColumnElement[str] = value  # type: ignore[assignment]  # a column is one
    for separator in _SEPARATORS:
        found = func.replace(found, separator, "")
    return found
