"""Fixed limits and their recovery."""

import math
from typing import Any

import numpy as np
import pytest

from detectors.base import Observations
from detectors.monitor import Monitor
from detectors.raising import RaiseRule
from detectors.threshold import Threshold


def _scores(detector: Threshold, *values: float) -> list[float]:
    batch = Observations.of([0] * len(values), range(len(values)), values)
    return [float(score) for score in detector.score(batch).score]


def _states(detector: Threshold, *values: float) -> list[tuple[int, str]]:
    monitor = Monitor("limit", detector, RaiseRule())
    monitor.grow(1)
    batch = Observations.of([0] * len(values), range(len(values)), values)
    return [(int(signal.time), signal.state) for signal in monitor.observe(batch)]


def test_the_limit_itself_scores_the_raise_score_exactly() -> None:
    assert _scores(Threshold(above=90), 90.0) == [0.999]
    assert _scores(Threshold(below=0.1), 0.1) == [0.999]
    assert _scores(Threshold(above=0), 0.0) == [0.999]


def test_evidence_grows_by_three_decades_a_scale() -> None:
    beyond = _scores(Threshold(above=90, recover=80), 90, 95, 100, 110, 1e9)
    assert [-math.log10(1 - score) for score in beyond] == pytest.approx([3, 4.5, 6, 9, 12], rel=1e-3)


def test_without_recovery_the_value_next_to_the_limit_is_calm() -> None:
    assert _states(Threshold(above=90), 90, 89.999, 91, 89) == [
        (0, "raised"),
        (1, "cleared"),
        (2, "raised"),
        (3, "cleared"),
    ]


def test_a_value_that_hovers_makes_one_issue() -> None:
    assert _states(Threshold(above=90, recover=80), 90, 89, 90.5, 85, 80, 79) == [
        (0, "raised"),
        (2, "ongoing"),
        (5, "cleared"),
    ]


def test_below_mirrors_above() -> None:
    low, high = Threshold(below=-90, recover=-80), Threshold(above=90, recover=80)
    values = np.linspace(60, 130, 141)
    assert _scores(low, *-values) == _scores(high, *values)
    assert _states(low, -95, -85, -79) == [(0, "raised"), (2, "cleared")]


def test_outside_a_band_on_either_side() -> None:
    assert _states(Threshold(above=8, below=2), 5, 9, 5, 1, 5) == [
        (1, "raised"),
        (2, "cleared"),
        (3, "raised"),
        (4, "cleared"),
    ]


def test_the_score_never_falls_as_the_value_gets_worse() -> None:
    scores = np.array(_scores(Threshold(above=90, recover=80), *np.linspace(70, 150, 4001)))
    assert (np.diff(scores) >= 0).all()


def test_the_limits_are_the_band() -> None:
    scores = Threshold(above=8, below=2).score(Observations.of([0], [0], [5]))
    assert (scores.low[0], scores.high[0]) == (2, 8)
    assert Threshold(above=8).score(Observations.of([0], [0], [5])).low[0] == -math.inf


def test_infinities_are_beyond_and_missing_is_no_opinion() -> None:
    scores = _scores(Threshold(above=1), math.inf, -math.inf, math.nan)
    assert scores[:2] == [1 - 1e-12, 0.0]
    assert math.isnan(scores[2])


def test_a_false_alarm_moves_the_limit_of_its_series() -> None:
    monitor = Monitor("limit", Threshold(above=90, recover=80), RaiseRule())
    monitor.grow(2)
    monitor.judge(0, "false")
    signals = monitor.observe(Observations.of([0, 1, 0], [0, 0, 60], [91, 91, 93]))
    assert [(signal.series, signal.value) for signal in signals] == [(1, 91.0), (0, 93.0)]


def test_it_says_the_value_and_the_limit() -> None:
    monitor = Monitor("limit", Threshold(above=90, recover=80), RaiseRule())
    monitor.grow(1)
    signals = monitor.observe(Observations.of([0, 0], [0, 60], [93, 75]))
    assert [signal.explanation for signal in signals] == [
        "The value was 93; the upper limit is 90, and it is over once below 80.",
        "The value is back at 75; the upper limit is 90, and it is over once below 80.",
    ]


def test_of_a_band_it_names_the_nearer_limit() -> None:
    monitor = Monitor("limit", Threshold(above=8, below=2), RaiseRule())
    monitor.grow(1)
    signals = monitor.observe(Observations.of([0, 0], [0, 60], [1, 10]))
    assert [signal.explanation for signal in signals] == [
        "The value was 1; the lower limit is 2.",
        "The value was 10; the upper limit is 8.",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give `above`, `below` or both"),
        ({"above": math.inf}, "finite"),
        ({"above": 1.0, "recover": 2.0}, "must be below `above`"),
        ({"below": 1.0, "recover": 0.0}, "must be above `below`"),
        ({"above": 1.0, "below": 1.0}, "below must be the lower one"),
        ({"above": 3.0, "below": 1.0, "recover": 2.0}, "belongs to a single limit"),
    ],
)
def test_limits_that_make_no_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Threshold(**arguments)


def test_it_remembers_nothing() -> None:
    detector = Threshold(above=1)
    assert detector.state() == {}
    with pytest.raises(ValueError, match="remembers nothing"):
        detector.load({"mean": np.zeros(1)})
