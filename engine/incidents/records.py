"""What stands in the log of signals: one event a line, as in any log."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from detectors.across import Part
from engine.events import EVERYONE, make_event
from engine.ids import derive
from engine.incidents.cases import Raised
from engine.incidents.causes import Affected
from engine.incidents.cohorts import Told
from engine.incidents.population import Count, values_of
from engine.issues.findings import Finding

SIGNAL, POPULATION, COHORTS = "forewarn.signal", "forewarn.population", "forewarn.cohorts"
TOLD = ("raised", "cleared")
"""States of signals that are told."""


class _Data(msgspec.Struct, frozen=True):
    """All that `data` of any of them may hold."""

    detector: str = ""
    state: str = ""
    account: str = ""
    of: dict[str, str] = {}
    own: dict[str, str] = {}
    partition: int = 0
    dimensions: list[str] = []
    counts: list[tuple[str, list[str], int]] = []
    cohorts: list[Told] = []


class Record(msgspec.Struct, frozen=True):
    """A line of the log of signals."""

    type: str
    id: str
    subject: str
    time: datetime
    data: _Data = _Data()

    @property
    def at(self) -> float:
        """Epoch seconds."""
        return self.time.astimezone(UTC).timestamp()

    def raised(self, dimensions: Sequence[str]) -> Raised | None:
        """Return the signal it tells of; None if it tells of another thing, or that it is over."""
        if self.type != SIGNAL or self.data.state != "raised":
            return None
        of, own = (values_of(each, dimensions) for each in (self.data.of, self.data.own))
        return Raised(self.id, self.data.detector, self.at, Affected(self.data.account, self.subject, of, own))

    def counts(self, dimensions: Sequence[str]) -> list[Count] | None:
        """Return the population it tells of; None if it tells of another thing, or counts by other dimensions."""
        if self.type != POPULATION or self.data.dimensions != list(dimensions):
            return None
        return [(kind, tuple(values), count) for kind, values, count in self.data.counts]


def read(line: bytes) -> Record | None:
    """Return what a line tells; None: nothing any more, or nothing this version knows."""
    try:
        return msgspec.json.decode(line, type=Record)
    except msgspec.MsgspecError:
        return None


def signal(finding: Finding, partition: int, of: Mapping[str, object], own: Mapping[str, object]) -> bytes:
    """Return the line that tells of a finding, `of` an account with these dimensions, and of a subject with its `own`.

    Its id is the finding's: the same however often it is told.
    """
    account = finding.account or finding.subject
    data: dict[str, Any] = {
        "detector": finding.signal.detector,
        "kind": finding.signal.kind,
        "state": finding.signal.state,
        "account": account,
        "severity": finding.severity,
        "score": round(finding.signal.score, 6),
        "of": _texts(of),
    }
    if account != finding.subject:
        data["own"] = _texts(own)
    return make_event(SIGNAL, finding.subject, data, id=finding.id, source=_source(partition), time=finding.until)


def population(partition: int, dimensions: Sequence[str], counts: Iterable[Count], at: float) -> bytes:
    """Return the line that tells how many a partition knows of."""
    data = {"partition": partition, "dimensions": list(dimensions), "counts": list(counts)}
    key = f"population-{partition}-{at:.3f}"
    return make_event(POPULATION, EVERYONE, data, id=key, source=_source(partition), time=at)


def cohorts(partition: int, detector: str, found: Iterable[tuple[str, Part]], at: float) -> bytes:
    """Return the line that tells where a detector's cohorts are in a partition. The same words have the same id."""
    told = [(key, *part) for key, part in found]
    data = {"partition": partition, "detector": detector, "cohorts": told}
    key = derive("par", partition, detector, msgspec.json.encode(told).decode())
    return make_event(COHORTS, EVERYONE, data, id=key, source=_source(partition), time=at)


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value is not None}


def _source(partition: int) -> str:
    return f"forewarn/partition-{partition}"
