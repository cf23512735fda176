"""Connections to one mail server, kept for the next mail. Safe to use from several threads."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from outreach.smtp import Server, Session

KEPT = 60.0
"""Seconds for which a connection is kept idle; servers hang up after some minutes (RFC 5321, 4.5.3.2.7: five)."""
MAILS = 100
"""Mails after which a connection is closed: many servers take so many at most."""
FRESH = 1.0
"""Seconds for which a connection that worked is taken to work still."""


@dataclass(slots=True)
class Line:
    """A connection, and what it has behind it."""

    session: Session
    mails: int = 0
    idle_since: float = 0.0


class Lines:
    """Opens connections as they are needed, one for each mail under way, and keeps those that are free."""

    def __init__(self, server: Server, now: Callable[[], float]) -> None:
        self._server, self._now = server, now
        self._lock = threading.Lock()
        self._free: list[Line] = []
        self._closed = False

    def take(self, deadline: float) -> Line:
        """Return a connection that works. Raises Refused or OSError: nothing was sent."""
        while (line := self._pop()) is not None:
            if self._works(line, deadline):
                return line
            line.session.close()
        return Line(Session(self._server))

    def give(self, line: Line) -> None:
        """Take a connection back after a mail that went well."""
        line.mails += 1
        line.idle_since = self._now()
        with self._lock:
            kept = line.mails < MAILS and not self._closed
            if kept:
                self._free.append(line)
        if not kept:
            line.session.close()

    def close(self) -> None:
        """Hang up; what is under way hangs up when it is done."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for line in free:
            line.session.close()

    def _pop(self) -> Line | None:
        """Return the connection used last: the others may grow old."""
        with self._lock:
            return self._free.pop() if self._free else None

    def _works(self, line: Line, deadline: float) -> bool:
        idle = self._now() - line.idle_since
        line.session.limit(max(deadline - self._now(), 0.0))
        return 0.0 <= idle <= FRESH or (idle <= KEPT and line.session.alive())
