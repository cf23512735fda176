"""The bytes of a batch: packed and sealed for the disk, and cut to start at an event."""

import struct
import threading
import zlib
from collections.abc import Callable
from typing import NamedTuple

import zstandard

from engine.errors import ConfigError, ForewarnError

PLAIN, ZSTD = 0, 1
_WORTH_TRYING = 1024
_ROW = struct.Struct("<qqqd")
_local = threading.local()


class Packed(NamedTuple):
    """What is stored of a payload: `packing` says how, `crc` is the CRC-32 of `stored`."""

    packing: int
    crc: int
    stored: bytes


def pack(payload: bytes) -> Packed:
    """Compress when it pays: at least a tenth of more than 1 kB.

    >>> pack(b"short").packing, pack(b"long " * 1000).packing
    (0, 1)
    """
    if len(payload) > _WORTH_TRYING:
        small = _compressor().compress(payload)
        if len(small) < 0.9 * len(payload):
            return Packed(ZSTD, zlib.crc32(small), small)
    return Packed(PLAIN, zlib.crc32(payload), payload)


def seal(packed: Packed, partition: int, first: int, count: int, appended_at: float) -> Packed:
    """Let the checksum cover the whole row: bytes at the wrong offset are as bad as wrong bytes."""
    return packed._replace(crc=zlib.crc32(_ROW.pack(partition, first, count, appended_at), packed.crc))


def unpack(packed: Packed, partition: int, first: int, count: int, appended_at: float, place: str) -> bytes:
    """Return the payload. Raises ForewarnError naming `place` when the row is not the one that was written."""
    found = packed._replace(crc=zlib.crc32(packed.stored))
    if seal(found, partition, first, count, appended_at).crc != packed.crc:
        raise damaged(f"the batch at offset {first} of partition {partition} has a wrong checksum", place)
    if packed.packing == PLAIN:
        return packed.stored
    return zstandard.ZstdDecompressor().decompress(packed.stored)


def damaged(cause: str, place: str) -> ForewarnError:
    """Return the error for a log that does not hold what was written to it."""
    return ForewarnError(f"the event log is damaged: {cause}", place=place, remedy="restore it from a backup")


def changed_lines(payload: bytes, first: int, change: Callable[[bytes, int], bytes]) -> tuple[bytes, int]:
    r"""Return `payload`, whose first event is number `first`, with every event changed; and how many are others now.

    >>> changed_lines(b"a\nb", 7, lambda line, number: b"%d" % number if line == b"b" else line)
    (b'a\n8', 1)
    """
    lines = payload.split(b"\n")
    after = [change(line, first + place) for place, line in enumerate(lines)]
    if any(b"\n" in line for line in after):
        raise ValueError("an event is one line")
    return b"\n".join(after), sum(one != other for one, other in zip(lines, after, strict=True))


def check_batch(partition: int, payload: bytes, count: int, partitions: int) -> None:
    """Raise ValueError for a batch that a log could not give back as it came."""
    check_partition(partition, partitions)
    lines = payload.count(b"\n") + 1 if payload else 0
    if count != lines or count == 0:
        raise ValueError(f"a batch said to have {count} events has {lines} lines")


def check_partition(partition: int, partitions: int) -> None:
    """Raise ValueError for a partition that is not there."""
    if not 0 <= partition < partitions:
        raise ValueError(f"no partition {partition} in a log with {partitions}")


def _compressor() -> zstandard.ZstdCompressor:
    """One a thread: a compressor is not safe to share, and costs more to make than a batch to compress."""
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=1)
    return compressor


def check_growth(now: int, partitions: int) -> None:
    """Raise ValueError if a log is to have fewer partitions than `now`."""
    if partitions < now:
        raise ValueError(f"the log has {now} partitions, and cannot have {partitions}: it only grows")


def unlike(found: int, wanted: int, place: str) -> ConfigError:
    """Return the error for a log that has another number of partitions than is said."""
    more = f", or run `forewarn repartition` to have {wanted}" if wanted > found else ""
    cause = f"the event log has {found} partitions, not {wanted}"
    return ConfigError(cause, place=place, remedy=f"set `events: {{partitions: {found}}}`{more}")
