"""The forecast kind: breaches foreseen in time, intervals that hold, few false alarms."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.base import Floats, Observations, Scores, Signal
from detectors.durations import Duration
from detectors.forecast import Forecast
from detectors.forecast_damping import Trend, mean_slope
from detectors.forecast_reach import best_by, etas
from detectors.forecast_row import Config
from detectors.forecast_way import HORIZON, Way, z_at

STEP = 600.0
DAYS = 12
STEPS = int(DAYS * 86400 / STEP)
SERIES = 40
START = 1_704_067_200.0
DAY = np.arange(STEPS)[:, None] * STEP / 86400
"""Time in days, as a column."""


def scored(values: Floats, **config: Any) -> Scores:
    """Return the scores of `values` (time × series), of the same shape, against the limit 100."""
    detector = Forecast(**({"limit": 100.0, "within": Duration("1d")} | config))
    detector.prepare(STEP)
    detector.grow(values.shape[1])
    times, series = np.indices(values.shape)
    scores = detector.update(Observations.of(series.ravel(), START + STEP * times.ravel(), values.ravel()))
    scores.score = scores.score.reshape(values.shape)
    scores.extra = {name: column.reshape(values.shape) for name, column in scores.extra.items()}
    return scores


def seconds_to_breach(values: Floats) -> Floats:
    """Return the seconds from each observation to the first at or beyond 100; infinite if there is none."""
    left = np.full(values.shape, np.inf)
    for i in range(len(values) - 1, -1, -1):
        after = left[i + 1] + STEP if i + 1 < len(values) else np.inf
        left[i] = np.where(values[i] >= 100, 0.0, after)
    return left


class Verdict(NamedTuple):
    """What came of the forecasts of a fleet."""

    coverage: float
    """Share of breaches within the interval, of those that came and had one."""
    precision: float
    """Share of alarms that came true in time."""
    recall: float
    """Share of the moments less than a day before a breach that were alarms."""
    false_onsets: float
    """False alarms that began, for each series and day."""


def verdict(values: Floats, **config: Any) -> Verdict:
    """Judge the scores of `values`, but for the last day, whose future is not known."""
    scores, left = scored(values, **config), seconds_to_breach(values)
    known: NDArray[np.bool_] = ~np.isnan(scores.score) & (left > 0)
    known[-int(86400 / STEP) :] = False
    low, high = scores.extra["eta_low_s"], scores.extra["eta_high_s"]
    told = known & np.isfinite(high) & np.isfinite(left)
    held = (left >= low - STEP) & (left <= high + STEP)
    alarm, soon = known & (scores.score >= 0.9), left <= 86400
    false = alarm & ~soon
    return Verdict(
        coverage=float(held[told].mean()) if told.any() else math.nan,
        precision=float(soon[alarm].mean()) if alarm.any() else math.nan,
        recall=float(alarm[known & soon].mean()) if (known & soon).any() else math.nan,
        false_onsets=float((false[1:] & ~false[:-1]).sum() / values.shape[1] / DAYS),
    )


@pytest.fixture
def rng() -> np.random.Generator:
    """Numbers that are the same each time."""
    return np.random.default_rng(3)


def slopes(rng: np.random.Generator) -> Floats:
    """Return slopes of 3 to 12 a day."""
    return rng.uniform(3, 12, (1, SERIES))


def noise(rng: np.random.Generator, size: float) -> Floats:
    """Return normal noise."""
    return rng.normal(0, size, (STEPS, SERIES))


def judged(fleet: Callable[[np.random.Generator], Floats]) -> Verdict:
    """Return the mean verdict of four fleets: how wandering series end has much of chance in one."""
    return Verdict(*np.mean([verdict(fleet(np.random.default_rng(seed))) for seed in range(3, 7)], axis=0))


def test_wandering_slopes_are_covered_by_the_interval() -> None:
    def wandering(rng: np.random.Generator) -> Floats:
        slope = np.abs(slopes(rng) + np.cumsum(noise(rng, 0.08), axis=0))
        return np.asarray(30 + np.cumsum(slope * STEP / 86400, axis=0) + noise(rng, 0.3))

    found = judged(wandering)
    assert 0.7 <= found.coverage <= 0.92
    assert found.precision > 0.95
    assert found.recall > 0.75


def test_a_drifting_random_walk_is_covered_by_the_interval() -> None:
    def walking(rng: np.random.Generator) -> Floats:
        walk = np.cumsum(noise(rng, 0.15), axis=0)
        return np.asarray(30 + slopes(rng) * DAY + walk + noise(rng, 0.3))

    found = judged(walking)
    assert 0.7 <= found.coverage <= 0.92
    assert found.precision > 0.9
    assert found.false_onsets < 0.02


def test_filling_that_stops_and_goes_on_is_covered_by_the_interval() -> None:
    def stopping(rng: np.random.Generator) -> Floats:
        busy = np.cumsum(rng.random((STEPS, SERIES)) < STEP / 86400, axis=0) % 2 == 0
        return np.asarray(30 + np.cumsum(2 * slopes(rng) * busy * STEP / 86400, axis=0) + noise(rng, 0.3))

    found = judged(stopping)
    assert 0.6 <= found.coverage <= 0.92
    assert found.precision > 0.7


@pytest.mark.parametrize("size", [0.1, 1.0])
def test_a_straight_line_is_foreseen(rng: np.random.Generator, size: float) -> None:
    found = verdict(30 + slopes(rng) * DAY + noise(rng, size))
    assert found.coverage >= 0.8
    assert found.precision > 0.99
    assert found.recall > 0.7
    assert found.false_onsets < 0.01


def test_flat_and_then_a_ramp_is_foreseen(rng: np.random.Generator) -> None:
    begin = rng.uniform(3, 6, (1, SERIES))
    values = 50 + 2 * slopes(rng) * np.maximum(DAY - begin, 0) + noise(rng, 0.5)
    assert verdict(values).precision > 0.98
    alarm, left = scored(values).score >= 0.9, seconds_to_breach(values)
    assert (alarm & (left >= 4 * 3600) & (left <= 86400)).any(axis=0).mean() > 0.95


def test_noise_about_a_level_is_no_alarm(rng: np.random.Generator) -> None:
    assert verdict(70 + noise(rng, 3)).false_onsets < 0.02
    assert verdict(90 + noise(rng, 2)).false_onsets < 0.05


def test_slow_noise_is_no_alarm(rng: np.random.Generator) -> None:
    values = noise(rng, 1)
    for i in range(1, STEPS):
        values[i] += 0.98 * values[i - 1]
    assert verdict(60 + values).false_onsets < 0.03


@pytest.mark.parametrize("slow", [0.0, 0.7, 0.98])
@pytest.mark.parametrize("limit", [800.0, 5000.0])
def test_what_was_watched_for_half_a_minute_promises_no_breach_in_a_day(slow: float, limit: float) -> None:
    rng, steps, series = np.random.default_rng(5), 120, 500
    errors = rng.normal(0, 1, (steps, series))
    for i in range(1, steps):
        errors[i] = slow * errors[i - 1] + math.sqrt(1 - slow * slow) * errors[i]
    values = rng.uniform(50, 500, series) * (1 + 0.02 * errors)
    detector = Forecast(limit=limit, within=Duration("1d"))
    detector.prepare(1.0)
    detector.grow(series)
    times, numbers = np.indices(values.shape)
    scores = detector.update(Observations.of(numbers.ravel(), START + times.ravel(), values.ravel()))
    assert np.nanmean(scores.score.reshape(values.shape)[30:] >= 0.9) < 1e-4


def test_a_breach_that_is_due_in_a_minute_is_foreseen_however_far_one_looks_ahead() -> None:
    detector = Forecast(limit=120.0, within=Duration("1d"))
    detector.prepare(1.0)
    detector.grow(1)
    rising = 50 + np.arange(60) + np.random.default_rng(5).normal(0, 0.5, 60)
    scores = detector.update(Observations.of(np.zeros(60), START + np.arange(60), rising))
    assert scores.score[45] >= 0.9
    assert scores.extra["eta_s"][45] == pytest.approx(25, rel=0.2)


def saw(rng: np.random.Generator) -> Floats:
    """Return storage that fills at about 20 a day and is cleaned at 80 to 88 per cent."""
    level, rows = rng.uniform(30, 60, SERIES), []
    for _ in range(STEPS):
        level = level + 20 * STEP / 86400 * rng.uniform(0.5, 1.5, SERIES)
        level = np.where(level > rng.uniform(80, 88, SERIES), level - 40, level)
        rows.append(level)
    return np.array(rows) + rng.normal(0, 0.3, (STEPS, SERIES))


def test_storage_that_is_always_cleaned_in_time_becomes_calm(rng: np.random.Generator) -> None:
    scores = scored(saw(rng), within="2d")
    assert np.mean(scores.score[STEPS // 2 :] >= 0.9) < 0.02


def test_storage_that_is_no_longer_cleaned_is_foreseen(rng: np.random.Generator) -> None:
    values = saw(rng)
    last = values[-1]
    rest = last + 20 * DAY[: int(5 * 86400 / STEP)] + rng.normal(0, 0.3, (int(5 * 86400 / STEP), SERIES))
    scores = scored(np.concatenate([values, rest]))
    left = seconds_to_breach(np.concatenate([values, rest]))
    foreseen = ((scores.score >= 0.9) & (left > 3600) & (left < 2 * 86400))[STEPS:].any(axis=0)
    assert foreseen.mean() > 0.95


def test_a_daily_rhythm_is_learned_if_asked(rng: np.random.Generator) -> None:
    wave = 20 * np.sin(2 * np.pi * DAY)
    assert verdict(60 + wave + noise(rng, 1), daily=True).false_onsets == 0
    found = verdict(30 + slopes(rng) * DAY + 0.75 * wave + noise(rng, 1), daily=True)
    assert found.precision > 0.95
    assert found.recall > 0.6
    assert found.coverage > 0.7


def test_without_it_a_daily_rhythm_makes_few_alarms(rng: np.random.Generator) -> None:
    assert verdict(60 + 20 * np.sin(2 * np.pi * DAY) + noise(rng, 1)).false_onsets < 0.12


def test_what_is_beyond_the_limit_is_certain() -> None:
    values = np.full((30, 1), 101.0)
    scores = scored(values)
    assert scores.score[-1, 0] == 1
    assert [scores.extra[name][-1, 0] for name in ("eta_s", "eta_low_s", "eta_high_s")] == [0, 0, 0]


def test_down_mirrors_up(rng: np.random.Generator) -> None:
    values = 30 + slopes(rng) * DAY + noise(rng, 1)
    up, down = scored(values), scored(200 - values, direction="down")
    assert np.allclose(up.score, down.score, equal_nan=True, atol=1e-6)
    assert np.allclose(up.extra["eta_s"], down.extra["eta_s"], equal_nan=True, rtol=1e-3)
    assert np.allclose(up.extra["slope"], -down.extra["slope"], equal_nan=True, rtol=1e-3, atol=1e-9)


def test_a_spike_is_not_learned(rng: np.random.Generator) -> None:
    values = 50 + noise(rng, 0.5)
    spiked = values.copy()
    spiked[500] += 30
    plain, hit = scored(values), scored(spiked)
    assert np.max(np.abs(plain.extra["slope"][501:520] - hit.extra["slope"][501:520])) * 86400 < 2
    assert (hit.score[501:] < 0.5).all()


def test_after_a_long_gap_a_series_starts_afresh() -> None:
    detector = Forecast(limit=100.0, within=Duration("1d"))
    detector.prepare(STEP)
    detector.grow(1)
    ramp = 50 + np.arange(100) * 0.3
    detector.update(Observations.of([0] * 100, START + np.arange(100) * STEP, ramp))
    late = Observations.of([0], [START + 20 * 86400], [60.0])
    assert np.isnan(detector.score(late).score[0])
    assert np.isnan(detector.update(late).score[0])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"limit": math.nan}, "limit is nan"),
        ({"within": Duration(0)}, "within is 0s"),
        ({"memory": Duration(-1)}, "memory"),
        ({"direction": "both"}, "up, down"),
        ({"interval": 1.0}, "between 0 and 1"),
    ],
)
def test_bad_parameters_say_what_is_allowed(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Forecast(**({"limit": 100.0, "within": Duration("1d")} | config))


def test_a_state_of_another_configuration_is_refused() -> None:
    plain, daily = (Forecast(limit=1.0, within=Duration("1d"), daily=daily) for daily in (False, True))
    daily.grow(2)
    with pytest.raises(ValueError, match="128 a series"):
        plain.load({"rows": np.zeros((3, 8), np.uint8)})
    with pytest.raises(ValueError, match="not rows, profiles"):
        plain.load(daily.state())


@pytest.mark.parametrize(("daily", "each"), [(False, 128), (True, 224)])
def test_bytes_a_series(daily: bool, each: int) -> None:
    detector = Forecast(limit=1.0, within=Duration("1d"), daily=daily)
    detector.grow(1_000)
    assert sum(array.nbytes for array in detector.state().values()) == each * 1_000


def searched(config: Config, way: Way, z: float) -> float:
    """Return when z is first reached, by trying all times; NaN if not within the horizon."""
    times = np.linspace(0, HORIZON * config.within, 4_001)
    reached = np.array([z_at(way, float(t), 0.0) for t in times]) >= z
    return float(times[reached.argmax()]) if reached.any() else math.nan


@given(
    st.floats(0.01, 50),
    st.floats(-20, 40),
    st.floats(-5, 20),
    st.floats(0.05, 3),
    st.floats(0.001, 5),
    st.floats(0.001, 10),
    st.floats(0.001, 20),
)
@settings(max_examples=100, deadline=None)
def test_times_to_breach_are_when_they_are_so_probable(
    gap: float, slope: float, target: float, damping: float, noise: float, slope_error: float, checked: float
) -> None:
    config = Forecast(limit=100.0, within=Duration("1d"))._config
    trend = Trend(slope / 86400, target / 86400, damping / config.span, damping / config.span)
    errors = ((slope_error / 86400) ** 2, (checked / 86400) ** 2)
    way = Way(gap, trend, noise**2, *errors, 0.1, config.span, mean_slope(trend, config.span))
    horizon = HORIZON * config.within
    found = etas(config, way, horizon)
    for mine, z in ((found.soonest, -config.quantile), (found.median, 0.0), (found.latest, config.quantile)):
        theirs = searched(config, way, z)
        if math.isnan(mine):
            assert math.isnan(theirs) or theirs > 0.99 * horizon or z_at(way, best_by(way, horizon), 0.0) < z
        elif mine > 0:
            assert z_at(way, mine, 0.0) == pytest.approx(z, abs=5e-3)
        if min(slope, target) >= 0 and math.isfinite(mine):  # a line that falls may come and go
            assert mine == pytest.approx(theirs, rel=2e-3, abs=horizon / 2_000)


BAD: dict[str, Floats] = {
    "constant": np.full((2_000, 1), 5.0),
    "denormals": np.resize([0.0, 5e-324, -5e-324], (2_000, 1)),
    "infinities": np.where(np.arange(2_000)[:, None] % 50 == 0, np.inf, np.full((2_000, 1), 50.0)),
    "bursts of NaN": np.where(np.arange(2_000)[:, None] // 100 % 3 == 1, np.nan, np.full((2_000, 1), 50.0)),
    "a step at the first point": np.concatenate([[[-1e6]], np.full((2_000, 1), 50.0)]),
    "one point": np.array([[50.0]]),
    "tiny": 1e-9 * np.random.default_rng(1).normal(size=(2_000, 1)),
    "large and low": -1e9 + np.random.default_rng(1).normal(size=(2_000, 1)),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("daily", [False, True])
def test_bad_input_makes_no_storm(name: str, daily: bool) -> None:
    scores = scored(BAD[name], daily=daily)
    assert np.mean(scores.score >= 0.9) < 0.002
    assert np.isnan(scores.score[~np.isfinite(BAD[name])]).all()


@pytest.mark.parametrize("scale", [1e9, 1e-9])
def test_the_unit_of_the_measure_does_not_matter(rng: np.random.Generator, scale: float) -> None:
    values = 30 + slopes(rng) * DAY + noise(rng, 1)
    plain, scaled = scored(values), scored(values * scale, limit=100.0 * scale)
    assert np.allclose(plain.score, scaled.score, atol=1e-4, equal_nan=True)
    assert np.allclose(plain.extra["slope"] * scale, scaled.extra["slope"], rtol=1e-4, equal_nan=True)


def signal(**extra: float) -> Signal:
    """Return a signal of a disk that fills."""
    plain = Signal("disk", "forecast", 0, "raised", START, STEP, 0.95, 91.0, 91.2, -math.inf, 100.0)
    return replace(plain, extra={"slope": 1.2 / 3600} | extra)


def test_the_explanation_says_when() -> None:
    explain = Forecast(limit=100.0, within=Duration("1d")).explain
    hours = {"eta_s": 9 * 3600.0, "eta_low_s": 6 * 3600.0, "eta_high_s": 14 * 3600.0}
    assert explain(signal(**hours)) == (
        "At 91 and rising about 1.2 an hour, the limit 100 is reached in 9 h, between 6 and 14."
    )
    assert explain(signal(**(hours | {"eta_high_s": math.nan}))).endswith("is reached in 9 h, not before 6 h.")
    assert explain(signal(**(hours | {"eta_high_s": 3 * 86400.0}))).endswith("is reached in 9 h, between 6 h and 3 d.")
    assert "is not expected to be reached within 1w3d" in explain(signal(eta_s=math.nan))
    assert explain(signal(eta_s=0.0)) == "The value is 91: at or above the limit 100."
    assert "falling about 29 a day" in explain(signal(eta_s=5 * 86400.0, slope=-1.2 / 3600))
