"""What `Ensemble` sees once the rhythm or the course of a series is taken off, and when it counts."""

import numpy as np
import pytest

from detectors.base import Floats
from detectors.ensemble import Ensemble
from detectors.ensemble_kernel import NUMBER, ROW
from detectors.ensemble_past import PAST, begin
from detectors.ensemble_rhythm import KEPT, explained, look_behind, weigh
from detectors.ensemble_surprise import FEATURES, surprise
from detectors.ensemble_views import AHEAD, HOUR, HOUR_MEAN, HOUR_MEAN_LONG, HOUR_SPREAD, look
from tests.detectors.test_ensemble import daily, raised, scored

HOURS = np.arange(24.0 * 70)
TIMES: Floats = 1.7e9 // 86400 * 86400 + HOURS * 3600.0
BUSY = 24 * 60 + 12


def visits(seed: int) -> Floats:
    """Ten weeks of hours with a strong day; a person would see a dip of hours at once."""
    day = 0.1 + 0.5 * (1 - np.cos(HOURS / 24 * 2 * np.pi))
    values: Floats = 1000 * day * (1 + np.random.default_rng(seed).normal(0, 0.06, len(HOURS)))
    return values


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("hours", [2, 4])
def test_a_dip_of_hours_in_a_strong_day_is_told(seed: int, hours: int) -> None:
    values = visits(seed)
    values[BUSY : BUSY + hours] *= 0.4
    found = raised(scored(values, TIMES))
    assert [row for row in found if BUSY <= row < BUSY + hours + 3]
    assert len([row for row in found if row < BUSY]) <= 2  # in 60 days of noise


@pytest.mark.parametrize("seed", range(3))
def test_a_dip_is_told_after_days_at_another_level(seed: int) -> None:
    values = visits(seed)
    values[24 * 40 : 24 * 42] *= 1.5
    values[BUSY : BUSY + 3] *= 0.3
    assert [row for row in raised(scored(values, TIMES)) if BUSY <= row < BUSY + 6]


class Seen:
    """What is seen of a series, row by row."""

    def __init__(self, times: Floats, values: Floats) -> None:
        self.row = np.zeros(1, ROW)["main"]
        self.views, self.far = np.full((len(values), NUMBER), np.nan), np.zeros((len(values), 3))
        self.distances = np.full(len(values), np.nan)
        begin(self.row[0], values[0])
        features, room = np.empty(FEATURES), np.empty(PAST, np.float32)
        for i, (time, value) in enumerate(zip(times.tolist(), values.tolist(), strict=True)):
            surprise(self.row[0], time, value, features)
            look(self.row[0], time, value, self.views[i], room)
            look_behind(self.row[0], self.views[i], self.far[i])
            self.distances[i] = self.row["distance"][0]
        self.weights = np.ones(NUMBER)
        weigh(self.row[0], self.weights)


def test_the_views_are_means_and_spread_of_the_distances() -> None:
    seen = Seen(TIMES, visits(1))
    kept = np.clip(seen.distances[~np.isnan(seen.distances)], -20, 20).astype(np.float32)
    last = seen.views[-1]
    assert last[HOUR] == pytest.approx(kept[-1])
    assert last[HOUR_MEAN] == pytest.approx(kept[-3:].mean(), abs=1e-6)
    assert last[HOUR_MEAN_LONG] == pytest.approx(kept[-12:].mean(), abs=1e-6)
    assert last[HOUR_SPREAD] == pytest.approx(np.log10(kept[-10:].std() + 1e-6), abs=1e-6)


def test_windows_longer_than_what_is_kept_are_cut() -> None:
    times: Floats = 1.7e9 + np.arange(25_000.0) * 10.0
    seen = Seen(times, np.random.default_rng(2).normal(size=len(times)) + np.sin(times / 7200 * np.pi))
    assert seen.row["kept_windows"][0].tolist() == [KEPT // 4, KEPT - 1]
    assert np.isfinite(seen.views[-1, HOUR_MEAN_LONG])


def test_the_rhythm_counts_where_it_explains_most() -> None:
    assert Seen(TIMES, visits(1)).weights[[HOUR, HOUR_MEAN, HOUR_MEAN_LONG, HOUR_SPREAD]].tolist() == [1.0] * 4
    noise = Seen(TIMES, np.random.default_rng(1).normal(size=len(TIMES))).weights
    assert noise[HOUR:].tolist() == [0.0] * 5
    assert noise[:HOUR].tolist() == [1.0] * HOUR


def test_the_course_counts_where_it_explains_nearly_all() -> None:
    tooth: Floats = np.arange(3000) % 170 + np.random.default_rng(1).normal(size=3000)
    times: Floats = 1.7e9 + np.arange(3000.0) * 300.0
    weights = Seen(times, tooth).weights
    assert weights[AHEAD] > 0.5
    assert weights[HOUR] < 0.5


def test_a_clean_rhythm_wakes_once_in_three_weeks_at_most() -> None:
    assert sum(len(raised(scored(daily(seed)))) for seed in range(8)) <= 8


def test_a_distance_is_as_far_the_second_time() -> None:
    values = visits(3)
    at = BUSY + np.array([-240, 0, 72])
    values[at] *= 0.3
    far = Seen(TIMES, values).far[at, 0]
    assert far.min() > 3.0
    assert far[2] > 0.8 * far[0]


def test_nothing_is_explained_before_anything_is_known() -> None:
    sizes = np.array([0.1, 1.0])
    assert explained(sizes, 3) == 0.0
    assert explained(sizes, 100) == pytest.approx(0.99)
    assert explained(np.zeros(2), 100) == 0.0


def test_it_says_which_view_saw_it() -> None:
    values = visits(2)
    values[BUSY : BUSY + 3] *= 0.4
    scores = scored(values, TIMES)
    row = next(row for row in raised(scores) if row >= BUSY)
    assert Ensemble.extras == ("dense", "alarm", "peak", "view")
    assert scores.extra["peak"][row] in values[BUSY : BUSY + 3]
