"""Blobs as files of a folder, on a disk or on a file server."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from engine.blobs.base import Blobs, Missing, translated

_TEMPORARY = ".tmp"
LEFT_OVER = 3600.0
"""Seconds after which a temporary file is what a crash has left: nobody writes for so long."""


class Folder(Blobs):
    """The files under `folder`, which is made when it is needed.

    A blob is written to a temporary file, which is given its name when all of it is on the disk.
    """

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all whole files that begin with `prefix`."""
        with self._failures(self._folder):
            found = [path.relative_to(self._folder).as_posix() for path in self._files()]
        return sorted(name for name in found if name.startswith(prefix) and not name.endswith(_TEMPORARY))

    def write(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        """Write a file; what a crash left half written beside it, long before, is deleted."""
        path = self._folder / name
        temporary = path.with_name(f"{path.name}.{token_hex(4)}{_TEMPORARY}")
        with self._failures(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write_file(temporary, parts)
                _forget_old(path.parent, temporary.stat().st_mtime)
                temporary.replace(path)
                _sync_folder(path.parent)
            finally:
                temporary.unlink(missing_ok=True)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a file."""
        path = self._folder / name
        with self._failures(path), path.open("rb") as file:
            yield file

    def delete(self, name: str) -> None:
        """Delete a file."""
        path = self._folder / name
        with self._failures(path):
            path.unlink(missing_ok=True)

    def place(self, name: str = "") -> str:
        """Return the path."""
        return str(self._folder / name)

    def _files(self) -> Iterator[Path]:
        for at, _, names in os.walk(self._folder, onerror=_unless_missing):
            yield from (Path(at) / name for name in names)

    @contextmanager
    def _failures(self, path: Path) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise Missing("there is no such file", place=str(path)) from error
        except OSError as error:
            raise translated(error, str(path), "check folder and permissions") from error


def _unless_missing(error: OSError) -> None:
    """A folder that cannot be read is not an empty one; one that is not there yet is."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _write_file(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    with path.open("xb", buffering=0) as file:
        for part in parts:
            _write_all(file, part)
        os.fsync(file.fileno())


def _write_all(file: FileIO, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:  # one call of write takes at most 2 GB, and less when the disk runs full
        rest = rest[file.write(rest) :]


def _forget_old(folder: Path, now: float) -> None:
    """Delete what crashes have left; `now` is by the clock of the one that keeps the files."""
    for path in folder.glob(f"*{_TEMPORARY}"):
        try:
            old = path.stat().st_mtime < now - LEFT_OVER
        except FileNotFoundError:
            continue  # its writer has just given it its name
        if old:
            path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
