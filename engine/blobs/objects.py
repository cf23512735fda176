"""Blobs as objects of a store that fsspec knows: S3, Google Cloud Storage, Azure and what else has an URL.

How the store is reached, and with which rights, is said where its own library looks: for S3 in `AWS_…` variables or
`~/.aws`, for every store in `FSSPEC_…` variables (https://filesystem-spec.readthedocs.io/en/latest/features.html).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit, urlunsplit

import structlog

from engine.blobs.base import AT_ONCE, Blobs, Missing, buffered, translated
from engine.errors import ConfigError, ForewarnError, Retryable

log = structlog.get_logger()
_T = TypeVar("_T")
_OURS = (TypeError, AttributeError, NameError, NotImplementedError, AssertionError)
"""Mistakes in a program, not in what it was told."""


class Objects(Blobs):
    """The objects under `url`. An object is there when all of it was taken; an upload cut off leaves none."""

    def __init__(self, url: str) -> None:
        """Raises ConfigError for an URL of which nobody knows the protocol, or whose library is not installed."""
        self._place = _without_secrets(url)
        self._fs, root = _store(url, self._place)
        self._root = root.rstrip("/")

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of objects that begin with `prefix`."""
        folder = prefix.rpartition("/")[0]
        return sorted(name for name in self._walk(folder) if name.startswith(prefix))

    def write(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        """Upload an object."""
        file = self._ask(name, self._fs.open, self._path(name), "wb", autocommit=False)
        try:
            for part in parts:
                for piece in _pieces(memoryview(part)):
                    self._ask(name, file.write, piece)
            self._ask(name, file.close)
            self._ask(name, file.commit)
        except BaseException:
            self._discard(file, name)
            raise

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open an object; what is read of it is asked for then."""
        path = self._path(name)
        size = self._ask(name, self._fs.info, path)["size"]

        def fetch(start: int, stop: int) -> bytes:
            data: bytes = self._ask(name, self._fs.cat_file, path, start=start, end=stop)  # s3fs has another order
            return data

        with buffered(size, fetch) as file:
            yield file

    def delete(self, name: str) -> None:
        """Delete an object."""
        with suppress(Missing):
            self._ask(name, self._fs.rm_file, self._path(name))

    def place(self, name: str = "") -> str:
        """Return the URL."""
        return f"{self._place}/{name}" if name else self._place

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _walk(self, folder: str) -> Iterator[str]:
        """Yield all names in a folder. fsspec's own `find` takes a folder that cannot be read for an empty one."""
        self._fs.invalidate_cache()
        try:
            entries = self._ask(folder, self._fs.ls, self._path(folder), detail=True)
        except Missing:
            return
        for entry in entries:
            name = entry["name"].strip("/").removeprefix(self._root.strip("/")).strip("/")
            if entry["type"] == "directory" and name != folder:
                yield from self._walk(name)
            elif entry["type"] == "file" and name:
                yield name

    def _discard(self, file: Any, name: str) -> None:
        """Leave nothing of an upload that failed. A store that shows what is not committed yet is told to delete it."""
        try:
            self._ask(name, file.discard)
            self.delete(name)
        except ForewarnError as error:
            log.warning("an upload cut off was not taken back", place=self.place(name), cause=error.cause)
        with suppress(AttributeError):
            file.closed = True  # or it would be uploaded once more when it is collected

    def _ask(self, name: str, call: Callable[..., _T], *args: Any, **options: Any) -> _T:
        try:
            return call(*args, **options)
        except _OURS:
            raise
        except Exception as error:
            raise _named(error, self.place(name)) from error


def _store(url: str, place: str) -> tuple[Any, str]:
    """Return fsspec's view of a store, and the path in it."""
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 -- optional
    except ImportError as error:
        raise ConfigError("needs fsspec", place=place, remedy="install forewarn[objects]") from error
    try:
        fs, root = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:  # says what to install
        raise ConfigError(str(error), place=place) from error
    except ValueError as error:
        remedy = "write s3://…, gs://… or another that fsspec knows"
        raise ConfigError(str(error), place=place, remedy=remedy) from error
    return fs, str(root)


def _without_secrets(url: str) -> str:
    """Return a URL without user and password.

    >>> _without_secrets("s3://key:secret@bucket/forewarn/")
    's3://bucket/forewarn'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def _pieces(view: memoryview) -> Iterator[memoryview]:
    return (view[start : start + AT_ONCE] for start in range(0, len(view), AT_ONCE))


def _named(error: Exception, place: str) -> ForewarnError:
    """Return the error named for its reaction: what is not known to last may pass."""
    if isinstance(error, FileNotFoundError):
        return Missing("there is no such object or bucket", place=place)
    if isinstance(error, PermissionError):
        return ForewarnError("access was refused", place=place, remedy="check credentials and rights")
    if isinstance(error, OSError) and isinstance(ours := translated(error, place, ""), Retryable):
        return ours
    return Retryable(f"{type(error).__name__}: {error}", place=place, remedy="try again")
