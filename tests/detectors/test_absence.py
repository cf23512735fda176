"""Heartbeats and jobs that did not come."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.absence import Absence
from detectors.base import Observations, Signal
from detectors.durations import Duration
from detectors.monitor import Monitor
from detectors.raising import RaiseRule

DAY = 86400.0
HOUR = 3600.0


def _monitor(detector: Absence, *, rule: RaiseRule | None = None, step: float = 0.0, grace: float = 0.0) -> Monitor:
    monitor = Monitor("silence", detector, rule or RaiseRule(), grace=grace)
    monitor.prepare(step)
    monitor.grow(2)
    return monitor


def _beats(*times: float, series: int = 0) -> Observations:
    return Observations.of([series] * len(times), times, times)


def _seen(signals: list[Signal]) -> list[tuple[float, str]]:
    return [(signal.time, signal.state) for signal in signals]


def test_after_a_fixed_time() -> None:
    monitor = _monitor(Absence(after=Duration("15m")))
    assert monitor.observe(_beats(0, 600)) == []
    assert monitor.tick(1499) == []
    (signal,) = monitor.tick(600 + 47 * 60)
    assert (signal.time, signal.state, signal.value, signal.high) == (1500.0, "raised", 2820.0, 900.0)
    assert signal.explanation == "Nothing came for 47 min; an event was expected within 15 min of the last."
    assert _seen(monitor.observe(_beats(3600))) == [(3600.0, "cleared")]


def test_an_arrival_is_said_to_end_it() -> None:
    monitor = _monitor(Absence(after=Duration("1h")))
    monitor.observe(_beats(0))
    monitor.tick(2 * HOUR)
    (signal,) = monitor.observe(_beats(DAY))
    assert signal.explanation == "An event came again at 1970-01-02 00:00 UTC."


def test_a_series_never_seen_is_not_missed() -> None:
    monitor = _monitor(Absence(after=Duration("1m")))
    monitor.observe(_beats(0))
    assert [signal.series for signal in monitor.tick(1e9)] == [0]


def test_the_limit_itself_scores_the_raise_score_and_each_further_limit_three_decades() -> None:
    detector = Absence(after=Duration("10m"))
    detector.grow(1)
    detector.update(_beats(0))
    decades = [-math.log10(1 - detector.tick(time)[1].score[0]) for time in (600, 900, 1200, 1e9)]
    assert decades == pytest.approx([3, 4.5, 6, 12], rel=1e-3)


def test_a_series_is_raised_once_and_told_again_as_silence_grows_by_a_tenth() -> None:
    monitor = _monitor(Absence(after=Duration("10m")))
    monitor.observe(_beats(0))
    told = [signal for minute in range(1, 1001) for signal in monitor.tick(60.0 * minute)]
    assert told[0].state == "raised"
    assert {signal.state for signal in told[1:]} == {"ongoing"}
    assert len(told) == pytest.approx(math.log(1000 / 10) / math.log(1.1), abs=2)
    assert told[-1].value > 54000


def test_a_job_of_the_night() -> None:
    monitor = _monitor(Absence(daily="02:00", within=Duration("2h")))
    monitor.observe(_beats(2.5 * HOUR, DAY + 3 * HOUR))
    assert monitor.tick(2 * DAY + 4 * HOUR - 1) == []
    (signal,) = monitor.tick(2 * DAY + 5 * HOUR)
    assert (signal.time, signal.state) == (2 * DAY + 4 * HOUR, "raised")
    assert signal.explanation == (
        "Nothing came for 1 d 2 h; an event was expected by 1970-01-03 04:00 UTC, as every day."
    )
    assert _seen(monitor.observe(_beats(2 * DAY + 9 * HOUR))) == [(2 * DAY + 9 * HOUR, "cleared")]
    assert monitor.tick(3 * DAY + 4 * HOUR - 1) == []
    assert _seen(monitor.tick(3 * DAY + 4 * HOUR)) == [(3 * DAY + 4 * HOUR, "raised")]


@pytest.mark.parametrize(("early", "overdue"), [("0s", 1), ("30m", 0)])
def test_a_job_that_came_early(early: str, overdue: int) -> None:
    monitor = _monitor(Absence(daily="02:00", within=Duration("1h"), early=Duration(early)))
    monitor.observe(_beats(2 * HOUR, DAY + 1.75 * HOUR))
    assert len(monitor.tick(DAY + 3 * HOUR)) == overdue


def test_a_window_over_midnight() -> None:
    monitor = _monitor(Absence(daily="23:30", within=Duration("1h")))
    monitor.observe(_beats(23.75 * HOUR, DAY + 24.25 * HOUR))
    assert monitor.tick(3 * DAY) == []
    assert _seen(monitor.tick(3 * DAY + HOUR)) == [(3 * DAY + 0.5 * HOUR, "raised")]


def test_a_usual_gap_is_learned() -> None:
    monitor = _monitor(Absence())
    monitor.observe(_beats(*range(0, 300, 60)))
    assert monitor.tick(1e6) == []
    monitor.observe(_beats(300))
    (signal,) = monitor.tick(300 + 600)
    assert (signal.time, signal.expected, signal.high) == (480.0, 60.0, 180.0)
    assert signal.explanation == "Nothing came for 10 min; a gap of more than 3 min is unusual here."


def test_irregular_beats_are_given_more_patience() -> None:
    gaps = np.random.default_rng(1).exponential(60, 20000)
    monitor = _monitor(Absence())
    raised = [each for each in monitor.observe(_beats(*np.cumsum(gaps))) if each.state == "raised"]
    assert len(raised) / len(gaps) < 0.001


def test_a_lasting_change_of_pace_is_learned() -> None:
    monitor = _monitor(Absence())
    monitor.observe(_beats(*np.arange(0, 6000, 60)))
    slow = 6000 + 600 * np.arange(1, 200)
    times = [each.time for each in monitor.observe(_beats(*slow)) if each.state == "raised"]
    assert times
    assert max(times) < slow[60]


def test_one_outage_of_days_does_not_double_the_limit() -> None:
    monitor = _monitor(Absence())
    monitor.observe(_beats(*np.arange(0, 6000, 60)))
    monitor.observe(_beats(1e6))
    (signal,) = monitor.tick(2e6)
    assert 180 < signal.high < 360


def test_old_and_repeated_news_change_nothing() -> None:
    monitor = _monitor(Absence(after=Duration("10m")))
    monitor.observe(_beats(1000))
    assert len(monitor.tick(1600)) == 1
    assert monitor.observe(_beats(900, 1000)) == []
    assert monitor.is_raised(0)


def test_an_absurd_time_is_moved_into_its_window() -> None:
    monitor = _monitor(Absence(after=Duration("10m")), step=60)
    monitor.observe(Observations.of([0, 1], [600, 600], [1e300, -1e300]))
    assert [(signal.series, signal.time) for signal in monitor.tick(1e4)] == [(0, 1260.0), (1, 1200.0)]


def test_what_the_open_window_holds_is_not_missed_yet() -> None:
    monitor = _monitor(Absence(after=Duration("10m")), step=300)
    monitor.observe(Observations.of([0], [0], [10]))
    assert monitor.tick(899) == []
    assert _seen(monitor.tick(900)) == [(610.0, "raised")]


def test_a_miss_that_no_tick_noticed_is_told_and_over() -> None:
    monitor = _monitor(Absence(after=Duration("10m")))
    signals = monitor.observe(_beats(0, 300, 3000, 3300))
    assert _seen(signals) == [(900.0, "raised"), (3000.0, "cleared")]
    assert signals[0].value == 2700.0
    assert signals[0].explanation == "Nothing came for 45 min; an event was expected within 10 min of the last."


def test_misses_of_several_series_keep_their_places() -> None:
    monitor = _monitor(Absence(after=Duration("10m")))
    batch = Observations.of([0, 1, 1, 0, 1], [0, 0, 300, 2000, 2100], [0, 0, 300, 2000, 2100])
    assert [(signal.series, signal.time, signal.state) for signal in monitor.observe(batch)] == [
        (0, 600.0, "raised"),
        (0, 2000.0, "cleared"),
        (1, 900.0, "raised"),
        (1, 2100.0, "cleared"),
    ]


def test_three_of_five_beats() -> None:
    monitor = _monitor(Absence(after=Duration("10m")), rule=RaiseRule(hits=3, of=5))
    on_time_and_late = [0, 300, 2000, 2300, 4000, 4300]
    assert monitor.observe(_beats(*on_time_and_late)) == []
    assert [monitor.tick(time) for time in (4800, 4850, 4899)] == [[], [], []]
    assert _seen(monitor.tick(4900)) == [(4900.0, "raised")]


def test_during_grace_a_miss_is_not_told() -> None:
    monitor = _monitor(Absence(after=Duration("10m")), grace=HOUR)
    monitor.observe(_beats(0))
    assert monitor.tick(2 * HOUR) == []
    assert monitor.observe(_beats(2 * HOUR)) == []
    assert _seen(monitor.tick(3 * HOUR)) == [(2 * HOUR + 600, "raised")]


def test_a_false_alarm_gives_its_series_more_time() -> None:
    monitor = _monitor(Absence(after=Duration("10m")))
    monitor.observe(Observations.of([0, 1], [0, 0], [0, 0]))
    monitor.judge(0, "false")
    assert [signal.series for signal in monitor.tick(660)] == [1]
    assert [signal.series for signal in monitor.tick(720) if signal.state == "raised"] == [0]


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.sampled_from([60.0, 120.0, 180.0, 720.0, 5040.0]), min_size=1, max_size=30),
    ticks=st.lists(st.integers(0, 2500), max_size=40),
    hits=st.integers(1, 2),
    clear=st.sampled_from([0.0, 200.0]),
    arguments=st.sampled_from([{"after": Duration("10m")}, {}, {"daily": "00:10", "within": Duration("5m")}]),
)
def test_the_state_is_the_same_with_and_without_ticks(
    gaps: list[float], ticks: list[int], hits: int, clear: float, arguments: dict[str, Any]
) -> None:
    rule = RaiseRule(hits=hits, of=3, clear=clear)
    live, replayed = (_monitor(Absence(**arguments), rule=rule, step=60, grace=200.0) for _ in range(2))
    beats = _beats(*np.cumsum(gaps))
    for monitor in (live, replayed):
        monitor.judge(0, "false")
    told = []
    end = float(beats.time[-1]) + 60
    moments = [(float(time), -1) for time in ticks if time < end] + [(t + 60, i) for i, t in enumerate(beats.time)]
    for moment, beat in sorted(moments):
        told += live.tick(moment) if beat < 0 else live.observe(_beats(beats.time[beat]))
    caught_up = replayed.observe(beats)
    told += live.tick(end)
    caught_up += replayed.tick(end)
    assert [each for each in _seen(told) if each[1] != "ongoing"] == [
        each for each in _seen(caught_up) if each[1] != "ongoing"
    ]
    for name, array in live.state().items():
        assert name == "monitor.ticked" or array.tobytes() == replayed.state()[name].tobytes(), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"after": Duration("1m"), "daily": "02:00"}, "exclude each other"),
        ({"after": Duration("0s")}, "longer than nothing"),
        ({"daily": "25:00"}, "write a UTC time of day"),
        ({"daily": "2 am"}, "write a UTC time of day"),
        ({"daily": "02:00", "within": Duration("1d")}, "shorter than a day"),
        ({"patience": 0.5}, "at least 1"),
        ({"memory": 1}, "at least 5 gaps"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Absence(**arguments)


def test_a_state_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="not one of absence"):
        Absence().load({"rows": np.zeros(2), "due": np.zeros(2)})
