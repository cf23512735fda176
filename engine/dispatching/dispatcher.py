"""The loop: what is due, batch by batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import structlog
from sqlmodel import Session

from engine.clock import Clock
from engine.config.model import Config
from engine.digests import Digester
from engine.dispatching.batching import LARGEST, SHARE, size, together
from engine.dispatching.companions import Companions
from engine.dispatching.leases import Leases
from engine.dispatching.preparing import Prepared, Preparer
from engine.dispatching.recalling import Recaller
from engine.dispatching.sending import Back, Sender
from engine.dispatching.settling import Settler
from engine.errors import Retryable
from engine.letters import Outside, Writer
from engine.policy.gather import Gatherer
from engine.store import batches, outbox
from engine.store.database import Database, lock
from engine.traffic import Traffic
from engine.waves.keeper import Waves

log = structlog.get_logger()
LOOK = SHARE * LARGEST
"""Intents looked at at once: where there are so many, batches are as large as they may be."""
QUESTIONS = 50
"""Unknown outcomes asked about at once."""


@dataclass(slots=True)
class Unfinished:
    """What is remembered over a reload: of what the database could not be told when it was to be, and of others."""

    back: list[Back] = field(default_factory=list)
    """What left and came back."""
    at: float = 0.0
    """When."""
    tried: bool = False
    """Whether writing that down has failed; it may be written all the same, as the commit's answer was lost."""
    doubtful: set[str] = field(default_factory=set)
    """What may be written down as leaving and did not leave, as the commit's answer was lost."""
    leases: Leases = field(default_factory=Leases)
    """For how long others have held what they took."""


class Dispatcher:
    """Works off the outbox. One caller at a time; several dispatchers may share a database."""

    def __init__(
        self,
        config: Config,
        database: Database,
        outside: Outside,
        clock: Clock,
        *,
        name: str = "dispatcher",
        traffic: Traffic | None = None,
        unfinished: Unfinished | None = None,
        concurrent: bool = True,
    ) -> None:
        """`traffic`: what is known of the providers, over a reload; `concurrent=False` sends one after the other."""
        self.traffic = traffic or Traffic(config, outside.channels, clock.time(), several=database.several)
        self._database = database
        self._outside = outside
        self._clock = clock
        self._name = name
        self._sender = Sender(self.traffic.sending, clock, concurrent=concurrent)
        writer = Writer(config, outside)
        gatherer = Gatherer(config, outside.facts, outside.templates)
        digester = Digester(config, outside, writer)
        waves = Waves(config, several=database.several)
        self._preparer = Preparer(config, gatherer, writer, digester, self.traffic, self._sender, waves, name)
        self._companions = Companions(config)
        self._settler = Settler(database, outside, writer, self.traffic, clock, name)
        self._recaller = Recaller(database, outside, clock)
        self.unfinished = unfinished or Unfinished()

    def run_once(self, limit: int = LOOK) -> int:
        """Deal with up to `limit` intents that are due; returns how many there were."""
        self._finish()
        self.recall()
        with self._database.reading() as session:
            due = batches.upcoming(session, self._clock.time(), limit)
        left, count = due, size(len(due))
        while left:
            taken, left = together(left, count)
            self._batch([each.id for each in taken])
        return len(due)

    def recover(self) -> None:
        """What a dispatcher that died had claimed is free again, what it was sending is unknown.

        Where there is one at most, that is all there is after a start; else what was held for as long as by no living
        one, which is seen by looking again and again.
        """
        with self._database.transaction() as session:
            if self._database.several:
                released = outbox.release_held(session, self._abandoned(session))
            else:
                released = outbox.release_stale(session, float("inf"))
        if released.pending or released.unknown:
            log.info("outbox recovered", pending=released.pending, unknown=released.unknown)

    def _abandoned(self, session: Session) -> Sequence[outbox.Held]:
        return self.unfinished.leases.over(outbox.held(session), self._clock.elapsed())

    def reconcile(self, limit: int = QUESTIONS) -> int:
        """Ask about intents whose outcome is unknown; returns how many became known."""
        if self._database.several:
            self.recover()
        return self._settler.reconcile(limit)

    def recall(self) -> int:
        """Ask providers to give back what they hold of what was stopped since; returns how much they did."""
        return self._recaller.recall()

    def _batch(self, ids: Sequence[str]) -> None:
        prepared = self._prepare(ids)
        if prepared.leaving:
            back = self._sender.send(prepared.leaving)
            self.unfinished.back, self.unfinished.at, self.unfinished.tried = back, self._clock.time(), False
            self._finish()
        if (error := self._sender.broken) is not None:
            self._sender.broken = None
            raise error

    def _finish(self) -> None:
        """Write down what could not be when it was to be, before anything new is begun."""
        left = self.unfinished
        if left.back:
            again, left.tried = left.tried, True
            self._settler.settle(left.back, left.at, again=again)
            left.back = []
        if left.doubtful:
            with self._database.transaction(shared=True) as session:
                outbox.take_back(session, left.doubtful, self._name)
            left.doubtful = set()

    def _prepare(self, ids: Sequence[str]) -> Prepared:
        """Claim a batch, decide, and write down what leaves: until this is committed, a STOP still counts (C13)."""
        now, taken = self._clock.time(), set(ids)
        try:
            with self._database.transaction(shared=True) as session:
                lock(session, outbox.PREPARE)
                claimed = outbox.claim(session, ids, self._name, now)
                along = self._companions.claim(session, claimed, self._name, now)
                taken.update(each.id for each in chain.from_iterable(along.values()))
                return self._preparer.prepare(session, claimed, now, along)
        except Retryable:
            self.unfinished.doubtful |= taken
            raise
