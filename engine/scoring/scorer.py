"""All that is watched in one partition: events become observations, observations become findings.

Detectors that watch the same thing share one meter, and so one series index. Everything here is a function of the log
and the configuration: it is what a snapshot holds.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.across import Part, Whole
from detectors.base import Signal
from detectors.learned.standing import Standing
from engine.config.model import SEVERITIES, CalendarConfig, DetectorConfig
from engine.events import (
    ChangeEvent,
    CohortEvent,
    ConsentEvent,
    ContactEvent,
    EntityEvent,
    OutcomeEvent,
    Telemetry,
)
from engine.expressions import Kind
from engine.issues.findings import Finding
from engine.measures.keys import subject_of
from engine.measures.meter import Late
from engine.scoring.changes import Changes, named
from engine.scoring.dossier import Dossier
from engine.scoring.merge import merged
from engine.scoring.metered import MeterStation
from engine.scoring.objectors import Objectors
from engine.scoring.quiet import Idle
from engine.scoring.relay import Relay
from engine.scoring.station import Arrays, Ours, Station, Subjects, Surroundings, flat, identity, within

CHANGES, OBJECTORS = "+changes", "+objectors"
"""Beside the names of stations, which never begin with a plus."""


class Scorer:
    """Every station of one partition."""

    def __init__(
        self,
        detectors: Mapping[str, DetectorConfig],
        calendars: Mapping[str, CalendarConfig],
        *,
        lateness: float,
        subjects: Subjects,
        idle: Idle | None = None,
    ) -> None:
        self._subjects = subjects
        self._changes = Changes(calendars.values())
        self._objectors = Objectors()
        around = Surroundings(subjects, self._changes, calendars, idle, self._objectors)
        groups = _by_watch(detectors)
        self.stations: list[MeterStation] = []
        self.dossiers: list[Dossier] = []
        relays: list[Relay] = []
        for name, group in groups.items():
            match group[0].model.inputs:
                case "signals":
                    relays.append(Relay(name, group[0].watch, group, around))
                case "everything":
                    self.dossiers.append(Dossier(name, group[0].watch, group, around))
                case _:
                    self.stations.append(MeterStation(name, group[0].watch, group, around, lateness))
        self.relays = _in_order(relays)
        self._by_detector: dict[str, Station] = {name: each for each in self._all() for name in each.detectors}

    @property
    def fields(self) -> dict[str, dict[str, Kind]]:
        """Which fields of which event types the stations need."""
        needed: dict[str, dict[str, Kind]] = {}
        for station in self.stations:
            for event in station.watch.events:
                needed.setdefault(event, {}).update(station.fields)
        for dossier in self.dossiers:
            for event, fields in dossier.fields.items():
                needed.setdefault(event, {}).update(fields)
        return needed

    def add(self, run: Telemetry, floor: NDArray[np.float64]) -> tuple[list[Finding], list[Late]]:
        """Take events of any types; `floor` is the watermark before each of them."""
        findings: list[Finding] = []
        left_out: list[Late] = []
        for station in self.stations:
            if (part := merged(run, station.watch.events, station.fields)) is not None:
                columns, rows = part
                raised, late = station.add(columns, floor[rows])
                findings += self._findings(station, raised)
                left_out += late
        for dossier in self.dossiers:
            left_out += dossier.add(run, floor)
        self._relay(findings)
        return findings, left_out

    def advance(self, watermark: float) -> list[Finding]:
        """Close the windows that end at or before `watermark`, and ask for what did not come."""
        findings: list[Finding] = []
        for station in self.stations:
            findings += self._findings(station, station.advance(watermark))
            station.rest(watermark)
        self._relay(findings)
        for relay in self.relays:
            found = list(self._findings(relay, relay.advance(watermark)))
            self._relay(found)
            findings += found
        for dossier in self.dossiers:
            findings += self._findings(dossier, dossier.advance(watermark))
        return findings

    def adjust(self, detector: str, series: str, verdict: str) -> bool:
        """Let a verdict move the threshold of one series; False if there is no such detector or series."""
        station = self._by_detector.get(detector)
        return station is not None and station.judge(detector, series, verdict)

    def know(self, event: EntityEvent, watermark: float, *, news: bool) -> None:
        """Take note of who someone is; `news` says whether anything that models may ask for is another now."""
        for station in (*self.stations, *self.relays):
            if news:
                station.renew(event.subject)
        for dossier in self.dossiers:
            dossier.know(event, watermark)

    def change(self, event: ChangeEvent, watermark: float) -> None:
        """Take note of a declared change."""
        self._changes.apply(event)
        for station in self._all():
            station.relearn(event)
        for dossier in self.dossiers:
            dossier.declare(event, watermark)

    def outcome(self, event: OutcomeEvent | ContactEvent, watermark: float) -> None:
        """Take note of what came in the end."""
        for dossier in self.dossiers:
            dossier.outcome(event, watermark)

    def object(self, event: ConsentEvent) -> None:
        """Take note that a subject objects to being judged."""
        if self._objectors.apply(event):
            for dossier in self.dossiers:
                dossier.object(event.subject)

    def erase(self, subject: str, watermark: float) -> None:
        """Forget all that is known of `subject`, and that there was such a one."""
        self._changes.erase(subject)
        self._objectors.erase(subject)
        for station in self._all():
            station.erase(subject, watermark)

    def parts(self) -> Iterator[tuple[str, list[tuple[str, Part]]]]:
        """Yield what is known of cohorts whose members may be in other partitions too, by detector."""
        for station in self.stations:
            yield from station.parts()

    def hear(self, event: CohortEvent) -> None:
        """Take note where cohorts were as a whole."""
        station = self._by_detector.get(event.detector)
        if isinstance(station, MeterStation):
            station.hear(event.detector, (_whole(*each) for each in event.cohorts))

    def models(self, globs: Collection[str]) -> list[tuple[str, Station]]:
        """Return the detectors that any of `globs` names, each with where it works."""
        return [(name, self._by_detector[name]) for name in sorted(self._by_detector) if named(name, globs)]

    def standings(self) -> dict[str, Standing]:
        """Return how good the predictions of learned detectors were, and their state, by name."""
        found = {name: each.standing(name) for each in self.dossiers for name in each.detectors}
        return {name: standing for name, standing in found.items() if standing is not None}

    def watches(self) -> list[str]:
        """Return what the stations are known by to whoever keeps series that are away."""
        return [identity(station.watch) for station in self.stations]

    def series(self) -> int:
        """Return how many series are in memory."""
        return sum(station.index.live for station in self._all())

    def state(self) -> Arrays:
        """Return all that is remembered."""
        parts = {station.name: station.state() for station in self._all()}
        parts |= {CHANGES: self._changes.state(), OBJECTORS: self._objectors.state()}
        return flat(parts)

    def only(self, ours: Ours) -> Arrays:
        """Return what `state` would if the others' series had never been here; of no more use afterwards."""
        return {**self.state(), **flat({station.name: station.only(ours) for station in self._all()})}

    def recount(self) -> None:
        """Count from here on how good predictions are: another partition goes on with what was counted so far."""
        for dossier in self.dossiers:
            dossier.recount()

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a state over. A watch that is new since then starts afresh."""
        self._changes.load(within(arrays, CHANGES))
        self._objectors.load(within(arrays, OBJECTORS))
        for station in self._all():
            if state := within(arrays, station.name):
                station.load(state)

    def _all(self) -> Iterator[Station]:
        yield from self.stations
        yield from self.relays
        yield from self.dossiers

    def _relay(self, findings: Iterable[Finding]) -> None:
        """Let those who watch other detectors hear what was found."""
        for relay in self.relays:
            relay.hear(findings)
        for dossier in self.dossiers:
            dossier.hear(findings)

    def _findings(self, station: Station, signals: Iterable[tuple[DetectorConfig, Signal]]) -> Iterator[Finding]:
        for config, signal in signals:
            key = station.index.key(signal.series)
            subject = subject_of(key)
            yield Finding(
                signal=signal,
                series=key,
                subject=subject,
                account=self._subjects.owner(subject),
                severity=severity(config, signal),
                points=tuple(station.points(signal.series)),
                shadow=config.shadow,
            )


def _whole(
    key: str, time: float, centre: float | None, spread: float | None, seen: int, young: int
) -> tuple[str, Whole]:
    unknown = np.nan
    return key, Whole(time, unknown if centre is None else centre, unknown if spread is None else spread, seen, young)


def severity(config: DetectorConfig, signal: Signal) -> str:
    """Return the worst severity whose condition holds; `low` if none does."""
    values: dict[str, object] = {
        "value": signal.value,
        "score": signal.score,
        "expected": signal.expected,
        "low": signal.low,
        "high": signal.high,
        **signal.extra,
    }
    held = [name for name, condition in config.severity.items() if condition.value(values) is True]
    return max(held, key=SEVERITIES.index, default="low")


def attributes_wanted(detectors: Mapping[str, DetectorConfig]) -> set[str]:
    """Return the attributes of subjects that any detector names."""
    return {name for config in detectors.values() for name in config.model.attributes}


def _in_order(relays: list[Relay]) -> list[Relay]:
    """Sort so that each comes after those it watches; configuration checks have refused circles."""
    source = {detector: relay for relay in relays for detector in relay.detectors}
    before = {relay.name: {source[each].name for each in relay.members if each in source} for relay in relays}
    by_name = {relay.name: relay for relay in relays}
    return [by_name[name] for name in TopologicalSorter(before).static_order()]


def _by_watch(detectors: Mapping[str, DetectorConfig]) -> dict[str, list[DetectorConfig]]:
    """Group detectors that watch the same thing, under the name of the first by alphabet."""
    groups: dict[str, list[DetectorConfig]] = {}
    names: dict[str, str] = {}
    for name in sorted(detectors):
        config = detectors[name]
        first = names.setdefault(identity(config.watch), name)
        groups.setdefault(first, []).append(config)
    return groups
