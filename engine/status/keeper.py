"""What the clock asks of the status page: to tell subscribers, and to begin and end maintenance."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from engine.clock import Clock
from engine.config.model import Config
from engine.config.model.status import StatusConfig
from engine.eventlog.base import Append
from engine.events import EVERYONE, make_event
from engine.status import book, news, subscribers
from engine.status.words import words
from engine.storage import Storage
from engine.store import outbox
from engine.store.models import Intent, StatusEntry, StatusUpdate

CLOCKWORK = "engine"
"""Who says that a maintenance began."""
AT_ONCE = 100
"""Updates that are told of in one transaction."""


class Keeper:
    """Jobs on the status page of one configuration."""

    def __init__(self, config: Config, status: StatusConfig, storage: Storage, clock: Clock) -> None:
        self._config = config
        self._status = status
        self._storage = storage
        self._clock = clock

    def tick(self, due: float) -> None:
        """Begin and end maintenance, and put what nobody was told of yet into the outbox."""
        with self._storage.database.transaction() as session:
            now = self._clock.time()
            for entry in _maintenance(session, "scheduled", col(StatusEntry.started_at) <= now):
                self._begin(session, entry, now)
            for entry in _maintenance(session, "in_progress", col(StatusEntry.ends_at) <= now):
                self._say(session, entry, "completed", "has_ended", now)
            self._tell(session, now)

    def _begin(self, session: Session, entry: StatusEntry, now: float) -> None:
        """Let calendars know before anyone else does: written twice, the event is one."""
        self._declare(entry)
        self._say(session, entry, "in_progress", "has_begun", now)

    def _declare(self, entry: StatusEntry) -> None:
        """Write into every partition that the detectors of an entry's components are to expect a change."""
        components = [self._status.components[name] for name in entry.components if name in self._status.components]
        detectors = sorted({glob for each in components for glob in each.detectors})
        if not detectors or entry.ends_at is None:
            return
        lasts = entry.ends_at - entry.started_at
        data = {
            "what": self._status.change,
            "lasts": lasts,
            "detectors": detectors,
            "who": entry.who,
            "note": entry.title,
        }
        event = make_event(
            "forewarn.change", EVERYONE, data, id=entry.id, source="forewarn/status", time=entry.started_at
        )
        log = self._storage.log
        log.append(Append(each, event, 1) for each in range(log.partitions))

    def _say(self, session: Session, entry: StatusEntry, state: str, text: str, now: float) -> None:
        said = words(self._config.main.locale)[text]
        book.update(session, entry.id, text=said, now=now, who=CLOCKWORK, state=state)

    def _tell(self, session: Session, now: float) -> None:
        untold = select(StatusUpdate).where(col(StatusUpdate.told_at).is_(None))
        rows = session.exec(untold.order_by(col(StatusUpdate.at), col(StatusUpdate.id)).limit(AT_ONCE)).all()
        for update in rows:
            update.told_at = now
            session.add(update)
            outbox.add(session, list(self._announcements(session, update, now)))

    def _announcements(self, session: Session, update: StatusUpdate, now: float) -> Iterator[Intent]:
        for row in subscribers.wanting(session, update):
            if channel := self._status.by(row.kind):
                yield news.announcement(update, row, channel, now)


def _maintenance(session: Session, state: str, reached: ColumnElement[bool]) -> list[StatusEntry]:
    found = select(StatusEntry).where(StatusEntry.kind == "maintenance", StatusEntry.state == state, reached)
    return list(session.exec(found.order_by(col(StatusEntry.started_at))).all())
