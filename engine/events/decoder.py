"""From the bytes of a payload to columns: the scanner reads what is plain, msgspec the few lines that are not."""

import numpy as np

from engine.events.lines import BOM, WHITE, Lines
from engine.events.reader import Reader
from engine.events.runs import Decoded, Run
from engine.events.scanner import LARGEST, Left, Scanned, Scanner
from engine.events.schema import Schema
from engine.events.screen import Screen, Sifted
from engine.events.sort import parts_of, runs_of

MAX_BYTES = 262_144
"""The longest line, in bytes: 256 kB."""


class Decoder:
    """Reads payloads of one JSON event a line. Not to be used by several threads at once."""

    def __init__(self, schema: Schema, *, future: float, max_bytes: int = MAX_BYTES) -> None:
        self._reader = Reader(schema, max_bytes)
        self._future = future
        self._max_bytes = max_bytes
        self._scanner = Scanner(list(self._reader.types.values()))
        self._known = len(self._reader.types)

    def decode(self, payload: bytes, arrived: float) -> Decoded:
        """Take `payload` apart. Events without a time get that of their arrival, `arrived`, in epoch seconds.

        Never raises for what is in the payload: each line that is not blank is an event or a reject.
        """
        scanned = self._scan(payload, arrived)
        if not scanned.left:
            runs = [Run(scanned.telemetry, scanned.hashes)] if scanned.telemetry else []
            return Decoded(scanned.n, runs, [], scanned.tidy)
        sifted, whole = self._read(payload, scanned.left, arrived)
        parts, controls = parts_of(sifted, self._reader.by_wire)
        tidy = scanned.tidy and whole and not sifted.rejects
        return Decoded(
            scanned.n + len(sifted.events), runs_of([*scanned.parts(), *parts], controls), sifted.rejects, tidy
        )

    def _scan(self, payload: bytes, arrived: float) -> Scanned:
        if len(payload) > LARGEST:
            return _all_left(payload)
        if self._known != len(self._reader.types):
            self._scanner = Scanner(list(self._reader.types.values()))
            self._known = len(self._reader.types)
        return self._scanner.scan(payload, arrived, self._future, self._max_bytes)

    def _read(self, payload: bytes, left: list[Left], arrived: float) -> tuple[Sifted, bool]:
        """Read the lines that the scanner left over; also return whether all of them are plain."""
        raw = {each.number: _line(payload, each) for each in left}
        texts = {number: text for number, text in raw.items() if text}
        numbers = np.fromiter(texts, np.int32, len(texts))
        lines = Lines(b"\n".join(texts.values()))
        read = self._reader.read(lines)
        rejects = [reject._replace(line=int(numbers[reject.line])) for reject in read.rejects]
        screen = Screen(lines, texts, arrived, self._future, self._reader.by_wire)
        sifted = screen.sift(read.events, read.kinds, numbers[read.numbers])
        return sifted._replace(rejects=sorted(rejects + sifted.rejects)), read.whole and len(texts) == len(raw)


def _line(payload: bytes, left: Left) -> bytes:
    text = payload[left.start : left.end]
    return (text.removeprefix(BOM) if left.number == 0 else text).strip(WHITE)


def _all_left(payload: bytes) -> Scanned:
    """Leave every line over."""
    text = payload.rstrip(WHITE)
    ends = [*np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n")).tolist(), len(text)]
    starts = [0, *(end + 1 for end in ends[:-1])]
    left = [Left(number, *place) for number, place in enumerate(zip(starts, ends, strict=True))]
    return Scanned(None, np.empty((0, 2), np.uint64), left, Lines(text).tidy(len(text)))
