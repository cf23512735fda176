"""One engine a data folder: a lock that the operating system lets go of when its process ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import ForewarnError

NAME = "engine.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process. Raises ForewarnError, naming the other process, if one has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            cause = f"an engine is running on it already (process {file.read().strip() or 'unknown'})"
            remedy = "stop that one first, or set another `data`"
            raise ForewarnError(cause, place=str(folder), remedy=remedy) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
