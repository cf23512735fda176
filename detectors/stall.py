"""A sequence that began and did not finish: a sign-up, a payment, an onboarding, a delivery."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.base import Detector, Floats, Ints, Missed, Observations, Scores, Signal, State
from detectors.durations import Duration, positive, spoken
from detectors.stall_kernel import NOTHING, PACE, ROW, Late, Rules, arrive, turn

NAMES = ("the first step", "the last step")


class Stall(Detector):
    """A sequence of steps stands still for too long.

    A value is the number of the step that was reached, from 0; the last finishes the sequence. It is overdue in one of
    three ways: `within` a fixed time after its first step; by step, `limits` after it; or, with neither, `patience`
    times what nine in ten take from that step to the next. That quantile is learned of the logarithm, over all series
    together, by stochastic approximation (Robbins and Monro, "A stochastic approximation method", Annals of
    Mathematical Statistics 1951), from twenty times on; those that never went on teach nothing.

    At the due time the score is 0.999, three decades of evidence, and three more come with each further limit's length
    of standing still. A further step scores 0 and sets the time anew, of the whole sequence only if it came late. A
    finished sequence is forgotten. A step that came after its due time is told as `Scores.missed`, whether or not a
    tick noticed it: a replay in large batches finds what a live run found. Time counts from the end of the window in
    which a step was reached to the start of that of the next, as so much is certain.

    Steps may be skipped, and a sequence is watched from the step it is first seen at. The first step begins it anew,
    unless no other came since and it is not overdue: to try again is no progress. Other steps at or before the one that
    was reached change nothing, and say nothing. What is no number of a step is none.

    >>> detector = Stall(within=Duration("2h"))
    >>> detector.introduce(["started", "confirmed", "done"])
    >>> detector.grow(2)
    >>> scores = detector.update(Observations.of([0, 1, 0, 1], [0, 0, 600, 900], [0, 0, 1, 2]))
    >>> standing, scores = detector.tick(3 * 3600)
    >>> standing.series.tolist(), standing.time.tolist(), standing.value.tolist(), scores.extra["step"].tolist()
    ([0], [7200.0], [10800.0], [1.0])
    """

    kind: ClassVar[str] = "stall"
    ticks: ClassVar[bool] = True
    needs_window: ClassVar[bool] = False
    inputs: ClassVar[Literal["measure", "sequence", "signals", "everything"]] = "sequence"
    extras: ClassVar[tuple[str, ...]] = ("step",)
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {},
        {"within": Duration("2h")},
        {"limits": {"first": Duration("15m"), "second": "1d"}},
    )

    def __init__(
        self, *, within: Duration | None = None, limits: dict[str, Any] | None = None, patience: float = 3.0
    ) -> None:
        """Expect the finish `within` that time, or after each step named in `limits` another within its time.

        With neither, expect the next step within `patience` times what is usual: three times what nine in ten take.
        """
        if within is not None and limits is not None:
            raise ValueError("within and limits exclude each other: give one, or neither to learn the usual times")
        self._limits = tuple((str(name), positive(name, limit)) for name, limit in (limits or {}).items())
        if limits is not None and not limits:
            raise ValueError("limits names no step")
        if not 1 <= patience < math.inf:
            raise ValueError(f"patience is {patience:g}: it must be at least 1")
        self._within = None if within is None else positive("within", within)
        self._patience = float(patience)
        self.pooled = within is None and limits is None
        self._rows: NDArray[Any] = np.zeros(0, ROW)
        self._due: Floats = np.zeros(0)
        self._steps: tuple[str, ...] = ()
        self._set(NAMES)

    def introduce(self, names: Sequence[str]) -> None:
        """Learn the names of the steps, in their order; raises ValueError if `limits` names another, or the last."""
        if len(names) < 2:
            raise ValueError("a sequence has two steps or more")
        for name, _ in self._limits:
            if name not in names[:-1]:
                raise ValueError(f"limits names {name!r}: the steps that others follow are {', '.join(names[:-1])}")
        self._set(names)

    def _set(self, names: Sequence[str]) -> None:
        self._steps = tuple(names)
        limits = dict(self._limits)
        self._after = np.array([limits.get(name, math.inf) for name in names])
        self._paces: NDArray[Any] = np.zeros(len(names), PACE)

    @property
    def _rules(self) -> Rules:
        within = math.nan if self._within is None else float(self._within)
        return Rules(self.step, within, self._patience, len(self._steps) - 1, self.pooled)

    def _grow(self, size: int) -> None:
        more = size - len(self._rows)
        self._rows = np.concatenate([self._rows, np.zeros(more, ROW)])
        self._due = np.concatenate([self._due, np.full(more, np.inf)])

    def update(self, batch: Observations) -> Scores:
        """Take note of steps; `missed` tells those that came after they were due."""
        n = len(batch.series)
        scores, step = Scores.silent(n), np.full(n, np.nan)
        late = Late(np.empty(n, np.int32), np.empty(n), np.empty(n, ROW))
        plain = Observations(batch.series, batch.time, batch.value)
        out = (scores.score, scores.high, step)
        found = arrive(self._rows, self._due, self._paces, self._after, plain, self._rules, out, late)
        scores.extra["step"] = step
        if found:
            before, due, rows = late.before[:found].copy(), late.due[:found], late.rows[:found]
            scores.missed = Missed(before, *self._standing(batch.series[before], due, batch.time[before], rows))
        return scores

    def score(self, batch: Observations) -> Scores:
        """Score each step as if it were the next."""
        scores, step = Scores.silent(len(batch.series)), np.full(len(batch.series), np.nan)
        for i, (series, t, value) in enumerate(zip(batch.series, batch.time, batch.value, strict=True)):
            if turn(self._rows[series], self._due[series], self._rules, t, value) != NOTHING:
                scores.score[i], scores.high[i], step[i] = 0.0, self._due[series], value
        scores.extra["step"] = step
        return scores

    def tick(self, time: float) -> tuple[Observations, Scores]:
        """Return all that is overdue at `time`: when it was due, and the seconds it has been standing or unfinished."""
        series = np.flatnonzero(self._due <= time).astype(np.int32)
        return self._standing(series, self._due[series], np.full(len(series), time), self._rows[series])

    def _standing(self, series: Ints, due: Floats, time: Floats, rows: NDArray[Any]) -> tuple[Observations, Scores]:
        limit = due - rows["since"]
        scores = Scores.silent(len(series))
        score = 1.0 - 10.0 ** (-3.0 * (1.0 + np.minimum((time - due) / limit, 3.0)))
        scores.score, scores.high = np.maximum(score, self.raise_score), limit
        if self.pooled:
            scores.expected = rows["usual"].copy()
        scores.extra["step"] = rows["reached"].astype(np.float64)
        return Observations(series, due.copy(), time - rows["since"]), scores

    def reset(self, series: Ints) -> None:
        """Forget the given series; what is usual stays."""
        self._rows[series] = np.zeros(1, ROW)[0]
        self._due[series] = np.inf

    def state(self) -> State:
        """Return where each series stands, its due time, and the usual time of each step."""
        return {"rows": self._rows, "due": self._due, "paces": self._paces}

    def only(self, series: Ints) -> State:
        """Return the state of some series, in that order; the usual times are of all."""
        return {"rows": self._rows[series], "due": self._due[series], "paces": self._paces}

    def load(self, state: State) -> None:
        """Take over a state; raises ValueError if it is none of ours."""
        fits = state["rows"].dtype == ROW and state["paces"].dtype == PACE
        if not fits or len(state["rows"]) != len(state["due"]) or len(state["paces"]) != len(self._paces):
            raise ValueError(f"the state is not one of stall with {len(self._steps)} steps")
        self._rows, self._due = state["rows"].copy(), state["due"].copy()
        self._paces = state["paces"].copy()
        self.size = len(self._rows)

    def explain(self, signal: Signal) -> str:
        """Say at which step it stands, for how long, and what was expected."""
        step = self._named(signal.extra.get("step", math.nan))
        if signal.state == "cleared":
            return f"It went on: {step} was reached."
        standing, limit = spoken(signal.value), spoken(signal.high)
        if self._within is not None:
            return f"Not finished {standing} after it began, at {step}; the whole is expected within {limit}."
        if self.pooled:
            usual = spoken(signal.expected)
            return f"Nothing came after {step} for {standing}; nine in ten take the next step within {usual}."
        return f"Nothing came after {step} for {standing}; the next step was expected within {limit}."

    def _named(self, step: float) -> str:
        return self._steps[int(step)] if 0 <= step < len(self._steps) else "an unknown step"
