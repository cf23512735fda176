"""Where compiled kernels are kept: where numba keeps them, but good only as long as no source of ours has changed.

Numba holds what it compiled for as good as the file of the function. Kernels call each other across files, and the code
of the called is within the caller's, so an edit or an upgrade would leave old code running. And it reads the whole list
of what it holds before it looks whether that is still good, so a class in it that was removed would be an error.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
from numba.core import caching

ROOT = Path(__file__).parents[1]
ROOMS = ("detectors", "engine/columnar", "engine/eventlog", "engine/events", "engine/measures")
"""The packages that have kernels."""


def stamp(folders: Iterable[Path]) -> str:
    """Return a digest of the names, times and sizes of all Python files in the folders."""
    digest = sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            told = file.stat()
            digest.update(f"{file.relative_to(folder)}\0{told.st_mtime_ns}\0{told.st_size}\0".encode())
    return digest.hexdigest()


@cache
def _own() -> str:
    return stamp(ROOT / room for room in ROOMS)


def _with_own_stamp(locator: Any) -> type:
    """Return numba's locator of a cache, with a stamp of all sources in place of one file's."""
    return type(locator.__name__, (locator,), {"get_source_stamp": staticmethod(_own)})


UserProvided = _with_own_stamp(caching.UserProvidedCacheLocator)
InTree = _with_own_stamp(caching.InTreeCacheLocator)
UserWide = _with_own_stamp(caching.UserWideCacheLocator)
LOCATORS = ",".join(f"{__name__}.{name}" for name in ("UserProvided", "InTree", "UserWide"))


class Index(caching.IndexDataCacheFile):
    """Numba's list of what is cached of a function; one that names what is there no more is as good as none."""

    def _load_index(self) -> dict[Any, str]:
        try:
            return dict(super()._load_index())  # type: ignore[no-untyped-call]
        except (AttributeError, ImportError):  # a class or a module of an older version of ours
            return {}


@contextmanager
def own_stamp() -> Iterator[None]:
    """Within it, functions are set up to be cached under a stamp of all sources; other packages' are as ever."""
    config: Any = numba.config
    before, config.CACHE_LOCATOR_CLASSES = config.CACHE_LOCATOR_CLASSES, LOCATORS
    lists: Any = caching
    index, lists.IndexDataCacheFile = lists.IndexDataCacheFile, Index
    try:
        yield
    finally:
        config.CACHE_LOCATOR_CLASSES, lists.IndexDataCacheFile = before, index
