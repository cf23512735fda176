"""A detector with its raise rule, its grace period and its minimum of samples."""

from typing import Any, ClassVar

import numpy as np
import pytest

from detectors.base import Detector, Ints, Observations, Scores, Signal, State
from detectors.durations import Duration
from detectors.monitor import VERDICT_DECADES, Monitor
from detectors.raising import RaiseRule
from detectors.threshold import Threshold


class Echo(Detector):
    """Takes the value as the score, and counts how many it has learned from."""

    kind: ClassVar[str] = "echo"

    def __init__(self) -> None:
        self.learned = np.zeros(0)

    def _grow(self, size: int) -> None:
        self.learned = np.concatenate([self.learned, np.zeros(size - len(self.learned))])

    def update(self, batch: Observations) -> Scores:
        np.add.at(self.learned, batch.series, 1)
        return self.score(batch)

    def score(self, batch: Observations) -> Scores:
        scores = Scores.silent(len(batch.value))
        scores.score = batch.value
        scores.expected[:] = 0.5
        scores.extra["double"] = 2 * batch.value
        return scores

    def reset(self, series: Ints) -> None:
        self.learned[series] = 0

    def state(self) -> State:
        return {"learned": self.learned}

    def load(self, state: State) -> None:
        self.learned = state["learned"].copy()


def _monitor(rule: RaiseRule | None = None, *, series: int = 1, **arguments: Any) -> Monitor:
    monitor = Monitor("echo", Echo(), rule or RaiseRule(), **arguments)
    monitor.prepare(60)
    monitor.grow(series)
    return monitor


def _values(*values: float, start: float = 0.0) -> Observations:
    return Observations.of([0] * len(values), [start + 60 * i for i in range(len(values))], values)


def _seen(signals: list[Signal]) -> list[tuple[float, str]]:
    return [(signal.time, signal.state) for signal in signals]


def test_a_signal_carries_all_that_is_known_of_its_window() -> None:
    monitor = _monitor(series=3)
    signals = monitor.observe(Observations.of([0, 2], [60, 120], [0.1, 1.0]))
    assert signals == [
        Signal(
            detector="echo", kind="echo", series=2, state="raised", time=120.0, step=60.0, score=1.0, value=1.0,
            expected=0.5, low=-np.inf, high=np.inf, extra={"double": 2.0},
            explanation="The value was 1; 0.5 was expected.",
        )
    ]  # fmt: skip
    assert {type(value) for value in (signals[0].series, signals[0].time, signals[0].extra["double"])} == {int, float}


def test_during_grace_it_learns_in_silence() -> None:
    monitor = _monitor(grace=120.0)
    assert _seen(monitor.observe(_values(1.0, 1.0, 1.0, start=600))) == [(720.0, "raised")]
    assert monitor.state()["detector.learned"][0] == 3


def test_grace_is_each_series_own() -> None:
    monitor = _monitor(series=2, grace=120.0)
    monitor.observe(Observations.of([0], [0], [0.0]))
    signals = monitor.observe(Observations.of([0, 1, 1], [120, 120, 240], [1.0, 1.0, 1.0]))
    assert [(signal.series, signal.time) for signal in signals] == [(0, 120.0), (1, 240.0)]


def test_before_the_minimum_of_samples_it_is_silent() -> None:
    assert _seen(_monitor(min_samples=2).observe(_values(1.0, 1.0, 1.0))) == [(120.0, "raised")]


def test_a_missing_value_is_no_sample() -> None:
    monitor = _monitor(min_samples=2, grace=60.0)
    assert _seen(monitor.observe(_values(np.nan, 1.0, np.nan, 1.0, 1.0))) == [(240.0, "raised")]


@pytest.mark.parametrize("arguments", [{"grace": -1.0}, {"min_samples": -1}])
def test_negative_patience_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="neither may be negative"):
        _monitor(**arguments)


def test_scores_for_a_picture_change_nothing() -> None:
    monitor = _monitor(grace=60.0)
    before = {name: array.tobytes() for name, array in monitor.state().items()}
    assert monitor.scores(_values(0.25, 1.0)).score.tolist() == [0.25, 1.0]
    assert {name: array.tobytes() for name, array in monitor.state().items()} == before


@pytest.mark.parametrize("series", [[5], [-1]])
def test_a_series_without_room_is_an_error_not_a_crash(series: list[int]) -> None:
    batch = Observations.of(series, [0], [1.0])
    with pytest.raises(IndexError, match="but room for 1"):
        _monitor().observe(batch)
    with pytest.raises(IndexError, match="but room for 1"):
        _monitor().scores(batch)


def test_an_empty_batch_says_nothing() -> None:
    assert _monitor(grace=60.0).observe(_values()) == []


def test_growing_keeps_what_is_known_and_is_amortised() -> None:
    monitor = _monitor(RaiseRule(hits=2, of=2), grace=60.0)
    monitor.observe(_values(0.0, 1.0))
    sizes = set()
    for size in range(2, 1000):
        monitor.grow(size)
        sizes.add(len(monitor.raiser._rows))
    assert len(sizes) < 40
    assert _seen(monitor.observe(_values(1.0, start=120))) == [(120.0, "raised")]


def test_a_round_trip_in_mid_stream_changes_nothing() -> None:
    rule = RaiseRule(hits=2, of=3, clear=120)
    monitor, other = _monitor(rule, grace=60.0, min_samples=2), _monitor(rule, grace=60.0, min_samples=2)
    monitor.grow(3)
    monitor.observe(_values(0.0, 1.0, 1.0, 0.0, 1.0))
    monitor.judge(0, "false")
    other.load({name: array.copy() for name, array in monitor.state().items()})
    rest = _values(0.0, 0.0, 0.9999, 1.0, 1.0, start=300)
    assert other.observe(rest) == monitor.observe(rest)
    assert {n: a.tobytes() for n, a in other.state().items()} == {n: a.tobytes() for n, a in monitor.state().items()}


def test_a_state_of_something_else_is_refused() -> None:
    monitor = _monitor(grace=1.0)
    with pytest.raises(ValueError, match="the state has ages of float64"):
        monitor.load({**monitor.state(), "monitor.ages": np.zeros(1)})


def test_reset_is_as_never_seen() -> None:
    monitor = _monitor(grace=120.0)
    fresh = {name: array.tobytes() for name, array in monitor.state().items()}
    monitor.observe(_values(1.0, 1.0, 1.0))
    monitor.adjust(0, 1.0)
    assert monitor.is_raised(0)
    monitor.reset(np.array([0], np.int32))
    assert {name: array.tobytes() for name, array in monitor.state().items()} == fresh


def test_verdicts_settle_where_one_issue_in_six_is_false() -> None:
    false, true = VERDICT_DECADES["false"], VERDICT_DECADES["true"]
    assert false * (1 / 6) + true * (5 / 6) == pytest.approx(0)


def test_verdicts_make_a_series_quieter_or_keener() -> None:
    monitor = _monitor(series=3)
    monitor.judge(0, "false")
    monitor.judge(1, "missed")
    monitor.judge(2, "unclear")
    assert [monitor.raiser.adjustment(series) for series in range(3)] == [0.5, -0.5, 0.0]


def test_a_kind_without_ticks_has_nothing_to_say_at_one() -> None:
    monitor = Monitor("limit", Threshold(above=1), RaiseRule())
    assert monitor.tick(1e9) == []


def test_a_longer_raise_rule_is_taken_from_the_detector_where_the_rule_is_silent() -> None:
    monitor = Monitor("limit", Threshold(above=10, recover=5), RaiseRule(clear=float(Duration("1m"))))
    monitor.grow(1)
    assert _seen(monitor.observe(_values(10, 7, 4, 4))) == [(0.0, "raised"), (180.0, "cleared")]
