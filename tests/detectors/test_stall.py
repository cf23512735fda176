"""The stall kind: sequences that began and did not finish."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.stats import Quantile

from detectors.base import Floats, Observations, Signal
from detectors.durations import Duration
from detectors.monitor import Monitor
from detectors.raising import RaiseRule
from detectors.stall import Stall
from detectors.stall_kernel import LEAST
from detectors.trials import part

HOUR = 3600.0
STEPS = ["started", "confirmed", "paid", "done"]


def stall(size: int = 3, *, step: float = 0.0, **config: Any) -> Stall:
    """Return a detector of four steps with room for so many series."""
    detector = Stall(**config)
    detector.introduce(STEPS)
    detector.prepare(step)
    detector.grow(size)
    return detector


def monitor(*, rule: RaiseRule | None = None, **config: Any) -> Monitor:
    """Return a monitor of one."""
    found = Monitor("checkout", stall(**config), rule or RaiseRule())
    found.grow(3)
    return found


def steps(*came: tuple[float, float], series: int = 0) -> Observations:
    """Return (time, step) as a batch."""
    return Observations.of([series] * len(came), [time for time, _ in came], [step for _, step in came])


def seen(signals: list[Signal]) -> list[tuple[float, str]]:
    return [(signal.time, signal.state) for signal in signals]


def test_within_a_fixed_time() -> None:
    found = monitor(within=Duration("2h"))
    assert found.observe(steps((0, 0), (HOUR, 1))) == []
    assert found.tick(2 * HOUR - 1) == []
    (signal,) = found.tick(3 * HOUR)
    assert (signal.time, signal.state, signal.value, signal.high) == (2 * HOUR, "raised", 3 * HOUR, 2 * HOUR)
    assert signal.extra == {"step": 1.0}
    assert signal.explanation == "Not finished 3 h after it began, at confirmed; the whole is expected within 2 h."
    (over,) = found.observe(steps((4 * HOUR, 3)))
    assert (over.time, over.state, over.explanation) == (4 * HOUR, "cleared", "It went on: done was reached.")
    assert found.tick(1e9) == []


def test_a_step_that_came_late_has_the_whole_time_anew() -> None:
    found = monitor(within=Duration("2h"))
    found.observe(steps((0, 0)))
    found.tick(3 * HOUR)
    assert seen(found.observe(steps((4 * HOUR, 1)))) == [(4 * HOUR, "cleared")]
    assert found.tick(6 * HOUR - 1) == []
    assert seen(found.tick(6 * HOUR)) == [(6 * HOUR, "raised")]


def test_limits_of_each_step() -> None:
    found = monitor(limits={"started": "10m", "paid": Duration("1d")})
    found.observe(steps((0, 0)))
    (signal,) = found.tick(1200)
    assert signal.explanation == "Nothing came after started for 20 min; the next step was expected within 10 min."
    found.observe(steps((1300, 1)))
    assert found.tick(1e8) == []
    found.observe(steps((1e8, 2)))
    assert seen(found.tick(2e8)) == [(1e8 + 86400, "raised")]


def test_a_finished_sequence_is_as_one_never_seen() -> None:
    detector = stall(within=Duration("2h"))
    fresh = {name: array.copy() for name, array in detector.state().items()}
    detector.update(steps((0, 0), (60, 1), (120, 3)))
    assert all(array.tobytes() == fresh[name].tobytes() for name, array in detector.state().items())


def test_steps_may_be_skipped_and_the_first_ones_unseen() -> None:
    detector = stall(limits={"paid": "1h"})
    assert detector.update(steps((0, 2), (60, 3))).score.tolist() == [0.0, 0.0]
    detector.update(steps((0, 0), (60, 2)))
    assert detector.tick(HOUR + 60)[0].series.tolist() == [0]


def test_steps_out_of_order_and_repeated_change_nothing() -> None:
    detector = stall(limits={"started": "1h", "confirmed": "1h", "paid": "1h"})
    detector.update(steps((0, 0), (60, 2)))
    before = detector.state()["rows"].copy()
    assert np.isnan(detector.update(steps((120, 1), (180, 2))).score).all()
    assert detector.state()["rows"].tobytes() == before.tobytes()


def test_the_first_step_begins_anew() -> None:
    detector = stall(within=Duration("1h"))
    detector.update(steps((0, 0), (60, 1), (1800, 0)))
    assert len(detector.tick(HOUR)[0].series) == 0
    assert detector.tick(1800 + HOUR)[0].time.tolist() == [1800 + HOUR]


def test_to_try_again_is_no_progress_until_it_is_overdue() -> None:
    found = monitor(within=Duration("1h"))
    assert found.observe(steps(*((600.0 * i, 0) for i in range(6)))) == []
    assert seen(found.tick(HOUR)) == [(HOUR, "raised")]
    assert seen(found.observe(steps((HOUR + 60, 0)))) == [(HOUR + 60, "cleared")]
    assert seen(found.tick(3 * HOUR)) == [(2 * HOUR + 60, "raised")]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 0.5, 4.0, 1e300, 5e-324])
def test_what_is_no_step_is_none(value: float) -> None:
    detector = stall(within=Duration("1h"))
    detector.update(steps((0, 0)))
    scores = detector.update(steps((60, value)))
    assert np.isnan(scores.score).all()
    assert np.isnan(scores.extra["step"]).all()
    assert len(detector.tick(HOUR)[0].series) == 1


def test_a_miss_that_no_tick_noticed_is_told_and_over() -> None:
    signals = monitor(within=Duration("1h")).observe(steps((0, 0), (3 * HOUR, 3)))
    assert seen(signals) == [(HOUR, "raised"), (3 * HOUR, "cleared")]
    assert signals[0].value == 3 * HOUR


def test_time_counts_between_windows() -> None:
    detector = stall(step=600, limits={"started": "1h"})
    detector.update(steps((0, 0)))
    assert len(detector.tick(HOUR)[0].series) == 0
    assert detector.tick(HOUR + 600)[0].value.tolist() == [HOUR]
    assert detector.update(steps((HOUR, 1))).missed is None


def paced(rng: np.random.Generator, each: Floats) -> Observations:
    """Return sequences that take so long from their first step to the second, one after the other."""
    start = np.cumsum(each + rng.exponential(60, len(each)))
    time = np.column_stack([start - each, start, start + 30, start + 40]).ravel()
    return Observations.of(np.zeros(len(time)), time, np.tile([0, 1, 2, 3], len(each)))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), median=st.sampled_from([60.0, 3e3, 1e6]), sigma=st.sampled_from([0.2, 1.0, 2.0]))
def test_what_nine_in_ten_take_is_learned(seed: int, median: float, sigma: float) -> None:
    rng = np.random.default_rng(seed)
    taken = rng.lognormal(math.log(median), sigma, 2000)
    detector, exact = stall(), Quantile(0.9)
    detector.update(paced(rng, taken))
    for each in taken:
        exact.update(math.log(each))
    found = float(detector.state()["paces"]["quantile"][0])
    assert found == pytest.approx(exact.get(), abs=0.6 * sigma)


def test_the_usual_time_sets_the_limit_for_all_series() -> None:
    rng = np.random.default_rng(1)
    detector = stall(patience=2.0)
    detector.update(paced(rng, rng.uniform(500, 700, 300)))
    detector.update(steps((1e6, 0), series=1))
    standing, scores = detector.tick(1e7)
    assert standing.series.tolist() == [1]
    assert scores.expected[0] == pytest.approx(680, rel=0.05)
    assert standing.time[0] - 1e6 == pytest.approx(2 * scores.expected[0])


def test_few_times_are_no_rule() -> None:
    detector = stall()
    detector.update(paced(np.random.default_rng(1), np.full(LEAST - 1, 60.0)))
    detector.update(steps((1e6, 0), series=1))
    assert len(detector.tick(1e9)[0].series) == 0


def test_usual_sequences_are_rarely_told() -> None:
    rng = np.random.default_rng(2)
    missed = stall().update(paced(rng, rng.lognormal(7, 1, 5000))).missed
    assert missed is not None
    assert len(missed.before) / 5000 < 0.02  # three times the ninth decile of a log-normal: 0.9 %


def test_those_that_stall_teach_nothing() -> None:
    rng = np.random.default_rng(3)
    one, other = stall(500), stall(500)
    usual = paced(rng, rng.uniform(500, 700, 300))
    one.update(usual)
    other.update(usual)
    other.update(Observations.of(range(1, 400), np.full(399, 1e6), np.zeros(399)))
    assert one.state()["paces"].tobytes() == other.state()["paces"].tobytes()


def test_times_that_go_back_repeat_or_leap_raise_nothing_absurd() -> None:
    detector = stall(within=Duration("1h"))
    scores = detector.update(steps((1e6, 0), (1e5, 1), (1e5, 1), (math.inf, 2), (1e6, 2), (3e9, 3)))
    assert scores.score.tolist() == pytest.approx([0, 0, math.nan, math.nan, 0, 0], nan_ok=True)
    assert scores.missed is not None
    assert scores.missed.before.tolist() == [5]


def test_times_of_all_scales_are_learned() -> None:
    for taken in (1e-9, 0.0, 1e9):
        detector = stall()
        detector.update(paced(np.random.default_rng(1), np.full(100, taken)))
        assert np.isfinite(detector.state()["paces"]["quantile"]).all()
        detector.update(steps((1e12, 0), series=1))
        assert detector.tick(2e12)[0].series.tolist() == [1]


@settings(max_examples=60, deadline=None)
@given(
    came=st.lists(st.tuples(st.sampled_from([0.0, 60.0, 700.0, 5000.0]), st.integers(0, 4)), min_size=1, max_size=30),
    ticks=st.lists(st.integers(0, 2500), max_size=40),
    hits=st.integers(1, 2),
    clear=st.sampled_from([0.0, 200.0]),
    arguments=st.sampled_from([{"within": Duration("10m")}, {"limits": {"started": "5m", "paid": "20m"}}, {}]),
)
def test_the_state_is_the_same_with_and_without_ticks(
    came: list[tuple[float, int]], ticks: list[int], hits: int, clear: float, arguments: dict[str, Any]
) -> None:
    rule = RaiseRule(hits=hits, of=3, clear=clear)
    live, replayed = (monitor(rule=rule, step=60, **arguments) for _ in range(2))
    warm = paced(np.random.default_rng(1), np.full(LEAST, 120.0) if not arguments else np.zeros(0))
    start = float(warm.time.max(initial=0.0)) // 60 * 60 + 60
    stream = steps(*zip(start + np.cumsum([gap // 60 * 60 for gap, _ in came]), [s for _, s in came], strict=True))
    for each in (live, replayed):
        each.observe(warm._replace(series=warm.series + np.int32(1)))
    end = float(stream.time[-1]) + 60
    moments = [(start + time, -1) for time in ticks if start + time < end]
    told = []
    for moment, row in sorted(moments + [(t + 60, i) for i, t in enumerate(stream.time.tolist())]):
        told += live.tick(moment) if row < 0 else live.observe(part(stream, row, row + 1))
    caught_up = replayed.observe(stream)
    told += live.tick(end)
    caught_up += replayed.tick(end)
    assert [each for each in seen(told) if each[1] != "ongoing"] == [
        each for each in seen(caught_up) if each[1] != "ongoing"
    ]
    for name, array in live.state().items():
        assert name == "monitor.ticked" or array.tobytes() == replayed.state()[name].tobytes(), name


def test_a_round_trip_in_mid_sequence() -> None:
    stream = paced(np.random.default_rng(1), np.random.default_rng(2).lognormal(5, 1, 200))
    whole, first, second = stall(), stall(), stall()
    whole.update(stream)
    first.update(part(stream, 0, 401))
    second.load({name: array.copy() for name, array in first.state().items()})
    second.update(part(stream, 401, 800))
    assert all(array.tobytes() == second.state()[name].tobytes() for name, array in whole.state().items())


def _signal(**changes: Any) -> Signal:
    signal = Signal("s", "stall", 0, "raised", 0.0, 0.0, 0.999, 1800.0, 300.0, -math.inf, 900.0, {"step": 1.0})
    return replace(signal, **changes)


def test_it_explains_what_is_usual() -> None:
    assert (
        stall().explain(_signal())
        == "Nothing came after confirmed for 30 min; nine in ten take the next step within 5 min."
    )
    assert stall().explain(_signal(extra={}, state="cleared")) == "It went on: an unknown step was reached."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"within": Duration("1h"), "limits": {"started": "1h"}}, "exclude each other"),
        ({"within": Duration("0s")}, "within is 0s: it must be a positive duration"),
        ({"limits": {}}, "names no step"),
        ({"limits": {"started": "0s"}}, "started is 0s"),
        ({"limits": {"started": "soon"}}, "not a duration"),
        ({"limits": {"done": "1h"}}, "limits names 'done': the steps that others follow are started, confirmed, paid"),
        ({"patience": 0.5}, "at least 1"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stall(**arguments)


def test_one_step_is_no_sequence() -> None:
    with pytest.raises(ValueError, match="two steps or more"):
        Stall().introduce(["alone"])


def test_a_state_of_something_else_is_refused() -> None:
    other = Stall()
    with pytest.raises(ValueError, match="not one of stall with 4 steps"):
        stall().load(other.state())
