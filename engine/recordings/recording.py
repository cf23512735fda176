"""Recorded events in files: NDJSON or CSV, plain or packed, read in parts of bounded size."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from engine.errors import ForewarnError
from engine.eventlog.base import DeadLetter
from engine.events import MALFORMED
from engine.recordings.tabular import Mapper, Row, Rows, Template
from engine.recordings.unpacking import Blocks

Format = Literal["auto", "ndjson", "csv"]
LINES = 10_000
"""The most lines of a part."""
BYTES = 8 << 20
"""A part ends once it has so many."""
LONGEST = 1 << 19
"""A longer line is cut here: it is too long for an event in any case, and is told as such."""
STDIN = "-"


class Part(NamedTuple):
    """Some lines of a recording."""

    payload: bytes
    """Events as NDJSON, each on the line it has in the file; blank where there is none."""
    first: int
    """The number of the first line, from 1."""
    bad: list[DeadLetter]
    """Rows that could not be made into events."""
    read: int
    """Bytes of the file read so far."""


class Recording:
    """One file of recorded events; `-` is standard input."""

    def __init__(
        self,
        path: str | Path,
        form: Format = "auto",
        mapping: Mapping[str, Template] | None = None,
    ) -> None:
        """`mapping` says where in a CSV row an event's parts are; without one, the columns' names do."""
        self._path = str(path)
        self._form = form
        self._mapping = mapping or {}
        self.name = "stdin" if self._path == STDIN else Path(path).name

    @property
    def size(self) -> int | None:
        """Return how many bytes the file has; None if that cannot be known."""
        path = Path(self._path)
        return path.stat().st_size if self._path != STDIN and path.is_file() else None

    def parts(self, at: float) -> Iterator[Part]:
        """Yield the file, part by part; `at` is the time (epoch seconds) that bad rows are told to be of.

        Raises ForewarnError where it cannot be read or is of no known format, and ConfigError where the mapping does
        not fit its columns.
        """
        with self._opened() as file:
            blocks = Blocks(file, self._path)
            lines, is_csv = self._recognised(blocks)
            if is_csv:
                yield from self._csv(lines, blocks, at)
            else:
                yield from _ndjson(lines, blocks)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        if self._path == STDIN:
            yield sys.stdin.buffer
            return
        try:
            with Path(self._path).open("rb") as file:
                yield file
        except OSError as error:
            cause = error.strerror or str(error)
            raise ForewarnError(cause, place=self._path, remedy="name a file that can be read") from error

    def _recognised(self, blocks: Blocks) -> tuple[Iterator[bytes], bool]:
        """Return the lines, and whether they are CSV."""
        unpacked = iter(blocks)
        head = next(unpacked, b"")
        self._refuse_binary(head)
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if start == b"[" and self._form != "csv":
            remedy = "one object a line is read: convert it, e.g. with jq -c '.[]'"
            raise ForewarnError("is one JSON array", place=self._path, remedy=remedy)
        is_csv = self._form == "csv" or (self._form == "auto" and start not in (b"{", b""))
        return lines_of(chain([head], unpacked)), is_csv

    def _refuse_binary(self, head: bytes) -> None:
        zero = head.find(b"\x00")
        if zero >= 0:
            remedy = "NDJSON and CSV in UTF-8 are read, plain or packed with gzip or zstd"
            raise ForewarnError(f"is no text: byte {zero:,} is zero", place=self._path, remedy=remedy)

    def _csv(self, lines: Iterator[bytes], blocks: Blocks, at: float) -> Iterator[Part]:
        rows = Rows(lines, self._path)
        mapper = Mapper(self._mapping, rows.header, self.name)
        gathered = _Gathered(2)
        for row in rows:
            made = row.problem or mapper.event(row)
            if isinstance(made, str):
                gathered.bad.append(DeadLetter(MALFORMED, made, row.raw, at, f"{self.name}:{row.line}"))
                made = b""
            gathered.add(row, made)
            if gathered.full:
                yield gathered.part(blocks.read)
                gathered = _Gathered(row.line + row.lines)
        yield gathered.part(blocks.read)


class _Gathered:
    """Rows on their way to becoming a part."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._lines: list[bytes] = []
        self._size = 0
        self.bad: list[DeadLetter] = []

    def add(self, row: Row, event: bytes) -> None:
        """Put the event on its row's line: blank lines before it were none, those after it are the rest of the row."""
        self._lines += [b""] * (row.line - self._first - len(self._lines))
        self._lines += [event, *[b""] * (row.lines - 1)]
        self._size += len(event)

    @property
    def full(self) -> bool:
        return len(self._lines) >= LINES or self._size >= BYTES

    def part(self, read: int) -> Part:
        return Part(b"\n".join(self._lines), self._first, self.bad, read)


def lines_of(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their line feeds, cut at about `LONGEST` bytes.

    >>> list(lines_of([b"a\\nb", b"c\\n\\nd"]))
    [b'a', b'bc', b'', b'd']
    """
    held = b""
    for block in blocks:
        first, *others = block.split(b"\n")
        held = (held + first)[:LONGEST]
        if others:
            yield held
            yield from others[:-1]
            held = others[-1]
    if held:
        yield held


def _ndjson(lines: Iterator[bytes], blocks: Blocks) -> Iterator[Part]:
    gathered: list[bytes] = []
    first, size = 1, 0
    for line in lines:
        gathered.append(line)
        size += len(line)
        if len(gathered) >= LINES or size >= BYTES:
            yield Part(b"\n".join(gathered), first, [], blocks.read)
            first += len(gathered)
            gathered, size = [], 0
    if gathered:
        yield Part(b"\n".join(gathered), first, [], blocks.read)
