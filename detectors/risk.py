"""The learned probability that a subject will have a problem, or call, within a horizon."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from detectors.base import Detector, Floats, Ints, Observations, Scores, Signal, State
from detectors.durations import Duration
from detectors.learned import loop
from detectors.learned.attributes import Attributes, Value
from detectors.learned.budget import allowance
from detectors.learned.inputs import Inputs
from detectors.learned.learner import GROWTH, REASONS, Learner, Sizes
from detectors.learned.record import Figures, figures
from detectors.learned.words import Reason, Words

DAY = Duration("1d")
MOST_DECADES = 9.0


class Risk(Detector):
    """How likely the outcome is within the horizon, learned from all subjects together.

    TODO
    """

    kind: ClassVar[str] = "risk"
    extras: ClassVar[tuple[str, ...]] = ("probability", "threshold")
    needs_window: ClassVar[bool] = False
    inputs: ClassVar[Any] = "everything"
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({"outcomes": ["failure"], "events": ["error"]},)

    def __init__(
        self,
        *,
        outcomes: list[str],
        events: list[str] = [],  # noqa: B006 - read only; shows the default in the schema
        signals: list[str] = [],  # noqa: B006
        scores: list[str] = [],  # noqa: B006
        attributes: list[str] | None = None,
        never: list[str] = [],  # noqa: B006
        horizon: Duration = DAY,
        every: Duration | None = None,
        budget: str = "0.5 per outcome",
        positives: int = 4000,
        negatives: int = 8000,
        max_categories: int = 16,
        seed: int = 1,
    ) -> None:
        if not 0 < horizon < math.inf:
            raise ValueError(f"horizon is {horizon}: it must be longer than nothing")
        self._inputs = Inputs(outcomes=outcomes, events=events, signals=signals, scores=scores)
        self.every = Duration(horizon / 8.0) if every is None else every
        rate = allowance(budget)
        settings = loop.Settings(
            horizon=float(horizon),
            share=float(min(self.every / horizon, 1.0)),
            rate=rate.rate,
            weekly=rate.weekly,
            nodes=2 * GROWTH.leaves - 1,
            factor=2.0,
        )
        sizes = Sizes(len(self._inputs.types), len(self._inputs.numbers), positives, negatives)
        self._learner = Learner(settings, sizes, seed)
        self._attributes = Attributes(attributes, never, max_categories)
        self._words = Words(self._inputs.types, self._inputs.numbers, float(horizon))
        self._told: dict[tuple[int, float], list[Reason]] = {}

    @property
    def channels(self):
        return self._inputs.channels

    def channel(self, role: str, name: str = "") -> int:
        return self._inputs.number(role, name)

    def _grow(self, size: int) -> None:
        self._learner.grow(size)

    def update(self, batch: Observations) -> Scores:
        found = self._found(len(batch.series))
        self._learner.run(self._rows(batch), found)
        self._told = dict(self._reasons(batch, found))
        return _scores(found)

    def _rows(self, batch):
        channel = batch.channel if batch.channel is not None else np.zeros(len(batch.series), np.int32)
        return loop.Rows(batch.series, batch.time, batch.value, self._inputs.roles[channel], self._inputs.places[channel])

    def _found(self, n):
        return loop.Found(np.full(n, np.nan), np.full(n, np.nan), np.zeros((min(n, REASONS), self._learner.columns)),
                          np.zeros(min(n, REASONS), np.int32), np.zeros((min(n, REASONS), self._learner.columns), np.float32), np.zeros(1, np.int64))

    def _reasons(self, batch, found):
        for at in range(int(found.told[0])):
            row = found.reason_rows[at]
            key = int(batch.series[row]), float(batch.time[row])
            yield key, self._words.reasons(found.values[at], found.reasons[at], self._attributes.columns)

    def score(self, batch): ...

    def describe(self, series: int, values: Mapping[str, Value]) -> None:
        fills = self._attributes.admit(values)
        if fills:
            self._learner.widen(fills)
        for column, value in self._attributes.places(values).items():
            self._learner.mind.known.attributes[series, column] = value

    def reset(self, series: Ints) -> None: ...

    def state(self) -> State:
        return {**self._learner.state(), "attributes": self._attributes.state()}

    def load(self, state: State) -> None: ...

    def evaluation(self) -> Figures:
        return figures(self._learner.mind.record)


def _scores(found: loop.Found) -> Scores:
    scores = Scores.silent(len(found.odds))
    decades = 3.0 + (found.odds - found.limit) / math.log(10.0)
    scores.score = np.where(np.isnan(found.odds), np.nan, 1.0 - 10.0 ** -np.clip(decades, 0.0, MOST_DECADES))
    scores.extra = {"probability": 1.0 / (1.0 + np.exp(-found.odds)), "threshold": 1.0 / (1.0 + np.exp(-found.limit))}
    return scores
