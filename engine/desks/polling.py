"""Asking vendors' desks what became of our tickets: each at its own pace, and slower while it cannot be asked."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from sqlmodel import Session, col, select

from engine.clock import Clock
from engine.config.model import BUILTIN, Config
from engine.desks.states import events_of
from engine.intake import Intake
from engine.store.database import Database
from engine.store.models import DeskCursor
from outreach.base import Outcome, Receipt, TicketDesk, TicketState

log = structlog.get_logger()
OVERLAP = 120.0
"""Seconds before the last change that are read again: the desk's clock and ours differ."""
LONGEST = 3600.0
"""Seconds between two attempts at most, unless the desk asks for more."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A desk that cannot be read now."""

    desk: str
    failures: int
    """How often in a row."""
    detail: str
    polled_at: float | None
    """When it was last read; None: never."""

    def __str__(self) -> str:
        return f"desk {self.desk} could not be read {self.failures}×: {self.detail}"


class Poller:
    """Reads the desks of one configuration. One caller at a time."""

    def __init__(
        self, config: Config, database: Database, desks: Mapping[str, TicketDesk], intake: Intake, clock: Clock
    ) -> None:
        self._config, self._database, self._desks = config, database, desks
        self._intake, self._clock = intake, clock

    def run_once(self) -> int:
        """Read the desks that are due; returns how many there were. What fails is written down, and tried later."""
        polled = [name for name, each in self._config.desks.items() if each.poll > 0 and self._attend(name)]
        return len(polled)

    def _attend(self, name: str) -> bool:
        """Read a desk if it is due; returns whether it was. One where no ticket was made yet has nothing to tell."""
        desk = self._desks.get(name)  # a reload may have taken it away
        with self._database.reading() as session:
            cursor = session.get(DeskCursor, name)
        if desk is None or desk.kind == BUILTIN or cursor is None or cursor.due_at > self._clock.time():
            return False
        self._poll(name, desk, cursor)
        return True

    def _poll(self, name: str, desk: TicketDesk, cursor: DeskCursor) -> None:
        said = _asked(desk, cursor.since - OVERLAP)
        if isinstance(said, Receipt):
            self._failed(name, said)
            return
        with self._database.reading() as session:
            events = events_of(session, name, desk.kind, said, self._clock.time())
        if events:
            self._intake.accept(b"\n".join(events), f"desk:{name}")
        self._read(name, cursor.since, max((state.updated for state in said), default=cursor.since))

    def _read(self, name: str, since: float, latest: float) -> None:
        """Go on from the latest change, unless a ticket was made meanwhile whose beginnings are to be read yet."""
        now = self._clock.time()
        with self._database.transaction() as session:
            cursor = session.get_one(DeskCursor, name, with_for_update=True)
            if cursor.failures:
                log.info("desk can be read again", desk=name, failures=cursor.failures)
            if cursor.since == since:
                cursor.since = max(since, min(latest, now))
            cursor.polled_at, cursor.failures, cursor.detail = now, 0, ""
            cursor.due_at = now + float(self._config.desks[name].poll)

    def _failed(self, name: str, receipt: Receipt) -> None:
        now, poll = self._clock.time(), float(self._config.desks[name].poll)
        with self._database.transaction() as session:
            cursor = session.get_one(DeskCursor, name, with_for_update=True)
            wait = min(poll * 2.0 ** min(cursor.failures, 16), max(poll, LONGEST))
            cursor.failures, cursor.detail = cursor.failures + 1, receipt.detail
            cursor.due_at = now + max(wait, receipt.retry_after or 0.0)
        log.warning("desk could not be read", desk=name, error=receipt.detail, again_in=cursor.due_at - now)


def troubles(session: Session) -> list[Trouble]:
    """Return the desks that cannot be read now, by name."""
    found = select(DeskCursor).where(col(DeskCursor.failures) > 0).order_by(col(DeskCursor.desk))
    return [Trouble(row.desk, row.failures, row.detail, row.polled_at) for row in session.exec(found).all()]


def _asked(desk: TicketDesk, since: float) -> "list[TicketState] | Receipt":
    try:
        said = desk.states(since)
    except Exception as error:
        log.exception("a desk's answer broke its reading", kind=desk.kind)
        return Receipt(Outcome.RETRY, f"its answer could not be read: {type(error).__name__}: {error}")
    return said if isinstance(said, Receipt) else list(said)
