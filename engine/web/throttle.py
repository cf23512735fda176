"""How often one caller may ask: a bucket each, in memory, of which only so many are kept."""

from collections import OrderedDict

KEEP = 20_000
"""Callers remembered; the one not seen for longest is forgotten first."""


class Throttle:
    """Token buckets by key.

    >>> throttle = Throttle(burst=2, per_second=0.5)
    >>> [throttle.wait("ann", at) for at in (0.0, 0.0, 0.0, 2.0)]
    [0.0, 0.0, 2.0, 0.0]
    """

    def __init__(self, *, burst: int, per_second: float, keep: int = KEEP) -> None:
        self._burst, self._rate, self._keep = float(burst), per_second, keep
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Take one; returns 0, or how many seconds until there is one again."""
        left, at = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + max(now - at, 0.0) * self._rate)
        allowed = left >= 1.0
        self._buckets[key] = (left - 1.0 if allowed else left, now)
        if len(self._buckets) > self._keep:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - left) / self._rate
