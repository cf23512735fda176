"""A watch over events: closed windows of a measure, for series that leave memory when they have gone quiet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from detectors.across import AcrossPartitions, Part, Whole
from detectors.base import Detector, Ints, Observations
from detectors.grouped import GroupedDetector
from engine.cold import Away
from engine.columnar.columns import Columns
from engine.columnar.index import SeriesIndex
from engine.config.model import DetectorConfig, Watch
from engine.events import EVERYONE
from engine.expressions import Kind
from engine.measures.meter import Late, Meter
from engine.scoring.groups import Cohorts, Groups, Prefixes
from engine.scoring.quiet import MOST, Quiet, unpacked
from engine.scoring.station import Raised, Station, Subjects, Surroundings, identity, within


class MeterStation(Station):
    """A watch over events: closed windows of a measure."""

    def __init__(
        self, name: str, watch: Watch, detectors: Iterable[DetectorConfig], around: Surroundings, lateness: float
    ) -> None:
        super().__init__(name, watch, detectors, around)
        self.meter = Meter(watch, lateness=lateness)
        self.meter.welcome = self._welcome
        movable = all(monitor.movable for monitor in self.monitors.values())
        self._quiet = Quiet(identity(watch), around.idle) if movable and around.idle is not None else None
        self._owner = around.subjects.owner
        grouped = {name: _groups(config.model, around.subjects) for name, config in self.detectors.items()}
        self._groups = {name: groups for name, groups in grouped.items() if groups is not None}

    @property
    def index(self) -> SeriesIndex:
        """The meter's."""
        return self.meter.index

    @property
    def fields(self) -> Mapping[str, Kind]:
        """The fields of `data` that are needed."""
        return self.meter.fields

    def add(self, columns: Columns, floor: NDArray[np.float64]) -> tuple[Raised, list[Late]]:
        """Take events; `floor` is the watermark before each of them."""
        added = self.meter.add(columns, floor, self._owner)
        for monitor in self.monitors.values():
            monitor.grow(len(self.index))
        return self.observe(added.observations), added.left_out

    def advance(self, watermark: float) -> Raised:
        """Close the windows that end at or before `watermark`, and ask for what did not come."""
        for observations in self.meter.closing(watermark):
            yield from self.observe(observations)
        yield from self.tick(watermark)

    def observe(self, observations: Observations) -> Raised:
        """Feed closed windows to every detector."""
        if not len(observations.series):
            return
        for name in self.monitors:
            groups = self._groups.get(name)
            if groups is not None:
                groups.extend(self.index)
                observations = observations._replace(group=groups.of(observations.series))
            yield from self._feed(observations, [name])

    def parts(self) -> Iterator[tuple[str, list[tuple[str, Part]]]]:
        """Yield, of each detector that compares members of cohorts, what this partition knows of them."""
        for name, groups in self._groups.items():
            detector = self.monitors[name].detector
            if isinstance(detector, AcrossPartitions):
                known = enumerate(detector.parts())
                yield name, [(groups.index.key(number), part) for number, part in known if part is not None]

    def hear(self, detector: str, wholes: Iterable[tuple[str, Whole]]) -> None:
        """Let a detector take over where cohorts were as a whole; of those without a member here nothing is kept."""
        model = self.monitors[detector].detector
        if detector not in self._groups or not isinstance(model, AcrossPartitions):
            return
        for key, whole in wholes:
            if (number := self._groups[detector].index.find(key)) >= 0:
                model.hear(number, whole)

    def rest(self, watermark: float) -> None:
        """Let series that have gone quiet leave memory, if it is time; called when all that was raised is told."""
        if self._quiet is None or (horizon := self._quiet.horizon(watermark)) is None:
            return
        series = self.meter.quiet(horizon)
        for monitor in self.monitors.values():
            monitor.grow(len(self.index))
            series = series[monitor.settled(series)]
        leaving = series[:MOST]
        if len(leaving) and not self._leave(self._quiet, leaving):
            return
        if len(leaving) == len(series):
            self._quiet.done(watermark)

    def _leave(self, quiet: Quiet, series: Ints) -> bool:
        keys = [self.index.key(number) for number in series.tolist()]
        if not quiet.leave(keys, self.index.hashes(series), self._rows(series)):
            return False
        for monitor in self.monitors.values():
            monitor.reset(series)
        for groups in self._groups.values():
            groups.forget(series)
        self._members.forget(series)
        self.meter.remove(series)
        return True

    def erase(self, subject: str, watermark: float) -> None:
        """Forget all series of `subject`, the groups that are of it alone, and their names."""
        super().erase(subject, watermark)
        for name, groups in self._groups.items():
            gone, detector = groups.erase(subject), self.monitors[name].detector
            if isinstance(detector, GroupedDetector):
                detector.disband(gone)

    def _forget(self, series: Ints, watermark: float) -> None:
        for groups in self._groups.values():
            groups.forget(series)
        self.meter.drop(series)

    def _rows(self, series: Ints) -> dict[str, NDArray[Any]]:
        """Return all that is known of quiet series; what a detector was built with is part of the names."""
        rows: dict[str, NDArray[Any]] = {"meter": self.meter.rows(series)}
        for name, monitor in self.monitors.items():
            rows |= {f"{self._head(name)}/{part}": array for part, array in monitor.rows(series).items()}
        return rows

    def _head(self, name: str) -> str:
        return f"{name} {crc32(self._models[name].tobytes()):08x}"

    def _welcome(self, fresh: Ints) -> None:
        """Let series come back that were away, before anything is counted of them."""
        for groups in self._groups.values():
            groups.again(fresh, self.index)
        if self._quiet is None:
            return
        maybe = fresh[self._quiet.maybe(self.index.hashes(fresh))]
        keys = [self.index.key(number) for number in maybe.tolist()]
        layouts: dict[str, list[tuple[int, str, Away]]] = {}
        for number, key, away in zip(maybe.tolist(), keys, self._quiet.back(keys), strict=True):
            if away is not None:
                layouts.setdefault(away.layout, []).append((number, key, away))
        for found in layouts.values():
            self._come_back(self._quiet, found)

    def _come_back(self, quiet: Quiet, found: Sequence[tuple[int, str, Away]]) -> None:
        """Put back series that left with one layout."""
        series = np.array([number for number, _, _ in found], np.int32)
        rows = unpacked([away for _, _, away in found], self._rows(series[:0]))
        self.meter.put(series, rows["meter"])
        for name, monitor in self.monitors.items():
            monitor.grow(len(self.index))
            own = within(rows, self._head(name))
            if own.keys() | {"monitor.ages"} >= monitor.rows(series[:0]).keys():
                monitor.put(series, own)  # else it is another detector now, which has never seen any of them
        for number, key, away in found:
            for name in quiet.to_relearn(away, [EVERYONE, *self._members.chain(key)]):
                self.monitors[name].relearn(np.array([number], np.int32))

    def _number(self, series: str) -> int:
        number = self.index.find(series)
        if number < 0 and self._quiet is not None and self._quiet.has(series):
            return self.meter.number(series)
        return number

    def points(self, series: int) -> Sequence[tuple[float, float]]:
        """Return the last closed windows."""
        return self.meter.points(series)

    def renew(self, subject: str) -> None:
        """Find anew the cohorts of what `subject` is or has."""
        super().renew(subject)
        for groups in self._groups.values():
            groups.renew(subject, self.index)

    def _parts(self) -> Mapping[str, Mapping[str, NDArray[Any]]]:
        groups = {f"groups:{name}": groups.state() for name, groups in self._groups.items()}
        return {"meter": self.meter.state(), **groups}

    def _parts_of(self, series: Ints) -> Mapping[str, Mapping[str, NDArray[Any]]]:
        for groups in self._groups.values():
            groups.extend(self.index)
        parts = {f"groups:{name}": groups.only(series) for name, groups in self._groups.items()}
        return {"meter": self.meter.only(series), **parts}

    def _load_parts(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.meter.load(within(arrays, "meter"))
        for name, groups in self._groups.items():
            if state := within(arrays, f"groups:{name}"):
                groups.load(state, self.index)


def _groups(detector: Detector, subjects: Subjects) -> Groups | None:
    match detector.grouping:
        case "cohort":
            return Cohorts(list(detector.attributes), subjects.describe, subjects.owner)
        case "prefix":
            return Prefixes()
    return None
