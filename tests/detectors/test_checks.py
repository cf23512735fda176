"""Every kind keeps what the conformance checks ask, and the checks find detectors that do not."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from detectors.base import Detector, Ints, Observations, Scores, State
from detectors.checks import Check, checks
from detectors.registry import detector_class, kinds
from detectors.trials import Maker


def _cases() -> Iterator[Any]:
    for kind in kinds():
        class_ = detector_class(kind)
        for number, arguments in enumerate(class_.examples):
            make = partial(class_, **arguments)
            for check in checks(make):
                yield pytest.param(make, check, id=f"{kind}-{number}-{check.__name__}")


@pytest.mark.parametrize(("make", "check"), list(_cases()))
def test_kind(make: Maker, check: Check) -> None:
    check(make)


class Counting(Detector):
    """Scores a value by how many came before; sound, and the base of what is broken below.

    >>> Counting.kind
    'counting'
    """

    kind = "counting"

    def __init__(self) -> None:
        self.seen = np.zeros(0)

    def _grow(self, size: int) -> None:
        self.seen = np.concatenate([self.seen, np.zeros(size - len(self.seen))])

    def update(self, batch: Observations) -> Scores:
        scores = Scores.silent(len(batch.value))
        for i, (series, value) in enumerate(zip(batch.series, batch.value, strict=True)):
            if not np.isnan(value):
                scores.score[i] = 1 / (1 + self.seen[series])
                self.seen[series] += 1
        return scores

    def score(self, batch: Observations) -> Scores:
        scores = Scores.silent(len(batch.value))
        scores.score = np.where(np.isnan(batch.value), np.nan, 1 / (1 + self.seen[batch.series]))
        return scores

    def reset(self, series: Ints) -> None:
        self.seen[series] = 0

    def state(self) -> State:
        return {"seen": self.seen}

    def load(self, state: State) -> None:
        self.seen = state["seen"].copy()


class LearnsWhileScoring(Counting):
    """It learns in score."""

    def score(self, batch: Observations) -> Scores:
        return self.update(batch)


class ScoresAfterTheBatch(Counting):
    """It counts a batch at once."""

    def update(self, batch: Observations) -> Scores:
        scores = self.score(batch)
        np.add.at(self.seen, batch.series, ~np.isnan(batch.value))
        return scores


class SharesARow(Counting):
    """All series count as one."""

    def update(self, batch: Observations) -> Scores:
        return super().update(batch._replace(series=np.zeros_like(batch.series)))


class KeepsTheLoadedArray(Counting):
    """It aliases the state it loads."""

    def load(self, state: State) -> None:
        self.seen = dict(state)["seen"]


class ForgetsToForget(Counting):
    """It reset does nothing."""

    def reset(self, series: Ints) -> None:
        """Do nothing."""


class ForgetsItsState(Counting):
    """It saves nothing."""

    def state(self) -> State:
        return {}

    def load(self, state: State) -> None:
        """Do nothing."""


class GrowsAnew(Counting):
    """It makes new rows of old."""

    def _grow(self, size: int) -> None:
        self.seen = np.zeros(size)


class TrustsItsInput(Counting):
    """It scores the value itself."""

    def update(self, batch: Observations) -> Scores:
        scores = super().update(batch)
        scores.score = np.abs(batch.value) / 1000
        return scores


class TakesPositions(Counting):
    """Its parameters are no schema."""

    def __init__(self, limit=3.0) -> None:  # type: ignore[no-untyped-def] # the fault that is to be found
        super().__init__()


class Mumbles(Counting):
    """No example, and no sentence."""

    def explain(self, signal: object) -> str:
        return "nan"


def _failed(make: Maker) -> set[str]:
    found = set()
    for check in checks(make):
        try:
            check(make)
        except AssertionError:
            found.add(check.__name__.removeprefix("check_"))
    return found


def test_a_sound_detector_passes() -> None:
    assert _failed(Counting) == set()


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (LearnsWhileScoring, "scoring_changes_nothing"),
        (ScoresAfterTheBatch, "batches_do_not_matter"),
        (SharesARow, "series_are_independent"),
        (KeepsTheLoadedArray, "copies_are_independent"),
        (ForgetsToForget, "reset_forgets"),
        (ForgetsItsState, "state_survives_a_round_trip"),
        (GrowsAnew, "growing_changes_nothing"),
        (TrustsItsInput, "bad_values_are_harmless"),
        (TakesPositions, "constructor"),
        (Mumbles, "docstring"),
        (Mumbles, "explanations"),
    ],
)
def test_a_broken_detector_is_found(broken: type[Counting], found: str) -> None:
    assert found in _failed(broken)
