"""Recorded events in the order in which they happened, cut into pieces as if they arrived now."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from operator import itemgetter
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from engine.chunk import Chunk
from engine.columnar.times import epochs
from engine.recordings.recording import Part, Recording

WINDOW = 100_000
"""So many lines of a file are looked over at once: what is further out of order stays so, and is late."""
FINENESS = 500
"""A piece of silence is at most this part of the silence before it, where that is longer than the pieces asked for."""
Stamped = tuple[float, bytes]


class _Timed(Struct):
    time: str = ""


_TIMED = msgspec.json.Decoder(_Timed)


def chunks(files: Sequence[Path], length: float, read: Callable[[int], None] | None = None) -> Iterator[Chunk]:
    """Yield the events of `files` by their times, cut every `length` seconds; empty pieces where there are none.

    Time ends with the last event: what comes after a recording is not known, and is no silence.

    Files are read side by side and lines put in order within `WINDOW` lines. A line without a readable time stays with
    the one before it. `read` is told how many bytes were read so far. Raises ForewarnError for a file that cannot be
    read.
    """
    progress = _Progress(read)
    streams = [_in_order(_stamped(Recording(path).parts(0.0), progress)) for path in files]
    return _cut(merge(*streams, key=itemgetter(0)), length)


class _Progress:
    """Adds up what was read of several files."""

    def __init__(self, tell: Callable[[int], None] | None) -> None:
        self._tell = tell
        self._read = 0

    def add(self, more: int) -> None:
        """Count `more` bytes."""
        self._read += more
        if self._tell is not None:
            self._tell(self._read)


def _stamped(parts: Iterable[Part], progress: _Progress) -> Iterator[list[Stamped]]:
    """Yield lines with their times, part by part."""
    last, before = float("nan"), 0
    for part in parts:
        lines = [line for line in part.payload.split(b"\n") if line.strip()]
        lines += [letter.payload.replace(b"\n", b" ") for letter in part.bad]
        times = _times(lines)
        for number, time in enumerate(times):
            last = times[number] = last if np.isnan(time) else time
        progress.add(part.read - before)
        before = part.read
        yield list(zip(times, lines, strict=True))


def _times(lines: Sequence[bytes]) -> list[float]:
    try:
        texts = [event.time for event in _TIMED.decode_lines(b"\n".join(lines))]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        texts = []
    if len(texts) != len(lines):
        texts = [_time(line) for line in lines]
    found: list[float] = epochs(texts).tolist()
    return found


def _time(line: bytes) -> str:
    try:
        return _TIMED.decode(line).time
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _in_order(parts: Iterator[list[Stamped]]) -> Iterator[Stamped]:
    """Yield what `parts` hold by time, as far as that can be known from `WINDOW` lines."""
    held: list[Stamped] = []
    for part in parts:
        held += part
        if len(held) >= WINDOW:
            held = _sorted(held)
            yield from held[: WINDOW // 2]
            held = held[WINDOW // 2 :]
    yield from _sorted(held)


def _sorted(lines: list[Stamped]) -> list[Stamped]:
    known = [time for time, _ in lines if not np.isnan(time)]
    first = min(known, default=0.0)
    return sorted([(first, line) if np.isnan(time) else (time, line) for time, line in lines], key=itemgetter(0))


def _cut(lines: Iterator[Stamped], length: float) -> Iterator[Chunk]:
    held: list[bytes] = []
    until: float | None = None
    last = 0.0
    for time, line in lines:
        end = (time // length + 1) * length
        until = until or end
        while time >= until:
            yield Chunk(until, b"\n".join(held))
            held, until = [], min(until + _stride(until - last, length), end)
        last = max(time, last)
        held.append(line)
    if until is not None:
        yield Chunk(last, b"\n".join(held))


def _stride(silence: float, length: float) -> float:
    """Return how far to go on after so much silence: one wrong date must not cost the work of decades.

    >>> _stride(86400.0, 900.0), _stride(30 * 86400.0, 900.0)
    (900.0, 4500.0)
    """
    return max(1.0, silence // (FINENESS * length)) * length
