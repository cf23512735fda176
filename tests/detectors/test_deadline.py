"""Dates that come near: told at each lead time, with or without an event, and over when they are renewed."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.base import Observations, Signal
from detectors.deadline import Deadline
from detectors.monitor import Monitor
from detectors.raising import RaiseRule

DAY = 86400.0
DATE = 20_100 * DAY
"""2025-01-12."""


def monitor(step: float = 0.0, **config: Any) -> Monitor:
    """Return a deadline at work."""
    watching = Monitor("card", Deadline(**config), RaiseRule())
    watching.prepare(step)
    watching.grow(2)
    return watching


def told(time: float, date: float, series: int = 0) -> Observations:
    """Return the observation that at `time` the date is `date`."""
    return Observations.of([series], [time], [date])


def seen(signals: list[Signal]) -> list[tuple[str, float, float]]:
    """Return state, days left and the lead that was reached, in days."""
    return [(s.state, s.extra["left_s"] / DAY, s.extra["lead_s"] / DAY) for s in signals]


def test_each_lead_and_the_date_are_told_once() -> None:
    watching = monitor()
    assert watching.observe(told(DATE - 100 * DAY, DATE)) == []
    signals = [s for hour in range(24 * 110) for s in watching.tick(DATE - 100 * DAY + 3600 * hour)]
    assert seen(signals) == [("raised", 30, 30), ("ongoing", 7, 7), ("ongoing", 1, 1), ("ongoing", 0, 0)]
    assert [s.value for s in signals] == [DATE] * 4
    scores = [s.score for s in signals]
    assert scores == sorted(scores)
    assert [-math.log10(1 - score) for score in scores] == pytest.approx([3, 6, 9, 12], abs=1e-3)


def test_the_explanation_says_the_date_and_what_is_left() -> None:
    watching = monitor()
    watching.observe(told(DATE - 100 * DAY, DATE))
    (near,) = watching.tick(DATE - 29.5 * DAY)
    (past,) = watching.tick(DATE + 2 * DAY)
    (renewed,) = watching.observe(told(DATE + 3 * DAY, DATE + 368 * DAY))
    assert near.explanation == "The date is 2025-01-12 00:00 UTC, in 29 d 12 h."
    assert past.explanation == "The date was 2025-01-12 00:00 UTC, 2 d ago."
    assert (renewed.state, renewed.explanation) == ("cleared", "The date is now 2026-01-15 00:00 UTC, in 365 d.")


def test_a_date_that_is_near_when_told_is_told_at_once() -> None:
    assert seen(monitor().observe(told(DATE - 3 * DAY, DATE))) == [("raised", 3, 7)]


def test_one_that_has_passed_is_told_at_once_however_long_ago() -> None:
    assert seen(monitor().observe(told(DATE + 3_000 * DAY, DATE))) == [("raised", -3_000, 0)]


def test_a_date_moved_earlier_is_told_by_its_new_leads() -> None:
    watching = monitor()
    watching.observe(told(DATE - 100 * DAY, DATE))
    assert watching.observe(told(DATE - 90 * DAY, DATE - 40 * DAY)) == []
    assert seen(watching.tick(DATE - 70 * DAY)) == [("raised", 30, 30)]
    assert watching.tick(DATE - 69 * DAY) == []


def test_a_date_moved_later_ends_it_beyond_the_leads_only() -> None:
    watching = monitor()
    watching.observe(told(DATE - 3 * DAY, DATE))
    (within,) = watching.observe(told(DATE - 2 * DAY, DATE + 10 * DAY))
    assert (within.state, within.extra["lead_s"]) == ("ongoing", 30 * DAY)
    (over,) = watching.observe(told(DATE - DAY, DATE + 60 * DAY))
    assert (over.state, over.extra["left_s"]) == ("cleared", 61 * DAY)
    assert math.isnan(over.extra["lead_s"])
    assert seen(watching.tick(DATE + 30 * DAY)) == [("raised", 30, 30)]


def test_the_same_date_told_daily_is_one_issue() -> None:
    watching = monitor(step=DAY)
    signals = [s for d in range(60) for s in watching.observe(told(DATE - (60 - d) * DAY, DATE))]
    assert [s.state for s in signals] == ["raised"] + ["ongoing"] * 30


def test_a_replay_without_ticks_finds_what_they_found() -> None:
    live, replayed = monitor(), monitor()
    first, renewal = told(DATE - 100 * DAY, DATE), told(DATE - DAY, DATE + 365 * DAY)
    live.observe(first)
    raised = live.tick(DATE - 30 * DAY)
    cleared = live.observe(renewal)
    both = replayed.observe(Observations.of([0, 0], [DATE - 100 * DAY, DATE - DAY], [DATE, DATE + 365 * DAY]))
    assert [(s.state, s.time) for s in both] == [(s.state, s.time) for s in raised + cleared]
    states = live.state(), replayed.state()
    assert all(states[0][name].tobytes() == states[1][name].tobytes() for name in states[0] if name != "monitor.ticked")


@pytest.mark.parametrize("value", [0.0, -1.0, 14.0, 9e7, math.nan, math.inf, -math.inf, 1e15 * DATE, 5e-324, 1.7e308])
def test_what_is_no_date_is_no_opinion_and_the_known_one_stays(value: float) -> None:
    watching = monitor()
    watching.observe(told(DATE - 100 * DAY, DATE))
    assert watching.observe(told(DATE - 90 * DAY, value)) == []
    assert watching.tick(DATE - 31 * DAY) == []
    assert seen(watching.tick(DATE - 30 * DAY)) == [("raised", 30, 30)]
    assert np.isnan(watching.scores(told(DATE - 20 * DAY, value)).score[0])


def test_milliseconds_are_recognised() -> None:
    watching = monitor()
    assert watching.observe(told(DATE - 100 * DAY, DATE * 1000)) == []
    (signal,) = watching.tick(DATE - 30 * DAY)
    assert signal.value == DATE


def test_a_date_that_never_comes_is_none_to_tell_of() -> None:
    watching = monitor()
    assert watching.observe(told(DATE, 253402300799.0)) == []
    assert watching.tick(DATE + 1e9) == []


def test_times_that_go_back_and_duplicates_are_harmless() -> None:
    watching = monitor()
    times = [DATE - 50 * DAY, DATE - 60 * DAY, DATE - 50 * DAY, DATE - 50 * DAY]
    assert watching.observe(Observations.of([0] * 4, times, [DATE] * 4)) == []
    assert seen(watching.tick(DATE - 30 * DAY)) == [("raised", 30, 30)]


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(-50, 400)), min_size=1, max_size=20),
    st.lists(st.integers(1, 60), min_size=1, max_size=4, unique=True),
)
@settings(max_examples=60, deadline=None)
def test_it_is_raised_just_when_a_plain_reference_says_so(moves: list[tuple[int, int]], leads: list[int]) -> None:
    watching = monitor(lead=[f"{lead}d" for lead in leads])
    told_on = dict(sorted(moves))
    date: float = math.inf
    for day in range(401):
        if day in told_on:
            date = day + told_on[day]
            watching.observe(told((20_000 + day) * DAY, (20_000 + date) * DAY))
        watching.tick((20_000 + day) * DAY)
        assert watching.is_raised(0) == (date - day <= max(leads))


def test_sixteen_bytes_a_series() -> None:
    detector = Deadline()
    detector.grow(1_000)
    assert sum(array.nbytes for array in detector.state().values()) == 16_000


@pytest.mark.parametrize("lead", [[], ["0s"], ["1d", "-1d"]])
def test_bad_leads_say_what_is_allowed(lead: list[str]) -> None:
    with pytest.raises(ValueError, match=r"longer than nothing|is not a duration"):
        Deadline(lead=lead)
