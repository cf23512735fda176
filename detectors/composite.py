"""Signals of other detectors together: all of them, any, or some number, within a time of each other."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes, Detector, Floats, Ints, Missed, Observations, Scores, Signal, State
from detectors.composite_kernel import COUNTED, MUST, ROW, WITHOUT, Lapses, Memory, Rules, arrive, standing
from detectors.durations import Duration, spoken

MOST_MEMBERS = 32
"""So many bits of `holding` are exact in a float64, with some to spare."""


class Composite(Detector):
    """Enough of the watched detectors were raised within a time of each other.

    The members are the detectors that the watch names. A member *holds* while it is raised, and for `within` after it
    was raised. Those in `must` have all to hold, those in `without` may not be raised now, and of all others the
    weights of those that hold, 1 each if `weights` says nothing, add up to `need` at least. So `need` left out is
    *and*, `need: 1` is *or*, `need: 2` a count of two. A composite may be a member of another one, not of itself.

    Just enough scores 4.75 decades of evidence, and more in proportion; four verdicts of a false alarm ask for more
    members than that. Less than enough scores at most 0.9, in proportion too. Where nothing comes and members' time
    runs out, that is told by a tick, or as `Scores.missed` before the next signal, with a score of 0: it is over at
    once. The extra column `holding` has a bit for each member, in the order of the watch.

    >>> detector = Composite(need=2, within=Duration("1h"))
    >>> detector.introduce(["errors", "latency", "disk"])
    >>> detector.grow(1)
    >>> signals = Observations.of([0, 0, 0], [0, 600, 1200], [1, 0, 1], channel=[0, 0, 2])
    >>> detector.update(signals).score.round(5).tolist()
    [0.45, 0.45, 0.99998]
    >>> over, scores = detector.tick(7200)
    >>> over.time.tolist(), scores.score.tolist(), scores.extra["holding"].tolist()
    ([3600.0], [0.0], [4.0])
    """

    kind: ClassVar[str] = "composite"
    ticks: ClassVar[bool] = True
    needs_window: ClassVar[bool] = False
    inputs: ClassVar[Literal["measure", "sequence", "signals", "everything"]] = "signals"
    extras: ClassVar[tuple[str, ...]] = ("holding",)
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"need": 1, "within": Duration("5m")},
        {"need": 1, "must": ["second"], "without": ["third"]},
        {"need": 2.5, "weights": {"third": 2.0}, "within": "1d"},
    )

    def __init__(
        self,
        *,
        need: float | None = None,
        within: Duration = Duration("1h"),  # noqa: B008 - immutable
        must: list[str] | None = None,
        without: list[str] | None = None,
        weights: dict[str, Any] | None = None,
    ) -> None:
        """Ask for `need` of the members that are neither in `must` nor in `without`; left out: all of them."""
        if need is not None and not 0 < need < math.inf:
            raise ValueError(f"need is {need:g}: it must be a positive number")
        within = Duration(within)
        if not 0 <= within < math.inf:
            raise ValueError(f"within is {within}: it must be a duration, 0 or more")
        self._need, self._within = None if need is None else float(need), within
        self._must, self._without = tuple(must or ()), tuple(without or ())
        self._weights = tuple((str(name), _weight(name, each)) for name, each in (weights or {}).items())
        self._check_roles()
        self._rows: NDArray[Any] = np.zeros(0, ROW)
        self._set((), Rules(float(within), math.inf, np.zeros(0, np.uint8), np.zeros(0)))

    def _check_roles(self) -> None:
        named = [*self._must, *self._without, *(name for name, _ in self._weights)]
        for name in named:
            if named.count(name) > 1:
                raise ValueError(f"{name!r} is named twice: it is in `must`, in `without`, or has a weight")

    def introduce(self, names: Sequence[str]) -> None:
        """Learn the members' names, in their order.

        Raises ValueError if others are named, if there are more than 32, or if what is needed can never be.
        """
        if not 1 <= len(names) <= MOST_MEMBERS:
            raise ValueError(f"there are {len(names)} members: a composite has 1 to {MOST_MEMBERS}")
        for name in (*self._must, *self._without, *(name for name, _ in self._weights)):
            if name not in names:
                raise ValueError(f"{name!r} is none of the watched detectors, {', '.join(names)}")
        role = [MUST if name in self._must else WITHOUT if name in self._without else COUNTED for name in names]
        weight = [dict(self._weights).get(name, 1.0) for name in names]
        self._set(names, self._ruled(np.array(role, np.uint8), np.array(weight)))

    def _set(self, names: Sequence[str], rules: Rules) -> None:
        self._members, self._rules = tuple(names), rules
        self._raised_at: Floats = np.zeros((0, len(names)))
        self._open: Bytes = np.zeros((0, len(names)), np.uint8)

    def _ruled(self, role: Bytes, weight: Floats) -> Rules:
        most = float(weight[role == COUNTED].sum())
        need = most if self._need is None else self._need
        if need > most:
            raise ValueError(f"need is {need:g}, but all that count come to {most:g}: it is never reached")
        need += float((role == MUST).sum())
        if need == 0:
            raise ValueError("all members are in `without`: some have to be raised")
        return Rules(float(self._within), need, role, weight)

    def _grow(self, size: int) -> None:
        more, members = size - len(self._rows), len(self._members)
        fresh = np.zeros(more, ROW)
        fresh["seen"], fresh["until"] = -np.inf, np.inf
        self._rows = np.concatenate([self._rows, fresh])
        self._raised_at = np.concatenate([self._raised_at, np.full((more, members), np.nan)])
        self._open = np.concatenate([self._open, np.zeros((more, members), np.uint8)])

    def update(self, batch: Observations) -> Scores:
        """Take note of signals; `missed` tells what time had ended before they came."""
        return self._arrive(Memory(self._rows, self._raised_at, self._open), batch)

    def score(self, batch: Observations) -> Scores:
        """Score each signal as if it were the next."""
        at, each = batch.series, np.arange(len(batch.series), dtype=np.int32)
        copies = Memory(self._rows[at], self._raised_at[at], self._open[at])
        return replace(self._arrive(copies, batch._replace(series=each)), missed=None)

    def _arrive(self, memory: Memory, batch: Observations) -> Scores:
        n = len(batch.series)
        scores, holding = Scores.silent(n), np.full(n, np.nan)
        lapses = Lapses(np.empty(n, np.int32), np.empty(n), np.empty(n))
        channel = np.zeros(n, np.int32) if batch.channel is None else batch.channel
        plain = Observations(batch.series, batch.time, batch.value)
        found = arrive(memory, plain, channel, self._rules, (scores.score, holding), lapses)
        scores.extra["holding"] = holding
        if found:
            before = lapses.before[:found].copy()
            scores.missed = Missed(before, *_over(batch.series[before], lapses.until[:found], lapses.holding[:found]))
        return scores

    def tick(self, time: float) -> tuple[Observations, Scores]:
        """Return all that time alone had ended a window before `time`, as no signal from before that is yet to come."""
        series = np.flatnonzero(self._rows["until"] <= time - self.step).astype(np.int32)
        until = self._rows["until"][series]
        left = [
            standing(self._raised_at[s], self._open[s], self._rules, t).holding
            for s, t in zip(series, until, strict=True)
        ]
        return _over(series, until, np.array(left, np.float64))

    def reset(self, series: Ints) -> None:
        """Forget the signals of the given series."""
        self._rows["seen"][series], self._rows["until"][series] = -np.inf, np.inf
        self._raised_at[series], self._open[series] = np.nan, 0

    def state(self) -> State:
        """Return when each member was raised, and whether it is still."""
        return {"rows": self._rows, "raised_at": self._raised_at, "open": self._open}

    def only(self, series: Ints) -> State:
        """Return the state of some series, in that order."""
        return {name: array[series] for name, array in self.state().items()}

    def load(self, state: State) -> None:
        """Take over a state; raises ValueError if it is none of ours."""
        shape = (len(state["rows"]), len(self._members))
        if state["rows"].dtype != ROW or state["raised_at"].shape != shape or state["open"].shape != shape:
            raise ValueError(f"the state is not one of composite with {len(self._members)} members")
        self._rows, self.size = state["rows"].copy(), shape[0]
        self._raised_at, self._open = state["raised_at"].copy(), state["open"].copy()

    def explain(self, signal: Signal) -> str:
        """Say which members hold."""
        names = _listed(self._held(signal.extra.get("holding", math.nan)))
        if signal.state == "cleared":
            return f"Only {names} is left of the signals." if names else "None of the signals is left."
        together = f"raised within {spoken(self._within)} of each other, or still" if self._within else "raised at once"
        return f"{names or 'Enough of the signals'}: {together}."

    def _held(self, holding: float) -> list[str]:
        bits = int(holding) if 0 <= holding < 2**MOST_MEMBERS else 0
        return [name for j, name in enumerate(self._members) if bits >> j & 1]


def _over(series: Ints, until: Floats, left: Floats) -> tuple[Observations, Scores]:
    scores = Scores.silent(len(series))
    scores.score = np.zeros(len(series))
    scores.extra["holding"] = left
    return Observations(series, until.copy(), np.zeros(len(series))), scores


def _listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence.

    >>> _listed(["a", "b", "c"]), _listed(["a"]), _listed([])
    ('a, b and c', 'a', '')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _weight(name: str, weight: Any) -> float:
    found = float(weight)
    if not 0 < found < math.inf:
        raise ValueError(f"the weight of {name!r} is {found:g}: it must be a positive number")
    return found
