"""What some detectors watch together: where their observations come from, and the monitors that take them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from detectors.base import Detector, Ints, Observations, Signal
from detectors.easing import Ease
from detectors.monitor import Monitor
from detectors.raising import RaiseRule
from engine.columnar.index import SeriesIndex
from engine.config.inputs import built
from engine.config.model import CalendarConfig, DetectorConfig, Input, Watch
from engine.errors import Permanent
from engine.events import EVERYONE, ChangeEvent
from engine.measures.keys import Owner
from engine.scoring.changes import Changes, Easing, named
from engine.scoring.groups import Describe
from engine.scoring.members import Members
from engine.scoring.objectors import Objectors
from engine.scoring.quiet import Idle, Quiet

log = structlog.get_logger()
Arrays = dict[str, NDArray[Any]]
Raised = Iterator[tuple[DetectorConfig, Signal]]
Ours = Callable[[str], bool]
"""From a series' key to whether it stays."""


class Subjects(NamedTuple):
    """What a station may ask of the subjects that its series are of."""

    owner: Owner
    """From a subject to its account."""
    describe: Describe


class Surroundings(NamedTuple):
    """What a station lives in: who its subjects are, and what is known of the times."""

    subjects: Subjects
    changes: Changes
    calendars: Mapping[str, CalendarConfig]
    idle: Idle | None = None
    """When and where series go that are quiet; None: they stay."""
    objectors: Objectors | None = None
    """Who objects to being judged; None: nobody does."""


class Station(ABC):
    """Every detector on one watch, with a monitor each; series are numbered once for all of them."""

    def __init__(self, name: str, watch: Watch, detectors: Iterable[DetectorConfig], around: Surroundings) -> None:
        self.name = name
        self.watch = watch
        self.detectors = {config.name: config for config in detectors}
        self.monitors = {config.name: _monitor(config) for config in self.detectors.values()}
        self._watch = _text(identity(watch))
        self._models = {config.name: _text(_signature(config.model)) for config in self.detectors.values()}
        self._ticked = -1.0
        self._members = Members(around.subjects.owner)
        self._quiet: Quiet | None = None
        self._easings = {
            config.name: Easing(config, around.calendars, around.changes)
            for config in self.detectors.values()
            if config.calendars
        }

    @property
    @abstractmethod
    def index(self) -> SeriesIndex:
        """The numbers of the series."""

    def points(self, series: int) -> Sequence[tuple[float, float]]:
        """Return the last observations of a series (epoch seconds, value), oldest first."""
        return ()

    def tick(self, watermark: float) -> Raised:
        """Ask those that speak of silence, once a window."""
        window = watermark // self.watch.every
        if window > self._ticked:
            self._ticked = window
            for name, monitor in self.monitors.items():
                if monitor.detector.ticks:
                    monitor.grow(len(self.index))
                    signals = monitor.tick(watermark, self._ease(name))
                    yield from ((self.detectors[name], signal) for signal in signals)

    def judge(self, detector: str, series: str, verdict: str) -> bool:
        """Let a verdict move the threshold of one series; False if there is no such series."""
        number = self._number(series)
        if number < 0:
            return False
        self.monitors[detector].grow(len(self.index))
        self.monitors[detector].judge(number, verdict)
        return True

    def renew(self, subject: str) -> None:
        """Take note that more is known of `subject`."""
        self._members.renew(subject, self.index)

    def relearn(self, change: ChangeEvent) -> None:
        """Learn anew what a declared change has made worthless."""
        for name, monitor in self.monitors.items():
            asked = change.reset or change.what in self.detectors[name].reset_on
            if asked and named(name, change.detectors):
                monitor.relearn(self._series_of(change.subject))
                if self._quiet is not None:
                    self._quiet.relearn(name, change.subject)

    def erase(self, subject: str, watermark: float) -> None:
        """Forget all series of `subject`, and their names."""
        series = self._series_of(subject)
        for monitor in self.monitors.values():
            monitor.grow(len(self.index))
            monitor.reset(series)
        self._members.forget(series)
        self._forget(series, watermark)
        if self._quiet is not None:
            self._quiet.erase(subject)

    @abstractmethod
    def _forget(self, series: Ints, watermark: float) -> None:
        """Forget what is remembered of series beside the monitors; their numbers are given to others."""

    def model(self, detector: str) -> Arrays:
        """Return what `detector` has learned, with the keys of the series it is of."""
        monitor = self.monitors[detector]
        monitor.grow(len(self.index))
        keys = {f"index/{name}": array for name, array in self.index.state().items()}
        learned = {f"detector/{name}": array for name, array in monitor.detector.state().items()}
        return {**keys, **learned, "watch": self._watch, "model": self._models[detector]}

    def take_back(self, detector: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Let `detector` know what it knew when `model` returned `arrays`; what is raised, and verdicts, stay.

        Series that are new since then, or were away, are as never seen; those that are away now have not changed.
        Raises Permanent if the detector is another one by now, or had its rows in another form in an earlier version.
        """
        same = np.array_equal(arrays["watch"], self._watch) and np.array_equal(arrays["model"], self._models[detector])
        if not same:
            raise Permanent(
                f"{detector} watches or judges otherwise than then",
                remedy="put back the detector's file as it was, or choose a later version",
            )
        self.monitors[detector].grow(len(self.index))
        now = self.index.among(within(arrays, "index"))
        try:
            self.monitors[detector].take_back(within(arrays, "detector"), now)
        except ValueError as error:
            raise Permanent(f"what {detector} knew then: {error}", remedy="choose a later version") from error

    def state(self) -> Arrays:
        """Return all that is remembered, under prefixed names."""
        parts = dict(self._parts())
        for name, monitor in self.monitors.items():
            parts[f"monitor:{name}"] = {**monitor.state(), "model": self._models[name]}
        if self._quiet is not None:
            parts["quiet"] = self._quiet.state()
        return flat(parts) | {"ticked": np.array([self._ticked]), "watch": self._watch}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a state over. What is watched otherwise, or a detector that is new since then, starts afresh.

        So does one that judges otherwise, or kept its rows in another form in the version that wrote them; it is said.
        """
        if not np.array_equal(arrays.get("watch", ()), self._watch):
            return
        self._load_parts(arrays)
        for name in self.monitors:
            if state := within(arrays, f"monitor:{name}"):
                self._take_over(name, state)
        if self._quiet is not None:
            self._quiet.load(within(arrays, "quiet"))
        self._ticked = float(arrays["ticked"][0])

    def _take_over(self, detector: str, state: Arrays) -> None:
        if not np.array_equal(state.pop("model", ()), self._models[detector]):
            log.warning("a detector starts afresh", detector=detector, cause="it judges otherwise than then")
            return
        try:
            self.monitors[detector].load(state)
        except ValueError as error:
            log.warning("a detector starts afresh", detector=detector, cause=str(error))
            self.monitors[detector] = _monitor(self.detectors[detector])

    def only(self, ours: Ours) -> Arrays:
        """Return what `state` would if the others' series had never been here: `ours` tells them by their keys."""
        series = np.array([each for each in self.index.numbers().tolist() if ours(self.index.key(each))], np.int32)
        parts = dict(self._parts_of(series))
        for name, monitor in self.monitors.items():
            monitor.grow(len(self.index))
            parts[f"monitor:{name}"] = {**monitor.only(series), "model": self._models[name]}
        return {**self.state(), **flat(parts)}

    def _number(self, series: str) -> int:
        """Return the number of a series by its key, −1 if there is none."""
        return self.index.find(series)

    @abstractmethod
    def _parts(self) -> Mapping[str, Mapping[str, NDArray[Any]]]:
        """Return what is remembered beside the monitors."""

    @abstractmethod
    def _parts_of(self, series: Ints) -> Mapping[str, Mapping[str, NDArray[Any]]]:
        """Return of `_parts` what is another one when there are only these series, numbered from 0 in this order."""

    @abstractmethod
    def _load_parts(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `_parts` returned, found by `within`."""

    def _feed(self, observations: Observations, names: Iterable[str]) -> Raised:
        """Let some of the monitors see a batch."""
        for name in names:
            monitor = self.monitors[name]
            monitor.grow(len(self.index))
            signals = monitor.observe(observations, self._ease(name))
            yield from ((self.detectors[name], signal) for signal in signals)

    def _ease(self, name: str) -> Ease | None:
        easing = self._easings.get(name)
        return None if easing is None else partial(easing, members=self._series_of)

    def _series_of(self, subject: str) -> Ints:
        """Return the series of a subject, or all."""
        if subject == EVERYONE:
            return self.index.numbers()
        return np.array(self._members.of(subject, self.index), np.int32)


def flat(parts: Mapping[str, Mapping[str, NDArray[Any]]]) -> Arrays:
    """Return the arrays of all parts, each under its part's name and a slash; `within` takes them apart."""
    return {f"{part}/{key}": array for part, state in parts.items() for key, array in state.items()}


def within(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    """Return the arrays whose names start with `prefix` and a slash, without it."""
    head = f"{prefix}/"
    return {name.removeprefix(head): array for name, array in arrays.items() if name.startswith(head)}


def identity(watch: Watch) -> str:
    """Return what a watch is: two with the same see the same."""
    parts = (
        watch.events, watch.by, watch.measure.kind, watch.measure.of and watch.measure.of.text, watch.measure.q,
        float(watch.every), watch.where and watch.where.text,
        [(name, each.text) for name, each in watch.compute.items()], watch.min_events, watch.missing, watch.signals,
        watch.score_on, [(name, _input_text(each)) for name, each in watch.inputs.items()],
    )  # fmt: skip
    return repr(parts)


def _input_text(given: Input) -> str:
    texts = [each.text if each else "" for each in (given.where, given.value)]
    return repr((given.event, given.outcome, given.detector, *texts, sorted(given.each.items())))


def _monitor(config: DetectorConfig) -> Monitor:
    rule = RaiseRule(
        score=config.raise_.score,
        hits=config.raise_.for_.hits,
        of=config.raise_.for_.of,
        clear=float(config.raise_.clear),
    )
    detector = built(config)
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
