"""The file to read first: one partition of the log, from bytes to decisions waiting in the outbox.

Each batch goes the same way::

    log → decode → dedup → measure → score → findings ┐
                 └ entities, consent, contacts, …  ────┴→ one transaction: issues, ledgers, intents, progress

What the models remember is a function of the log alone. What the database holds is brought up to the same offset in
one transaction. After a crash the models come back from a snapshot that may be older than the database; the log between
the two is replayed through the models, and its effects, which the database already has, are left out. So every effect
happens once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite
from typing import Any, NamedTuple, cast

import structlog
from numpy.typing import NDArray
from sqlmodel import Session

from engine import evaluations
from engine.archive import Snapshot, copied
from engine.attributes import Attributes
from engine.clock import Clock
from engine.cold import ColdStores
from engine.columnar.dedup import Dedup
from engine.config.model import Config
from engine.entities import Entities, with_attributes
from engine.errors import ConfigError, CorruptSnapshot, Permanent
from engine.eventlog.base import Batch, DeadLetter, DeadLetters
from engine.eventlog.signals import SignalLog
from engine.events import (
    UNAPPLIED,
    ChangeEvent,
    CohortEvent,
    ConsentEvent,
    ContactEvent,
    Control,
    Decoded,
    Decoder,
    EntityEvent,
    ModelEvent,
    OutcomeEvent,
    Schema,
    Telemetry,
    TickEvent,
    VerdictEvent,
    line_of,
)
from engine.feedback import Feedback
from engine.incidents.telling import Teller
from engine.issues.book import IssueBook
from engine.issues.findings import Finding
from engine.issues.view import Transition
from engine.measures.meter import Late
from engine.measures.watermark import Watermark
from engine.planning import Planner
from engine.scoring import Scorer, Subjects, attributes_wanted, within
from engine.scoring.quiet import Idle
from engine.scoring.station import Ours, Station
from engine.snapshots import Snapshots
from engine.storage import Storage
from engine.store.database import Database, lock
from engine.store.models import Progress
from engine.store.outbox import PREPARE
from engine.store.progress import locked, owned, take
from engine.versions import Versions

log = structlog.get_logger()
GROUP = "pipeline"
PARTITIONS = "partitions"
"""In a snapshot's `meta`: among how many partitions the subjects were shared when it was written."""


Arrays = dict[str, NDArray[Any]]


@dataclass(slots=True)
class Effects:
    """What a batch of events asks the database to remember, in the order in which it happened."""

    steps: list[Finding | Control]
    dead: list[DeadLetter]

    def findings(self) -> Iterator[Finding]:
        """Yield the findings alone."""
        return (step for step in self.steps if isinstance(step, Finding))

    def runs(self) -> Iterator[list[Finding] | list[Control]]:
        """Yield findings and reserved events in runs, so that a run can be applied with few queries."""
        for _, run in groupby(self.steps, lambda step: isinstance(step, Finding)):
            yield cast("list[Finding] | list[Control]", list(run))


class Stores(NamedTuple):
    """Where a pipeline's effects go."""

    database: Database
    dead_letters: DeadLetters
    snapshots: Snapshots | None
    versions: Versions | None = None
    cold: ColdStores | None = None
    """Where series go that are quiet; only beside snapshots."""
    signals: SignalLog | None = None
    """Where it is told what concerns other partitions; None: nowhere."""

    @classmethod
    def of(cls, storage: Storage) -> "Stores":
        """Return those of an engine."""
        models = storage.snapshots, storage.versions, storage.cold
        return cls(storage.database, storage.dead_letters, *models, storage.signals)


class Frozen(NamedTuple):
    """What a partition's models remembered at an offset, to be written as a snapshot."""

    snapshots: Snapshots
    partition: int
    offset: int
    epoch: int
    state: Arrays
    meta: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Bytes of all that is written, about."""
        return sum(array.nbytes for array in self.state.values())

    def write(self) -> int:
        """Write it durably; returns the offset of the oldest snapshot that is kept. Raises as `Snapshots.write`."""
        self.snapshots.write(self.partition, self.offset, self.state, self.meta, epoch=self.epoch)
        return min(self.snapshots.offsets(self.partition))


class Pipeline:
    """One partition's models, and the way from its events to their effects."""

    def __init__(self, config: Config, partition: int, stores: Stores, clock: Clock) -> None:
        self.partition = partition
        self.offset = 0
        """The next event to process."""
        self.events = 0
        self.reached: float | None = None
        """Epoch seconds at which the last event that was processed had been written to the log."""
        self.saved_at: float | None = None
        """Epoch seconds of the snapshot it was restored from; None where there was none, or it does not say."""
        self._stores = stores
        self._clock = clock
        self._entities = Entities()
        self._dedup = Dedup()
        self._cold = stores.cold.of(partition) if stores.cold is not None and stores.snapshots is not None else None
        self._build(config)
        self._watermark = Watermark(float(config.main.events.lateness))
        self._committed = -1
        self._epoch = 0
        """How often the partition had been taken when we took it: who has taken it since is its owner."""
        self._pending = Effects([], [])
        self._appraised: set[str] | None = None
        """Detectors of which the database knows how good they are; None: whoever it knew before."""

    def _build(self, config: Config) -> None:
        rules = config.main.events
        self._config = config
        dimensions = config.policy.incidents.dimensions if config.policy.incidents else ()
        self._attributes = Attributes(attributes_wanted(config.detectors) | set(dimensions))
        signals = self._stores.signals
        self._teller = None if signals is None else Teller(config, self.partition, signals, self._attributes)
        subjects = Subjects(self._entities.owner, self._attributes.of)
        idle = Idle(float(rules.idle), self._cold) if self._cold is not None else None
        self.scorer = Scorer(
            config.detectors, config.calendars, lateness=float(rules.lateness), subjects=subjects, idle=idle
        )
        schema = Schema.build(self.scorer.fields, rules.known)
        self._decoder = Decoder(schema, future=float(rules.future))
        self._book = IssueBook(config.policy)
        self._feedback = Feedback(self._book, self._entities, config.policy.conversations)
        self._planner = Planner(config)

    # -- forward ------------------------------------------------------------------------------------------------------

    def process(self, batches: Sequence[Batch]) -> int:
        """Take batches that follow on from `offset`; returns how many events they held. Durable on return."""
        self._commit()  # what could not be written last time comes before anything new
        for batch in self._parts(batches):
            taken = self._take(batch)
            if batch.offset >= self._committed:
                self._pending.dead += taken.dead
                self._pending.steps += taken.steps
            self.offset = batch.after
            self.events += batch.count
            self.reached = batch.appended_at
        self._commit()
        return sum(batch.count for batch in batches)

    def _parts(self, batches: Sequence[Batch]) -> Iterator[Batch]:
        """Yield the batches; one of which the database has the effects in part is cut there."""
        for batch in batches:
            if batch.offset < self._committed < batch.after:
                yield batch.until(self._committed)
                yield batch.since(self._committed)
            else:
                yield batch

    def _take(self, batch: Batch) -> Effects:
        """Run one batch through the models."""
        decoded = self._decoder.decode(batch.payload, batch.appended_at)
        if self._cold is not None:
            self._cold.offset = batch.after
        effects = Effects(
            [], [_dead(batch, each.line, each.reason, each.detail, each.payload) for each in decoded.rejects]
        )
        lines: list[bytes] = []
        for run in self._fresh(decoded):
            if isinstance(run, Telemetry):
                for late in self._measure(run, batch.appended_at, effects):
                    lines = lines or batch.payload.split(b"\n")
                    effects.dead.append(_dead(batch, late.line, late.reason, late.detail, lines[late.line]))
            else:
                effects.steps += self.scorer.advance(self._watermark.value)
                self._steer(run, effects, batch)
        effects.steps += self.scorer.advance(self._watermark.value)
        return effects

    def _fresh(self, decoded: Decoded) -> Iterator[Telemetry | list[Control]]:
        """Yield the runs without the events that were there before."""
        for run in decoded.runs:
            fresh = self._dedup.admit(run.identities)
            if fresh.all():
                yield run.content
            elif fresh.any():
                yield run.only(fresh)

    def _measure(self, run: Telemetry, arrived: float, effects: Effects) -> list[Late]:
        floor = self._watermark.floor(run.time, arrived)
        findings, left_out = self.scorer.add(run, floor)
        effects.steps += findings
        return left_out

    def _steer(self, run: list[Control], effects: Effects, batch: Batch) -> None:
        """Let reserved events change what the models know, in order; what the engine tells itself is not remembered."""
        for event in run:
            match event:
                case TickEvent():
                    self._watermark.tick(event.time)
                case CohortEvent():
                    self.scorer.hear(event)
                case _:
                    effects.dead += self._heed(event, batch)
                    effects.steps.append(event)

    def _heed(self, event: Control, batch: Batch) -> list[DeadLetter]:
        """Let the models know what one reserved event says; returns what could not be done."""
        now = self._watermark.value
        match event:
            case EntityEvent():
                news = self._entities.apply(event) | (self._teller or self._attributes).apply(event)
                self.scorer.know(event, now, news=news)
            case ChangeEvent() if event.erases:
                self._erase(event.subject)
            case ChangeEvent():
                self.scorer.change(event, now)
            case OutcomeEvent() | ContactEvent():
                self.scorer.outcome(event, now)
            case ConsentEvent():
                self.scorer.object(event)
            case ModelEvent():
                return self._keep_or_revert(event, batch)
            case VerdictEvent():
                self.scorer.adjust(event.detector, event.series, event.verdict)
            case _:
                pass
        return []

    def _erase(self, subject: str) -> None:
        """Let the models forget who was erased; snapshots of before hold them until they are replaced (C11)."""
        self.scorer.erase(subject, self._watermark.value)
        (self._teller or self._attributes).erase(subject)
        self._entities.erase(subject)
        if self._cold is not None:
            self._cold.erase(subject)

    def _keep_or_revert(self, event: ModelEvent, batch: Batch) -> list[DeadLetter]:
        """Keep or take back models; returns what could not be done."""
        try:
            for name, station in self.scorer.models(event.detectors):
                self._version(event, name, station, batch.at(event.line))
        except (Permanent, CorruptSnapshot) as error:
            line = batch.payload.split(b"\n")[event.line]
            return [_dead(batch, event.line, UNAPPLIED, error.line(), line)]
        return []

    def _version(self, event: ModelEvent, name: str, station: Station, offset: int) -> None:
        if self._stores.versions is None:
            return
        key = name, event.version, self.partition
        if event.what == "keep":
            meta = {"at": event.time, "series": station.index.live}
            self._stores.versions.keep(key, offset, station.model(name), meta)
        else:
            station.take_back(name, self._stores.versions.find(*key).arrays)

    # -- effects ------------------------------------------------------------------------------------------------------

    @property
    def unsettled(self) -> bool:
        """Whether the models are ahead of the database, because it could not be written."""
        return self.offset > self._done()

    def _commit(self) -> None:
        """Bring the database to `offset`: all effects and the progress, or none. What fails is pending until it is."""
        if not self.unsettled:
            return
        if self._teller is not None:
            # before the effects: where those cannot be written now, the same is told again
            self._teller.tell(self._pending.findings(), self.scorer.parts, self._watermark.value)
        if not (self._pending.dead or self._pending.steps):
            self._committed = self.offset  # a replay of what has no effects has none either
            return
        if self._pending.dead:
            self._stores.dead_letters.add(self._pending.dead)
        self._stores.database.repeat(self._effects, shared=True)
        self._committed = self.offset
        self._pending = Effects([], [])

    def _effects(self, session: Session) -> None:
        """Write what is pending, unless it is there: a commit whose answer was lost may have been made.

        Raises Fenced, before anything is written, when the partition is another's now.
        """
        progress = locked(session, GROUP, self.partition, self._epoch)
        if progress.offset >= self.offset:
            return
        if any(isinstance(step, ConsentEvent) for step in self._pending.steps):
            lock(session, PREPARE)  # who withdraws it is not written to by what was decided before
        self._feedback.refused.clear()
        transitions: list[Transition] = []
        for run in self._pending.runs():
            transitions += self._apply(session, run)
        self._planner.plan(session, transitions, self._clock.time())
        progress.offset, progress.watermark = self.offset, self._watermark.value
        if refused := self._refused():
            self._stores.dead_letters.add(refused)  # if the commit fails they come again, and are kept once

    def _apply(self, session: Session, run: list[Finding] | list[Control]) -> list[Transition]:
        now = self._clock.time()
        if isinstance(run[0], Finding):
            return self._book.apply_all(session, with_attributes(session, run), now)
        return self._feedback.apply(session, run, now)

    def _refused(self) -> list[DeadLetter]:
        """Return the reserved events that asked for what cannot be done."""
        now, origin = self._clock.time(), f"log:{self.partition}"
        return [DeadLetter(UNAPPLIED, why, line_of(event), now, origin) for event, why in self._feedback.refused]

    def claim(self, holder: str) -> bool:
        """Make the partition ours: whoever had it before can no longer write. Returns whether that was us."""
        taken = take(self._stores.database, GROUP, self.partition, holder)
        ours = taken.epoch == self._epoch + 1
        self._epoch, self._committed = taken.epoch, max(self._committed, taken.offset)
        return ours

    def _done(self) -> int:
        """Return the offset up to which the database has the effects."""
        if self._committed < 0:
            self.claim("")
        return self._committed

    # -- memory -------------------------------------------------------------------------------------------------------

    def appraise(self) -> None:
        """Let the database know how good the predictions of learned detectors are by now."""
        standings = self.scorer.standings()
        if standings or self._appraised != set():
            reached = self._watermark.value
            at = reached if isfinite(reached) else self._clock.time()  # no event has told the time yet
            with self._stores.database.transaction(shared=True) as session:
                evaluations.keep(session, self.partition, standings, at)
            self._appraised = set(standings)

    def snapshot(self) -> None:
        """Write all that the models remember, with the offset they are at; never of more than the database knows.

        Raises Fenced, before anything is written, when the partition is another's now.
        """
        if (frozen := self.freeze(copy=False)) is not None:
            self.written(frozen.write())

    def freeze(self, *, copy: bool = True) -> "Frozen | None":
        """Return what a snapshot is written of, for another thread to write; None where snapshots are not kept.

        Without `copy` it is written before anything else happens. Raises Fenced as `snapshot` does.
        """
        if self._stores.snapshots is None:
            self.appraise()
            return None
        self._commit()
        with self._stores.database.reading() as session:
            owned(session.get(Progress, (GROUP, self.partition)), self._epoch, self.partition)
        self.appraise()
        if self._cold is not None:
            self._cold.flush()
        state = copied(self._state()) if copy else self._state()
        shared = self._config.main.events.partitions
        meta = {"config": sorted(self._config.detectors), PARTITIONS: shared, "at": self._clock.time()}
        return Frozen(self._stores.snapshots, self.partition, self.offset, self._epoch, state, meta)

    def written(self, oldest: int) -> None:
        """Forget what nobody needs who starts from the `oldest` snapshot that is kept, by its offset."""
        if self._cold is not None:
            self._cold.purge(oldest)

    def restore(self) -> list[str]:
        """Come back from the latest good snapshot, or start afresh; returns why newer ones were passed over."""
        if self._stores.snapshots is None:
            return []
        snapshot, skipped = self._stores.snapshots.search(self.partition)
        if snapshot is not None and (why := self._unlike(snapshot)):
            if not skipped:
                raise why
            snapshot, skipped = None, (*skipped, why.line())
        if snapshot is not None:
            self.load(snapshot.arrays)
            self.offset, self.saved_at = snapshot.offset, snapshot.meta.get("at")
        if self._cold is not None:
            self._cold.rewind(self.offset)
            self._cold.keep(self.scorer.watches())
        return list(skipped)

    def _unlike(self, snapshot: Snapshot) -> ConfigError | None:
        """Return the error for models that are of other subjects than come to this partition now."""
        shared, now = snapshot.meta.get(PARTITIONS), self._config.main.events.partitions
        if shared in {None, now}:
            return None
        cause = f"the models are those of {shared} partitions, not of {now}"
        remedy = f"set `events: {{partitions: {max(shared, now)}}}`, and run `forewarn repartition` to its end"
        return ConfigError(cause, place=f"partition {self.partition}", remedy=remedy)

    def inherit(self, parent: "Pipeline", ours: Ours) -> None:
        """Begin with what `parent`, of no more use afterwards, remembers, and of all series only with `ours`."""
        self.load(parent.only(ours))
        if self.partition == parent.partition:
            self.offset = parent.offset
        else:
            self.scorer.recount()

    def only(self, ours: Ours) -> Arrays:
        """Return what is remembered, but of all series only of `ours`; of no more use afterwards."""
        scorer = {f"scorer/{name}": array for name, array in self.scorer.only(ours).items()}
        return {**self._state(), **scorer}

    def reconfigure(self, config: Config) -> None:
        """Go on under another configuration; models of detectors whose watch is the same keep what they learned.

        Attributes that nobody asked for before are taken from the database.
        """
        state = self._state()
        self._build(config)
        self.load(state)
        if self._cold is not None:
            self._cold.keep(self.scorer.watches())

    def _state(self) -> Arrays:
        parts = {
            "scorer": self.scorer.state(),
            "dedup": self._dedup.state(),
            "entities": self._entities.state(),
            "attributes": self._attributes.state(),
            "watermark": self._watermark.state(),
        }
        return {f"{part}/{name}": array for part, state in parts.items() for name, array in state.items()}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` of a pipeline of the same log returned."""
        self._entities.load(within(arrays, "entities"))
        if not self._attributes.load(within(arrays, "attributes")):
            with self._stores.database.reading() as session:
                self._attributes.fill(session)
        if self._teller is not None:
            self._teller.count()
        self._dedup.load(within(arrays, "dedup"))
        self._watermark.load(within(arrays, "watermark"))
        self.scorer.load(within(arrays, "scorer"))


def _dead(batch: Batch, line: int, reason: str, detail: str, payload: bytes) -> DeadLetter:
    origin = f"log:{batch.partition}:{batch.at(line)}"
    return DeadLetter(reason=reason, detail=detail, payload=payload, at=batch.appended_at, origin=origin)
