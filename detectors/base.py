"""What a detector is: columns of observations in, columns of scores out; and the signals that come of them.

A *series* is one measure of one subject. The caller numbers series from 0; a detector keeps one small row of state for
each number and knows nothing of names, events or customers.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from detectors.learned.standing import Standing

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
State = Mapping[str, NDArray[Any]]
"""What a detector remembers, as named arrays: what a snapshot writes and restores, bit for bit."""
_TELL_AGAIN = math.log(1.1)


class Observations(NamedTuple):
    """A batch of closed windows. Within one series times never decrease; a series may stand in it several times."""

    series: Ints
    """The number of the series."""
    time: Floats
    """Epoch seconds of the start of the window."""
    value: Floats
    """The measure's value; NaN where the window is known to be missing."""
    channel: Ints | None = None
    """Which of a kind's inputs a row came by; None where there is one only. Given to kinds with `channels`."""
    group: Ints | None = None
    """The number of the group the series belongs to: its cohort, or what its key begins with. None: all in one."""

    @classmethod
    def of(cls, series: Any, time: Any, value: Any, *, channel: Any = None, group: Any = None) -> "Observations":
        """Build from any sequences of one length.

        >>> len(Observations.of([0, 0], [0, 60], [1.5, 2.5]).value)
        2
        """
        return cls(
            np.asarray(series, np.int32),
            np.asarray(time, np.float64),
            np.asarray(value, np.float64),
            None if channel is None else np.asarray(channel, np.int32),
            None if group is None else np.asarray(group, np.int32),
        )


@dataclass(slots=True)
class Scores:
    """What a detector thinks of each observation, before it learned from it. All arrays have the batch's length."""

    score: Floats
    """1 − the tail probability of what was seen, in [0, 1]; NaN: no opinion (grace period, missing value)."""
    expected: Floats
    """The value that was expected; NaN if the detector has no such notion."""
    low: Floats
    """The lower end of the expected band; −inf if there is none."""
    high: Floats
    """The upper end of the expected band; +inf if there is none."""
    extra: dict[str, Floats] = field(default_factory=dict)
    """Further columns a kind has to tell, e.g. `eta_s, eta_low_s, eta_high_s` of a forecast; NaN where not known."""
    missed: "Missed | None" = None
    """What no `tick` had the occasion to say between two observations; only of kinds with ticks."""

    @classmethod
    def silent(cls, n: int) -> "Scores":
        """Return `n` rows of no opinion.

        >>> Scores.silent(1).high
        array([inf])
        """
        nan = np.full(n, np.nan)
        return cls(nan, nan.copy(), np.full(n, -np.inf), np.full(n, np.inf))


def constant(value: float, size: int) -> Floats:
    """Return a column that is the same in all rows: to be read only, and of no size in memory.

    >>> constant(2.5, 3)
    array([2.5, 2.5, 2.5])
    """
    return np.ndarray(size, np.float64, np.float64(value).tobytes(), strides=(0,))


class Missed(NamedTuple):
    """Events that came, but too late: for each, what a `tick` just before it came would have returned."""

    before: Ints
    """Rows of the batch, ascending: each of these misses belongs before that row."""
    batch: Observations
    scores: Scores


@dataclass(frozen=True, slots=True)
class Signal:
    """A series crossed its detector's raise rule, went on doing so, or came back."""

    detector: str
    kind: str
    series: int
    state: Literal["raised", "ongoing", "cleared"]
    time: float
    """Epoch seconds of the start of the window that made the signal."""
    step: float
    """Seconds a window lasts; 0 if the measure has no window."""
    score: float
    value: float
    expected: float
    low: float
    high: float
    extra: Mapping[str, float] = field(default_factory=dict)
    explanation: str = ""
    """One sentence, in English, for an agent: what was seen, what was expected."""


class Detector(ABC):
    """The base of every kind. A kind is one file with one subclass; nothing else needs to be edited.

    The constructor is the config schema: ``Seasonal(period: ...)`` is ``model: {kind: seasonal, period: ...}``. Its
    parameters are keyword-only, annotated, with defaults where an operations team need not choose; types are `bool`,
    `int`, `float`, `str`, `Literal[...]`, `Duration`, ``list``, ``dict`` and unions of them with None; a bad value
    raises `ValueError` saying what is allowed.
    """

    kind: ClassVar[str]
    """The name in YAML."""
    raise_score: ClassVar[float] = 0.999
    """The score that counts as a breach where the detector's `raise` says nothing."""
    calm_below: ClassVar[float | None] = None
    """A score under which an observation counts as calm; None: whatever is no breach. Between is hysteresis."""
    extras: ClassVar[tuple[str, ...]] = ()
    """Names of the further columns it tells (`Scores.extra`): a detector's `severity` may speak of them."""
    ticks: ClassVar[bool] = False
    """Whether `tick` has anything to say: the kind speaks of what did not come."""
    needs_window: ClassVar[bool] = True
    """Whether `step` must be known and positive."""
    inputs: ClassVar[Literal["measure", "sequence", "signals", "everything"]] = "measure"
    """What its rows are: windows of one measure; steps of a sequence (value: the number of the step, from 0); signals
    of other detectors (channel: which of them, value: 1 raised, 0 over); or all that a learned kind declares."""
    grouping: ClassVar[Literal["none", "cohort", "prefix"]] = "none"
    """Whether rows carry a `group`: the cohort the customer is in, or the key without its last part."""

    movable: ClassVar[bool] = False
    """Whether what it knows of a series that has gone quiet can leave memory and come back, by `rows` and `put`."""
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    """Constructor arguments the conformance checks try the kind with; at least one set for each mode it has."""

    pooled: bool = False
    """Whether all series teach each other, not only those of one group."""
    attributes: tuple[str, ...] = ()
    """Attributes of the customer that it asks for: those a cohort is made of, or that it learns from."""
    step: float = 0.0
    """Seconds between two windows of the measure, set by `prepare`; 0 if unknown."""
    size: int = 0
    """How many series there is room for."""

    def prepare(self, step: float) -> None:
        """Learn the measure's window length in seconds. Called once, before anything else."""
        self.step = step

    def introduce(self, names: Sequence[str]) -> None:
        """Learn what the numbers in its rows stand for: a sequence's steps, or the detectors whose signals come.

        Called once, before anything else, for kinds with such `inputs`. Raises ValueError if the kind's own settings
        name others.
        """

    def grow(self, size: int) -> None:
        """Make room for series 0 … `size` − 1; new rows are as a series never seen. Never shrinks."""
        if size > self.size:
            self._grow(size)
            self.size = size

    @abstractmethod
    def _grow(self, size: int) -> None: ...

    @abstractmethod
    def update(self, batch: Observations) -> Scores:
        """Score each observation, then learn from it, in order: nothing after an observation influences its score."""

    @abstractmethod
    def score(self, batch: Observations) -> Scores:
        """Score each observation against the state as it is. Changes nothing."""

    def tick(self, time: float) -> tuple[Observations, Scores]:
        """Return what is to be said at `time` (epoch seconds) of series of which nothing came; learns nothing.

        `time` is the end of a window, and all windows up to it have been observed. One row for each series that is
        overdue: the time it was due, the seconds since its last event as value, and a score that grows as it stays
        away; or of which time alone has ended what it told: when it did, and a score of 0. Returned again at every
        tick: the caller remembers what was told.
        """
        raise NotImplementedError(f"kind {self.kind} has no tick")

    def tells_again(self, batch: Observations, scores: Scores, since: float) -> NDArray[np.bool_]:
        """Return which rows of a tick to tell again of what goes on, when the last tick was `since` seconds before.

        Here those whose silence, the value, has passed one more power of 1.1: a long outage of many costs little, and
        a severity that depends on its length is noticed in time.
        """
        before = np.maximum(batch.value - since, 1e-9)
        steps = np.floor(np.log(np.maximum(batch.value, 1e-9)) / _TELL_AGAIN) - np.floor(np.log(before) / _TELL_AGAIN)
        return np.asarray(steps > 0)

    @abstractmethod
    def reset(self, series: Ints) -> None:
        """Forget the given series: their rows become as never seen."""

    def rows(self, series: Ints) -> State:
        """Return all that is known of the given series, as arrays with a row for each, in that order, copied."""
        raise NotImplementedError(f"kind {self.kind} keeps no rows that can be moved")

    def put(self, series: Ints, rows: State) -> None:
        """Take over what `rows` returned, for series of any numbers that were never seen or were reset."""
        raise NotImplementedError(f"kind {self.kind} keeps no rows that can be moved")

    def awaits(self, series: Ints) -> NDArray[np.bool_]:
        """Return of which series `tick` may have something new to say though nothing comes."""
        return np.full(len(series), self.ticks)

    @abstractmethod
    def state(self) -> State:
        """Return all that is remembered, as arrays that stay true until the next call of another method."""

    def only(self, series: Ints) -> State:
        """Return what `state` would if there were only these series, numbered from 0 in the order given.

        What all series taught together stays whole.
        """
        return {**self.state(), **self.rows(series)}

    @abstractmethod
    def load(self, state: State) -> None:
        """Take over a `state` of the same configuration; raises ValueError if its shape does not fit."""

    def explain(self, signal: Signal) -> str:
        """Return one sentence for an agent. `signal.value`, `.expected`, `.low`, `.high`, `.extra` are those scored."""
        if math.isnan(signal.expected):
            return f"The value was {signal.value:.4g}."
        return f"The value was {signal.value:.4g}; {signal.expected:.4g} was expected."


class LearnedDetector(Detector):
    """The base of kinds that are told everything of a subject (`inputs = "everything"`), and learn from all of them.

    A row's channel says what it is: `tick` (score the subject now), `labels` (1: outcomes are not reported from now on,
    0: they are again), or an input by its role and name: `outcome` and `event` (it happened), `signal` (a number),
    `score` (another detector's). An outcome may be told late: its time is then before that of the rows before it.
    """

    inputs: ClassVar[Literal["measure", "sequence", "signals", "everything"]] = "everything"
    needs_window: ClassVar[bool] = False
    every: float
    """Seconds between two ticks of a subject."""

    @abstractmethod
    def connect(self, names: Mapping[str, Sequence[str]]) -> None:
        """Learn the names of the inputs, by role. Called once, before `prepare`; raises ValueError for what lacks."""

    @abstractmethod
    def channel(self, role: str, name: str = "") -> int:
        """Return the number of a channel."""

    @abstractmethod
    def describe(self, series: int, values: Mapping[str, Any]) -> None:
        """Take over the attributes of a subject: numbers and texts."""

    def standing(self) -> "Standing | None":
        """Return how good the predictions were, and the state it is in; None if the kind keeps no record of that."""
        return None

    def only(self, series: Ints) -> State:
        """Raise NotImplementedError: what is remembered of all of them is known by their numbers."""
        raise NotImplementedError(f"kind {self.kind} numbers no subject anew")

    def recount(self) -> None:
        """Count from here on how good the predictions are, if that is counted: another goes on with the rest."""

    @abstractmethod
    def forget(self, series: Ints) -> None:
        """Neither score the given subjects nor learn from them any more, nor from what is remembered of them."""

    @abstractmethod
    def erase(self, series: Ints) -> None:
        """Know nothing of the given subjects any more: their numbers may be those of others from now on."""
