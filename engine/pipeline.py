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
from math import isfinite
from typing import Any, NamedTuple

from engine import evaluations
from engine.archive import Snapshot, copied
from engine.clock import Clock
from engine.cold import ColdStores
from engine.config.model import Config
from engine.effects import Ledger
from engine.errors import ConfigError, ForewarnError
from engine.eventlog.base import Batch, DeadLetters
from engine.eventlog.signals import SignalLog
from engine.memory import Aids, Arrays, Memory
from engine.scoring import Scorer
from engine.scoring.station import Ours
from engine.snapshots import Snapshots
from engine.storage import Storage
from engine.store.database import Database
from engine.versions import Versions

PARTITIONS = "partitions"
"""In a snapshot's `meta`: among how many partitions the subjects were shared when it was written."""


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
    """One partition: its events brought to its models (`engine.memory`), and what they say to the database."""

    def __init__(self, config: Config, partition: int, stores: Stores, clock: Clock) -> None:
        self.partition = partition
        self.offset = 0
        """The next event to process."""
        self.events = 0
        self.reached: float | None = None
        """Epoch seconds at which the last event that was processed had been written to the log."""
        self.saved_at: float | None = None
        """Epoch seconds of the snapshot it was restored from; None where there was none, or it does not say."""
        self._config = config
        self._stores = stores
        self._clock = clock
        self._cold = stores.cold.of(partition) if stores.cold is not None and stores.snapshots is not None else None
        if self._cold is not None:
            self._cold.epoch = lambda: self._ledger.epoch
        self.memory = Memory(config, partition, Aids(stores.database, self._cold, stores.versions, stores.signals))
        self._ledger = Ledger(config, partition, self.memory.entities, (stores.database, stores.dead_letters), clock)
        self._appraised: set[str] | None = None
        """Detectors of which the database knows how good they are; None: whoever it knew before."""

    @property
    def scorer(self) -> Scorer:
        """Its models."""
        return self.memory.scorer

    # -- forward ------------------------------------------------------------------------------------------------------

    def process(self, batches: Sequence[Batch]) -> int:
        """Take batches that follow on from `offset`; returns how many events they held. Durable on return."""
        self._settle()  # what could not be written last time comes before anything new
        for batch in self._parts(batches):
            effects = self.memory.take(batch)
            if batch.offset >= self._ledger.written:
                self._ledger.add(effects)
            self.offset = batch.after
            self.events += batch.count
            self.reached = batch.appended_at
        self._settle()
        return sum(batch.count for batch in batches)

    def _parts(self, batches: Sequence[Batch]) -> Iterator[Batch]:
        """Yield the batches; one of which the database has the effects in part is cut there."""
        for batch in batches:
            if batch.offset < self._ledger.written < batch.after:
                yield batch.until(self._ledger.written)
                yield batch.since(self._ledger.written)
            else:
                yield batch

    @property
    def unsettled(self) -> bool:
        """Whether the models are ahead of the database, because it could not be written."""
        return self.offset > self._ledger.reached()

    def _settle(self) -> None:
        """Bring the database to `offset`."""
        if self.unsettled:
            # other partitions before the effects: where those cannot be written now, the same is told again
            self.memory.tell(self._ledger.pending.findings())
            self._ledger.write(self.offset, self.memory.watermark.value)

    def claim(self, holder: str) -> bool:
        """Make the partition ours: whoever had it before can no longer write. Returns whether that was us."""
        return self._ledger.claim(holder)

    def reconfigure(self, config: Config) -> None:
        """Go on under another configuration; models of detectors whose watch is the same keep what they learned."""
        self._config = config
        self.memory.reconfigure(config)
        self._ledger.reconfigure(config)

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def appraise(self) -> None:
        """Let the database know how good the predictions of learned detectors are by now."""
        standings = self.scorer.standings()
        if standings or self._appraised != set():
            reached = self.memory.watermark.value
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

    def freeze(self, *, copy: bool = True) -> Frozen | None:
        """Return what a snapshot is written of, for another thread to write; None where snapshots are not kept.

        Without `copy` it is written before anything else happens. Raises Fenced as `snapshot` does.
        """
        if self._stores.snapshots is None:
            self.appraise()
            return None
        self._settle()
        self._ledger.check()
        self.appraise()
        if self._cold is not None:
            self._cold.flush()
        state = copied(self.memory.state()) if copy else self.memory.state()
        shared = self._config.main.events.partitions
        meta = {"config": sorted(self._config.detectors), PARTITIONS: shared, "at": self._clock.time()}
        return Frozen(self._stores.snapshots, self.partition, self.offset, self._ledger.epoch, state, meta)

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
            self._remember(snapshot)
            self.offset, self.saved_at = snapshot.offset, snapshot.meta.get("at")
        if self._cold is not None:
            self._cold.rewind(self.offset)
            self._cold.keep(self.scorer.watches())
        return list(skipped)

    def _remember(self, snapshot: Snapshot) -> None:
        """Load what the models remember. Raises ForewarnError where another version wrote it down otherwise."""
        try:
            self.memory.load(snapshot.arrays)
        except (KeyError, ValueError) as error:
            cause = f"the snapshot at offset {snapshot.offset} was written otherwise by another version: {error}"
            remedy = "install the version that wrote it, or delete the partition's snapshots: the log is replayed"
            raise ForewarnError(cause, place=f"partition {self.partition}", remedy=remedy) from error

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
        self.memory.load(parent.memory.only(ours))
        if self.partition == parent.partition:
            self.offset = parent.offset
        else:
            self.scorer.recount()
