"""The bytes of a file, unpacked where it is packed, in blocks of bounded size."""

import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import zstandard

from engine.errors import ForewarnError

BLOCK = 1 << 20
_SLICE = 1 << 10
"""Of zstd, so little is given at once: a few bytes can stand for 128 kB each."""
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Blocks:
    """Iterates over what `file` holds; gzip and zstd are recognised by how they begin.

    Raises ForewarnError, naming `place`, where a packed file is broken or breaks off.
    """

    def __init__(self, file: BinaryIO, place: str) -> None:
        self._file, self._place = file, place
        self.read = 0
        """How many bytes of the file were read so far: packed ones, where it is packed."""

    def __iter__(self) -> Iterator[bytes]:
        head = self._take()
        raw = self._raw(head)
        if head.startswith(GZIP):
            return self._checked(_gunzipped(raw), "gzip")
        if head.startswith(ZSTD):
            return self._checked(_unzstandarded(raw), "zstd")
        return raw

    def _take(self) -> bytes:
        block = self._file.read(BLOCK)
        self.read += len(block)
        return block

    def _raw(self, head: bytes) -> Iterator[bytes]:
        while head:
            yield head
            head = self._take()

    def _checked(self, blocks: Iterator[bytes], kind: str) -> Iterator[bytes]:
        try:
            yield from blocks
        except (zlib.error, zstandard.ZstdError, _BrokenOff) as error:
            cause = f"the {kind} file is broken: {error}"
            raise ForewarnError(cause, place=self._place, remedy="fetch or pack it again") from error


class _BrokenOff(Exception):
    def __init__(self) -> None:
        super().__init__("it breaks off before its end")


def _gunzipped(raw: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what gzip members one after the other hold (RFC 1952, section 2.2)."""
    member = zlib.decompressobj(31)
    for block in raw:
        left = block
        while left:
            if member.eof and not (left := left.lstrip(b"\x00")):  # padding, as tapes leave it
                break
            member = zlib.decompressobj(31) if member.eof else member
            yield member.decompress(left, BLOCK)
            left = member.unused_data if member.eof else member.unconsumed_tail
    while not member.eof and (more := member.decompress(b"", BLOCK)):
        yield more
    if not member.eof:
        raise _BrokenOff


def _unzstandarded(raw: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what zstd frames one after the other hold (RFC 8878, section 3)."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    for block in raw:
        for start in range(0, len(block), _SLICE):
            left = block[start : start + _SLICE]
            while left:
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                yield frame.decompress(left)
                left = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise _BrokenOff
