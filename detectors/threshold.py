"""Fixed limits, with a recovery threshold so that a value that hovers at the limit makes one issue, not twenty."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from detectors.base import Detector, Floats, Ints, Observations, Scores, Signal, State

_LIMIT_DECADES = 3.0
_MOST_DECADES = 12.0
_UNDECIDED = 0.5


class Threshold(Detector):
    """A value went beyond a limit that people set.

    The score grows with the distance beyond the limit: three decades of evidence (0.999) at it, three more for each
    further *scale*, which is the distance from the limit to the recovery threshold, else the limit itself, else 1. So a
    verdict that an issue was a false alarm moves the limit of that one series. Between recovery and limit the score
    falls from 0.999 to 0.5, which is neither a breach nor calm; on the good side of recovery it is 0.

    >>> detector = Threshold(above=90, recover=80)
    >>> detector.update(Observations.of([0] * 4, [0, 60, 120, 180], [95, 90, 85, 75])).score.round(6).tolist()
    [0.999968, 0.999, 0.968377, 0.0]
    """

    kind: ClassVar[str] = "threshold"
    raise_score: ClassVar[float] = 0.999
    calm_below: ClassVar[float | None] = _UNDECIDED
    needs_window: ClassVar[bool] = False
    movable: ClassVar[bool] = True
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"above": 90.0},
        {"above": 0.0, "recover": -1.0},
        {"below": 10.0, "recover": 12.0},
        {"above": 20.0, "below": 10.0},
    )

    def __init__(self, *, above: float | None = None, below: float | None = None, recover: float | None = None) -> None:
        """Breach at `above` and higher, and at `below` and lower; over on the good side of `recover`.

        `recover` is the limit itself if left out, and belongs to a single limit: below `above`, or above `below`.
        """
        limits = [limit for limit in (above, below, recover) if limit is not None]
        if above is None and below is None:
            raise ValueError("threshold needs a limit: give `above`, `below` or both")
        if not all(math.isfinite(limit) for limit in limits):
            raise ValueError("above, below and recover must be finite numbers")
        if above is not None and below is not None:
            _check_band(above, below, recover)
        self._above = None if above is None else _Limit(above, recover, sign=1.0)
        self._below = None if below is None else _Limit(below, recover, sign=-1.0)

    def _grow(self, size: int) -> None:
        """Need no room: nothing is remembered."""

    def update(self, batch: Observations) -> Scores:
        """Score the batch; there is nothing to learn."""
        return self.score(batch)

    def score(self, batch: Observations) -> Scores:
        """Score the batch."""
        scores = Scores.silent(len(batch.value))
        sides = [side.score(batch.value) for side in (self._above, self._below) if side is not None]
        scores.score = np.maximum.reduce(sides)
        if self._above is not None:
            scores.high[:] = self._above.limit
        if self._below is not None:
            scores.low[:] = self._below.limit
        return scores

    def reset(self, series: Ints) -> None:
        """Have nothing to forget."""

    def rows(self, series: Ints) -> State:
        """Return nothing."""
        return {}

    def put(self, series: Ints, rows: State) -> None:
        """Take over nothing."""

    def state(self) -> State:
        """Return nothing: nothing is remembered."""
        return {}

    def load(self, state: State) -> None:
        """Take over nothing; raises ValueError if there is something."""
        if state:
            raise ValueError(f"threshold remembers nothing, but the state has {', '.join(state)}")

    def explain(self, signal: Signal) -> str:
        """Say the value and the limit it is to be held against."""
        side = self._side(signal.value)
        verb = "is back at" if signal.state == "cleared" else "was"
        over = f", and it is over once {side.calm} {side.recover:.6g}" if side.recover != side.limit else ""
        return f"The value {verb} {signal.value:.6g}; the {side.name} limit is {side.limit:.6g}{over}."

    def _side(self, value: float) -> "_Limit":
        if self._above is None or self._below is None:
            side = self._above or self._below
            assert side is not None
            return side
        return self._above if value - self._below.limit > self._above.limit - value else self._below


class _Limit:
    """One limit; `sign` is 1 where more is worse, −1 where less is."""

    def __init__(self, limit: float, recover: float | None, *, sign: float) -> None:
        self.limit, self.sign = float(limit), sign
        self.recover = self.limit if recover is None else float(recover)
        self.name, self.calm = ("upper", "below") if sign > 0 else ("lower", "above")
        if sign * (self.limit - self.recover) < 0:
            side = "below `above`" if sign > 0 else "above `below`"
            raise ValueError(f"recover is {self.recover:g}: it must be {side} ({self.limit:g})")
        self._scale = abs(self.limit - self.recover) or abs(self.limit) or 1.0

    def score(self, value: Floats) -> Floats:
        with np.errstate(over="ignore"):  # a value near the largest double is beyond any limit all the same
            beyond = self.sign * (value - self.limit)
            decades = np.clip(_LIMIT_DECADES * (1.0 + beyond / self._scale), 0.0, _MOST_DECADES)
        graded = 1.0 - 10.0**-decades
        breach = beyond >= 0
        least = np.where(breach, Threshold.raise_score, _UNDECIDED)
        most = np.where(breach, 1.0, np.nextafter(Threshold.raise_score, 0.0))
        calm = self.sign * (value - self.recover) < 0
        return np.asarray(np.where(calm, 0.0, np.clip(graded, least, most)))


def _check_band(above: float, below: float, recover: float | None) -> None:
    if below >= above:
        raise ValueError(f"below is {below:g} and above is {above:g}: below must be the lower one")
    if recover is not None:
        raise ValueError("recover belongs to a single limit: write one detector for each limit, or leave it out")
