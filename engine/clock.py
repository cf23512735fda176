"""Time, as something that is handed in. Only `SystemClock` reads the machine's clocks."""

import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime


class Clock(ABC):
    """A source of the present, in seconds since 1970-01-01 UTC."""

    @abstractmethod
    def time(self) -> float:
        """Return the present in epoch seconds."""

    @abstractmethod
    def elapsed(self) -> float:
        """Return seconds since a moment of this process' own: they only grow, whatever the present is set to."""

    def now(self) -> datetime:
        """Return the present as an aware UTC datetime."""
        return datetime.fromtimestamp(self.time(), UTC)


class SystemClock(Clock):
    """The machine's clock."""

    def time(self) -> float:
        """Return the machine's time in epoch seconds."""
        return time.time()

    def elapsed(self) -> float:
        """Return what the machine's monotonic clock says."""
        return time.monotonic()


class FakeClock(Clock):
    """A clock that moves only when told, for tests, simulations and backtests.

    >>> clock = FakeClock(0.0)
    >>> clock.advance(90)
    >>> clock.now().isoformat()
    '1970-01-01T00:01:30+00:00'
    """

    def __init__(self, start: float) -> None:
        self._time = start

    def time(self) -> float:
        """Return the time the clock was last set to."""
        return self._time

    def elapsed(self) -> float:
        """Return the same: it never runs backwards."""
        return self._time

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        self._time += seconds

    def set(self, moment: float) -> None:
        """Move to `moment`, if it is later; a fake clock does not run backwards."""
        self._time = max(self._time, moment)
