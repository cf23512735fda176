"""A token bucket that says when one's turn comes: nobody asks twice in vain, and the more urgent go first."""

from dataclasses import dataclass

FORGOTTEN = 600.0
"""Seconds after which a turn that nobody took is given up."""
EMPTY = 900.0
"""Seconds after which it is asked again where nothing flows at all."""
_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that waits."""

    rank: int
    weight: float
    at: float


class Bucket:
    """`capacity` at once, and `rate` a second on the average; what must wait is given a turn.

    >>> bucket = Bucket(rate=2.0, capacity=1.0, now=0.0)
    >>> [bucket.turn(name, 0.0) for name in "a"], bucket.spend(0.0)
    ([0.0], None)
    >>> [bucket.turn(name, 0.0) for name in "bc"]
    [0.5, 1.0]
    >>> bucket.turn("b", 0.5)
    0.5
    """

    def __init__(self, rate: float, capacity: float, now: float) -> None:
        self._rate, self._capacity = rate, capacity
        self._level, self._at = capacity, now
        self._paused = float("-inf")
        self._turns: dict[str, Turn] = {}
        self._promised: dict[int, float] = {}
        self._swept = now

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._turns)

    @property
    def paused_until(self) -> float:
        """Until when nothing flows, as the provider asked."""
        return self._paused

    def refit(self, rate: float, capacity: float, now: float) -> None:
        """Go on at another rate; what has flowed counts as before, those who wait ask anew."""
        if (rate, capacity) != (self._rate, self._capacity):
            self._refill(now)
            used = max(self._capacity - self._level, 0.0)
            self._rate, self._capacity = rate, capacity
            self._level = capacity - used
            self._turns.clear()
            self._promised.clear()

    def pause(self, until: float) -> None:
        """Let nothing flow before `until`."""
        self._paused = max(self._paused, until)

    def turn(self, key: str, now: float, weight: float = 1.0, rank: int = 0) -> float:
        """Return `now` if there is room for `weight`, else when its turn comes: then it is asked again.

        Of those that wait the ones of a higher `rank` go first, and else the ones that came first. Room is taken by
        `spend`; between the two calls nobody else may ask.
        """
        self._refill(now)
        weight = min(weight, self._capacity) if self._capacity > 0.0 else weight
        mine = self._drop(key)
        due = mine is not None and now >= mine.at - _EPSILON
        ahead = self._ahead(rank, due=due) if self._promised else 0.0
        if now >= self._paused and self._level + _EPSILON >= ahead + weight:
            return now
        at = max(self._paused, self._when(ahead + weight, now))
        self._turns[key] = Turn(rank, weight, at)
        self._promised[rank] = self._promised.get(rank, 0.0) + weight
        return at

    def _ahead(self, rank: int, *, due: bool) -> float:
        """Return what is promised to those who go first."""
        return sum(weight for other, weight in self._promised.items() if other > rank or (other == rank and not due))

    def spend(self, now: float, weight: float = 1.0) -> None:
        """Take `weight` out."""
        self._refill(now)
        self._level -= weight

    def drain(self, now: float) -> None:
        """Let there be no room now."""
        self._refill(now)
        self._level = min(self._level, 0.0)

    def _when(self, needed: float, now: float) -> float:
        if self._rate <= 0.0 or self._capacity <= 0.0:
            return now + EMPTY
        return now + max((needed - self._level) / self._rate, 0.0)

    def _refill(self, now: float) -> None:
        if now > self._at:
            self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
            self._at = now
        if now - self._swept > FORGOTTEN:
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        self._swept = now
        for key in [key for key, turn in self._turns.items() if turn.at < now - FORGOTTEN]:
            self._drop(key)

    def _drop(self, key: str) -> Turn | None:
        turn = self._turns.pop(key, None)
        if turn is not None:
            self._promised[turn.rank] -= turn.weight
        return turn
