"""The signals: one more event log, of one partition, in which workers tell what concerns others than themselves.

It is opened when it is first used, as most commands never do.
"""

import threading
from collections.abc import Callable, Sequence

from engine.eventlog.base import Append, Batch, EventLog

PARTITION = 0
Open = Callable[[], EventLog]


class SignalLog:
    """A log of one partition. Safe to use from several threads."""

    def __init__(self, open_log: Open) -> None:
        self._open, self._opening = open_log, threading.Lock()
        self._log: EventLog | None = None

    @property
    def log(self) -> EventLog:
        """The event log itself."""
        with self._opening:
            if self._log is None:
                self._log = self._open()
            return self._log

    def append(self, lines: Sequence[bytes]) -> None:
        """Write lines, durable on return. Raises as `EventLog.append`; then they may be written again."""
        if lines:
            self.log.append([Append(PARTITION, b"\n".join(lines), len(lines))])

    def read(self, offset: int, limit: int) -> list[Batch]:
        """Return what comes from `offset` on, as `EventLog.read`."""
        return self.log.read(PARTITION, offset, limit)

    def begin(self) -> int:
        """Return the first offset that is kept."""
        return self.log.begin(PARTITION)

    def close(self) -> None:
        """Let go of it, if it was opened."""
        with self._opening:
            if self._log is not None:
                self._log.close()
