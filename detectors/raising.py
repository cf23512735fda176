"""From scores to states: when a series is raised, when it goes on, and when it is over again.

One row of 16 bytes a series, one compiled loop over the batch. Python sees only the rows at which something happened.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Growing
from detectors.base import Bytes, Floats, Ints, State
from detectors.compiled import compiled

RAISED, ONGOING, CLEARED = 1, 2, 3
"""Codes of `Raiser.observe`."""
SignalState = Literal["raised", "ongoing", "cleared"]
STATES: Mapping[int, SignalState] = {RAISED: "raised", ONGOING: "ongoing", CLEARED: "cleared"}

MOST_DECADES = 12.0
"""Evidence is capped here: a double next to 1 tells no more than about 15 decades apart, and badly."""
SHIFT_LOW, SHIFT_HIGH = -1.0, 3.0
"""How far verdicts may move the threshold of one series, in decades."""

ROW = np.dtype([("calm_since", "<f8"), ("shift", "<f4"), ("register", "<u2"), ("flags", "u1"), ("spare", "u1")])
_IS_RAISED, _IS_COUNTED, _IS_CALM = 1, 2, 4
_NO_MISSES = np.zeros(0, np.bool_)


@dataclass(frozen=True)
class RaiseRule:
    """`raise: {score: 0.999, for: 3 of 5, clear: 10m}`

    Raises ValueError where a number is out of its range.
    """

    score: float | None = None
    """The score from which an observation is a breach, above 0 and at most 1; None: the kind's own."""
    hits: int = 1
    """So many breaches …"""
    of: int = 1
    """… within so many observations raise; at most 16."""
    clear: float = 0.0
    """Seconds it must have been calm, from the first calm observation to the last, before it is over."""

    def __post_init__(self) -> None:
        if self.score is not None and not 0.0 < self.score <= 1.0:
            raise ValueError(f"score is {self.score}: it must be above 0 and at most 1")
        if not 1 <= self.hits <= self.of <= 16:
            raise ValueError(f"for: {self.hits} of {self.of}: it must be 1 ≤ hits ≤ of ≤ 16")
        if not 0.0 <= self.clear < np.inf:
            raise ValueError(f"clear is {self.clear}: it must be a number of seconds, 0 or more")


class _Limits(NamedTuple):
    need: float
    floor: float
    calm_below: float
    hits: int
    mask: int
    clear: float


class Raiser:
    """The state machine calm → raised → calm of every series of one detector.

    *Evidence* of a score is −log₁₀(1 − score), in decades, at most 12: a score of 0.999 has three. An observation is
    a breach when its evidence reaches that of the raise score plus what verdicts have added for its series. A raised
    series is over once every observation for `clear` seconds was calm: scored below `calm_below`, or no breach where
    that is None. What is neither a breach nor calm keeps it open. A NaN score is no opinion and changes nothing.

    >>> raiser = Raiser(RaiseRule(hits=2, of=3), score=0.999)
    >>> raiser.grow(1)
    >>> rows, codes = raiser.observe(np.zeros(4, np.int32), np.arange(4.0), np.array([1.0, 0.5, 1.0, 0.5]))
    >>> [(int(row), STATES[int(code)]) for row, code in zip(rows, codes)]
    [(2, 'raised'), (3, 'cleared')]
    """

    def __init__(self, rule: RaiseRule, *, score: float, calm_below: float | None = None) -> None:
        """Take `score` as the raise score where the rule names none."""
        need = _evidence(float(score if rule.score is None else rule.score))
        self._limits = _Limits(
            need=need,
            floor=1.0 - 1.0001 * 10.0 ** -(need + SHIFT_LOW),
            calm_below=np.nan if calm_below is None else float(calm_below),
            hits=rule.hits,
            mask=(1 << rule.of) - 1,
            clear=float(rule.clear),
        )
        self._table, self._size = Growing(ROW), 0

    @property
    def _rows(self) -> NDArray[Any]:
        return self._table.array

    def grow(self, size: int) -> None:
        """Make room for series 0 … `size` − 1."""
        if size > self._size:
            self._table.reserve(size)
            self._size = size

    def observe(
        self, series: Ints, time: Floats, score: Floats, missed: NDArray[np.bool_] = _NO_MISSES
    ) -> tuple[Ints, Bytes]:
        """Take a batch in order; return the rows of it at which a series was raised, breached again, or cleared.

        `missed` marks rows that stand for an event that did not come. A miss is counted once, however often it is
        told, until an event comes; that event then makes no further entry among the last observations. So the state
        is the same whether a miss was told often, once, or only when the event came after all. A miss that scores 0 is
        none: time itself has ended what was raised. It is over at once, and makes no entry.
        """
        rows, codes = np.empty(len(series), np.int32), np.empty(len(series), np.uint8)
        found = _observe(self._rows, series, time, score, missed, self._limits, rows, codes)
        return rows[:found].copy(), codes[:found].copy()

    def adjust(self, series: int, decades: float) -> None:
        """Move the threshold of `series` by so much evidence: up to be quieter. In total −1 to +3 decades."""
        moved = float(self._rows["shift"][series]) + decades
        self._rows["shift"][series] = min(max(moved, SHIFT_LOW), SHIFT_HIGH)

    def adjustment(self, series: int) -> float:
        """Return by how many decades the threshold of `series` has been moved."""
        return float(self._rows["shift"][series])

    def is_raised(self, series: int) -> bool:
        """Return whether `series` is raised."""
        return bool(self._rows["flags"][series] & _IS_RAISED)

    def raised(self, series: Ints) -> NDArray[np.bool_]:
        """Return which of the given series are raised."""
        raised: NDArray[np.bool_] = (self._rows["flags"][series] & _IS_RAISED) != 0
        return raised

    def rows(self, series: Ints) -> State:
        """Return what is remembered of the given series."""
        return {"rows": self._rows[series]}

    def put(self, series: Ints, rows: State) -> None:
        """Take over what `rows` returned, for series of any numbers."""
        self._rows[series] = rows["rows"]

    def reset(self, series: Ints) -> None:
        """Forget the given series, what verdicts said of them included."""
        self._rows[series] = np.zeros(1, ROW)[0]

    def state(self) -> State:
        """Return what is remembered."""
        return {"rows": self._rows[: self._size]}

    def load(self, state: State) -> None:
        """Take over a state; raises ValueError if it is none of ours."""
        if state["rows"].dtype != ROW:
            raise ValueError(f"the state has rows of {state['rows'].dtype}, not of {ROW}")
        self._table, self._size = Growing(ROW), len(state["rows"])
        self._table.fill(state["rows"])


@compiled
def _evidence(score: float) -> float:
    tail = 1.0 - score
    return MOST_DECADES if tail <= 10.0**-MOST_DECADES else -np.log10(tail)


@compiled
def _bits(register: int) -> int:
    count = 0
    while register:
        register &= register - 1
        count += 1
    return count


@compiled
def _is_over(row: Any, score: float, time: float, limits: _Limits) -> bool:
    if score >= limits.calm_below:  # never where calm_below is NaN
        row.flags &= ~_IS_CALM
        return False
    if not row.flags & _IS_CALM:
        row.flags |= _IS_CALM
        row.calm_since = time
    return bool(time - row.calm_since >= limits.clear)


@compiled
def _advance(row: Any, score: float, time: float, breach: bool, limits: _Limits) -> int:
    if not row.flags & _IS_RAISED:
        if not breach or _bits(row.register) < limits.hits:
            return 0
        row.flags |= _IS_RAISED
        return RAISED
    if breach:
        row.flags &= ~_IS_CALM
        return ONGOING
    return _end(row) if _is_over(row, score, time, limits) else 0


@compiled
def _end(row: Any) -> int:
    if not row.flags & _IS_RAISED:
        return 0
    row.flags &= ~(_IS_RAISED | _IS_CALM)
    row.register = 0
    row.calm_since = 0.0
    return CLEARED


@compiled
def _observe(
    rows: NDArray[Any],
    series: Ints,
    time: Floats,
    score: Floats,
    missed: NDArray[np.bool_],
    limits: _Limits,
    out_row: Ints,
    out_code: Bytes,
) -> int:
    found = 0
    for i in range(series.size):
        if np.isnan(score[i]):
            continue
        row = rows[series[i]]
        breach = score[i] >= limits.floor and _evidence(score[i]) >= limits.need + row.shift
        miss = missed.size > 0 and missed[i]
        if miss and not breach:
            code = _end(row) if score[i] == 0.0 else 0
        else:
            if not row.flags & _IS_COUNTED:
                row.register = ((row.register << 1) | breach) & limits.mask
            row.flags = (row.flags | _IS_COUNTED) if miss else (row.flags & ~_IS_COUNTED)
            code = _advance(row, score[i], time[i], breach, limits)
        if code:
            out_row[found] = i
            out_code[found] = code
            found += 1
    return found
