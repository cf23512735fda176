"""A cluster in one thread: processes that take turns, die and come back, over parts that fail."""

from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlmodel import SQLModel, col, select

from engine.clock import FakeClock
from engine.cold.table import Tables
from engine.config.model import Config
from engine.conversations.answers import templates_of
from engine.dispatching import Dispatcher
from engine.errors import Retryable
from engine.eventlog.memory import MemoryDeadLetters
from engine.events import Decoder
from engine.intake import Intake
from engine.letters import Outside
from engine.links import Links
from engine.partitions import Partitions
from engine.snapshots import Snapshots
from engine.storage import Storage
from engine.store.models import Intent, Issue, QuietSeries, SignalRow, Ticket, TicketNote
from engine.tickets import Tickets
from engine.upkeep import Upkeep
from engine.wording import Speaker
from outreach.tickets.builtin import BuiltinDesk
from tests.faults.house import START
from tests.simulation.parts import Place, UnsteadyBlobs, UnsteadyDatabase, UnsteadyLog, UnsteadyProvider
from tests.simulation.trouble import Killed, Trouble

WORKERS, DISPATCHERS = ("worker 1", "worker 2"), ("dispatcher 1", "dispatcher 2")
KEEPER = "keeper"
"""The one that keeps the time."""
NAMES = (*WORKERS, *DISPATCHERS, KEEPER)
State = dict[str, Any]


class Cluster:
    """Two workers, two dispatchers and one that keeps the time, over one log of two partitions."""

    def __init__(
        self, config: Config, decoder: Decoder, database: UnsteadyDatabase, trouble: Trouble, *, quiet: bool
    ) -> None:
        """`database` has all tables and no rows; where `quiet`, series leave memory for it."""
        self.clock = FakeClock(START)
        self.trouble = trouble
        self.log = UnsteadyLog(trouble, clock=self.clock, partitions=config.main.events.partitions)
        self.blobs = UnsteadyBlobs(trouble)
        self.provider = UnsteadyProvider(trouble)
        self._database = database
        self._database.trouble = trouble
        self._config = config
        self._storage = Storage(
            log=self.log,
            dead_letters=MemoryDeadLetters(),
            database=self._database,
            snapshots=Snapshots(self.blobs, keep=3),
            secret=b"secret",
        )
        self._intake = Intake(self.log, self._storage.dead_letters, decoder, self.clock)
        desk = BuiltinDesk(store=Tickets(self._database, self.clock))
        self._outside = Outside(
            channels={"email": self.provider},
            desks={"builtin": desk},
            templates=templates_of(config),
            speaker=Speaker(config, Links(config.main.listen.public_url, b"secret")),
        )
        self._quiet = quiet
        self._lives = Counter[str]()
        self.workers: dict[str, Partitions] = {}
        self.places: dict[str, Place] = {}
        self.dispatchers: dict[str, Dispatcher] = {}
        self.share_out()

    # -- what happens -------------------------------------------------------------------------------------------------

    def hand_in(self, payload: bytes) -> None:
        """Hand events in, again and again until it is said that they are in the log."""
        while True:
            with suppress(Killed, Retryable):
                self._intake.accept(payload, "test")
                return

    def turn(self, name: str) -> bool:
        """Let one process do some work; returns whether it did any, or could not."""
        try:
            return self._work(name)
        except Killed:
            self.kill(name)
        except Retryable:
            pass
        return True

    def _work(self, name: str) -> bool:
        if name in WORKERS:
            worker = self._worker(name)
            worker.follow()
            return worker.step() > 0
        if name in DISPATCHERS:
            return self._dispatcher(name).run_once() > 0
        self._dispatcher(name).reconcile()
        upkeep = Upkeep(self._config, self._storage, self.clock)
        upkeep.tick(self.clock.time())
        upkeep.follow_up(self.clock.time())
        return False

    def kill(self, name: str) -> None:
        """End a process without a word."""
        for processes in (self.workers, self.places, self.dispatchers):
            processes.pop(name, None)

    def snapshot(self, name: str) -> None:
        """Let a worker write down what it knows."""
        try:
            self._worker(name).snapshot()
        except Killed:
            self.kill(name)
        except Retryable:
            pass

    def share_out(self) -> None:
        """Let the workers that run share the partitions in another way."""
        living = [place.name for place in self.places.values()] or [self._life(WORKERS[0], 1)]
        group = self.log.group
        group.share_out({each: self.trouble.dice.choice(living) for each in group.owner}, living=living)

    def cut_off(self, name: str) -> None:
        """Let a worker not hear that others have its partitions now."""
        others = [place.name for other, place in self.places.items() if other != name]
        if name in self.places and others:
            self.places[name].cut_off = True
            self.log.group.share_out(dict.fromkeys(self.log.group.owner, others[0]), living=others)

    def reconnect(self) -> None:
        """Let all hear of each other again."""
        for place in self.places.values():
            place.cut_off = False

    def damage(self) -> None:
        """Damage the newest snapshot of a partition."""
        if self.blobs.kept:
            self.blobs.damage(self.trouble.dice.choice(sorted(self.blobs.kept)))

    def heal(self, life: Iterable[tuple[float, bytes]], names: Collection[str]) -> None:
        """Let all of `names` work as they should while life goes on: what comes at which time; until all is done."""
        before, self.trouble.on = self.trouble.on, False
        self.reconnect()
        for name in WORKERS:
            self._worker(name)
        self.share_out()
        for now, payload in life:
            self.clock.set(max(now, self.clock.time()))
            self.hand_in(payload)
            for name in (KEEPER, *WORKERS, *WORKERS, *DISPATCHERS):  # what one gives back another takes
                while name in names and self.turn(name) and name != KEEPER:
                    pass
        self.trouble.on = before

    def confirm(self) -> None:
        """Let workers write down what they have: one that was robbed meanwhile, and did not notice, takes it anew.

        Until it writes something it goes on with models of its own, of which nothing is ever kept.
        """
        for name in WORKERS:
            self.snapshot(name)
        for name in (*WORKERS, *WORKERS):
            while self.turn(name):
                pass

    # -- what is there ------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Return all that is to be as if nothing had gone wrong."""
        self.trouble.on = False
        return {
            "issues": self._counted(Issue, "id", "status", "severity", "opened_at", "resolved_at", "reopened"),
            "signals": self._counted(SignalRow, "id", "state", "at", "score", "value"),
            "intents": self._counted(Intent, "id", "kind", "occasion", "status", "recipient", besides="annotate"),
            "tickets": self._counted(Ticket, "external", "issue", "status"),
            "notes": self._counted(TicketNote, "ticket"),
            "taken": Counter(message.id for message in self.provider.sent),
            "models": self._models(),
            "away": self._away(),
            "dead": self._storage.dead_letters.counts(),
        }

    def _counted(self, table: type[SQLModel], *columns: str, besides: str | None = None) -> Counter[tuple[Any, ...]]:
        with self._database.reading() as session:
            rows = session.exec(select(table)).all()
        return Counter(
            tuple(getattr(row, name) for name in columns) for row in rows if getattr(row, "kind", "") != besides
        )

    def _models(self) -> dict[int, dict[str, bytes]]:
        pipelines = [each for worker in self.workers.values() for each in worker.pipelines]
        return {
            each.partition: {name: array.tobytes() for name, array in each.scorer.state().items()} for each in pipelines
        }

    def _away(self) -> set[tuple[str, bytes]]:
        """Return which series have left memory; where a commit's answer was lost, one may be written down twice."""
        with self._database.reading() as session:
            rows = session.exec(select(QuietSeries.watch, QuietSeries.key).where(col(QuietSeries.back).is_(None))).all()
        return {(watch, bytes(key)) for watch, key in rows}

    # -- processes ----------------------------------------------------------------------------------------------------

    def _worker(self, name: str) -> Partitions:
        """Return a worker; one that is not there is started."""
        if name not in self.workers:
            self._lives[name] += 1
            place = Place(self.log, self._life(name, self._lives[name]), self.trouble)
            storage = replace(self._storage, cold=Tables(self._database) if self._quiet else None)
            self.workers[name], self.places[name] = Partitions(self._config, storage, self.clock, place), place
            self.share_out()
            self.workers[name].restore()
        return self.workers[name]

    def _dispatcher(self, name: str) -> Dispatcher:
        if name not in self.dispatchers:
            self._lives[name] += 1
            self.dispatchers[name] = Dispatcher(
                self._config,
                self._database,
                self._outside,
                self.clock,
                name=self._life(name, self._lives[name]),
                concurrent=False,
            )
            self.dispatchers[name].recover()
        return self.dispatchers[name]

    def _life(self, name: str, number: int) -> str:
        """Return what a process is called: started again, it is another one."""
        return f"{name}, life {number}"
