"""What one partition tells all others: what its detectors raised, how many it knows of, where its cohorts were."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf, isfinite

from detectors.across import Part
from engine.attributes import Attributes
from engine.config.model import Config
from engine.eventlog.signals import SignalLog
from engine.events import EntityEvent
from engine.incidents import records
from engine.incidents.population import Population
from engine.issues.findings import Finding

Parts = Iterable[tuple[str, list[tuple[str, Part]]]]
"""By detector, cohorts with what a partition knows of them."""
TOGETHER = 100
"""Cohorts that are told in one line: no event may be too long."""
EVERY = 300.0
"""Seconds of event time between two words on how many there are."""


class Teller:
    """Tells for one partition. Nothing is lost with it: what it counts is counted anew from what is known."""

    def __init__(self, config: Config, partition: int, signals: SignalLog, known: Attributes) -> None:
        self._partition, self._signals, self._known = partition, signals, known
        rules = config.policy.incidents
        self._dimensions: Sequence[str] = rules.dimensions if rules is not None else ()
        self._forms = rules is not None
        self._population = Population(self._dimensions)
        self._told_at = -inf
        self._apart = config.main.events.partitions > 1
        """Whether members of a cohort may be in other partitions."""
        self._parts: dict[tuple[str, str], Part] = {}
        """What was told of cohorts last."""

    def apply(self, event: EntityEvent) -> bool:
        """Let `known` take an event over; return whether anything that models ask for is another now."""
        before = self._known.of(event.subject)
        news = self._known.apply(event)
        self._population.move(event.subject, before, self._known.of(event.subject))
        return news

    def erase(self, subject: str) -> None:
        """Let `known` forget somebody, who is counted no more."""
        before = self._known.of(subject)
        self._known.erase(subject)
        self._population.move(subject, before, self._known.of(subject))

    def count(self) -> None:
        """Count anew, as what is known was loaded."""
        self._population.count(self._known.all())

    def tell(self, findings: Iterable[Finding], parts: Callable[[], Parts], watermark: float) -> None:
        """Write what is to be told; on return it is durable. Raises Retryable: then it is told again.

        `parts` returns what is known of cohorts; it is not asked where nobody else has members of them.
        """
        counted = self._counted(watermark)
        fresh = self._fresh(parts()) if self._apart else {}
        cohorts = [
            records.cohorts(self._partition, name, told[start : start + TOGETHER], watermark)
            for name, told in fresh.items()
            for start in range(0, len(told), TOGETHER)
        ]
        self._signals.append([*counted, *cohorts, *(self._signal(each) for each in findings if self._is_told(each))])
        if counted:
            self._told_at, self._population.changed = watermark, False
        self._parts |= {(name, key): part for name, told in fresh.items() for key, part in told}

    def due(self, watermark: float) -> bool:
        """Return whether there is something to tell though nothing was found."""
        return self._forms and self._population.changed and isfinite(watermark) and watermark - self._told_at >= EVERY

    def _counted(self, watermark: float) -> list[bytes]:
        if not self.due(watermark):
            return []
        return [records.population(self._partition, self._dimensions, self._population.told(), watermark)]

    def _fresh(self, parts: Parts) -> dict[str, list[tuple[str, Part]]]:
        """Return of each detector the cohorts of which something else is known than was told."""
        found = {name: [each for each in known if self._parts.get((name, each[0])) != each[1]] for name, known in parts}
        return {name: known for name, known in found.items() if known}

    def _is_told(self, finding: Finding) -> bool:
        return self._forms and not finding.shadow and finding.signal.state in records.TOLD

    def _signal(self, finding: Finding) -> bytes:
        of, own = (self._values(each) for each in (finding.account or finding.subject, finding.subject))
        return records.signal(finding, self._partition, of, own)

    def _values(self, subject: str) -> Mapping[str, object]:
        known = self._known.of(subject)
        return {name: known[name] for name in self._dimensions if name in known}
