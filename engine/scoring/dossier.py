"""All that is told of a subject, for kinds that learn from everything: events, numbers, scores, outcomes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Growing
from detectors.base import Floats, Ints, LearnedDetector, Observations
from detectors.learned.standing import Standing
from engine.columnar.columns import Columns
from engine.columnar.index import SeriesIndex
from engine.columnar.texts import Texts
from engine.config.inputs import Source, sources
from engine.config.model import DetectorConfig, Watch
from engine.events import ChangeEvent, ContactEvent, EntityEvent, OutcomeEvent, Telemetry
from engine.expressions import Kind
from engine.issues.findings import Finding
from engine.measures.keys import Keys
from engine.measures.meter import Late
from engine.scoring.objectors import Objectors
from engine.scoring.station import Arrays, Ours, Raised, Station, Surroundings, within
from engine.scoring.waiting import ROW, Waiting, after

CONTACT = "forewarn.contact"
LABELS_MISSING, LABELS_BACK = "labels-missing", "labels-back"
"""Declared changes: outcomes are not reported from now on; they are again."""
_FIRST, _LAST = -1, np.iinfo(np.int64).max
"""What findings, and ticks, have in place of a position in the log."""


class Dossier(Station):
    """Keeps what is told until the watermark has passed it, then tells it to the models in order of time.

    Every so often (`every` of the model), or when an event of type `score_on` comes, a subject is scored, after all
    that came up to that moment. So what is scored and learned does not depend on how the log is cut into batches.
    """

    def __init__(self, name: str, watch: Watch, detectors: Iterable[DetectorConfig], around: Surroundings) -> None:
        super().__init__(name, watch, detectors, around)
        self._subjects = around.subjects
        self._objectors = around.objectors or Objectors()
        self._keys = Keys(watch.by)
        self._sources = sources(watch)
        self._index = SeriesIndex()
        self._waiting = Waiting()
        self._order = 0
        self._since = Growing(np.float64)
        self._labels, self._tick = len(self._sources), len(self._sources) + 1
        self._every = min(float(self._model(each).every) for each in self.monitors)
        self._scored_until = -np.inf

    @property
    def index(self) -> SeriesIndex:
        """Its own: of subjects."""
        return self._index

    @property
    def fields(self) -> Mapping[str, Mapping[str, Kind]]:
        """The fields of `data` that are needed, by event type."""
        needed: dict[str, dict[str, Kind]] = {}
        for source in self._sources:
            if source.event and not source.event.startswith("forewarn."):
                needed.setdefault(source.event, dict(self._keys.fields)).update(source.fields)
        if self.watch.score_on:
            needed.setdefault(self.watch.score_on, {}).update(self._keys.fields)
        return needed

    # -- what is told -------------------------------------------------------------------------------------------------

    def add(self, run: Telemetry, floor: Floats) -> list[Late]:
        """Take events; `floor` is the watermark before each of them."""
        late: list[Late] = []
        wanted = self.fields
        for columns, rows in run.parts():
            if columns.type in wanted:
                late += self._take(columns, np.arange(len(run.time))[rows], floor[rows])
        self._order += len(run.time)
        return late

    def _take(self, columns: Columns, places: NDArray[np.intp], floor: Floats) -> list[Late]:
        keys, unkeyed = self._keys.of(columns, self._subjects.owner)
        late = columns.time < floor
        good = ~(unkeyed | late)
        series = np.full(columns.n, -1, np.int32)
        series[good] = self._numbers(keys if good.all() else _only(keys, good))
        np.minimum.at(self._since.array, series[good], columns.time[good])
        for number, source in self._from(columns.type):
            kept, value = source.rows(columns)
            kept &= good
            self._waiting.add(columns.time[kept], self._order + places[kept], series[kept], number, value[kept])
        if columns.type == self.watch.score_on:
            at = columns.time[good]
            self._waiting.add(at, self._order + places[good], series[good], self._tick, np.zeros(len(at)))
        return _left_out(columns, late, unkeyed)

    def outcome(self, event: OutcomeEvent | ContactEvent, watermark: float) -> None:
        """Take note of what was to be foretold, or of a customer who reached us; it may be told late."""
        what = event.what if isinstance(event, OutcomeEvent) else "contact"
        for number, source in enumerate(self._sources):
            told = source.outcome == what or (source.event == CONTACT and isinstance(event, ContactEvent))
            if told and (key := self._key_of(event.subject)):
                self._append((event.time, watermark), self._known(key, event.time, watermark), number, 1.0)

    def hear(self, findings: Iterable[Finding]) -> None:
        """Take note of what other detectors make of a subject."""
        for finding in findings:
            for number, source in enumerate(self._sources):
                if source.detector == finding.signal.detector and (key := self._key_of(finding.subject)):
                    value = 0.0 if finding.signal.state == "cleared" else finding.signal.score
                    at, series = np.array([finding.until]), np.array([self._known(key, finding.until, -np.inf)])
                    self._waiting.add(at, np.array([_FIRST]), series, number, np.array([value]))

    def declare(self, change: ChangeEvent, watermark: float) -> None:
        """Take note that outcomes are not reported, or are again."""
        if change.what in (LABELS_MISSING, LABELS_BACK) and len(self._index):
            self._append((change.time, watermark), 0, self._labels, float(change.what == LABELS_MISSING))
            if change.what == LABELS_MISSING and change.lasts is not None:
                self._append((change.time + change.lasts, watermark), 0, self._labels, 0.0)

    def know(self, event: EntityEvent, watermark: float) -> None:
        """Take note of who someone is: a subject exists from then on, and has these attributes."""
        self.renew(event.subject)
        if self._key_of(event.subject) == event.subject and not event.deleted:
            self._known(event.subject, event.time, watermark)
        for number in self._members.of(event.subject, self._index):
            self._describe(number)

    def object(self, subject: str) -> None:
        """Forget who objects to being judged, and judge them no more."""
        if (number := self._index.find(subject)) >= 0:
            self._disregard([number])

    def take_back(self, detector: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Let `detector` know what it knew then, but of who has objected since."""
        super().take_back(detector, arrays)
        then = self._index.among(within(arrays, "index"))
        moved = np.flatnonzero(then != np.arange(len(then), dtype=np.int32)).astype(np.int32)
        self._model(detector).erase(moved)  # rows of who was erased since, whatever has the number now
        for number in filter(self._index.has, moved.tolist()):
            self._describe(number)
        self._forget_objectors()

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a state over; a detector that is new since then is told who objected."""
        super().load(arrays)
        self._forget_objectors()

    def standing(self, detector: str) -> Standing | None:
        """Return how good its predictions were, and its state; None if the kind does not tell."""
        return self._model(detector).standing()

    # -- what is made of it -------------------------------------------------------------------------------------------

    def advance(self, watermark: float) -> Raised:
        """Tell the models all that happened up to `watermark`, and let them score.

        The value of a signal is the probability, where the kind tells one.
        """
        for rows in self._with_ticks(self._waiting.due(watermark), watermark):
            batch = Observations.of(rows["series"], rows["time"], rows["value"], channel=rows["channel"])
            for name in self.monitors:
                for config, signal in self._feed(self._channelled(name, batch), [name]):
                    yield config, replace(signal, value=signal.extra.get("probability", signal.value))

    def _with_ticks(self, told: NDArray[Any], watermark: float) -> Iterator[NDArray[Any]]:
        """Yield what was told, with the moments at which everyone is scored between."""
        if self.watch.score_on or not (len(told) or np.isfinite(self._scored_until)):
            yield from [told] if len(told) else []
            return
        start = self._scored_until if np.isfinite(self._scored_until) else float(told["due"][0])
        done = 0
        tick = (np.floor(start / self._every) + 1.0) * self._every
        while tick <= watermark:
            upto = int(np.searchsorted(told["due"], tick, side="right"))
            yield np.concatenate([told[done:upto], self._ticks(tick)])
            done, tick = upto, tick + self._every
        self._scored_until = tick - self._every
        if done < len(told):
            yield told[done:]

    def _ticks(self, at: float) -> NDArray[Any]:
        series = np.flatnonzero(self._since.array[: len(self._index)] <= at)
        rows = np.zeros(len(series), ROW)
        rows["due"], rows["time"], rows["order"], rows["channel"] = at, at, _LAST, self._tick
        rows["series"] = series
        return rows

    def _channelled(self, name: str, batch: Observations) -> Observations:
        """Return the batch with channels as a model numbers them."""
        model = self._model(name)
        given = [model.channel(source.role, source.name) for source in self._sources]
        given += [model.channel("labels"), model.channel("tick")]
        assert batch.channel is not None
        return batch._replace(channel=np.array(given, np.int32)[batch.channel])

    def only(self, ours: Ours) -> Arrays:
        """Return the state as that of a partition that goes on with some subjects: it asks about no others any more.

        Subjects keep their numbers, and what was learned from all of them stays. Changes this dossier itself.
        """
        others = [number for number in range(len(self._index)) if not ours(self._index.key(number))]
        self._since.array[others] = np.inf
        waiting = self._waiting.rows()
        of_all = waiting["channel"] == self._labels
        self._waiting.fill(waiting[of_all | ~np.isin(waiting["series"], others)])
        for monitor in self.monitors.values():
            monitor.grow(len(self._index))
            monitor.reset(np.array(others, np.int32))
        return self.state()

    def recount(self) -> None:
        """Count from here on how good the predictions are."""
        for name in self.monitors:
            self._model(name).recount()

    # -- helpers ------------------------------------------------------------------------------------------------------

    def _model(self, name: str) -> LearnedDetector:
        model = self.monitors[name].detector
        assert isinstance(model, LearnedDetector)
        return model

    def _from(self, event: str) -> Iterator[tuple[int, Source]]:
        return ((number, source) for number, source in enumerate(self._sources) if source.event == event)

    def _numbers(self, keys: Texts | Sequence[str]) -> NDArray[np.int32]:
        """Number subjects; those that are new are described to the models."""
        series = self._index.lookup(keys if isinstance(keys, Texts) else list(keys))
        fresh = self._index.fresh
        self._since.reserve(len(self._index))
        self._since.array[fresh] = np.inf
        for number in fresh.tolist():
            self._describe(number)
            if self._index.key(number) in self._objectors:
                self._disregard([number])
        return series

    def _forget_objectors(self) -> None:
        there = self._index.numbers().tolist()
        self._disregard([number for number in there if self._index.key(number) in self._objectors])

    def _forget(self, series: Ints, watermark: float) -> None:
        for name, monitor in self.monitors.items():
            monitor.grow(len(self._index))
            self._model(name).erase(series)
        waiting = self._waiting.rows()
        self._waiting.fill(waiting[~np.isin(waiting["series"], series)])
        self._since.array[series] = np.inf
        self._index.remove(series)

    def _disregard(self, numbers: Sequence[int]) -> None:
        for name, monitor in self.monitors.items():
            monitor.grow(len(self._index))
            self._model(name).forget(np.array(numbers, np.int32))

    def _known(self, key: str, time: float, watermark: float) -> int:
        """Return the number of a subject that exists from `time` on, or from now if that is past."""
        number = int(self._numbers([key])[0])
        self._since.array[number] = min(self._since.array[number], max(time, after(watermark)))
        return number

    def _describe(self, number: int) -> None:
        values: dict[str, Any] = {}
        for each in reversed(self._members.chain(self._index.key(number))):
            values.update(self._subjects.describe(each))
        for name, monitor in self.monitors.items():
            monitor.grow(len(self._index))
            self._model(name).describe(number, values)

    def _key_of(self, subject: str) -> str:
        """Return the subject whose dossier this belongs to: itself, or its account; empty if there is none."""
        by = self.watch.by[0]
        if by == "subject" or subject.startswith(f"{by}/"):
            return subject
        return (self._subjects.owner(subject) or "") if by == "account" else ""

    def _append(self, when: tuple[float, float], series: int, channel: int, value: float) -> None:
        """Let one row wait, of a time and told at a watermark: what is told late is told now, with its own time."""
        time, watermark = when
        self._order += 1
        self._waiting.add_late((time, self._order, series, channel, value), watermark)

    def _parts(self) -> Mapping[str, Mapping[str, NDArray[Any]]]:
        since = self._since.array[: len(self._index)]
        own = {
            "waiting": self._waiting.rows(),
            "since": since,
            "clock": np.array([float(self._order), self._scored_until]),
        }
        return {"index": self._index.state(), "dossier": own}

    def _parts_of(self, series: Ints) -> Mapping[str, Mapping[str, NDArray[Any]]]:
        raise NotImplementedError("subjects are not numbered anew")

    def _load_parts(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        own = within(arrays, "dossier")
        self._index.load(within(arrays, "index"))
        self._since.fill(own["since"])
        self._waiting.fill(own["waiting"])
        self._order, self._scored_until = int(own["clock"][0]), float(own["clock"][1])


def _only(keys: Texts | list[str], good: NDArray[np.bool_]) -> Texts | list[str]:
    return keys[good] if isinstance(keys, Texts) else list(compress(keys, good.tolist()))


def _left_out(columns: Columns, late: NDArray[np.bool_], unkeyed: NDArray[np.bool_]) -> list[Late]:
    return [
        Late(int(columns.line[at]), "unkeyed", f"{columns.subject[at]} belongs to no known account")
        if unkeyed[at]
        else Late(int(columns.line[at]), "late", "what came up to then was told to the model already")
        for at in np.flatnonzero(late | unkeyed).tolist()
    ]
