"""Reads the log of signals, and makes incidents and cohorts of what partitions tell; one process does it, the leader.

What is remembered is a function of the log: whoever begins reads it from its beginning, and has the same. What it
causes is written in one transaction with the offset up to which it is written, so it happens once. A signal is told
before its issue is written; until that is, the offset stays before it, and after a crash it is read again.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import structlog
from sqlmodel import Session, col, select

from engine.clock import Clock
from engine.config.model import Config
from engine.eventlog.base import Append, Batch
from engine.incidents import records
from engine.incidents.cases import Case, Grown
from engine.incidents.cohorts import Cohorts
from engine.incidents.former import Former
from engine.incidents.forming import grow, issues_of
from engine.storage import Storage
from engine.store.models import SignalRow
from engine.store.progress import Fenced, Taken, locked, take

log = structlog.get_logger()
GROUP, PARTITION = "incidents", 0
READ = 5_000
"""Lines that are read at once."""
PATIENCE = 600.0
"""Seconds for which a signal waits for its issue; one that never comes was not written, and nobody was told of it."""
_CHUNK = 5_000


class _Waiting(NamedTuple):
    """A signal of a case whose issue is not seen yet."""

    case: Case
    offset: int
    """The line that made it one."""
    until: float


class Incidents:
    """The reader of one process, under one configuration. One caller at a time."""

    def __init__(self, config: Config, storage: Storage, clock: Clock, name: str) -> None:
        self._config, self._storage, self._clock, self._name = config, storage, clock, name
        self._rules = config.policy.incidents
        self._apart = config.main.events.partitions > 1
        self._former: Former | None = None
        self._cohorts = Cohorts()
        self._wholes: list[bytes] = []
        """What partitions are to be told of their cohorts."""
        self._taken = Taken(0, 0)
        self._at = 0
        self._waiting: dict[str, _Waiting] = {}

    def run_once(self) -> int:
        """Read what has come in since, and write what it causes; returns how many lines there were."""
        signals = self._storage.signals
        if signals is None or not (self._rules or self._apart):
            return 0
        if not self._taken.epoch:
            self._begin(signals.begin())
        batches = signals.read(self._at, READ)
        grown = [each for batch in batches for each in self._take(batch)]
        for offset, each in grown:
            until = self._clock.time() + PATIENCE
            self._waiting |= {signal.id: _Waiting(each.case, offset, until) for signal in each.new}
        self._tell()
        if batches or self._waiting:
            self._settle()
        return sum(batch.count for batch in batches)

    def _begin(self, first: int) -> None:
        """Take the log over from whoever read it before."""
        on_trial = sum(each.shadow for each in self._config.detectors.values())
        self._taken = take(self._storage.database, GROUP, PARTITION, self._name)
        count = len(self._config.detectors) - on_trial
        self._former = None if self._rules is None else Former(self._rules, count)
        self._cohorts = Cohorts()
        self._at, self._waiting = first, {}

    def _take(self, batch: Batch) -> Iterator[tuple[int, Grown]]:
        """Yield what came of each line that the database does not have yet."""
        for number, line in enumerate(batch.payload.split(b"\n")):
            record = records.read(line)
            if record is None:
                continue
            grown, whole = self._grown(record), self._whole(record)
            if batch.at(number) >= self._taken.offset:
                if grown is not None:
                    yield batch.at(number), grown
                self._wholes += [] if whole is None else [whole]
        self._at = batch.after

    def _whole(self, record: records.Record) -> bytes | None:
        if record.type != records.COHORTS:
            return None
        return self._cohorts.hear(record.data.detector, record.data.partition, record.data.cohorts, record.id)

    def _grown(self, record: records.Record) -> Grown | None:
        if self._former is None or self._rules is None:
            return None
        dimensions = self._rules.dimensions
        if (counts := record.counts(dimensions)) is not None:
            self._former.pass_(record.at)
            self._former.fleet.hear(record.data.partition, counts)
        raised = record.raised(dimensions)
        return self._former.take(raised) if raised is not None else None

    def _tell(self) -> None:
        """Write into every partition where cohorts were as a whole: through the log, so that a replay sees the same."""
        if self._wholes:
            lines, told = self._storage.log, b"\n".join(self._wholes)
            lines.append(Append(each, told, len(self._wholes)) for each in range(lines.partitions))
            self._wholes.clear()

    def _settle(self) -> None:
        """Write what is waiting, as far as it can be."""
        try:
            found = self._storage.database.repeat(self._write)
        except Fenced:
            log.warning("incidents are formed by another process now")
            self._taken = Taken(0, 0)
            return
        for id_ in found:
            del self._waiting[id_]

    def _write(self, session: Session) -> list[str]:
        """Write what is known by now; returns the signals that need not be waited for any more."""
        progress = locked(session, GROUP, PARTITION, self._taken.epoch)
        now = self._clock.time()
        written = dict(_issues_of(session, self._waiting))
        for case in {id(self._waiting[each].case): self._waiting[each].case for each in written}.values():
            issues = sorted({issue for each, issue in written.items() if issue and self._waiting[each].case is case})
            if rows := issues_of(session, issues):
                grow(session, self._config, case, rows, now)
        over = [each for each, waiting in self._waiting.items() if waiting.until <= now and each not in written]
        done = {*written, *over}
        left = [waiting.offset for each, waiting in self._waiting.items() if each not in done]
        progress.offset = min([self._at, *left])
        session.add(progress)
        return [*done]


def _issues_of(session: Session, signals: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield those signals that are written, with their issues."""
    ids = list(signals)
    for start in range(0, len(ids), _CHUNK):
        chosen = col(SignalRow.id).in_(ids[start : start + _CHUNK])
        yield from session.exec(select(SignalRow.id, SignalRow.issue).where(chosen)).all()
