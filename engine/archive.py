"""Arrays and what they stand for in one blob, which is whole or is not used.

The blob: 8 bytes of magic, length and CRC-32 of the manifest (little-endian), the manifest as JSON, and each array's
bytes at a multiple of 64 with a CRC-32 of its own. CRC-32 finds any flipped bit and any burst of up to 32, misses other
damage once in 4 billion, and takes half the time of the quickest cryptographic digest.
"""

import io
import json
import struct
import zlib
from ast import literal_eval
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from engine.blobs.base import Blobs
from engine.errors import CorruptSnapshot, Permanent

Arrays = Mapping[str, NDArray[Any]]
FORMAT = 1
"""Of manifest and arrays. What a reader of the same number cannot read, or would read wrongly, has the next one."""
_MAGIC = b"FWSNAP1\n"
_HEAD = struct.Struct("<8sQI")
_ALIGN = 64


class NewerFormat(Permanent):
    """A blob of a later version of the engine, which this one cannot read."""


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


class Described(NamedTuple):
    """What a blob says of itself."""

    partition: int
    offset: int
    meta: Mapping[str, Any]
    size: int
    """Bytes."""


class _Entry(NamedTuple):
    """An array's line of the manifest."""

    name: str
    dtype: str
    shape: Sequence[int]
    start: int
    crc: int


def copied(arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Return copies, so that the originals may go on changing while the copies are written in another thread."""
    return {name: np.array(array, order="C", copy=True) for name, array in arrays.items()}


def save(blobs: Blobs, name: str, partition: int, offset: int, arrays: Arrays, meta: Mapping[str, Any]) -> None:
    """Write one blob durably. `meta` is JSON; the arrays must not change meanwhile.

    Raises what `Blobs.write` does, ValueError for arrays of Python objects or of big-endian numbers.
    """
    kept = _checked(arrays)
    manifest = _manifest(partition, offset, kept, meta)
    blobs.write(name, _parts(manifest, list(kept.values())))


def load(blobs: Blobs, name: str) -> Snapshot:
    """Return what is in a blob.

    Raises CorruptSnapshot when a byte of it is not what was written, NewerFormat for one of a later version, and what
    `Blobs.open` does.
    """
    with _reading(blobs, name) as file:
        head, first, size = _start(file)
        if size != first + head["size"]:
            raise _Damaged(f"{size} bytes instead of {first + head['size']}")
        entries = [_Entry(*entry) for entry in head["arrays"]]
        arrays = {entry.name: _read_array(file, first, entry) for entry in entries}
        return Snapshot(head["partition"], head["offset"], head["meta"], arrays)


def describe(blobs: Blobs, name: str) -> Described:
    """Return what a blob says of itself, without a look at its arrays; raises as `load` does."""
    with _reading(blobs, name) as file:
        head, _, size = _start(file)
        return Described(head["partition"], head["offset"], head["meta"], size)


class _Damaged(Exception):
    """What is wrong with the bytes."""


class _Newer(Exception):
    """Which format it is."""


@contextmanager
def _reading(blobs: Blobs, name: str) -> Iterator[BinaryIO]:
    try:
        with blobs.open(name) as file:
            yield file
    except _Damaged as error:
        raise CorruptSnapshot(str(error), place=blobs.place(name), remedy="the one before is used") from error
    except _Newer as error:
        remedy = "install the version that wrote it, or a later one"
        raise NewerFormat(str(error), place=blobs.place(name), remedy=remedy) from error


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
    head = {"format": FORMAT, "partition": partition, "offset": offset, "meta": meta, "arrays": entries, "size": start}
    return json.dumps(head).encode()


def _parts(manifest: bytes, arrays: Sequence[NDArray[Any]]) -> Iterator[bytes | memoryview]:
    """Yield a blob's bytes, each array at a multiple of 64."""
    head = _HEAD.pack(_MAGIC, len(manifest), zlib.crc32(manifest)) + manifest
    yield head + _padding(len(head))
    for array in arrays:
        yield _bytes(array)
        yield _padding(array.nbytes)


def _start(file: BinaryIO) -> tuple[dict[str, Any], int, int]:
    """Return the manifest, where the first array starts, and how many bytes there are."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
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
    found = head.get("format", 1)  # the first engines wrote none
    if found > FORMAT:
        raise _Newer(f"its format ({found}) is newer than this version knows ({FORMAT})")
    return head, _padded(_HEAD.size + length), size


def _read_array(file: BinaryIO, first: int, entry: _Entry) -> NDArray[Any]:
    array = np.empty(tuple(entry.shape), _dtype(entry.dtype))
    data = _bytes(array)
    file.seek(first + entry.start)
    if file.readinto(data) != len(data) or zlib.crc32(data) != entry.crc:  # type: ignore[attr-defined]
        raise _Damaged(f"wrong checksum of array {entry.name!r}")
    return array


def _bytes(array: NDArray[Any]) -> memoryview:
    """The array's bytes as they are in memory; of one that has gaps, of a copy without."""
    if array.nbytes == 0:
        return memoryview(bytearray())
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _padded(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _padding(size: int) -> bytes:
    return bytes(_padded(size) - size)
