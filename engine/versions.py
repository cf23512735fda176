"""Versions of what a detector has learned, kept by name so that it can be taken back to one of them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import structlog
from numpy.typing import NDArray

from engine.archive import Snapshot, describe, load, save
from engine.blobs.base import Blobs, Missing
from engine.errors import CorruptSnapshot, Permanent

_NAME = re.compile(r"(?P<detector>[^/]+)/(?P<version>[^/]+)-p(?P<partition>\d{5})\.model")
_log = structlog.get_logger(__name__)


class Version(NamedTuple):
    """One version of one detector, in one partition."""

    detector: str
    version: str
    partition: int
    offset: int
    """Of the event that asked for it: it knows what came before."""
    at: float
    """The event's time, epoch seconds."""
    series: int
    size: int
    """Bytes of its blob."""


class Versions:
    """The versions in `blobs`: for each detector, as if in a folder, a blob for each version and partition."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def keep(
        self, name: tuple[str, str, int], offset: int, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]
    ) -> None:
        """Write a version, (detector, version, partition), durably; one that is there stays as it is.

        Raises Retryable when the store is full or away, ForewarnError when it cannot be used.
        """
        blob = _blob(*name)
        if blob not in self._blobs.names(blob):
            save(self._blobs, blob, name[2], offset, arrays, meta)

    def find(self, detector: str, version: str, partition: int) -> Snapshot:
        """Return a version. Raises Permanent if there is none, CorruptSnapshot if it is damaged."""
        try:
            return load(self._blobs, _blob(detector, version, partition))
        except Missing as error:
            known = ", ".join(sorted({each.version for each in self.listing(detector)}))
            raise Permanent(
                f"{detector} has no version {version!r}",
                remedy=f"it has {known}" if known else "keep one with `forewarn models keep`",
            ) from error

    def hand_on(self, partition: int, to: int) -> None:
        """Let partition `to` have what versions `partition` has."""
        for each in self.listing():
            if each.partition == partition:
                kept = self.find(each.detector, each.version, partition)
                self.keep((each.detector, each.version, to), kept.offset, kept.arrays, kept.meta)

    def listing(self, detector: str = "") -> list[Version]:
        """Return all versions that can be read, of one detector or of all, by detector, the latest first."""
        found = self._read(f"{detector}/" if detector else "")
        return sorted(found, key=lambda each: (each.detector, -each.at, each.version, each.partition))

    def trim(self, keep: int) -> int:
        """Delete all but the `keep` latest versions of each detector; returns how many blobs went."""
        known = self.listing()
        latest: dict[str, dict[str, float]] = {}
        for each in known:
            of = latest.setdefault(each.detector, {})
            of[each.version] = max(each.at, of.get(each.version, each.at))
        kept = {name: sorted(of, key=lambda version: (of[version], version))[-keep:] for name, of in latest.items()}
        gone = [each for each in known if each.version not in kept[each.detector]]
        for each in gone:
            self._blobs.delete(_blob(each.detector, each.version, each.partition))
        return len(gone)

    def _read(self, prefix: str) -> Iterator[Version]:
        for name in self._blobs.names(prefix):
            match = _NAME.fullmatch(name)
            if match and (found := self._described(name)):
                yield found._replace(detector=match["detector"], version=match["version"])

    def _described(self, name: str) -> Version | None:
        """Return what a blob says of itself; None for one that is damaged, or has just been deleted."""
        try:
            found = describe(self._blobs, name)
        except CorruptSnapshot as error:
            _log.warning("version cannot be read", path=error.place, cause=error.cause)
            return None
        except Missing:
            return None
        at, series = float(found.meta["at"]), int(found.meta["series"])
        return Version("", "", found.partition, found.offset, at, series, found.size)


def _blob(detector: str, version: str, partition: int) -> str:
    return f"{detector}/{version}-p{partition:05d}.model"
