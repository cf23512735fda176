"""What a store of blobs keeps to, whatever it is made of."""

import errno
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import BinaryIO

from engine.errors import ForewarnError, Permanent, Retryable

AT_ONCE = 8 << 20
"""Bytes that are asked for, or handed over, in one go."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_MAY_PASS = {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EBUSY, errno.ESTALE} | {
    errno.ETIMEDOUT,
    errno.ENOTCONN,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
}
"""Of a disk that fails, or of a file server that is away."""


class Missing(Permanent):
    """There is no blob of that name."""


class Blobs(ABC):
    """Blobs by name; parts of a name are divided by `/`. Safe to use from several threads and processes.

    Everything raises Retryable for what may pass (full, slow, away) and ForewarnError for what will not.
    """

    @abstractmethod
    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with `prefix`, in order; none if nothing was ever written."""

    @abstractmethod
    def write(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        """Write a blob durably, from parts put one behind the other. A name is written once.

        On return it is there under its name. If this fails, or the process dies meanwhile, there is none of that name.
        """

    @abstractmethod
    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a blob, to `seek` and `readinto`. Raises Missing if there is none."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a blob; one that is not there is no error."""

    @abstractmethod
    def place(self, name: str = "") -> str:
        """Return what a blob, or the whole store, is called in front of people."""


class RangeReader(io.RawIOBase):
    """A blob of `size` bytes of which `fetch` returns those from a start to before a stop."""

    def __init__(self, size: int, fetch: Callable[[int, int], bytes]) -> None:
        self._size, self._fetch, self._at = size, fetch, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return how many bytes lie before the next one."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere; returns where that is."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # RawIOBase's stub wants a Buffer
        """Fill a buffer, or as much of it as is read in one go; returns how many bytes that is, 0 at the end."""
        stop = min(self._at + min(len(buffer), AT_ONCE), self._size)
        data = self._fetch(self._at, stop) if stop > self._at else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        """Return the rest, in as few requests as may be."""
        return b"".join(iter(lambda: self.read(AT_ONCE) or b"", b""))


def buffered(size: int, fetch: Callable[[int, int], bytes]) -> BinaryIO:
    """Return a reader that asks for a megabyte at least, so that a head and what follows it are one request."""
    return io.BufferedReader(RangeReader(size, fetch), 1 << 20)


def translated(error: OSError, place: str, remedy: str) -> ForewarnError:
    """Return the error named for its reaction; `remedy` is of those that do not pass.

    >>> translated(OSError(errno.ENOSPC, "No space left on device"), "var/snapshots", "").line()
    'var/snapshots: No space left on device; free some space; what was there before is untouched'
    """
    cause = error.strerror or str(error)
    if error.errno in _FULL:
        return Retryable(cause, place=place, remedy="free some space; what was there before is untouched")
    if error.errno in _MAY_PASS:
        return Retryable(cause, place=place, remedy="try again")
    return ForewarnError(cause, place=place, remedy=remedy)
