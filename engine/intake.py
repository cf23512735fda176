"""The way in: from what a sender gives us to events in the log, and all else to the dead letters.

A payload is acknowledged only when both are durable. Sending it again after a failure does no harm: dead letters are
kept once, and the pipeline drops events whose source and id it has seen.
"""

import re
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from engine.clock import Clock
from engine.errors import Overloaded
from engine.eventlog.base import Append, DeadLetter, DeadLetters, EventLog
from engine.events import EVERYONE, LATE, UNAPPLIED, UNKEYED, UNMATCHED, Decoded, Decoder, Reject, Telemetry
from engine.events.lines import BOM, Lines
from engine.jsonbatch import elements_of, one_line

MAX_PENDING = 64 * 1024 * 1024
TAKEN = frozenset({UNKEYED, UNMATCHED, UNAPPLIED})
"""Reasons for which an event is a dead letter though it is in the log."""
_TRIED = re.compile(r"~dead_\w+$")


class Accepted(NamedTuple):
    """What became of a payload."""

    accepted: int
    """How many events are durably in the log."""
    rejects: list[Reject]
    """The others, in order; `line` is the position in the payload, or in the array."""


class Intake:
    """Validates, splits by partition and writes. Safe to use from several threads."""

    def __init__(
        self, log: EventLog, dead: DeadLetters, decoder: Decoder, clock: Clock, *, max_pending: int = MAX_PENDING
    ) -> None:
        self._log, self._dead, self.decoder, self._clock = log, dead, decoder, clock
        self._max_pending = max_pending
        self._pending = 0
        self._lock = threading.Lock()
        self._decoding = threading.Lock()

    def accept(self, payload: bytes, origin: str, *, first: int = 0) -> Accepted:
        """Take newline-delimited JSON. Blank lines are nothing, lines may end in CRLF.

        `origin` says where it came from, `first` is the number of its first line there: dead letters name both. Raises
        Overloaded if too much is under way, and Retryable if the log or the dead letters cannot be written now: then
        the payload as a whole may be sent again.
        """
        with self._admitted(len(payload)):
            now = self._clock.time()
            decoded = self._decode(payload, now)
            self._bury(decoded.rejects, origin, now, first)
            self._append(payload, decoded)
            return Accepted(decoded.n, decoded.rejects)

    def accept_one(self, payload: bytes, origin: str) -> Accepted:
        """Take one JSON object, which may be spread over several lines."""
        return self._accept_elements([one_line(0, payload)], origin)

    def accept_array(self, payload: bytes, origin: str) -> Accepted:
        """Take a CloudEvents JSON batch: an array of objects. Elements before the place where it breaks off are taken.

        Source: https://github.com/cloudevents/spec, JSON event format, section 4.
        """
        return self._accept_elements(elements_of(payload), origin)

    def retry(self, ids: Iterable[str]) -> Accepted:
        """Try dead letters again; those that are accepted now are removed. `Reject.line` is the position in `ids`.

        What is late stays so: its window is closed. What had got as far as the pipeline goes again under an id of its
        own, for under the one it had it would be taken for a repetition.
        """
        letters = [(number, letter) for number, id_ in enumerate(dict.fromkeys(ids)) if (letter := self._dead.get(id_))]
        parts = [_again(number, letter) for number, letter in letters]
        done = self._accept_elements(parts, None)
        refused = {reject.line for reject in done.rejects}
        self._dead.remove([letter.id for number, letter in letters if number not in refused])
        return done

    def _accept_elements(self, parts: Sequence["Reject | tuple[int, bytes]"], origin: str | None) -> Accepted:
        """Take objects that were separated already, and rejects among them; without an origin nothing is buried."""
        lines = [part for part in parts if not isinstance(part, Reject)]
        payload = b"\n".join(text for _, text in lines)
        with self._admitted(len(payload)):
            now = self._clock.time()
            decoded = self._decode(payload, now)
            rejects = [reject._replace(line=lines[reject.line][0]) for reject in decoded.rejects]
            rejects = sorted(rejects + [part for part in parts if isinstance(part, Reject)])
            if origin is not None:
                self._bury(rejects, origin, now, 0)
            self._append(payload, decoded)
            return Accepted(decoded.n, rejects)

    @contextmanager
    def _admitted(self, size: int) -> Iterator[None]:
        with self._lock:
            if self._pending and self._pending + size > self._max_pending:
                raise Overloaded(f"{self._pending:,} bytes are being written", place="intake", retry_after=1.0)
            self._pending += size
        try:
            yield
        finally:
            with self._lock:
                self._pending -= size

    def _decode(self, payload: bytes, now: float) -> Decoded:
        with self._decoding:
            return self.decoder.decode(payload, now)

    def _bury(self, rejects: Sequence[Reject], origin: str, now: float, first: int) -> None:
        if rejects:
            self._dead.add(
                DeadLetter(each.reason, each.detail, each.payload, now, f"{origin}:{first + each.line}")
                for each in rejects
            )

    def _append(self, payload: bytes, decoded: Decoded) -> None:
        if decoded.n == 0:
            return
        lines = Lines(payload.removeprefix(BOM))
        if self._log.partitions == 1:
            whole = lines.payload if decoded.tidy else b"\n".join(lines.raw[line] for line, _ in _subjects(decoded))
            self._log.append([Append(0, whole, decoded.n)])
        else:
            self._log.append(self._split(lines.raw, decoded))

    def _split(self, raw: Sequence[bytes], decoded: Decoded) -> list[Append]:
        parts: dict[int, list[bytes]] = {}
        everywhere = range(self._log.partitions)
        for line, subject in _subjects(decoded):
            for at in everywhere if subject == EVERYONE else [partition_of(subject, self._log.partitions)]:
                parts.setdefault(at, []).append(raw[line])
        return [Append(partition, b"\n".join(lines), len(lines)) for partition, lines in sorted(parts.items())]


def _again(number: int, letter: DeadLetter) -> Reject | tuple[int, bytes]:
    """Return what a dead letter is tried again as."""
    if letter.reason == LATE:
        why = f"{letter.detail}, and is not opened again; `forewarn backtest` counts the event"
        return Reject(number, LATE, why, letter.payload)
    return one_line(number, _renamed(letter) if letter.reason in TAKEN else letter.payload)


def _renamed(letter: DeadLetter) -> bytes:
    event = msgspec.json.decode(letter.payload, type=dict[str, msgspec.Raw])
    named = msgspec.json.decode(event.get("id", msgspec.Raw(b'""')), type=str)
    event["id"] = msgspec.Raw(msgspec.json.encode(f"{_TRIED.sub('', named)}~{letter.id}"))
    return msgspec.json.encode(event)


def partition_of(subject: str, partitions: int) -> int:
    """Return the partition that all events of `subject` go to: the same on every machine and in every release.

    >>> partition_of("account/acme", 8)
    3
    """
    return zlib.crc32(subject.encode()) % partitions


def _subjects(decoded: Decoded) -> list[tuple[int, str]]:
    """Return line and subject of each good event, in order."""
    pairs: list[tuple[int, str]] = []
    for run in decoded.runs:
        if isinstance(run.content, Telemetry):
            for columns in run.content.columns:
                pairs += zip(columns.line.tolist(), columns.subject, strict=True)
        else:
            pairs += [(event.line, event.subject) for event in run.content]
    return sorted(pairs)
