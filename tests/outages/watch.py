"""Seeing snapshots being written, by looking at their folder again and again."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.outages.process import Process

LOOK = 0.002
"""Seconds between two looks."""


class Watch:
    """Tells the worker that begins a snapshot, or has given one its name. Use it as a context manager."""

    def __init__(self, folder: Path, workers: Sequence[Process]) -> None:
        self._folder, self._workers = folder, workers
        self._seen: set[str] = set()
        self._writers: dict[str, Process] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            if any(each.traps for each in self._workers):
                with suppress(FileNotFoundError):
                    self._tell({path.name for path in self._folder.iterdir()})
            time.sleep(LOOK)

    def _tell(self, names: set[str]) -> None:
        for name in sorted(names - self._seen):
            partition = name[:7]
            if name.endswith(".tmp"):
                if (writer := self._writer(name)) is not None:
                    self._writers[partition] = writer
                    writer.moment("snapshot, begun")
            elif (known := self._writers.pop(partition, None)) is not None:
                known.moment("snapshot, written")
        self._seen = names

    def _writer(self, name: str) -> Process | None:
        """Return who has a file open."""
        for each in self._workers:
            with suppress(OSError):
                if any(fd.readlink().name == name for fd in Path(f"/proc/{each.pid}/fd").iterdir()):
                    return each
        return None
