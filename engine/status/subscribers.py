"""Who wants to be told what is new on the status page: asked for, confirmed, and ended by a link.

People are told by e-mail, systems by webhook. A system has a secret of its own, with which all that it is sent is
signed: it reads it in the request that asks it to confirm, so only who reads what comes to that address knows it.

Whoever asks learns nothing about an address: the answer is the same for one that is known, unknown or refused. At most
three mails ask one address for a confirmation within 30 days, and so many within an hour ask all together: nobody's
mailbox can be filled by asking in their name.
"""

import base64
import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from engine.config.model import Per
from engine.config.model.status import StatusConfig
from engine.entities import Person
from engine.errors import Overloaded
from engine.ids import derive
from engine.status.addresses import KINDS, Kind, cleaned
from engine.store.database import insert_ignore
from engine.store.models import StatusEntry, StatusUpdate, Subscriber

PREFIX = "subscriber/"
HOUR = 3600.0
ASKED, PAUSE, MEMORY = 3, 600.0, 30 * 86400.0
"""Mails to one address that nobody confirms; seconds between two; seconds for which they are counted."""
HOST_ASKED = 20
"""Systems of one host that are asked within an hour, and have not confirmed."""


def ask(
    session: Session,
    config: StatusConfig,
    address: str,
    components: Sequence[str],
    locale: str,
    now: float,
    kind: Kind = "email",
) -> Subscriber | None:
    """Take note that `address` asks to be told; returns whom to ask for a confirmation, None if nobody.

    One who has confirmed already is not asked again. Raises Overloaded when too many mails asked already.
    """
    _forget(session, now)
    _check_total(session, config.confirmations, now)
    value = cleaned(kind, address)
    if not value or (kind == "url" and _host_asked_enough(session, value, now)):
        return None
    new = Subscriber(id=derive("sub", value), address=value, state="pending", asked=0, asked_at=0.0, expires_at=now)
    new.kind, new.secret = kind, _secret() if kind == "url" else ""
    insert_ignore(session, Subscriber, [new])  # of two who ask at the same moment, neither fails
    row = session.exec(select(Subscriber).where(Subscriber.address == value)).one()
    if row.state == "confirmed" or _asked_enough(row, now):
        return None
    row.state, row.components, row.locale = "pending", list(components), locale
    row.asked, row.asked_at, row.expires_at = row.asked + 1, now, now + float(config.confirm_within)
    session.add(row)
    return row


def confirm(session: Session, id_: str, now: float) -> Subscriber | None:
    """Confirm a subscription; None if there is none that waits for it. Confirming again changes nothing."""
    row = session.get(Subscriber, id_)
    if row is None or row.state == "ended" or (row.state == "pending" and row.expires_at < now):
        return None
    if row.state == "pending":
        row.state, row.confirmed_at, row.ended_at, row.asked = "confirmed", now, None, 0
        session.add(row)
    return row


def choose(session: Session, id_: str, components: Sequence[str]) -> Subscriber | None:
    """Let a subscriber hear of `components` only, of everything if there are none; None if nobody is subscribed."""
    row = session.get(Subscriber, id_)
    if row is None or row.state != "confirmed":
        return None
    row.components = list(components)
    session.add(row)
    return row


def end(session: Session, id_: str, now: float) -> Subscriber | None:
    """End a subscription; None if there was none. Ending it again changes nothing."""
    row = session.get(Subscriber, id_)
    if row is None or row.state == "ended":
        return row
    row.state, row.ended_at = "ended", now
    session.add(row)
    return row


def remove(session: Session, address: str) -> bool:
    """Forget an address and that it ever asked; returns whether it was there."""
    values = [value for kind in KINDS if (value := cleaned(kind, address))]
    row = session.exec(select(Subscriber).where(col(Subscriber.address).in_(values))).first()
    if row is not None:
        session.delete(row)
    return row is not None


def wanting(session: Session, update: StatusUpdate) -> list[Subscriber]:
    """Return who is to be told of `update`, in the order in which they confirmed."""
    order = col(Subscriber.confirmed_at), col(Subscriber.id)
    rows = session.exec(select(Subscriber).where(Subscriber.state == "confirmed").order_by(*order))
    return [row for row in rows if wants(row.components, update.components)]


def wants(chosen: Sequence[str], concerned: Sequence[str]) -> bool:
    """Return whether one who chose those components is told of what concerns these.

    >>> wants([], ["api"]), wants(["api"], ["api", "web"]), wants(["api"], ["web"]), wants(["api"], [])
    (True, True, False, True)
    """
    return not chosen or not concerned or not set(chosen).isdisjoint(concerned)


def counts(session: Session) -> dict[str, int]:
    """Return how many there are by state."""
    return dict(session.exec(select(Subscriber.state, func.count()).group_by(col(Subscriber.state))).all())


def as_person(row: Subscriber) -> Person:
    """Return a subscriber as someone who can be told."""
    return Person(id=f"{PREFIX}{row.id}", locale=row.locale, addresses=((row.kind, row.address),))


def of_recipient(session: Session, recipient: str) -> Subscriber | None:
    """Return the subscriber that an intent's recipient is."""
    return session.get(Subscriber, recipient.removeprefix(PREFIX)) if recipient.startswith(PREFIX) else None


def latest(session: Session, entry: str) -> StatusUpdate | None:
    """Return the latest words about an entry."""
    order = col(StatusUpdate.at).desc(), col(StatusUpdate.id)
    return session.exec(select(StatusUpdate).where(StatusUpdate.entry == entry).order_by(*order)).first()


def entry_of(session: Session, id_: str) -> StatusEntry | None:
    """Return an entry; None if there is none."""
    return session.get(StatusEntry, id_) if id_ else None


def _asked_enough(row: Subscriber, now: float) -> bool:
    return row.asked >= ASKED or now - row.asked_at < PAUSE


def _host_asked_enough(session: Session, url: str, now: float) -> bool:
    """Return whether so many systems of one host were asked lately that none more is: nobody's can be flooded."""
    host = urlsplit(url).hostname
    asked = select(Subscriber.address).where(
        Subscriber.kind == "url", Subscriber.state == "pending", col(Subscriber.asked_at) > now - HOUR
    )
    return sum(urlsplit(each).hostname == host for each in session.exec(asked).all()) >= HOST_ASKED


def _secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _check_total(session: Session, most: Per, now: float) -> None:
    since = col(Subscriber.asked_at) > now - most.seconds
    if session.exec(select(func.count()).where(since)).one() >= most.count:
        raise Overloaded("too many subscriptions were asked for", retry_after=most.seconds / 4, place="status")


def _forget(session: Session, now: float) -> None:
    """Forget who never confirmed, once their mails no longer count, and the address of who left."""
    old = col(Subscriber.asked_at) < now - MEMORY
    unconfirmed = (col(Subscriber.state) == "pending") & old
    left = (col(Subscriber.state) == "ended") & (col(Subscriber.ended_at) < now - MEMORY)
    session.execute(delete(Subscriber).where(unconfirmed | left))
