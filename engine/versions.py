"""Versions of what a detector has learned, kept by name so that it can be taken back to one of them."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from engine.errors import Permanent
from engine.snapshots import Snapshot, load, save

_FILE = re.compile(r"(?P<version>.+)-p(?P<partition>\d{5})\.model")


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
    """Bytes of its file."""


class Versions:
    """The versions in `folder`: a folder for each detector, in it a file for each version and partition."""

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)

    def keep(
        self, name: tuple[str, str, int], offset: int, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]
    ) -> None:
        """Write a version, (detector, version, partition), durably; one that is there stays as it is.

        Raises Retryable when the disk is full, ForewarnError when the folder cannot be used.
        """
        path = self._path(*name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            save(path, name[2], offset, arrays, meta)

    def find(self, detector: str, version: str, partition: int) -> Snapshot:
        """Return a version. Raises Permanent if there is none, CorruptSnapshot if it is damaged."""
        path = self._path(detector, version, partition)
        if not path.exists():
            known = ", ".join(sorted({each.version for each in self.listing() if each.detector == detector}))
            raise Permanent(
                f"{detector} has no version {version!r}",
                remedy=f"it has {known}" if known else "keep one with `forewarn models keep`",
            )
        return load(path)

    def listing(self) -> list[Version]:
        """Return all versions that can be read, by detector, the latest first."""
        return sorted(self._read(), key=lambda each: (each.detector, -each.at, each.version, each.partition))

    def trim(self, keep: int) -> int:
        """Delete all but the `keep` latest versions of each detector; returns how many files went."""
        versions: dict[str, dict[str, float]] = {}
        for each in self.listing():
            of = versions.setdefault(each.detector, {})
            of[each.version] = max(each.at, of.get(each.version, each.at))
        gone = 0
        for detector, of in versions.items():
            for version in sorted(of, key=lambda name: (of[name], name), reverse=True)[keep:]:
                for path in (self._folder / detector).glob(f"{version}-p?????.model"):
                    path.unlink()
                    gone += 1
        return gone

    def _read(self) -> Iterator[Version]:
        for path in self._folder.glob("*/*.model"):
            match = _FILE.fullmatch(path.name)
            if match:
                found = load(path)
                at, series = float(found.meta["at"]), int(found.meta["series"])
                yield Version(
                    path.parent.name, match["version"], found.partition, found.offset, at, series, path.stat().st_size
                )

    def _path(self, detector: str, version: str, partition: int) -> Path:
        return self._folder / detector / f"{version}-p{partition:05d}.model"
