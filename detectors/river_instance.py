"""One River estimator with what belongs to it: the ranges of its features and its last raw scores."""

import bisect
import math
from collections import deque
from typing import Any

from detectors.river_models import Reader

RAISE = 0.999
"""The score at which the band ends."""


class Calibration:
    """The last thousand raw scores of an instance: enough to rank one in a hundred and go on to one in a thousand."""

    MEMORY = 1000
    TAIL = 10
    """Largest scores that are ranked against, not extrapolated beyond: their count's error is a third."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []

    def learn(self, raw: float) -> None:
        """Take in a raw score; zeros before the first other are an estimator's own grace period."""
        if raw == 0 and not self._sorted:
            return
        bisect.insort(self._sorted, raw)
        self._recent.append(raw)
        if len(self._recent) > self.MEMORY:
            old = self._recent.popleft()
            del self._sorted[bisect.bisect_left(self._sorted, old)]

    def score(self, raw: float, warmup: int) -> float:
        n = len(self._sorted)
        if n < warmup or math.isnan(raw):
            return math.nan
        above = n - bisect.bisect_left(self._sorted, raw)
        start, excess = self._tail()
        if above >= self.TAIL or excess == 0 or raw <= start:
            return 1 - (above + 1) / (n + 1)
        return 1 - (self.TAIL + 1) / (n + 1) * math.exp(-(raw - start) / excess)

    def quantile(self, score: float, warmup: int) -> float:
        """Return the raw score that would have `score`; infinite before the warm-up is over."""
        n = len(self._sorted)
        if n < warmup:
            return math.inf
        start, excess = self._tail()
        return start + excess * max(math.log((self.TAIL + 1) / (n + 1) / (1 - score)), 0.0)

    def _tail(self) -> tuple[float, float]:
        """Return the tenth largest score, and the mean excess of the thirty largest over the thirtieth."""
        wide = self._sorted[-3 * self.TAIL :]
        return self._sorted[-self.TAIL], sum(wide) / len(wide) - wide[0]


class Scale:
    """The range of a feature so far, shrinking by a thousandth a step so that an outlier does not rule for ever."""

    def __init__(self) -> None:
        self._low, self._high = math.inf, -math.inf

    def scaled(self, value: float) -> float:
        """Return where `value` lies: the range so far is the middle half of [0, 1]."""
        if not self._low < self._high:
            return 0.5
        return min(max(0.25 + 0.5 * (value - self._low) / (self._high - self._low), 0.0), 1.0)

    def learn(self, value: float) -> None:
        if self._low < self._high:
            shrink = 0.0005 * (self._high - self._low)
            self._low, self._high = self._low + shrink, self._high - shrink
        self._low, self._high = min(self._low, value), max(self._high, value)


class Instance:
    """One estimator with what belongs to it."""

    def __init__(self, model: Any, features: tuple[str, ...]) -> None:
        self._model = model
        self._scales = {name: Scale() for name in features if name in ("value", "change")}
        self._features = features
        self._last = math.nan
        self._calibration = Calibration()
        self.failed = False

    def observe(self, reader: Reader, time: float, value: float, warmup: int) -> tuple[float, float, float, float]:
        """Return score, expected, low and high of the value, then learn it; nothing is known if the estimator fails."""
        raws = self._raw_features(time, value)
        features = {name: self._scales[name].scaled(raw) if name in self._scales else raw for name, raw in raws.items()}
        try:
            raw, expected = self._read(reader, features, value)
            reader.teach(self._model, features, value)
        except (ArithmeticError, ValueError):
            self.failed = True
            return math.nan, math.nan, -math.inf, math.inf
        score = self._calibration.score(raw, warmup) if reader.calibrated else raw
        width = self._calibration.quantile(RAISE, warmup)
        self._learn(raws, raw, value)
        if math.isnan(expected) or width == math.inf:
            return score, expected, -math.inf, math.inf
        return score, expected, expected - width, expected + width

    def _read(self, reader: Reader, features: dict[str, float], value: float) -> tuple[float, float]:
        try:
            return reader.read(self._model, features, value)
        except IndexError:  # how HoltWinters says that it has too little history
            return math.nan, math.nan

    def _raw_features(self, time: float, value: float) -> dict[str, float]:
        hours = time / 3600
        known = {
            "value": value,
            "change": 0.0 if math.isnan(self._last) else value - self._last,
            "hour": hours % 24 / 24,
            "weekday": (hours / 24 + 3) % 7 / 7,
        }
        return {name: known[name] for name in self._features}

    def _learn(self, raws: dict[str, float], raw: float, value: float) -> None:
        for name, scale in self._scales.items():
            scale.learn(raws[name])
        self._last = value
        if not math.isnan(raw):
            self._calibration.learn(raw)
