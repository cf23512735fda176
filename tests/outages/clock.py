"""One clock for several processes: a file that all of them look at, and the test writes."""

import mmap
import struct
from pathlib import Path

from engine.clock import Clock

_TIMES = struct.Struct("dd")
"""The time, and by how much the clock is wrong."""


class SharedClock(Clock):
    """Tells the time that stands in a file. It can be set wrong, as a machine's may be."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_TIMES.pack(0.0, 0.0))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _TIMES.size)

    def time(self) -> float:
        """Return what the clock says."""
        return sum(self._read())

    def elapsed(self) -> float:
        """Return the time, whatever the clock says."""
        return self._read()[0]

    def set(self, moment: float) -> None:
        """Let time pass until `moment`, for all processes at once, unless it is over."""
        now, wrong = self._read()
        self._shared[:] = _TIMES.pack(max(now, moment), wrong)

    def set_wrong(self, by: float) -> None:
        """Let the clock go wrong by so many seconds; no time passes by that."""
        self._shared[:] = _TIMES.pack(self.elapsed(), by)

    def _read(self) -> tuple[float, float]:
        now, wrong = _TIMES.unpack(self._shared[:])
        return float(now), float(wrong)
