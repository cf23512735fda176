"""A recording through `kind: risk` alone: its events become rows as the engine makes them, with ticks on a grid."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from detectors.base import Floats, Ints, Observations
from detectors.durations import Duration
from detectors.risk import Risk
from tests.fleets.recording import Recording

BATCH = 4096
Line = tuple[int, float, float, int]
"""Series, time, value, channel."""


@dataclass(frozen=True)
class Told:
    """What the detector said at every tick."""

    subjects: list[str]
    series: Ints
    time: Floats
    probability: Floats
    score: Floats
    seconds: float
    """Processor time of the detector, fits included."""


class Feed:
    """Numbers subjects, tells the detector who they are, and gives it rows in batches."""

    def __init__(self, recording: Recording, detector: Risk) -> None:
        self._recording, self._detector = recording, detector
        self._numbers: dict[str, int] = {}
        self._rows: list[Line] = []
        self._told: list[tuple[Observations, Floats, Floats]] = []
        self._seconds = 0.0

    def run(self) -> Told:
        """Take all events in."""
        grid = self._grid()
        due = next(grid)
        for event in self._events():
            while event[0] > due:
                self._tick(due, range(len(self._numbers)))
                due = next(grid)
            self._take(*event)
        while due <= self._recording.end:
            self._tick(due, range(len(self._numbers)))
            due = next(grid)
        self._flush()
        return self._all()

    def _events(self) -> Iterator[tuple[float, str, str, Mapping[str, Any]]]:
        for line in self._recording.lines():
            event = json.loads(line)
            at = datetime.fromisoformat(event["time"]).timestamp()
            yield at, event["type"], event["subject"], event["data"]

    def _grid(self) -> Iterator[float]:
        """Yield multiples of `every` from the first event on, as the engine does."""
        every = self._recording.every
        at = (np.floor(self._recording.happened[0].time / every) + 1.0) * every if every else np.inf
        while True:
            yield float(at)
            at += every

    def _number(self, subject: str) -> int:
        if subject not in self._numbers:
            self._numbers[subject] = len(self._numbers)
        return self._numbers[subject]

    def _take(self, at: float, type_: str, subject: str, data: Mapping[str, Any]) -> None:
        series = 0 if type_ == "forewarn.change" else self._number(subject)
        if type_ == "forewarn.entity":
            self._flush()
            self._detector.describe(series, data["attributes"])
        elif type_ == "forewarn.change":
            self._add(0, at, float(data["what"] == "labels-missing"), "labels")
        elif type_ == "forewarn.outcome":
            self._add(series, at, 1.0, "outcome", data["what"])
        elif type_ == self._recording.scored:
            self._tick(at, [series])
        elif type_ in self._recording.events:
            self._add(series, at, 1.0, "event", type_)
        for name, carrier in self._recording.signals.items():
            if carrier == type_:
                self._add(series, at, float(data[name]), "signal", name)

    def _add(self, series: int, at: float, value: float, role: str, name: str = "") -> None:
        self._rows.append((series, at, value, self._detector.channel(role, name)))
        if len(self._rows) >= BATCH:
            self._flush()

    def _tick(self, at: float, series: Iterable[int]) -> None:
        for number in series:
            self._add(number, at, 0.0, "tick")

    def _flush(self) -> None:
        begun = time.process_time()
        self._detector.grow(len(self._numbers))
        if self._rows:
            batch = Observations.of(*list(zip(*self._rows, strict=True))[:3], channel=[row[3] for row in self._rows])
            scores = self._detector.update(batch)
            self._told.append((batch, scores.extra["probability"], scores.score))
            self._rows.clear()
        self._seconds += time.process_time() - begun

    def _all(self) -> Told:
        ticks = [batch.channel == 0 for batch, _, _ in self._told]
        parts = [
            (batch.series[tick], batch.time[tick], probability[tick], score[tick])
            for (batch, probability, score), tick in zip(self._told, ticks, strict=True)
        ]
        series, at, probability, score = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Told(list(self._numbers), series, at, probability, score, self._seconds)


def detector_for(recording: Recording, **settings: Any) -> Risk:
    """Return a detector that asks the recording's question, all else by default."""
    settings.setdefault("every", Duration(recording.every) if recording.every else None)
    settings.setdefault("attributes", list(recording.attributes))
    detector = Risk(horizon=Duration(recording.horizon), **settings)
    detector.connect(
        {"outcome": [recording.outcome], "event": list(recording.events), "signal": list(recording.signals)}
    )
    return detector
