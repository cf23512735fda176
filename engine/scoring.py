"""All that is watched in one partition: events become observations, observations become findings.

Detectors that watch the same thing share one meter, and so one series index. Everything here is a function of the log
and the configuration: it is what a snapshot holds.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Detector, Observations, Signal
from detectors.monitor import Monitor
from detectors.raising import RaiseRule
from engine.columnar.columns import Columns
from engine.config.model import SEVERITIES, DetectorConfig, Watch
from engine.expressions import Kind
from engine.issues.findings import Finding
from engine.measures.keys import subject_of
from engine.measures.meter import Late, Meter

Owner = Callable[[str], str | None]
Arrays = dict[str, NDArray[Any]]


class Station:
    """One watch: its meter, and the monitors of every detector on it."""

    def __init__(self, name: str, watch: Watch, detectors: Iterable[DetectorConfig], lateness: float) -> None:
        self.name = name
        self.watch = watch
        self.meter = Meter(watch, lateness=lateness)
        self.detectors = {config.name: config for config in detectors}
        self.monitors = {config.name: _monitor(config) for config in self.detectors.values()}
        self._watch = _text(_identity(watch))
        self._models = {config.name: _text(_signature(config.model)) for config in self.detectors.values()}
        self._ticked = -1.0

    def observe(self, observations: Observations) -> Iterator[tuple[DetectorConfig, Signal]]:
        """Feed closed windows to every detector."""
        if len(observations.series):
            for name, monitor in self.monitors.items():
                monitor.grow(len(self.meter.index))
                yield from ((self.detectors[name], signal) for signal in monitor.observe(observations))

    def tick(self, watermark: float) -> Iterator[tuple[DetectorConfig, Signal]]:
        """Ask those that speak of silence, once a window."""
        window = watermark // self.watch.every
        if window > self._ticked:
            self._ticked = window
            for name, monitor in self.monitors.items():
                if monitor.detector.ticks:
                    monitor.grow(len(self.meter.index))
                    yield from ((self.detectors[name], signal) for signal in monitor.tick(watermark))

    def state(self) -> Arrays:
        """Return all that is remembered, under prefixed names."""
        parts: dict[str, Mapping[str, NDArray[Any]]] = {"meter": self.meter.state()}
        for name, monitor in self.monitors.items():
            parts[f"monitor:{name}"] = {**monitor.state(), "model": self._models[name]}
        arrays = {f"{part}/{key}": array for part, state in parts.items() for key, array in state.items()}
        return arrays | {"ticked": np.array([self._ticked]), "watch": self._watch}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a state over. What is watched otherwise, or a detector that is new since then, starts afresh."""
        if not np.array_equal(arrays.get("watch", ()), self._watch):
            return
        self.meter.load(within(arrays, "meter"))
        for name, monitor in self.monitors.items():
            state = within(arrays, f"monitor:{name}")
            if np.array_equal(state.pop("model", ()), self._models[name]):
                monitor.load(state)
        self._ticked = float(arrays["ticked"][0])


class Scorer:
    """Every station of one partition."""

    def __init__(self, detectors: Mapping[str, DetectorConfig], *, lateness: float, owner: Owner) -> None:
        self._owner = owner
        self.stations = [Station(name, group[0].watch, group, lateness) for name, group in _by_watch(detectors).items()]
        self._by_event: dict[str, list[Station]] = {}
        for station in self.stations:
            self._by_event.setdefault(station.watch.event, []).append(station)
        self._by_detector = {name: station for station in self.stations for name in station.detectors}

    @property
    def fields(self) -> dict[str, dict[str, Kind]]:
        """Which fields of which event types the stations need."""
        needed: dict[str, dict[str, Kind]] = {}
        for station in self.stations:
            needed.setdefault(station.watch.event, {}).update(station.meter.fields)
        return needed

    def add(self, columns: Columns, floor: NDArray[np.float64]) -> tuple[list[Finding], list[Late]]:
        """Take events of one type; `floor` is the watermark before each of them."""
        findings: list[Finding] = []
        left_out: list[Late] = []
        for station in self._by_event.get(columns.type, ()):
            added = station.meter.add(columns, floor, self._owner)
            findings += self._findings(station, station.observe(added.observations))
            left_out += added.left_out
        return findings, left_out

    def advance(self, watermark: float) -> list[Finding]:
        """Close the windows that end at or before `watermark`, and ask for what did not come."""
        findings: list[Finding] = []
        for station in self.stations:
            findings += self._findings(station, station.observe(station.meter.advance(watermark)))
            findings += self._findings(station, station.tick(watermark))
        return findings

    def adjust(self, detector: str, series: str, verdict: str) -> bool:
        """Let a verdict move the threshold of one series; False if there is no such detector or series."""
        station = self._by_detector.get(detector)
        number = station.meter.index.find(series) if station else -1
        if station is None or number < 0:
            return False
        station.monitors[detector].grow(len(station.meter.index))
        station.monitors[detector].judge(number, verdict)
        return True

    def series(self) -> int:
        """Return how many series are known."""
        return sum(len(station.meter.index) for station in self.stations)

    def state(self) -> Arrays:
        """Return all that is remembered."""
        return {f"{station.name}/{key}": array for station in self.stations for key, array in station.state().items()}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a state over. A watch that is new since then starts afresh."""
        for station in self.stations:
            if state := within(arrays, station.name):
                station.load(state)

    def _findings(self, station: Station, signals: Iterable[tuple[DetectorConfig, Signal]]) -> Iterator[Finding]:
        for config, signal in signals:
            key = station.meter.index.key(signal.series)
            subject = subject_of(key)
            yield Finding(
                signal=signal,
                series=key,
                subject=subject,
                account=self._owner(subject),
                severity=severity(config, signal),
                points=tuple(station.meter.points(signal.series)),
            )


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


def within(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    """Return the arrays whose names start with `prefix` and a slash, without it."""
    head = f"{prefix}/"
    return {name.removeprefix(head): array for name, array in arrays.items() if name.startswith(head)}


def _monitor(config: DetectorConfig) -> Monitor:
    rule = RaiseRule(
        score=config.raise_.score,
        hits=config.raise_.for_.hits,
        of=config.raise_.for_.of,
        clear=float(config.raise_.clear),
    )
    detector = copy.deepcopy(config.model)
    monitor = Monitor(config.name, detector, rule, grace=float(config.grace), min_samples=config.min_samples)
    monitor.prepare(float(config.watch.every))
    return monitor


def _signature(detector: Detector) -> str:
    """Return what a detector was built with: under another kind or other settings a state means something else."""
    plain = {
        name: value for name, value in vars(detector).items() if isinstance(value, int | float | str | list | tuple)
    }
    return f"{detector.kind} {sorted(plain.items())!r}"


def _text(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)


def _by_watch(detectors: Mapping[str, DetectorConfig]) -> dict[str, list[DetectorConfig]]:
    """Group detectors that watch the same thing, under the name of the first by alphabet."""
    groups: dict[str, list[DetectorConfig]] = {}
    names: dict[str, str] = {}
    for name in sorted(detectors):
        config = detectors[name]
        first = names.setdefault(_identity(config.watch), name)
        groups.setdefault(first, []).append(config)
    return groups


def _identity(watch: Watch) -> str:
    parts = (
        watch.event, watch.by, watch.measure.kind, watch.measure.of and watch.measure.of.text, watch.measure.q,
        float(watch.every), watch.where and watch.where.text,
        [(name, each.text) for name, each in watch.compute.items()], watch.min_events, watch.missing,
    )  # fmt: skip
    return repr(parts)
