"""One clock for several processes: a file of eight bytes that all of them look at, and the test sets."""

import mmap
import struct
from pathlib import Path

from engine.clock import Clock

_SECONDS = struct.Struct("d")


class SharedClock(Clock):
    """Tells the time that stands in a file. Unlike a fake clock it may be set back, as a machine's may."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_SECONDS.pack(0.0))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _SECONDS.size)

    def time(self) -> float:
        """Return what the clock was last set to, whoever set it."""
        return float(_SECONDS.unpack(self._shared[:])[0])

    def set(self, moment: float) -> None:
        """Move to `moment`, for all processes at once."""
        self._shared[:] = _SECONDS.pack(moment)
