"""What is usual of one detector: how many accounts it raises within a window, and which values these have."""

from collections import Counter

from engine.incidents.chance import counted

MEMORY = 7 * 86400.0
"""Seconds after which what was counted weighs e times less."""
SETTLED = 86400.0
"""Seconds of history from which on it is known what is usual."""
LEAST_SHAPE = 0.5
"""As widely as counts may scatter: the shape of a Gamma distribution of their mean."""
SHRUNK = 20.0
"""As many signals as the population's shares stand for, beside those of the past."""
Value = tuple[str, int, str]
"""A kind of subject, the place of a dimension, and a value."""


class Usual:
    """Learns from windows that are over. One that was out of the ordinary teaches no more than what is just in it.

    >>> usual = Usual(1800.0)
    >>> for _ in range(100):
    ...     usual.close(0)
    >>> usual.chance(5) < 1e-9, round(usual.mean, 3)
    (True, 0.011)
    """

    def __init__(self, window: float) -> None:
        self._keep = 1.0 - min(window / MEMORY, 0.5)
        self._settled = SETTLED / window
        self._windows = self._sum = self._squares = 0.0
        self._age = 0.0
        self._seen: Counter[Value] = Counter()
        self._of: Counter[tuple[str, int]] = Counter()

    @property
    def settled(self) -> bool:
        """Whether enough was seen to say what is usual."""
        return self._age >= self._settled

    @property
    def mean(self) -> float:
        """How many accounts are to be expected in a window: with one more in one more window, as it may get worse."""
        return (self._sum + 1.0) / (self._windows + 1.0)

    def chance(self, seen: int, share: float = 1.0) -> float:
        """Return how likely it is that `seen` or more accounts with a value that `share` of them have are raised."""
        return counted(seen, self.mean * share, self._shape())

    def share(self, value: Value, population: float) -> float:
        """Return with what share a value is to be expected: that of all there are, or of those raised in the past."""
        past = (self._seen[value] + SHRUNK * population) / (self._of[value[:2]] + SHRUNK)
        return max(past, population)

    def close(self, count: int) -> None:
        """Learn that in a window so many accounts were raised."""
        taken = min(float(count), 2.0 * self.mean + 3.0)
        self._windows = self._keep * self._windows + 1.0
        self._sum = self._keep * self._sum + taken
        self._squares = self._keep * self._squares + taken * taken
        self._age += 1.0

    def quiet(self, windows: int) -> None:
        """Learn that in so many windows nothing was raised."""
        faded = self._keep**windows
        self._windows = faded * self._windows + (1.0 - faded) / (1.0 - self._keep)
        self._sum, self._squares = faded * self._sum, faded * self._squares
        self._age += windows

    def learn(self, values: Counter[Value]) -> None:
        """Learn how often values stood in the signals of a window."""
        for value, count in values.items():
            self._seen[value] += count
            self._of[value[:2]] += count
        if sum(self._of.values()) > 20_000:  # what is long ago weighs less, and rare values go
            self._seen = Counter({value: half for value, count in self._seen.items() if (half := count // 2)})
            self._of = Counter()
            for value, count in self._seen.items():
                self._of[value[:2]] += count

    def _shape(self) -> float:
        """Return how well the mean is known: as what was counted tells, and less where counts scatter more."""
        known = 1.0 + self._sum
        if self._windows < 8.0:
            return known
        mean = self._sum / self._windows
        more = self._squares / self._windows - mean * mean - mean
        return max(LEAST_SHAPE, min(known, mean * mean / more)) if more > 0.0 else known
