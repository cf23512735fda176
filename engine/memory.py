"""What a partition's models remember, as a function of the log alone: bytes in, what they find out."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import structlog
from numpy.typing import NDArray

from engine.attributes import Attributes
from engine.cold import ColdStore
from engine.columnar.dedup import Dedup
from engine.config.model import Config
from engine.effects import Effects, buried
from engine.entities import Entities
from engine.errors import CorruptSnapshot, Permanent, Retryable
from engine.eventlog.base import Batch, DeadLetter
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
)
from engine.incidents.telling import Teller
from engine.issues.findings import Finding
from engine.measures.meter import Late
from engine.measures.watermark import Watermark
from engine.scoring import Scorer, Subjects, attributes_wanted, within
from engine.scoring.quiet import Idle
from engine.scoring.station import Ours, Station
from engine.store.database import Database
from engine.versions import Versions

log = structlog.get_logger()
Arrays = dict[str, NDArray[Any]]


class Aids(NamedTuple):
    """Where else a memory keeps things, and tells them."""

    database: Database
    """Attributes that nobody asked for before come from it."""
    cold: ColdStore | None
    """Series that are quiet."""
    versions: Versions | None
    """Models that were kept, to be taken back to."""
    signals: SignalLog | None
    """What concerns other partitions."""


class Memory:
    """One partition's models, with what they are told by: who owns what, what was there before, what time it is."""

    def __init__(self, config: Config, partition: int, aids: Aids) -> None:
        self.partition = partition
        self._aids = aids
        self._cold = aids.cold
        self.entities = Entities()
        self._dedup = Dedup()
        self._build(config)
        self.watermark = Watermark(float(config.main.events.lateness))

    def _build(self, config: Config) -> None:
        rules = config.main.events
        dimensions = config.policy.incidents.dimensions if config.policy.incidents else ()
        self._attributes = Attributes(attributes_wanted(config.detectors) | set(dimensions))
        told = self._aids.signals
        self._teller = None if told is None else Teller(config, self.partition, told, self._attributes)
        subjects = Subjects(self.entities.owner, self._attributes.of)
        idle = Idle(float(rules.idle), self._cold) if self._cold is not None else None
        self.scorer = Scorer(
            config.detectors, config.calendars, lateness=float(rules.lateness), subjects=subjects, idle=idle
        )
        self._decoder = Decoder(Schema.build(self.scorer.fields, rules.known), future=float(rules.future))

    def reconfigure(self, config: Config) -> None:
        """Go on under another configuration; models of detectors whose watch is the same keep what they learned.

        Attributes that nobody asked for before are taken from the database.
        """
        state = self.state()
        self._build(config)
        self.load(state)
        self._let_go()

    def _let_go(self) -> None:
        """Delete quiet series of what is no longer watched; where that cannot be done now, the next start does it."""
        if self._cold is None:
            return
        try:
            self._cold.keep(self.scorer.watches())
        except Retryable as error:
            log.info("quiet series of what is no longer watched are kept", cause=error.line())

    # -- forward ------------------------------------------------------------------------------------------------------

    def take(self, batch: Batch) -> Effects:
        """Run one batch through the models; returns what is to be remembered of it."""
        decoded = self._decoder.decode(batch.payload, batch.appended_at)
        if self._cold is not None:
            self._cold.offset = batch.after
        effects = Effects(
            [], [buried(batch, each.line, each.reason, each.detail, each.payload) for each in decoded.rejects]
        )
        lines: list[bytes] = []
        for run in self._fresh(decoded):
            if isinstance(run, Telemetry):
                for late in self._measure(run, batch.appended_at, effects):
                    lines = lines or batch.payload.split(b"\n")
                    effects.dead.append(buried(batch, late.line, late.reason, late.detail, lines[late.line]))
            else:
                effects.steps += self.scorer.advance(self.watermark.value)
                self._steer(run, effects, batch)
        effects.steps += self.scorer.advance(self.watermark.value)
        return effects

    def tell(self, findings: Iterator[Finding]) -> None:
        """Let other partitions know what concerns them."""
        if self._teller is not None:
            self._teller.tell(findings, self.scorer.parts, self.watermark.value)

    def _fresh(self, decoded: Decoded) -> Iterator[Telemetry | list[Control]]:
        """Yield the runs without the events that were there before."""
        for run in decoded.runs:
            fresh = self._dedup.admit(run.identities)
            if fresh.all():
                yield run.content
            elif fresh.any():
                yield run.only(fresh)

    def _measure(self, run: Telemetry, arrived: float, effects: Effects) -> list[Late]:
        floor = self.watermark.floor(run.time, arrived)
        findings, left_out = self.scorer.add(run, floor)
        effects.steps += findings
        return left_out

    def _steer(self, run: list[Control], effects: Effects, batch: Batch) -> None:
        """Let reserved events change what the models know, in order; what the engine tells itself is not remembered."""
        for event in run:
            match event:
                case TickEvent():
                    self.watermark.tick(event.time)
                case CohortEvent():
                    self.scorer.hear(event)
                case _:
                    effects.dead += self._heed(event, batch)
                    effects.steps.append(event)

    def _heed(self, event: Control, batch: Batch) -> list[DeadLetter]:
        """Let the models know what one reserved event says; returns what could not be done."""
        now = self.watermark.value
        match event:
            case EntityEvent():
                news = self.entities.apply(event) | (self._teller or self._attributes).apply(event)
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
        self.scorer.erase(subject, self.watermark.value)
        (self._teller or self._attributes).erase(subject)
        self.entities.erase(subject)
        if self._cold is not None:
            self._cold.erase(subject)

    def _keep_or_revert(self, event: ModelEvent, batch: Batch) -> list[DeadLetter]:
        """Keep or take back models; returns what could not be done."""
        try:
            for name, station in self.scorer.models(event.detectors):
                self._version(event, name, station, batch.at(event.line))
        except (Permanent, CorruptSnapshot) as error:
            line = batch.payload.split(b"\n")[event.line]
            return [buried(batch, event.line, UNAPPLIED, error.line(), line)]
        return []

    def _version(self, event: ModelEvent, name: str, station: Station, offset: int) -> None:
        if self._aids.versions is None:
            return
        key = name, event.version, self.partition
        if event.what == "keep":
            meta = {"at": event.time, "series": station.index.live}
            self._aids.versions.keep(key, offset, station.model(name), meta)
        else:
            station.take_back(name, self._aids.versions.find(*key).arrays)

    # -- state --------------------------------------------------------------------------------------------------------

    def state(self) -> Arrays:
        """Return all that is remembered, as it is: what comes next changes it."""
        parts = {
            "scorer": self.scorer.state(),
            "dedup": self._dedup.state(),
            "entities": self.entities.state(),
            "attributes": self._attributes.state(),
            "watermark": self.watermark.state(),
        }
        return {f"{part}/{name}": array for part, state in parts.items() for name, array in state.items()}

    def only(self, ours: Ours) -> Arrays:
        """Return what is remembered, but of all series only of `ours`; of no more use afterwards."""
        scorer = {f"scorer/{name}": array for name, array in self.scorer.only(ours).items()}
        return {**self.state(), **scorer}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` of a memory of the same log returned."""
        self.entities.load(within(arrays, "entities"))
        if not self._attributes.load(within(arrays, "attributes")):
            with self._aids.database.reading() as session:
                self._attributes.fill(session)
        if self._teller is not None:
            self._teller.count()
        self._dedup.load(within(arrays, "dedup"))
        self.watermark.load(within(arrays, "watermark"))
        self.scorer.load(within(arrays, "scorer"))
