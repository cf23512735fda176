"""From a `*.test.yaml` to its tests: the format is told in `engine.config.tests`."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from detectors.durations import Duration
from engine.config import convert
from engine.config.model import SEVERITIES, Place
from engine.config.problems import Problem, Problems
from engine.config.reader import BROKEN, Reader, plain
from engine.config.special import SPECIAL
from engine.config.tests import At, Choice, Consent, Data, Entity, Expr, Noise, Offset, PlaybookTest, Repeat, Time
from engine.config.yamlsource import Items, Node, Scalar, Table, read_file, resolve
from engine.expressions import Expression, Kind

ENDING = ".test.yaml"
MOST = 1_000_000
"""So many events one entry may make."""


def load_tests(folder: Path) -> tuple[list[PlaybookTest], list[Problem]]:
    """Read every `*.test.yaml` under the configuration `folder`; those with a problem are left out."""
    tests: list[PlaybookTest] = []
    problems = Problems()
    for path in sorted(folder.glob(f"*/*{ENDING}")):
        tests += read_tests(path, path.relative_to(folder).as_posix(), problems)
    return tests, problems.sorted()


def read_tests(path: Path, name: str, problems: Problems) -> list[PlaybookTest]:
    """Return the tests of one file, called `name` in problems."""
    tests: list[PlaybookTest] = []
    for node in read_file(path, name, problems):
        own = Problems()
        test = Reader(own, _SPECIAL).record(PlaybookTest, node)
        if isinstance(test, PlaybookTest):
            _check(test, own)
        problems.found.extend(own.found)
        if isinstance(test, PlaybookTest) and not own.found:
            tests.append(test)
    return tests


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _check(test: PlaybookTest, problems: Problems) -> None:
    for issue in test.expect.issues or ():
        if issue.severity and issue.severity not in SEVERITIES:
            problems.unknown(issue.place, "severity", issue.severity, SEVERITIES)
    for given in test.given:
        if isinstance(given, Entity) and given.zone and given.zone not in _zones():
            problems.unknown(test.place, "zone", given.zone, _zones())
    for happening in test.events:
        if happening.repeat is not None:
            _check_repeat(happening.repeat, happening.place, problems)


def _check_repeat(repeat: Repeat, place: Place, problems: Problems) -> None:
    if (repeat.for_ is None) == (repeat.times is None):
        problems.error(place, "repeat needs for or times, and not both", "write {every: 1m, for: 2d}")
    elif repeat.every <= 0 or not 1 <= repeat.count <= MOST:
        problems.error(place, "this repetition makes no event, or too many", f"1 to {MOST} are possible")


def _at(reader: Reader, node: Node) -> Any:
    return reader.convert(_moment, node)


def _start(reader: Reader, node: Node) -> Any:
    return reader.convert(lambda scalar: _absolute(convert.text(scalar)), node)


def _moment(scalar: Scalar) -> At:
    text = scalar.text
    if text.startswith(("+", "-")):
        return Offset(float(Duration(text[1:])) * (-1 if text[0] == "-" else 1))
    return _absolute(text)


def _absolute(text: str) -> Time:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f'"{text}" is no time: write 2025-03-03T08:00:00Z, or +90m from the start') from None
    if moment.tzinfo is None:
        raise ValueError(f'"{text}" has no zone: write {text}Z for UTC')
    return Time(moment.timestamp())


def _given(reader: Reader, node: Node) -> Any:
    consent = isinstance(node, Table) and node.get("consent") is not None
    return reader.record(Consent if consent else Entity, node)


def _data(reader: Reader, node: Node) -> Any:
    table = reader.table(node, [])
    if table is None:
        return BROKEN
    values = {entry.key: _value(reader, entry.value) for entry in table.entries}
    return BROKEN if any(value is BROKEN for value in values.values()) else Data(values)


def _value(reader: Reader, node: Node) -> Any:
    if not isinstance(node, Table) or len(node.entries) != 1:
        return plain(node)
    entry = node.entries[0]
    read = _GENERATORS.get(entry.key)
    return read(reader, entry.value) if read else plain(node)


def _expr(reader: Reader, node: Node) -> Any:
    expression = _formula(reader, node)
    return expression if expression is BROKEN else Expr(expression)


def _formula(reader: Reader, node: Node) -> Any:
    expression = reader.read(Expression, node)
    if expression is BROKEN:
        return BROKEN
    for name, kind in expression.fields.items():
        if name not in {"i", "time"} or kind.meet(Kind.NUMBER) is None:
            reader.problems.error(node.place, f'nothing is called "{name}" here', "there are the numbers i and time")
            return BROKEN
    return expression


def _noise(reader: Reader, node: Node) -> Any:
    if not isinstance(node, Items) or len(node.items) != 2:
        reader.problems.error(node.place, "noise is two numbers", "write {noise: [MEAN, DEVIATION]}")
        return BROKEN
    mean, deviation = (_formula(reader, each) for each in node.items)
    return BROKEN if mean is BROKEN or deviation is BROKEN else Noise(mean, deviation)


def _choose(reader: Reader, node: Node) -> Any:
    weights = reader.read(Mapping[str, float], node)
    if weights is BROKEN:
        return BROKEN
    if not weights or min(weights.values()) < 0 or sum(weights.values()) <= 0:
        reader.problems.error(node.place, "choose needs values with weights", "write {choose: {ok: 9, failed: 1}}")
        return BROKEN
    return Choice(tuple(resolve(key) for key in weights), tuple(weights.values()))


_GENERATORS = {"expr": _expr, "noise": _noise, "choose": _choose}
_SPECIAL = {**SPECIAL, At: _at, Time: _start, Entity | Consent: _given, Data: _data}
