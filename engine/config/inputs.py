"""What a detector is told: the names of its inputs, and of a learned kind the rows that events become."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.base import Detector, LearnedDetector
from engine.columnar.columns import Columns
from engine.config.model import DetectorConfig, Input, Watch
from engine.expressions import Expression, Kind
from engine.expressions.vectors import generic


@dataclass(frozen=True, slots=True)
class Source:
    """One input: of an `each`, one of its values."""

    name: str
    role: str
    event: str
    outcome: str
    detector: str
    where: Expression | None
    value: Expression | None
    picked: tuple[str, str] | None
    """The field of an `each`, and the value it must have."""

    @property
    def fields(self) -> Mapping[str, Kind]:
        """The fields of `data` that are needed."""
        named = {name: kind for each in (self.where, self.value) if each for name, kind in each.fields.items()}
        beside = {"time", "subject", "type"}
        found = {name: kind for name, kind in named.items() if name not in beside}
        return found | ({self.picked[0]: Kind.ANY} if self.picked else {})

    def rows(self, columns: Columns) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return which events of its type are of this input, and the value of each."""
        table = {**columns.fields, "time": columns.time, "subject": columns.subject}
        kept = np.ones(columns.n, np.bool_)
        if self.where is not None:
            kept &= np.asarray(self.where.evaluate(table, columns.n), np.bool_)
        if self.picked is not None:
            field, wanted = self.picked
            kept &= np.array([_shown(each) == wanted for each in _objects(columns, field)], np.bool_)
        if self.value is None:
            return kept, np.ones(columns.n)
        value = np.asarray(self.value.evaluate(table, columns.n), np.float64)
        return kept & ~np.isnan(value), value


def sources(watch: Watch) -> list[Source]:
    """Return every input of a watch, in the order written.

    >>> watch = Watch(by=("machine",), inputs={"error": Input("machine.error", each={"code": ("e1", "e2")})})
    >>> [source.name for source in sources(watch)]
    ['error e1', 'error e2']
    """
    return [source for name, given in watch.inputs.items() for source in _sources(name, given)]


def built(config: DetectorConfig) -> Detector:
    """Return a detector of its own, which knows its inputs. Raises ValueError if it cannot do with them."""
    detector = copy.deepcopy(config.model)
    if isinstance(detector, LearnedDetector):
        names: dict[str, list[str]] = {}
        for source in sources(config.watch):
            names.setdefault(source.role, []).append(source.name)
        detector.connect(names)
    else:
        detector.introduce(config.watch.names)
    return detector


def _sources(name: str, given: Input) -> Iterator[Source]:
    if not given.each:
        yield _source(name, given, None)
    for field, values in given.each.items():
        for value in values:
            yield _source(f"{name} {value}", given, (field, value))


def _source(name: str, given: Input, picked: tuple[str, str] | None) -> Source:
    return Source(name, given.role, given.event, given.outcome, given.detector, given.where, given.value, picked)


def _objects(columns: Columns, field: str) -> list[object]:
    values = columns.fields.get(field)
    if values is None:
        return [None] * columns.n
    return values.tolist() if not isinstance(values, np.ndarray) else generic(values).tolist()


def _shown(value: object) -> str:
    """Return a value as it is written in YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
