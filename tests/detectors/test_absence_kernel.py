"""The rhythm of arrivals by itself: what is expected, when a limit is reached, what visits teach."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.absence import Absence
from detectors.absence_rhythm import LATEST, RHYTHM, expected, fresh_rhythms, rate_at, walk
from detectors.absence_visits import arrive
from detectors.base import Observations
from detectors.durations import Duration

HOUR, DAY = 3600.0, 86400.0
MONDAY = 1704067200.0
WHOLE_WEEK = 2**31 - 1


def _rhythm(hours: Any, days: Any = 1.0, *, seen: int = WHOLE_WEEK) -> Any:
    rhythm = fresh_rhythms(1)
    rhythm["hours"], rhythm["days"], rhythm["seen"] = hours, days, seen
    return rhythm[0]


def _office(rate: float) -> Any:
    hours = np.zeros(24)
    hours[8:18] = rate
    return _rhythm(hours, [1, 1, 1, 1, 1, 0, 0])


def test_a_series_takes_192_bytes_and_40_where_the_limit_is_given() -> None:
    assert RHYTHM.itemsize == 152
    for detector, size in [(Absence(), 192), (Absence(after=Duration("1h")), 40), (Absence(daily="02:00"), 40)]:
        detector.grow(1)
        assert sum(array.itemsize for array in detector.state().values()) == size


def test_expected_arrivals_are_the_sum_over_hours() -> None:
    rhythm = _office(6.0)
    assert expected(rhythm, MONDAY + 8.5 * HOUR, MONDAY + 8.75 * HOUR) == pytest.approx(1.5)
    assert expected(rhythm, MONDAY + 17.5 * HOUR, MONDAY + DAY + 9 * HOUR) == pytest.approx(9)
    assert expected(rhythm, MONDAY + 4 * DAY + 18 * HOUR, MONDAY + 7 * DAY + 8 * HOUR) == 0


def test_what_was_not_visited_is_not_known() -> None:
    monday_only = _rhythm(np.full(24, 6.0), seen=2**25 - 1)
    assert expected(monday_only, MONDAY, MONDAY + DAY - 1) == pytest.approx(144, abs=0.1)
    assert math.isnan(expected(monday_only, MONDAY, MONDAY + DAY + 1))
    assert rate_at(monday_only, int(MONDAY + DAY) // 3600, 0.0) == 0
    assert rate_at(monday_only, int(MONDAY + DAY) // 3600, 5.0) == 5
    assert rate_at(_rhythm(0.0, seen=0), 12, 5.0) == 5


def test_a_flat_rhythm_reaches_a_limit_as_soon_as_its_pace_allows() -> None:
    due, counted = walk(_rhythm(np.full(24, 6.0)), MONDAY + 100, 9.0, MONDAY + 14 * DAY, 0.0)
    assert due == pytest.approx(MONDAY + 100 + 1.5 * HOUR)
    assert counted == 9


def test_nights_and_weekends_are_passed() -> None:
    due, _ = walk(_office(30.0), MONDAY + 4 * DAY + 18 * HOUR, 9.0, MONDAY + 14 * DAY, 0.0)
    assert MONDAY + 7 * DAY + 8 * HOUR < due < MONDAY + 7 * DAY + 9.5 * HOUR


def test_a_rhythm_that_moved_by_an_hour_adds_a_third_of_the_limit_at_most() -> None:
    for since, came in [(17.95, 24 + 9.0), (17.0, 24 + 7.0)]:
        due, _ = walk(_office(30.0), MONDAY + since * HOUR, 9.0, MONDAY + 14 * DAY, 0.0)
        assert due > MONDAY + came * HOUR


def test_what_is_not_reached_ends_where_it_must() -> None:
    until = MONDAY + 3 * DAY + 5
    for rhythm in (_rhythm(0.0), _rhythm(0.0, seen=0), _rhythm(np.full(24, 0.1))):
        due, counted = walk(rhythm, MONDAY + 7, 9.0, until, 0.0)
        assert due == until
        assert counted < 9


@settings(max_examples=100, deadline=None)
@given(
    hours=st.lists(st.sampled_from([0.0, 0.2, 6.0, 60.0]), min_size=24, max_size=24),
    days=st.lists(st.sampled_from([0.0, 0.1, 1.0, 3.0]), min_size=7, max_size=7),
    seen=st.integers(0, WHOLE_WEEK),
    dawn=st.integers(0, 23),
    start=st.floats(0, 7 * DAY),
    unseen=st.sampled_from([0.0, 6.0]),
)
def test_a_walk_goes_forward_and_counts_no_more_than_is_expected(
    hours: list[float], days: list[float], seen: int, dawn: int, start: float, unseen: float
) -> None:
    rhythm = _rhythm(hours, days, seen=seen)
    rhythm["dawn"] = dawn
    since, last = MONDAY + start, MONDAY + start
    for limit in (0.5, 1.0, 3.0, 9.0, 90.0):
        due, counted = walk(rhythm, since, limit, since + 14 * DAY, unseen)
        assert last <= due <= since + 14 * DAY
        assert 0 <= counted <= limit
        first, after = int(since // HOUR), int(due // HOUR)
        total = sum(
            rate_at(rhythm, hour, unseen) * (min(due / HOUR, hour + 1) - max(since / HOUR, hour))
            for hour in range(first, after + 1)
        )
        assert counted <= total + 1e-6
        last = due


def _taught(times: Any, *, due: float = np.inf) -> Any:
    rhythm = fresh_rhythms(1)[0]
    for last, came in pairwise(times):
        arrive(rhythm, last, came, due)
    return rhythm


def test_hours_and_weekdays_are_learned_as_they_pass() -> None:
    seconds = np.arange(0, 28 * DAY, 600)
    busy = (seconds / HOUR % 24 >= 8) & (seconds / HOUR % 24 < 18) & (seconds // DAY % 7 < 5)
    rhythm = _taught(MONDAY + seconds[busy])
    assert rhythm["hours"][8:18] == pytest.approx(np.full(10, 6.0), rel=0.1)
    assert np.delete(rhythm["hours"], np.arange(8, 18)) == pytest.approx(np.zeros(14), abs=0.01)
    assert rhythm["days"][:5] == pytest.approx(np.ones(5), abs=0.15)
    assert (rhythm["days"][5:] < 0.05).all()
    assert rhythm["dawn"] in {0, 1}


def test_days_begin_opposite_the_busy_hours() -> None:
    seconds = np.arange(0, 28 * DAY, 600) + 17 * HOUR
    busy = ((seconds - 17 * HOUR) % DAY < 8 * HOUR) & ((seconds - 17 * HOUR) // DAY % 7 < 5)
    rhythm = _taught(MONDAY + seconds[busy])
    assert rhythm["dawn"] in {8, 9, 10}
    assert rhythm["days"] == pytest.approx([1, 1, 1, 1, 1, 0, 0], abs=0.15)


def test_silence_past_the_due_time_is_learned_for_a_day() -> None:
    beats = MONDAY + 300 + np.arange(0, 14 * DAY - 1800, 600)
    rhythm = _taught(beats)
    before = rhythm["hours"].copy()
    arrive(rhythm, beats[-1], beats[-1] + 3 * DAY, beats[-1] + 1200)
    assert rhythm["hours"] == pytest.approx(before * 2 / 3, rel=0.05)


def test_a_silence_of_a_month_teaches_no_more_than_one_of_a_few_days() -> None:
    beats = MONDAY + np.arange(0, 14 * DAY, 600)
    a_week, a_year = _taught(beats), _taught(beats)
    arrive(a_week, beats[-1], beats[-1] + 7 * DAY, beats[-1] + 1800)
    arrive(a_year, beats[-1], beats[-1] + 364 * DAY, beats[-1] + 1800)
    assert a_week.tobytes() == a_year.tobytes()


def _detector(step: float) -> Absence:
    detector = Absence()
    detector.prepare(step)
    detector.grow(1)
    return detector


@pytest.mark.parametrize("step", [0.0, 60.0])
def test_absurd_times_are_none(step: float) -> None:
    detector = _detector(step)
    for bad in (LATEST, -LATEST, 1e300, -1e300, math.inf, -math.inf, math.nan):
        before = {name: array.tobytes() for name, array in detector.state().items()}
        one = Observations.of([0], [bad], [bad])
        scored, updated = detector.score(one), detector.update(one)
        assert math.isnan(scored.score[0])
        assert math.isnan(updated.score[0])
        assert {name: array.tobytes() for name, array in detector.state().items()} == before


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(
        st.one_of(st.floats(-1e5, 1e7), st.floats(-2 * LATEST, 2 * LATEST), st.sampled_from([0.0, 5e-324, 600.0])),
        min_size=1,
        max_size=60,
    ),
    orderly=st.booleans(),
)
def test_no_arrival_is_due_before_it_came(times: list[float], orderly: bool) -> None:
    detector = _detector(0.0)
    for time in sorted(times) if orderly else times:
        last = detector.state()["rows"]["last"][0]
        detector.update(Observations.of([0], [time], [time]))
        state = detector.state()
        assert not state["rows"]["last"][0] < last
        assert not state["due"][0] < state["rows"]["last"][0]
        rhythm = state["rhythm"][0]
        for name in ("hours", "days", "mean", "variance"):
            assert np.isfinite(rhythm[name]).all()
            assert (rhythm[name] >= 0).all()


@settings(max_examples=30, deadline=None)
@given(
    gaps=st.lists(st.sampled_from([60.0, 600.0, 5040.0, 50400.0, 237600.0, 2592000.0]), min_size=1, max_size=80),
    every=st.sampled_from([7000.0, 100000.0]),
)
def test_batches_and_ticks_do_not_matter(gaps: list[float], every: float) -> None:
    times = MONDAY + np.cumsum(gaps)
    whole, live = _detector(60.0), _detector(60.0)
    missed = whole.update(Observations.of(np.zeros(len(times)), times, times + 7)).missed
    told = set()
    for last, time in zip([MONDAY, *times], times, strict=False):
        for moment in np.arange(last, min(time, last + 50 * every), every):
            told |= set(live.tick(moment)[0].time.tolist())
        live.update(Observations.of([0], [time], [time + 7]))
    for name, array in whole.state().items():
        assert array.tobytes() == live.state()[name].tobytes(), name
    assert told <= set([] if missed is None else missed.batch.time.tolist())


def test_a_state_without_its_rhythm_is_refused() -> None:
    given_limit = Absence(after=Duration("1h"))
    given_limit.grow(2)
    with pytest.raises(ValueError, match="not one of absence with these settings"):
        Absence().load(given_limit.state())
    learned = _detector(60.0)
    with pytest.raises(ValueError, match="not one of absence with these settings"):
        given_limit.load(learned.state())
