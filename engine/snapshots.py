"""Snapshots: a partition's arrays and the offset they stand for, the newest few of each partition.

A name says partition, number, offset and epoch: how often the partition had been taken when its writer took it. A
writer that lost the partition and does not know it yet has an older epoch than its successor, so what it still writes
is never newer than what the successor wrote.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import structlog

from engine.archive import Arrays, Snapshot, copied, load, save
from engine.blobs.base import Blobs, Missing
from engine.errors import CorruptSnapshot, Retryable

_NAME = re.compile(r"p(?P<partition>\d{5})-(?P<number>\d{10})-(?P<offset>\d+)(-e(?P<epoch>\d+))?\.snapshot")
_log = structlog.get_logger(__name__)


class _Name(NamedTuple):
    """What a snapshot's name says; the newest is the greatest."""

    epoch: int
    number: int
    offset: int
    name: str


class Snapshots:
    """The snapshots in `blobs`, the newest `keep` of each partition.

    A snapshot is newer than another when its writer took the partition later or, of the same writer, when it was
    written later, whatever their offsets are.
    """

    def __init__(self, blobs: Blobs, *, keep: int = 3) -> None:
        if keep < 1:
            raise ValueError(f"keep {keep} snapshots: at least 1 is needed")
        self._blobs = blobs
        self._keep = keep
        self._writing = threading.Lock()

    def write(
        self,
        partition: int,
        offset: int,
        arrays: Arrays,
        meta: Mapping[str, Any],
        *,
        epoch: int = 0,
        copy: bool = False,
    ) -> str:
        """Write durably, and return the name: after a crash before that, it is not there at all.

        The arrays must not change meanwhile: hand in what `copied` returned, or let `copy` do it first. `meta` is JSON.
        Raises Retryable when the store is full or away (what was there before is untouched), ForewarnError when it
        cannot be used, ValueError for arrays of Python objects or of big-endian numbers.
        """
        kept = copied(arrays) if copy else arrays
        with self._writing:
            found = self._of(partition)
            number = max((each.number for each in found), default=0) + 1
            name = f"p{partition:05d}-{number:010d}-{offset}{f'-e{epoch}' if epoch else ''}.snapshot"
            save(self._blobs, name, partition, offset, kept, meta)
            self._forget(sorted([*found, _Name(epoch, number, offset, name)], reverse=True)[self._keep :])
            return name

    def latest(self, partition: int) -> Snapshot | None:
        """Return the newest snapshot that is whole, with what was wrong with newer ones; None if none is.

        Raises Retryable or ForewarnError when the store cannot be read, NewerFormat when the newest was written by a
        later version of the engine.
        """
        return self.search(partition)[0]

    def search(self, partition: int) -> tuple[Snapshot | None, tuple[str, ...]]:
        """Return what `latest` does, and what was wrong with those passed over, even if none is whole."""
        skipped: list[str] = []
        for each in self._of(partition):
            try:
                return replace(load(self._blobs, each.name), skipped=tuple(skipped)), tuple(skipped)
            except CorruptSnapshot as error:
                _log.warning("snapshot skipped", path=error.place, cause=error.cause)
                skipped.append(error.line())
            except Missing:
                continue  # another process has just forgotten it
        return None, tuple(skipped)

    def offsets(self, partition: int) -> list[int]:
        """Return the offsets of a partition's snapshots, the newest first."""
        return [each.offset for each in self._of(partition)]

    def _of(self, partition: int) -> list[_Name]:
        """A partition's snapshots, the newest first."""
        matches = (_NAME.fullmatch(name) for name in self._blobs.names(f"p{partition:05d}-"))
        names = (
            _Name(int(match["epoch"] or 0), int(match["number"]), int(match["offset"]), match[0])
            for match in matches
            if match
        )
        return sorted(names, reverse=True)

    def _forget(self, names: Sequence[_Name]) -> None:
        """Delete snapshots; what cannot be deleted now is with the next one."""
        for each in names:
            try:
                self._blobs.delete(each.name)
            except Retryable as error:
                _log.warning("old snapshot not deleted", path=error.place, cause=error.cause)
