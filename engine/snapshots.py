"""Snapshots: a partition's arrays and the offset they stand for, in one file that is whole or is not used.

The file: 8 bytes of magic, length and CRC-32 of the manifest (little-endian), the manifest as JSON, and each array's
bytes at a multiple of 64 with a CRC-32 of its own. CRC-32 finds any flipped bit and any burst of up to 32, misses other
damage once in 4 billion, and takes half the time of the quickest cryptographic digest.
"""

import errno
import json
import os
import struct
import threading
import zlib
from ast import literal_eval
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import structlog
from numpy.lib import format as npy
from numpy.typing import NDArray

from engine.errors import CorruptSnapshot, ForewarnError, Retryable

Arrays = Mapping[str, NDArray[Any]]
_MAGIC = b"FWSNAP1\n"
_HEAD = struct.Struct("<8sQI")
_ALIGN = 64
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_MAY_PASS = {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a partition's state was when all before `offset` had been dealt with."""

    partition: int
    offset: int
    meta: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    """Writable, and the caller's own."""
    skipped: Sequence[str] = field(default=())
    """Why newer snapshots were not used, one line each."""


class _Entry(NamedTuple):
    """An array's line of the manifest."""

    name: str
    dtype: str
    shape: Sequence[int]
    start: int
    crc: int


class Snapshots:
    """The snapshots in `folder`, the newest `keep` of each partition. One process writes a partition at a time.

    A snapshot is newer than another when it was written later, whatever their offsets are.
    """

    def __init__(self, folder: Path | str, *, keep: int = 3) -> None:
        if keep < 1:
            raise ValueError(f"keep {keep} snapshots: at least 1 is needed")
        self._folder = Path(folder)
        self._keep = keep
        self._writing = threading.Lock()

    def write(
        self, partition: int, offset: int, arrays: Arrays, meta: Mapping[str, Any], *, copy: bool = False
    ) -> Path:
        """Write durably: on return it is on the disk under its name; after a crash before, it is not there at all.

        The arrays must not change meanwhile: hand in what `copied` returned, or let `copy` do it first. `meta` is JSON.
        Raises Retryable when the disk is full (what was there before is untouched), ForewarnError when the folder
        cannot be used, ValueError for arrays of Python objects or of big-endian numbers.
        """
        kept = _checked(copied(arrays) if copy else arrays)
        with self._writing, _failures(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._forget(self._folder.glob(f"p{partition:05d}-*.tmp"))
            path = self._folder / f"p{partition:05d}-{self._next(partition):010d}-{offset}.snapshot"
            _write_file(path, _manifest(partition, offset, kept, meta), list(kept.values()))
            self._forget(self._of(partition)[self._keep :])
            return path

    def latest(self, partition: int) -> Snapshot | None:
        """Return the newest snapshot that is whole, with what was wrong with newer ones; None if none is.

        Raises Retryable or ForewarnError when the folder cannot be read.
        """
        return self.search(partition)[0]

    def search(self, partition: int) -> tuple[Snapshot | None, tuple[str, ...]]:
        """Return what `latest` does, and what was wrong with those passed over, even if none is whole."""
        skipped: list[str] = []
        for path in self._of(partition):
            try:
                return replace(load(path), skipped=tuple(skipped)), tuple(skipped)
            except CorruptSnapshot as error:
                _log.warning("snapshot skipped", path=str(path), cause=error.cause)
                skipped.append(error.line())
        return None, tuple(skipped)

    def offsets(self, partition: int) -> list[int]:
        """Return the offsets of a partition's snapshots, the newest first."""
        return [int(path.stem.split("-")[2]) for path in self._of(partition)]

    def _of(self, partition: int) -> list[Path]:
        """A partition's snapshots, the newest first: names sort by the time of writing."""
        return sorted(self._folder.glob(f"p{partition:05d}-{'[0-9]' * 10}-*.snapshot"), reverse=True)

    def _next(self, partition: int) -> int:
        newest = self._of(partition)[:1]
        return int(newest[0].name.split("-")[1]) + 1 if newest else 1

    def _forget(self, paths: Iterator[Path] | Sequence[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)


def copied(arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Return copies, so that the originals may go on changing while the copies are written in another thread."""
    return {name: np.array(array, order="C", copy=True) for name, array in arrays.items()}


def save(path: Path, partition: int, offset: int, arrays: Arrays, meta: Mapping[str, Any]) -> None:
    """Write one file durably, by itself; raises as `Snapshots.write` does."""
    kept = _checked(arrays)
    with _failures(path.parent):
        _write_file(path, _manifest(partition, offset, kept, meta), list(kept.values()))


def load(path: Path) -> Snapshot:
    """Return the snapshot in `path`. Raises CorruptSnapshot when a byte of it is not what was written."""
    with _failures(path), path.open("rb") as file:
        try:
            return _read_file(file)
        except _Damaged as error:
            raise CorruptSnapshot(str(error), place=str(path), remedy="the one before is used") from error


class _Damaged(Exception):
    """What is wrong with the bytes."""


def _checked(arrays: Arrays) -> dict[str, NDArray[Any]]:
    kept = {name: np.asarray(array) for name, array in arrays.items()}
    for name, array in kept.items():
        _check(name, array)
    return kept


def _check(name: str, array: NDArray[Any]) -> None:
    if array.dtype.hasobject:
        raise ValueError(f"array {name!r} holds Python objects: {array.dtype}")
    if array.dtype != array.dtype.newbyteorder("<"):
        raise ValueError(f"array {name!r} is big-endian: {array.dtype}")
    if _dtype(repr(npy.dtype_to_descr(array.dtype))) != array.dtype:
        raise ValueError(f"array {name!r} has a type that cannot be written down: {array.dtype}")


def _dtype(descr: str) -> np.dtype[Any]:
    return npy.descr_to_dtype(literal_eval(descr))


def _manifest(partition: int, offset: int, arrays: Arrays, meta: Mapping[str, Any]) -> bytes:
    entries, start = [], 0
    for name, array in arrays.items():
        descr = repr(npy.dtype_to_descr(array.dtype))
        entries.append(_Entry(name, descr, array.shape, start, zlib.crc32(_bytes(array))))
        start += _padded(array.nbytes)
    head = {"partition": partition, "offset": offset, "meta": meta, "arrays": entries, "size": start}
    return json.dumps(head).encode()


def _write_file(path: Path, manifest: bytes, arrays: Sequence[NDArray[Any]]) -> None:
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb", buffering=0) as file:
            _write_all(file, _HEAD.pack(_MAGIC, len(manifest), zlib.crc32(manifest)) + manifest)
            for array in arrays:
                file.seek(_padded(file.tell()))
                _write_all(file, _bytes(array))
            file.truncate(_padded(file.tell()))
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _write_all(file: FileIO, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:  # one call of write takes at most 2 GB, and less when the disk runs full
        rest = rest[file.write(rest) :]


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_file(file: BufferedReader) -> Snapshot:
    size = os.fstat(file.fileno()).st_size
    head, first = _read_manifest(file, size)
    if size != first + head["size"]:
        raise _Damaged(f"{size} bytes instead of {first + head['size']}")
    entries = [_Entry(*entry) for entry in head["arrays"]]
    arrays = {entry.name: _read_array(file, first, entry) for entry in entries}
    return Snapshot(head["partition"], head["offset"], head["meta"], arrays)


def _read_manifest(file: BufferedReader, size: int) -> tuple[dict[str, Any], int]:
    """Return the manifest and where the first array starts."""
    start = file.read(_HEAD.size)
    if len(start) < _HEAD.size:
        raise _Damaged("cut off in its head")
    magic, length, crc = _HEAD.unpack(start)
    if magic != _MAGIC or length > size:
        raise _Damaged("not the head of a snapshot")
    manifest = file.read(length)
    if zlib.crc32(manifest) != crc:
        raise _Damaged("wrong checksum of its manifest")
    head: dict[str, Any] = json.loads(manifest)
    return head, _padded(_HEAD.size + length)


def _read_array(file: BufferedReader, first: int, entry: _Entry) -> NDArray[Any]:
    array = np.empty(tuple(entry.shape), _dtype(entry.dtype))
    data = _bytes(array)
    file.seek(first + entry.start)
    if file.readinto(data) != len(data) or zlib.crc32(data) != entry.crc:
        raise _Damaged(f"wrong checksum of array {entry.name!r}")
    return array


def _bytes(array: NDArray[Any]) -> memoryview:
    """The array's bytes as they are in memory; of one that has gaps, of a copy without."""
    if array.nbytes == 0:
        return memoryview(bytearray())
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _padded(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


@contextmanager
def _failures(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cause = error.strerror or str(error)
        if error.errno in _FULL:
            remedy = "free some space; the snapshots before are untouched"
            raise Retryable(cause, place=str(place), remedy=remedy) from error
        if error.errno in _MAY_PASS:
            raise Retryable(cause, place=str(place), remedy="try again") from error
        raise ForewarnError(cause, place=str(place), remedy="check folder and permissions") from error
