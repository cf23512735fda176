"""What is written in a way of its own: measures, steps, hours, and the detector behind `model`."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from detectors.base import Detector
from engine.config import convert
from engine.config.model import (
    Clock,
    EscalateStep,
    Hours,
    Measure,
    MessageStep,
    Place,
    Step,
    TicketStep,
)
from engine.config.reader import BROKEN, Handler, Key, Reader, parameters_of
from engine.config.secrets import redacted
from engine.config.yamlsource import Entry, Node, Scalar, Table
from engine.expressions import Expression

STEPS: Mapping[str, type] = {"ticket": TicketStep, "message": MessageStep, "escalate": EscalateStep}
BARE = ("count", "rate", "gap")
"""Measures without an argument."""
MEASURES: tuple[str, ...] = get_args(Measure.__annotations__["kind"])


def measure(reader: Reader, node: Node) -> Any:
    """Read `count`, `{ratio: "status >= 500"}` or `{quantile: latency_ms, q: 0.99}`."""
    if isinstance(node, Scalar):
        return _bare(reader, node)
    table = reader.table(node, [])
    if table is None:
        return BROKEN
    named = [entry for entry in table.entries if entry.key != "q"]
    if len(named) != 1:
        reader.problems.error(node.place, "expected one measure", f"there are {', '.join(MEASURES)}")
        return BROKEN
    return _with_argument(reader, named[0], table)


def _bare(reader: Reader, node: Scalar) -> Any:
    if node.text in BARE:
        return Measure(node.text)  # type: ignore[arg-type]  # BARE is a part of the literal
    if node.text in MEASURES:
        reader.problems.error(node.place, f"{node.text} needs a field", f"write {{{node.text}: FIELD}}")
    else:
        reader.problems.unknown(node.place, "measure", node.text, MEASURES)
    return BROKEN


def _with_argument(reader: Reader, entry: Entry, table: Table) -> Any:
    if entry.key not in MEASURES:
        reader.problems.unknown(entry.place, "measure", entry.key, MEASURES)
        return BROKEN
    if entry.key in BARE:
        reader.problems.error(entry.place, f"{entry.key} takes no argument", f"write measure: {entry.key}")
        return BROKEN
    expression = reader.read(Expression, entry.value)
    q = _quantile(reader, entry.key, table)
    if expression is BROKEN or q is BROKEN:
        return BROKEN
    return Measure(entry.key, expression, q)  # type: ignore[arg-type]  # the key is in MEASURES


def _quantile(reader: Reader, kind: str, table: Table) -> Any:
    node = table.get("q")
    if node is None:
        return Measure.__dataclass_fields__["q"].default
    if kind != "quantile":
        reader.problems.error(node.place, f"{kind} takes no q", "only quantile does")
        return BROKEN
    q = reader.read(float, node)
    if q is not BROKEN and not 0 < q < 1:
        reader.problems.error(node.place, f"q is {q:g}", "it lies between 0 and 1")
        return BROKEN
    return q


def step(reader: Reader, node: Node) -> Any:
    """Read `{message: {…}}`, `{ticket: {…}}` or `{escalate: {…}}`."""
    table = reader.table(node, [Key(name, cls, required=False) for name, cls in STEPS.items()])
    if table is None:
        return BROKEN
    if len(table.entries) != 1:
        reader.problems.error(node.place, "a step has one key", f"it is one of {', '.join(STEPS)}")
        return BROKEN
    entry = table.entries[0]
    if entry.key not in STEPS:
        reader.problems.unknown(entry.place, "step", entry.key, STEPS)
        return BROKEN
    return reader.record(STEPS[entry.key], entry.value)


def hours(reader: Reader, node: Node) -> Any:
    """Read `{from: "08:00", to: "21:00"}`."""
    values = _clocks(reader, node)
    return BROKEN if values is None else Hours(**values)


def _clocks(reader: Reader, node: Node) -> dict[str, int] | None:
    keys = [Key("from_", Clock, required=True), Key("to", Clock, required=True)]
    table = reader.table(node, keys)
    return None if table is None else reader.values(keys, table)


def detector(reader: Reader, node: Node) -> Any:
    """Read `{kind: seasonal, …}`: the constructor of the kind is the schema."""
    from detectors.registry import detector_class, kinds  # noqa: PLC0415 -- loads every kind: only where one is read

    return constructed(reader, node, "kind", kinds(), detector_class)


def constructed(reader: Reader, node: Node, selector: str, known: Sequence[str], find: Callable[[str], type]) -> Any:
    """Return the object that a mapping with `selector` and constructor parameters describes."""
    chosen = choose(reader, node, selector, known, find)
    if chosen is None:
        return BROKEN
    cls, table = chosen
    values = parameters(reader, cls, table, selector)
    return BROKEN if values is None else made(reader, cls, values, table)


def choose(
    reader: Reader, node: Node, selector: str, known: Sequence[str], find: Callable[[str], type]
) -> tuple[type, Table] | None:
    """Return the class that `selector` names, and the mapping."""
    table = reader.table(node, [Key(selector, str, required=True)])
    if table is None:
        return None
    named = table.get(selector)
    if named is None:
        reader.problems.error(table.place, f'"{selector}" is missing', f"there are {', '.join(sorted(known))}")
        return None
    name = reader.convert(convert.text, named)
    if name is BROKEN:
        return None
    if name not in known:
        reader.problems.unknown(named.place, selector, name, known)
        return None
    return find(name), table


def parameters(reader: Reader, cls: type, table: Table, selector: str) -> dict[str, Any] | None:
    """Return the constructor parameters a mapping gives beside its `selector`."""
    rest = Table(table.place, tuple(entry for entry in table.entries if entry.key != selector))
    return reader.values(parameters_of(cls), rest)


def made(reader: Reader, cls: type, values: Mapping[str, Any], table: Table) -> Any:
    """Return the object made of `values`; what its constructor refuses is noted where it stands in `table`."""
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        text = redacted(str(error), values)
        reader.problems.error(_blamed(table, text), text)
        return BROKEN


def _blamed(table: Table, text: str) -> Place:
    """Return the place of the first key that the message names, else of the mapping."""
    found = [(match.start(), entry) for entry in table.entries if (match := _word(entry.key).search(text))]
    return min(found, key=lambda each: each[0])[1].value.place if found else table.place


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(name)}\b")


SPECIAL: Mapping[Any, Handler] = {
    Measure: measure,
    Step: step,
    Hours: hours,
    Detector: detector,
}
"""For `Reader(special=…)`."""
