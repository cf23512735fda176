"""What events ask the database to remember, and the ledger that writes it, with the progress, once."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import cast

from sqlmodel import Session

from engine.clock import Clock
from engine.config.model import Config
from engine.entities import Entities, with_attributes
from engine.eventlog.base import Batch, DeadLetter, DeadLetters
from engine.events import UNAPPLIED, ConsentEvent, Control, line_of
from engine.feedback import Feedback
from engine.issues.book import IssueBook
from engine.issues.findings import Finding
from engine.issues.view import Transition
from engine.planning import Planner
from engine.store.database import Database, lock
from engine.store.models import Progress
from engine.store.outbox import PREPARE
from engine.store.progress import PIPELINE, locked, owned, take


@dataclass(slots=True)
class Effects:
    """What a batch of events asks the database to remember, in the order in which it happened."""

    steps: list[Finding | Control]
    dead: list[DeadLetter]

    def __bool__(self) -> bool:
        return bool(self.steps or self.dead)

    def findings(self) -> Iterator[Finding]:
        """Yield the findings alone."""
        return (step for step in self.steps if isinstance(step, Finding))

    def runs(self) -> Iterator[list[Finding] | list[Control]]:
        """Yield findings and reserved events in runs, so that a run can be applied with few queries."""
        for _, run in groupby(self.steps, lambda step: isinstance(step, Finding)):
            yield cast("list[Finding] | list[Control]", list(run))


def buried(batch: Batch, line: int, reason: str, detail: str, payload: bytes) -> DeadLetter:
    """Return a line of a batch that could not be taken, with why."""
    origin = f"log:{batch.partition}:{batch.at(line)}"
    return DeadLetter(reason=reason, detail=detail, payload=payload, at=batch.appended_at, origin=origin)


class Ledger:
    """The database's side of one partition: up to which offset it has the effects, and what is still to be written."""

    def __init__(
        self, config: Config, partition: int, entities: Entities, stores: tuple[Database, DeadLetters], clock: Clock
    ) -> None:
        self._partition = partition
        self._entities = entities
        self._database, self._dead_letters = stores
        self._clock = clock
        self.reconfigure(config)
        self.pending = Effects([], [])
        self._written = -1
        self._epoch = 0
        """How often the partition had been taken when we took it: who has taken it since is its owner."""

    def reconfigure(self, config: Config) -> None:
        """Go on under another configuration."""
        self._book = IssueBook(config.policy)
        self._feedback = Feedback(self._book, self._entities, config.policy.conversations)
        self._planner = Planner(config)

    @property
    def epoch(self) -> int:
        """Which time it is that somebody has the partition, as far as we do."""
        return self._epoch

    @property
    def written(self) -> int:
        """The offset up to which the database has the effects; −1 until it is asked."""
        return self._written

    def reached(self) -> int:
        """Return the offset up to which the database has the effects."""
        if self._written < 0:
            self.claim("")
        return self._written

    def claim(self, holder: str) -> bool:
        """Make the partition ours: whoever had it before can no longer write. Returns whether that was us."""
        taken = take(self._database, PIPELINE, self._partition, holder)
        ours = taken.epoch == self._epoch + 1
        self._epoch, self._written = taken.epoch, max(self._written, taken.offset)
        return ours

    def check(self) -> None:
        """Raise Fenced when the partition is another's now."""
        with self._database.reading() as session:
            owned(session.get(Progress, (PIPELINE, self._partition)), self._epoch, self._partition)

    def add(self, effects: Effects) -> None:
        """Keep what is to be written next."""
        self.pending.dead += effects.dead
        self.pending.steps += effects.steps

    def write(self, offset: int, watermark: float) -> None:
        """Bring the database to `offset`: all effects and the progress, or none. What fails is pending until it is."""
        if self.pending.dead:
            self._dead_letters.add(self.pending.dead)
        if self.pending:  # a replay of what has no effects has none either
            self._database.repeat(lambda session: self._apply_all(session, offset, watermark), shared=True)
        self._written = offset
        self.pending = Effects([], [])

    def _apply_all(self, session: Session, offset: int, watermark: float) -> None:
        """Write what is pending, unless it is there: a commit whose answer was lost may have been made.

        Raises Fenced, before anything is written, when the partition is another's now.
        """
        progress = locked(session, PIPELINE, self._partition, self._epoch)
        if progress.offset >= offset:
            return
        if any(isinstance(step, ConsentEvent) for step in self.pending.steps):
            lock(session, PREPARE)  # who withdraws it is not written to by what was decided before
        self._feedback.refused.clear()
        transitions: list[Transition] = []
        for run in self.pending.runs():
            transitions += self._apply(session, run)
        self._planner.plan(session, transitions, self._clock.time())
        progress.offset, progress.watermark = offset, watermark
        if refused := self._refused():
            self._dead_letters.add(refused)  # if the commit fails they come again, and are kept once

    def _apply(self, session: Session, run: list[Finding] | list[Control]) -> list[Transition]:
        now = self._clock.time()
        if isinstance(run[0], Finding):
            return self._book.apply_all(session, with_attributes(session, run), now)
        return self._feedback.apply(session, run, now)

    def _refused(self) -> list[DeadLetter]:
        """Return the reserved events that asked for what cannot be done."""
        now, origin = self._clock.time(), f"log:{self._partition}"
        return [DeadLetter(UNAPPLIED, why, line_of(event), now, origin) for event, why in self._feedback.refused]
