"""What in-app channels keep for people, and what of it they have read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, tuple_, update
from sqlmodel import Session, col, select

from engine.clock import Clock
from engine.errors import Permanent, told_to_connectors
from engine.links import Claims
from engine.store.database import Database, insert_ignore
from engine.store.models import Entity, FeedItem
from outreach.address import FORMS
from outreach.channels.inapp import Item

KEPT = 90 * 86400.0
"""Seconds for which an item can be read."""
LASTS, LONGEST = 3600.0, 30 * 86400.0
"""Seconds for which a token works, unless its maker says otherwise, and at most."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what is kept for one reader."""

    items: Sequence[FeedItem]
    unread: int
    """Of all that is kept for them."""
    more: bool


class Feed:
    """Implements `outreach.channels.inapp.FeedStore`, and what readers do."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # -- what the channel asks for

    def put(self, item: Item) -> bool:
        """Keep an item once; False if there is no such person or account."""
        with self._writing() as session:
            reader = session.get(Entity, item.entity)
            if reader is None or reader.deleted:
                return False
            insert_ignore(session, FeedItem, [_row(item, self._clock.time())])
            return True

    def has(self, id_: str) -> bool:
        """Return whether an item is kept."""
        with self._writing() as session:
            return session.get(FeedItem, id_) is not None

    def recall(self, id_: str) -> bool:
        """Forget an item that nobody has read yet."""
        unread = (col(FeedItem.id) == id_) & col(FeedItem.read_at).is_(None)
        with self._writing() as session:
            return bool(session.scalars(delete(FeedItem).where(unread).returning(col(FeedItem.id))).all())

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """Nothing was written when a transaction fails in a way that passes: the channel may try again."""
        with told_to_connectors(), self._database.transaction(shared=True) as session:
            yield session

    # -- what readers do

    def page(self, entity: str, before: str, limit: int) -> Page:
        """Return items of `entity`, the newest first, those older than the one of id `before`."""
        now = self._clock.time()
        with self._database.reading() as session:
            mine = _of(entity, now)
            found = select(FeedItem).where(*mine)
            last = session.get(FeedItem, before) if before else None
            if last is not None and last.entity == entity:
                found = found.where(tuple_(col(FeedItem.at), col(FeedItem.id)) < (last.at, last.id))
            newest = found.order_by(col(FeedItem.at).desc(), col(FeedItem.id).desc())
            rows = session.exec(newest.limit(limit + 1)).all()
            unread = session.exec(select(func.count()).where(*mine, col(FeedItem.read_at).is_(None))).one()
        return Page(rows[:limit], unread, len(rows) > limit)

    def unread(self, entity: str, ids: Sequence[str] | None, limit: int) -> Sequence[FeedItem]:
        """Return which of `ids` (None: all) `entity` has not read yet; those of others are none of theirs."""
        found = select(FeedItem).where(*_of(entity, self._clock.time()), col(FeedItem.read_at).is_(None))
        if ids is not None:
            found = found.where(col(FeedItem.id).in_(ids))
        with self._database.reading() as session:
            return session.exec(found.order_by(col(FeedItem.at).desc(), col(FeedItem.id)).limit(limit)).all()

    def read(self, ids: Sequence[str]) -> None:
        """Write down that items were read; the first time stays."""
        changed = update(FeedItem).where(col(FeedItem.id).in_(ids), col(FeedItem.read_at).is_(None))
        with self._database.transaction(shared=True) as session:
            session.execute(changed.values(read_at=self._clock.time()))

    def forget(self) -> None:
        """Forget what has been kept for too long."""
        with self._database.transaction() as session:
            session.execute(delete(FeedItem).where(col(FeedItem.at) <= self._clock.time() - KEPT))


def pass_for(entity: str, now: float, lasts: float = LASTS) -> Claims:
    """Return what lets its holder read what is kept for `entity` for `lasts` seconds; `Links.token` signs it.

    Raises Permanent for what is no person or account, and for a time that is none or too long.

    >>> pass_for("contact/ann", 0.0).expires
    3600.0
    """
    if not FORMS["entity"][0].fullmatch(entity):
        raise Permanent(f"{entity[:80]!r} is no person or account", place="feed", remedy="write contact/… or account/…")
    if not 0.0 < lasts <= LONGEST:
        raise Permanent(f"a token lasts from a second to {LONGEST / 86400:.0f} days", place="feed")
    return Claims("feed", "", entity, "", "service", now + lasts)


def _of(entity: str, now: float) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(FeedItem.entity) == entity, col(FeedItem.at) > now - KEPT


def _row(item: Item, now: float) -> FeedItem:
    return FeedItem(
        id=item.id,
        entity=item.entity,
        at=now,
        subject=item.subject,
        text=item.text,
        locale=item.locale,
        occasion=item.occasion,
        thread=item.thread,
    )
