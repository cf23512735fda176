"""CSV files: rows with the lines they stand on, and how a row becomes an event."""

import csv
import json
import math
import re
import string
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from engine.columnar.times import rfc3339
from engine.config.problems import nearest
from engine.errors import ConfigError, ForewarnError

ENVELOPE = ("id", "source", "type", "time", "subject")
DELIMITERS = ",;\t|"
TIMES = ("time", "timestamp", "datetime", "date", "ts")
"""Columns taken for the time where no mapping names one."""
_UTF16 = ("\udcff\udcfe", "\udcfe\udcff")
"""The byte order marks of UTF-16, as bytes that are no UTF-8 are read."""
_DATA = re.compile(r"data(\.[^.]+)+")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _END = -62_135_596_800.0, 253_402_300_800.0
"""The years 1 to 9999, beyond which there are no dates."""
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3), (0.0, 1.0))
"""From so large a number on, it counts so many parts of a second."""


class Row(NamedTuple):
    """One row of a table."""

    line: int
    """On which it begins, from 1; the header is on the first."""
    lines: int
    """How many it takes: quoted values may hold line breaks."""
    values: list[str]
    raw: bytes
    problem: str
    """What is wrong with it; empty if nothing is."""


class Rows:
    """Iterates over the rows below the header. Raises ForewarnError if there is no usable header."""

    def __init__(self, lines: Iterable[bytes], place: str) -> None:
        self._lines = iter(lines)
        self._pulled: list[bytes] = []
        self._at = 0
        head = next(self._text(), "").removeprefix("\ufeff")
        if head.startswith(_UTF16):
            raise ForewarnError("is UTF-16", place=place, remedy="save it as UTF-8")
        self.delimiter = max(DELIMITERS, key=head.count)
        self.header = _header(head, self.delimiter, place)
        if not self.header:
            raise ForewarnError("is empty", place=place, remedy="its first line names the columns")
        if len(set(self.header)) < len(self.header):
            twice = next(name for name in self.header if self.header.count(name) > 1)
            raise ForewarnError(f"two columns are called {twice!r}", place=f"{place}:1", remedy="rename one")
        self._pulled.clear()

    def __iter__(self) -> Iterator[Row]:
        reader = csv.reader(self._text(), delimiter=self.delimiter)
        while (row := self._next(reader)) is not None:
            if row.values or row.problem:
                yield row

    def _next(self, reader: Any) -> Row | None:
        self._pulled.clear()
        first = self._at + 1
        values: list[str] = []
        try:
            values = next(reader)
        except StopIteration:
            return None
        except csv.Error as error:
            problem = f"{error}; is a quotation mark left open?"
        else:
            problem = self._problem(values)
        return Row(first, len(self._pulled), values, b"\n".join(self._pulled), problem)

    def _problem(self, values: Sequence[str]) -> str:
        if values and len(values) != len(self.header):
            return f"{len(values)} columns, the header has {len(self.header)}"
        return "no valid UTF-8" if any(map(_is_broken, values)) else ""

    def _text(self) -> Iterator[str]:
        for line in self._lines:
            self._at += 1
            self._pulled.append(line)
            yield line.decode(errors="surrogateescape") + "\n"


def _header(line: str, delimiter: str, place: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error as error:
        remedy = "end lines with a line feed, and close quotation marks"
        raise ForewarnError(str(error).partition(" - ")[0], place=f"{place}:1", remedy=remedy) from error


def _is_broken(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)


@dataclass(frozen=True, slots=True)
class Template:
    """Where a value comes from: a column, or a text in which `{column}` stands for one."""

    parts: tuple[tuple[str, str], ...]
    """(text, column that follows it or empty)."""
    plain: bool
    """A column and nothing else: its value may be a number or a truth value."""

    @classmethod
    def column(cls, name: str) -> "Template":
        """Return what takes a column as it is."""
        return cls((("", name),), plain=True)

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Read `account/{account_id}`; without braces it is that very text. Raises ConfigError."""
        try:
            found = tuple((literal, column or "") for literal, column, *_ in string.Formatter().parse(text))
        except ValueError as error:
            raise ConfigError(f"{error}", place=text, remedy="write {column}, and {{ for a brace") from error
        return cls(found, plain=False)

    def columns(self) -> set[str]:
        """Return the columns it needs."""
        return {column for _, column in self.parts if column}

    def value(self, row: Mapping[str, str]) -> Any:
        """Return the value for a row; None where nothing is given."""
        if self.plain:
            return _typed(row[self.parts[0][1]])
        return "".join(text + (row[column] if column else "") for text, column in self.parts)


def _typed(text: str) -> Any:
    """Return a number or truth value if the text is written like one in JSON, so that `007` stays a text.

    >>> _typed("-1.5e3"), _typed("007"), _typed("true"), _typed("")
    (-1500.0, '007', True, None)
    """
    if _NUMBER.fullmatch(text):
        number = float(text)
        return int(text) if text.lstrip("-").isdigit() and len(text) < 16 else number
    if text in ("true", "false"):
        return text == "true"
    return text or None


class Mapper:
    """Makes an event of a row."""

    def __init__(self, wanted: Mapping[str, Template], header: Sequence[str], name: str) -> None:
        """`wanted` says for `time`, `data.value` … where they come from; without any `data.` all other columns are.

        Raises ConfigError for a target that no event has, a column that is not there, and a missing type or subject.
        """
        self._header, self._name = header, name
        given = {**self._usual(header), **wanted}
        _check(given, header)
        if not any(target.startswith("data.") for target in wanted):
            used = {column for template in given.values() for column in template.columns()}
            given |= {f"data.{column}": Template.column(column) for column in header if column not in used}
        self._envelope = {target: given[target] for target in ENVELOPE if target in given}
        self._data = {
            tuple(target[5:].split(".")): each for target, each in given.items() if target.startswith("data.")
        }

    @staticmethod
    def _usual(header: Sequence[str]) -> dict[str, Template]:
        """Return what columns mean by their names where no mapping says so."""
        lower = {name.lower(): name for name in reversed(header)}
        found = {name: Template.column(lower[name]) for name in ENVELOPE if name in lower}
        time = next((lower[name] for name in TIMES if name in lower), None)
        return found | ({"time": Template.column(time)} if time else {})

    def event(self, row: Row) -> bytes | str:
        """Return the event as a line of JSON, or what is wrong with the row."""
        cells = dict(zip(self._header, row.values, strict=True))
        event = {target: _text(template.value(cells)) for target, template in self._envelope.items()}
        at = moment(event["time"])
        if math.isnan(at):
            return f"time: {event['time']!r:.80} is no time"
        event["time"] = rfc3339(at)
        if missing := [target for target in ("type", "subject") if not event[target]]:
            return f"{missing[0]}: is empty"
        event["id"] = event.get("id") or f"{self._name}:{row.line}:{zlib.crc32(row.raw):08x}"
        event["source"] = event.get("source") or f"file/{self._name}"
        return msgspec.json.encode({**event, "data": self._nested(cells)})

    def _nested(self, cells: Mapping[str, str]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for path, template in self._data.items():
            inner = data
            for key in path[:-1]:
                inner = inner.setdefault(key, {})
            if (value := template.value(cells)) is not None:
                inner[path[-1]] = value
        return data


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _check(given: Mapping[str, Template], header: Sequence[str]) -> None:
    for target, template in given.items():
        if target not in ENVELOPE and not _DATA.fullmatch(target):
            raise _wrong(f"nothing of an event is called {target!r}", nearest(target, [*ENVELOPE, "data.NAME"]))
        for column in sorted(template.columns() - set(header)):
            raise _wrong(f"there is no column {column!r} for {target}", nearest(column, header))
    remedies = {
        "time": "name its column: --map time=COLUMN",
        "type": "say which: --type NAME, or --map type=COLUMN",
        "subject": "say which: --subject account/{COLUMN}",
    }
    for target, remedy in remedies.items():
        if target not in given:
            raise _wrong(f"no column gives the {target} of the events", remedy)


def _wrong(cause: str, remedy: str) -> ConfigError:
    return ConfigError(cause, place="mapping", remedy=remedy)


def moment(text: str) -> float:
    """Return epoch seconds of a time as files write it; NaN if it is none.

    ISO 8601 with or without zone (then UTC), also with `/` in the date; or a number since 1970: of seconds, and where
    it is too large for that, of milli-, micro- or nanoseconds.

    >>> moment("1970-01-02 00:00:00"), moment("1970/01/01T01:00:00+01:00"), moment("86400"), moment("1700000000000")
    (86400.0, 0.0, 86400.0, 1700000000.0)
    >>> moment("yesterday")
    nan
    """
    try:
        return _scaled(float(text))
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text.strip().replace("/", "-"))
    except ValueError:
        return math.nan
    return (found - _EPOCH if found.tzinfo else found.replace(tzinfo=UTC) - _EPOCH).total_seconds()


def _scaled(number: float) -> float:
    if not math.isfinite(number):
        return math.nan
    seconds = number / next(parts for least, parts in _UNITS if abs(number) >= least)
    return seconds if _FIRST <= seconds < _END else math.nan
