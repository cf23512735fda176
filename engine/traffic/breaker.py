"""A circuit breaker: a provider that does not answer is left alone, and asked by one message whether it is back.

Closed, everything passes. After so many failures in a row within a span it opens, and nothing passes for a while. Then
it is half open: one message passes, the probe. If that is answered, the breaker closes; if not, it opens for twice as
long. M. Nygard, "Release It!" (2nd edition 2018), 5.2.
"""

from collections import deque
from enum import StrEnum

from engine.config.model import Sending

LONGEST = 900.0
"""Seconds for which it stays open at most before the next probe."""
PROBING = 60.0
"""Seconds after which a probe that was never heard of again is given up."""
PROBE_WAIT = 5.0
"""Seconds that others wait for the probe's answer."""


class State(StrEnum):
    """Whether messages pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """The breaker of one provider. Kept in memory only: a new process asks the provider anew.

    >>> from detectors.durations import Duration
    >>> from engine.config.model import Per
    >>> breaker = Breaker(Sending(breaker=Per(2, 60.0, False), cool_down=Duration("30s")))
    >>> breaker.failed(0.0), breaker.failed(1.0), breaker.state(2.0).value, breaker.opens_at(2.0)
    (None, None, 'open', 31.0)
    >>> breaker.passes(31.0), breaker.passes(31.0)
    (True, False)
    >>> breaker.answered(), breaker.state(32.0).value
    (None, 'closed')
    """

    def __init__(self, rule: Sending) -> None:
        self.rule = rule
        self.since: float | None = None
        """Since when it has not been closed; None: it is."""
        self.why = ""
        """The provider's last words, or those of the network."""
        self._failures: deque[float] = deque()
        self._until = float("-inf")
        self._pause = float(rule.cool_down)
        self._probe: float | None = None

    def state(self, now: float) -> State:
        """Return the state at `now` (epoch seconds)."""
        if self.since is None:
            return State.CLOSED
        return State.OPEN if now < self._until else State.HALF_OPEN

    def opens_at(self, now: float) -> float:
        """Return the moment from which on a message may pass, `now` if one may."""
        if self.since is None or (now >= self._until and not self._probing(now)):
            return now
        return self._until if now < self._until else now + PROBE_WAIT

    def passes(self, now: float) -> bool:
        """Let a message pass, or not; of a half-open breaker it is then the probe."""
        if self.opens_at(now) > now:
            return False
        if self.since is not None:
            self._probe = now
        return True

    def answered(self) -> None:
        """The provider answered, whatever it said: close."""
        self._failures.clear()
        self.since, self.why, self._probe = None, "", None
        self._pause = float(self.rule.cool_down)

    def failed(self, now: float, why: str = "") -> None:
        """The provider could not be reached, or failed."""
        self.why = why
        self._failures.append(now)
        while self._failures[0] < now - self.rule.breaker.seconds:
            self._failures.popleft()
        if self.since is not None and now >= self._until:
            self._pause = min(self._pause * 2.0, LONGEST)
            self._open(now)
        elif self.since is None and len(self._failures) >= self.rule.breaker.count:
            self.since = now
            self._open(now)

    def _open(self, now: float) -> None:
        self._until, self._probe = now + self._pause, None

    def _probing(self, now: float) -> bool:
        return self._probe is not None and now - self._probe < PROBING
