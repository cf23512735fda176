"""YAML with positions: every key and value knows its file, line and column.

The subset of YAML 1.2 (https://yaml.org/spec/1.2.2/) that a configuration needs: the core schema (so `on`, `no` and
`12:30` are text), text keys, anchors with a bounded expansion, no tags. Whatever is wrong becomes a problem; nothing is
raised.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import yaml
from yaml.error import Mark
from yaml.reader import ReaderError

from engine.config.model import Place
from engine.config.problems import Problems

LARGEST = 1_000_000
"""Bytes a file may have."""
DEEPEST = 40
"""Levels of nesting."""
HEAVIEST = 50_000
"""Nodes of a document once every alias is written out."""

Plain: TypeAlias = str | int | float | bool | None

_SCHEMA: tuple[tuple[re.Pattern[str], Callable[[str], Plain]], ...] = (
    (re.compile(r"|~|null|Null|NULL"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]{1,300}"), int),
    (re.compile(r"0o[0-7]{1,300}"), lambda text: int(text, 0)),
    (re.compile(r"0x[0-9a-fA-F]{1,300}"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value."""

    place: Place
    text: str
    value: Plain
    raw: str = field(default="", repr=False)
    """As it stands in the file, quotes and all."""

    def at(self, offset: int) -> Place:
        """Return where character `offset` of `text` stands in the file."""
        index = _raw_index(self.raw, self.text, offset)
        before = self.raw[:index].split("\n")
        start = self.place.column if len(before) == 1 else 1
        return Place(self.place.file, self.place.line + len(before) - 1, start + len(before[-1]))


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value."""

    key: str
    place: Place
    value: "Node"


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping; keys are text as written, each once."""

    place: Place
    entries: tuple[Entry, ...]

    def get(self, key: str) -> "Node | None":
        """Return the value of `key`, or None."""
        return next((entry.value for entry in self.entries if entry.key == key), None)


Node: TypeAlias = Scalar | Items | Table


def read_file(path: Path, name: str, problems: Problems) -> list[Node]:
    """Return the documents of the file at `path`, called `name` in problems."""
    try:
        content = path.read_bytes()
    except OSError as error:
        problems.error(Place(name, 1, 1), f"cannot be read: {error.strerror or error}")
        return []
    return parse(content, name, problems)


def parse(content: bytes, name: str, problems: Problems) -> list[Node]:
    """Return the documents in `content`: those before the first syntax error."""
    if len(content) > LARGEST:
        problems.error(Place(name, 1, 1), f"is larger than {LARGEST // 1000} kB", "split it into several files")
        return []
    try:
        text = content.decode().removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        place = _place_after(name, content[: error.start].decode())
        problems.error(place, f"byte 0x{content[error.start]:02x} is not UTF-8", "save the file as UTF-8")
        return []
    composer = _Composer(text, name, problems)
    try:
        composer.run()
    except _Refused as refused:
        problems.error(refused.place, refused.what, refused.hint)
    return composer.done


class _Refused(Exception):
    """The way out of the recursion, seen by nobody else."""

    def __init__(self, place: Place, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.place, self.what, self.hint = place, what, hint


class _Composer:
    """Builds nodes from the parser's events; what it refuses ends the file."""

    def __init__(self, text: str, name: str, problems: Problems) -> None:
        self._text, self._name, self._problems = text, name, problems
        self._events = self._parsed()
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._weight = 0
        self.done: list[Node] = []

    def run(self) -> None:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors, self._weight = {}, 0
                self.done.append(self._node(next(self._events), 0))

    def _parsed(self) -> Iterator[yaml.Event]:
        try:
            yield from yaml.parse(self._text, Loader=yaml.SafeLoader)
        except ReaderError as error:
            place = _place_after(self._name, self._text[: error.position])
            raise _Refused(place, f"character U+{error.character:04X} is not allowed here") from error
        except yaml.MarkedYAMLError as error:
            raise _Refused(self._place(error.problem_mark), *_explained(error)) from error
        except (ValueError, OverflowError) as error:
            raise _Refused(Place(self._name, 1, 1), f"is no YAML: {error}") from error

    def _node(self, event: yaml.Event, depth: int) -> Node:
        place = self._place(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place)
        if depth > DEEPEST:
            raise _Refused(place, f"is nested more than {DEEPEST} levels deep")
        before = self._weight
        self._weigh(1, place)
        node = self._built(event, place, depth)
        if anchor := getattr(event, "anchor", None):
            self._anchors[anchor] = (node, self._weight - before)
        if tag := getattr(event, "tag", None):
            self._problems.error(place, f'the tag "{tag}" is not used here', "leave it out")
        return node

    def _built(self, event: yaml.Event, place: Place, depth: int) -> Node:
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(place, tuple(self._items(depth)))
        if isinstance(event, yaml.MappingStartEvent):
            return Table(place, tuple(self._entries(depth)))
        assert isinstance(event, yaml.ScalarEvent)
        return self._scalar(event, place)

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Scalar:
        raw = self._text[_index(event.start_mark) : _index(event.end_mark)]
        text: str = event.value
        return Scalar(place, text, resolve(text) if event.implicit[0] else text, raw)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> Iterator[Entry]:
        seen: dict[str, Place] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, Scalar):
                self._problems.error(key.place, "a key must be a text")
            elif key.text in seen:
                first = seen[key.text]
                self._problems.error(key.place, f'"{key.text}" is given twice', f"first in line {first.line}")
            else:
                seen[key.text] = key.place
                yield Entry(key.text, key.place, value)

    def _alias(self, event: yaml.AliasEvent, place: Place) -> Node:
        if event.anchor not in self._anchors:
            raise _Refused(place, f'no anchor "{event.anchor}" ends before this', f"write &{event.anchor} first")
        node, weight = self._anchors[event.anchor]
        self._weigh(weight, place)
        return node

    def _weigh(self, weight: int, place: Place) -> None:
        self._weight += weight
        if self._weight > HEAVIEST:
            raise _Refused(place, f"the document has more than {HEAVIEST} values once its aliases are written out")

    def _place(self, mark: object) -> Place:
        return Place(self._name, mark.line + 1, mark.column + 1) if isinstance(mark, Mark) else Place(self._name, 1, 1)


def resolve(text: str) -> Plain:
    """Return what an unquoted `text` means by the YAML 1.2 core schema.

    >>> [resolve(text) for text in ("on", "true", "12:30", "0o17", "-1.5e3", "~")]
    ['on', True, '12:30', 15, -1500.0, None]
    """
    return next((meaning(text) for pattern, meaning in _SCHEMA if pattern.fullmatch(text)), text)


def _index(mark: object) -> int:
    assert isinstance(mark, Mark)
    return mark.index


def _explained(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    what = str(error.problem or "is no YAML")
    if "'\\t'" in what:
        return "a tab stands where a value should begin", "indent with spaces"
    return what, str(error.context or "")


def _place_after(name: str, before: str) -> Place:
    lines = before.split("\n")
    return Place(name, len(lines), len(lines[-1]) + 1)


def _raw_index(raw: str, text: str, offset: int) -> int:
    """Walk `raw` beside `text`: escapes, line folding and indentation are skipped."""
    index = raw.find("\n") + 1 if raw[:1] in ("|", ">") else int(raw[:1] in ("'", '"'))
    for wanted in text[:offset]:
        index = _next_like(raw, wanted, index) + 1
    return min(_next_like(raw, text[offset : offset + 1], index), len(raw))


def _next_like(raw: str, wanted: str, index: int) -> int:
    found = index
    while found < len(raw) and not (raw[found] == wanted or (wanted.isspace() and raw[found].isspace())):
        found += 1
    return found if found < len(raw) else index
