"""Declared changes (`forewarn.change`) that are still felt, and how much a detector's calendars ease it at a time."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, Ints
from engine.calendars import Calendar
from engine.config.model import CalendarConfig, DetectorConfig, Widen
from engine.events import EVERYONE, ChangeEvent

SUSPENDED = np.inf
KEEP = 7 * 86400.0
"""How long after its end a change is remembered: windows close later than they are, and events come late."""


def named(detector: str, globs: Collection[str]) -> bool:
    """Return whether any of `globs` names the detector; none at all name every one.

    >>> named("api-errors", ["api-*"]), named("api-errors", ["web-*"]), named("api-errors", [])
    (True, False, True)
    """
    return not globs or any(fnmatchcase(detector, glob) for glob in globs)


class Declared(msgspec.Struct, frozen=True):
    """A change, as far as it is remembered."""

    subject: str
    what: str
    at: float
    lasts: float | None
    detectors: list[str]

    def concerns(self, detector: str) -> bool:
        """Return whether it is said of `detector`."""
        return named(detector, self.detectors)


class Changes:
    """The changes of one partition, in the order in which they were declared."""

    def __init__(self, calendars: Iterable[CalendarConfig]) -> None:
        self.declared: list[Declared] = []
        self._longest = max((float(calendar.lasts) for calendar in calendars), default=0.0)

    def apply(self, event: ChangeEvent) -> None:
        """Remember a change, and forget those that ended long before it."""
        self.declared = [each for each in self.declared if event.time - each.at < self._felt(each) + KEEP]
        self.declared.append(Declared(event.subject, event.what, event.time, event.lasts, list(event.detectors)))

    def erase(self, subject: str) -> None:
        """Forget what was declared of `subject`."""
        self.declared = [each for each in self.declared if each.subject != subject]

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that is remembered."""
        return {"declared": np.frombuffer(msgspec.json.encode(self.declared), np.uint8)}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take a state over."""
        if state:
            self.declared = msgspec.json.decode(state["declared"].tobytes(), type=list[Declared])

    def _felt(self, change: Declared) -> float:
        return self._longest if change.lasts is None else change.lasts


Members = Callable[[str], Ints]
"""From a subject to the numbers of its series."""


class _Rule(NamedTuple):
    calendar: Calendar
    factor: float


class Easing:
    """By how much less a detector's evidence counts, by its calendars: 1 as usual, infinite while suspended."""

    def __init__(self, config: DetectorConfig, calendars: Mapping[str, CalendarConfig], changes: Changes) -> None:
        self._name, self._step = config.name, float(config.watch.every)
        self._changes = changes
        self._rules = [
            _Rule(Calendar(calendars[name]), ease.widen if isinstance(ease, Widen) else SUSPENDED)
            for name, ease in config.calendars.items()
        ]

    def __call__(self, series: Ints, time: Floats, members: Members) -> Floats | None:
        """Return the factor for each row; None where nothing is eased."""
        factor: Floats | None = None
        for rule in self._rules:
            for mask in self._masks(rule.calendar, series, time, members):
                if mask.any():
                    factor = np.ones(len(time)) if factor is None else factor
                    factor[mask] = np.maximum(factor[mask], rule.factor)
        return factor

    def _masks(self, calendar: Calendar, series: Ints, time: Floats, members: Members) -> Iterator[NDArray[np.bool_]]:
        yield calendar.covers(time, self._step)
        for change in self._felt(calendar.config):
            lasts = float(calendar.config.lasts) if change.lasts is None else change.lasts
            mask = (time + self._step > change.at) & (time < change.at + lasts)
            if change.subject != EVERYONE and mask.any():
                mask &= np.isin(series, members(change.subject))
            yield mask

    def _felt(self, config: CalendarConfig) -> Iterable[Declared]:
        return [each for each in self._changes.declared if each.what in config.changes and each.concerns(self._name)]
