"""The seasonal kind: honest scores on noise of any shape, seen spikes and shifts, learned rhythms."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detectors.base import Floats, Observations, Scores, Signal
from detectors.durations import Duration
from detectors.monitor import Monitor
from detectors.raising import RaiseRule
from detectors.seasonal import Seasonal

MONDAY = 1_704_067_200.0
Noise = Callable[[np.random.Generator, int, int], Floats]


def scored(values: Floats, step: float, **config: Any) -> tuple[Seasonal, Scores]:
    """Return a detector that learned `values` (time × series) from a Monday on, and its scores of the same shape."""
    detector = Seasonal(**config)
    detector.prepare(step)
    detector.grow(values.shape[1])
    scores = detector.update(observations(values, step))
    for name in ("score", "expected", "low", "high"):
        setattr(scores, name, getattr(scores, name).reshape(values.shape))
    return detector, scores


def observations(values: Floats, step: float, start: float = MONDAY) -> Observations:
    """Return `values` (time × series) as a batch."""
    times, series = np.indices(values.shape)
    return Observations.of(series.ravel(), start + step * times.ravel(), values.ravel())


def autoregressive(phi: float) -> Noise:
    """Return first-order autoregressive noise of variance 1."""

    def draw(rng: np.random.Generator, length: int, series: int) -> Floats:
        steps = rng.normal(size=(length, series))
        for t in range(1, length):
            steps[t] = phi * steps[t - 1] + math.sqrt(1 - phi * phi) * steps[t]
        return steps

    return draw


NOISES: dict[str, Noise] = {
    "normal": lambda rng, n, s: rng.normal(50, 3, (n, s)),
    "normal about zero": lambda rng, n, s: rng.normal(0, 1, (n, s)),
    "laplace": lambda rng, n, s: rng.laplace(10, 1, (n, s)),
    "log-normal": lambda rng, n, s: rng.lognormal(0, 1, (n, s)),
    "exponential": lambda rng, n, s: rng.exponential(1, (n, s)),
    "student t of 3": lambda rng, n, s: rng.standard_t(3, (n, s)),
    "mixture": lambda rng, n, s: rng.normal(size=(n, s)) * np.where(rng.random((n, s)) < 0.05, 10, 1),
    "counts, mean 10": lambda rng, n, s: rng.poisson(10, (n, s)).astype(float),
    "counts, mean 1": lambda rng, n, s: rng.poisson(1, (n, s)).astype(float),
    "counts, mean .1": lambda rng, n, s: rng.poisson(0.1, (n, s)).astype(float),
    "quantised": lambda rng, n, s: np.round(rng.normal(0, 0.7, (n, s))),
    "autoregressive .5": autoregressive(0.5),
    "autoregressive .9": autoregressive(0.9),
    "large": lambda rng, n, s: 1e9 + 1e7 * rng.normal(size=(n, s)),
    "small": lambda rng, n, s: 1e-9 + 1e-10 * rng.normal(size=(n, s)),
}


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("step", [60.0, 3600.0])
def test_scores_are_honest_on_stationary_noise(name: str, step: float) -> None:
    values = NOISES[name](np.random.default_rng(5), 9_000, 40)
    _, scores = scored(values, step)
    later = scores.score[3_000:]
    assert np.mean(later >= 0.99) < 0.01 * 3
    assert np.mean(later >= 0.999) < 0.001 * 4
    if "counts" not in name:  # of counts no threshold has just the right share beyond it
        assert np.mean(later >= 0.99) > 0.01 / 3


@pytest.mark.parametrize("name", ["normal", "laplace", "student t of 3", "exponential", "autoregressive .5"])
def test_one_in_a_thousand_is_reached_as_often(name: str) -> None:
    _, scores = scored(NOISES[name](np.random.default_rng(6), 20_000, 40), 60)
    assert 0.001 / 3 < np.mean(scores.score[5_000:] >= 0.999) < 0.001 * 3


@pytest.mark.parametrize("rate", [0.0005, 0.003, 0.01])
def test_rare_events_make_no_storm(rate: float) -> None:
    rng = np.random.default_rng(7)
    values = np.where(rng.random((20_000, 40)) < rate, 5.0, 0.0)
    _, scores = scored(values, 60)
    flagged = scores.score >= 0.999
    assert flagged.sum(axis=0).mean() < 40
    assert np.mean(flagged[10_000:]) < 0.001 * 2
    assert not flagged[values == 0].any()


def test_there_is_no_opinion_before_the_warm_up() -> None:
    _, scores = scored(np.random.default_rng(1).normal(size=(60, 2)), 60, warmup=40)
    assert np.isnan(scores.score[:40]).all()
    assert np.isnan(scores.expected[:40]).all()
    assert np.isinf(scores.low[:40]).all()
    assert not np.isnan(scores.score[40:]).any()


@pytest.mark.parametrize("value", [0.0, 5.0, 1e9, -1e-9])
def test_a_constant_series_is_calm_until_it_changes(value: float) -> None:
    values = np.full((500, 1), value)
    values[400] = value * 1.5 + 1e-12
    _, scores = scored(values, 60)
    assert (scores.score[30:400] == 0).all()
    assert scores.score[400, 0] > 0.999


def test_rounding_of_a_constant_is_no_change() -> None:
    values = np.full((500, 1), 1e9 / 3)
    values[1::2] = np.float32(values[0])
    _, scores = scored(values, 60)
    assert np.nanmax(scores.score) < 0.999


def rhythm(days: int, step: float, weekend: float = 0.0) -> Floats:
    """Return a daily wave of amplitude 10, lower by `weekend` on Saturdays and Sundays, as one column."""
    seconds = step * np.arange(int(days * 86400 / step))
    wave = 50 + 10 * np.sin(seconds / 86400 * 2 * np.pi)
    column: Floats = (wave - weekend * (seconds // 86400 % 7 >= 5))[:, None]
    return column


@pytest.mark.parametrize("step", [300.0, 3600.0])
def test_a_daily_rhythm_is_learned(step: float) -> None:
    values = rhythm(14, step) + np.random.default_rng(2).normal(0, 1, (int(14 * 86400 / step), 20))
    _, scores = scored(values, step)
    week = values.shape[0] // 2
    assert np.std(values[week:] - scores.expected[week:]) < 1.2
    assert np.mean(scores.score[week:] >= 0.999) < 0.003


def test_a_second_day_is_known_at_a_minute() -> None:
    values = rhythm(3, 60) + np.random.default_rng(2).normal(0, 1, (3 * 1440, 10))
    _, scores = scored(values, 60)
    assert np.std(values[2 * 1440 :] - scores.expected[2 * 1440 :]) < 1.1


def test_weekends_are_learned() -> None:
    values = rhythm(28, 300, weekend=15) + np.random.default_rng(3).normal(0, 1, (28 * 288, 10))
    _, scores = scored(values, 300)
    third = slice(19 * 288, 21 * 288)
    assert np.std(values[third] - scores.expected[third]) < 1.5
    assert np.mean(scores.score[third] >= 0.999) < 0.01


def week_of_work(days: int, night: float) -> Floats:
    """Return noisy daily waves from a Wednesday on, with weekends that are lower, or (`night`) have no wave."""
    seconds = 300.0 * np.arange(days * 288)
    weekend = (seconds // 86400 + 2) % 7 >= 5
    wave = 20 * np.sin(seconds / 86400 * 2 * np.pi)
    values = np.where(weekend, 30 + night * wave, 60 + wave)
    return values[:, None] + np.random.default_rng(4).normal(0, 3, (len(values), 10))


@pytest.mark.parametrize("night", [1.0, 0.0])
def test_the_first_weekend_makes_no_storm(night: float) -> None:
    values = week_of_work(8, night)
    detector = Seasonal()
    detector.prepare(300)
    detector.grow(10)
    start = MONDAY + 2 * 86400
    score = detector.update(observations(values, 300, start)).score.reshape(values.shape)
    onsets = ((score[1:] >= 0.999) & ~(score[:-1] >= 0.999)).sum()
    assert onsets / 10 <= 2 * 0.001 * len(values)
    glitch = detector.score(observations(np.full((1, 10), 160.0), 300, start + 8 * 86400))
    assert (glitch.score > 0.999).all()


@pytest.mark.parametrize("first", range(7))
def test_a_first_week_makes_no_storm_on_whatever_day_it_begins(first: int) -> None:
    """Until the weekday's own effect is there: a series begins on any day of the week, at midnight."""
    values = week_of_work(14, 1.0)[(5 + first) % 7 * 288 :][: 7 * 288]
    detector = Seasonal()
    detector.prepare(300)
    detector.grow(10)
    score = detector.update(observations(values, 300, MONDAY + first * 86400)).score.reshape(values.shape)
    onsets = ((score[1:] >= 0.999) & ~(score[:-1] >= 0.999)).sum()
    assert onsets / 10 <= 2 * 0.001 * len(values)


def test_a_working_day_of_the_first_week_is_judged_by_those_before() -> None:
    values = week_of_work(3, 1.0)
    busy = slice(2 * 288 + 60, 2 * 288 + 80)
    values[busy] -= 30
    detector = Seasonal()
    detector.prepare(300)
    detector.grow(10)
    scores = detector.update(observations(values, 300, MONDAY + 2 * 86400)).score.reshape(values.shape)
    assert ((scores[busy] >= 0.999).any(axis=0)).mean() >= 0.9


def test_a_ramp_in_the_first_day_is_no_rhythm() -> None:
    values = np.arange(3 * 1440)[:, None] * 0.01 + np.random.default_rng(4).normal(0, 1, (3 * 1440, 10))
    _, scores = scored(values, 60)
    assert np.std(values[2 * 1440 :] - scores.expected[2 * 1440 :]) < 2.5
    assert np.mean(scores.score >= 0.999) < 0.003


@pytest.fixture(scope="module")
def month() -> Floats:
    """Three weeks of twenty noisy daily waves, every five minutes."""
    return rhythm(21, 300) + np.random.default_rng(8).normal(0, 1, (21 * 288, 20))


INCIDENT = 18 * 288 + 100


def test_a_spike_of_eight_deviations_is_seen(month: Floats) -> None:
    values = month.copy()
    values[INCIDENT] += 8
    values[INCIDENT + 50] -= 8
    _, scores = scored(values, 300)
    assert np.mean(scores.score[INCIDENT] >= 0.999) >= 0.95
    assert np.mean(scores.score[INCIDENT + 50] >= 0.999) >= 0.95


def test_an_incident_does_not_become_normal_within_an_hour(month: Floats) -> None:
    values = month.copy()
    values[INCIDENT : INCIDENT + 12] += 8
    _, scores = scored(values, 300)
    assert np.mean(scores.score[INCIDENT : INCIDENT + 12] >= 0.999) > 0.95
    after = slice(INCIDENT + 12, INCIDENT + 12 + 288)
    assert np.mean(scores.score[after] >= 0.999) < 0.004
    band = scores.high - scores.expected
    assert np.median(band[INCIDENT + 13]) < 1.6 * np.median(band[INCIDENT - 1])


def test_the_band_recovers_after_an_incident(month: Floats) -> None:
    values = month.copy()
    values[INCIDENT : INCIDENT + 72] += 20
    _, scores = scored(values, 300)
    band = scores.high - scores.expected
    assert np.median(band[INCIDENT + 72 + 288]) < 1.3 * np.median(band[INCIDENT - 1])


def test_a_lasting_shift_is_adopted_after_a_day(month: Floats) -> None:
    values = month.copy()
    values[INCIDENT:] += 30
    _, scores = scored(values, 300)
    assert np.mean(scores.score[INCIDENT : INCIDENT + 200] >= 0.999) > 0.9
    later = slice(INCIDENT + 320, INCIDENT + 500)
    assert np.mean(np.abs(values[later] - scores.expected[later])) < 3
    assert np.mean(scores.score[later] >= 0.999) < 0.02


def test_a_value_that_hovers_at_the_end_of_the_band_is_told_once() -> None:
    monitor = Monitor("level", Seasonal(), RaiseRule())
    monitor.prepare(60.0)
    monitor.grow(1)
    monitor.observe(observations(np.random.default_rng(4).normal(100, 3, (4_000, 1)), 60.0))
    after = MONDAY + 4_000 * 60.0
    band = monitor.detector.score(Observations.of([0], [after], [100.0]))
    reach = band.high[0] - band.expected[0]
    hovering = band.expected[0] + reach * np.resize([1.1, 0.9], 20)
    signals = monitor.observe(observations(hovering[:, None], 60.0, after))
    assert [signal.state for signal in signals if signal.state != "ongoing"] == ["raised"]


def test_adopt_says_how_long(month: Floats) -> None:
    values = month.copy()
    values[INCIDENT:] += 30
    _, scores = scored(values, 300, adopt="6h")
    later = slice(INCIDENT + 80, INCIDENT + 200)
    assert np.mean(np.abs(values[later] - scores.expected[later])) < 5


def test_a_slow_random_walk_makes_no_storm() -> None:
    rng = np.random.default_rng(9)
    values = np.cumsum(0.05 * rng.normal(size=(20_000, 20)), axis=0) + rng.normal(size=(20_000, 20))
    _, scores = scored(values, 60)
    assert np.mean(scores.score >= 0.999) < 0.003


@pytest.mark.parametrize(
    ("direction", "up", "down"), [("up", True, False), ("down", False, True), ("both", True, True)]
)
def test_direction(month: Floats, direction: str, up: bool, down: bool) -> None:
    values = month.copy()
    values[INCIDENT] += 12
    values[INCIDENT + 50] -= 12
    _, scores = scored(values, 300, direction=direction)
    assert (np.median(scores.score[INCIDENT]) >= 0.999) == up
    assert (np.median(scores.score[INCIDENT + 50]) >= 0.999) == down
    assert np.isfinite(scores.high[INCIDENT]).all() == up
    assert np.isfinite(scores.low[INCIDENT]).all() == down


def test_what_is_less_than_least_is_never_a_breach(month: Floats) -> None:
    values = month.copy()
    values[INCIDENT] += 12
    _, scores = scored(values, 300, least=15.0)
    assert (scores.score[INCIDENT] <= 0.9).all()
    assert (scores.high[INCIDENT] - scores.expected[INCIDENT] >= 14.999).all()


def test_the_band_ends_at_the_raise_score(month: Floats) -> None:
    detector, scores = scored(month, 300)
    end = month.shape[0] * 300 + MONDAY
    for bound, beyond in ((scores.high, 1.001), (scores.low, 0.999)):
        edge = detector.score(observations(bound[-1:] * 1.0, 300, start=end - 300))
        assert np.allclose(edge.score, 0.999, atol=0.0009) or edge.score.min() > 0.99
        out = detector.score(observations(bound[-1:] * beyond + np.sign(beyond - 1) * 2, 300, start=end - 300))
        assert (out.score >= 0.999).all()


def test_after_a_gap_the_band_is_wider_and_the_trend_is_not_drawn_out() -> None:
    rng = np.random.default_rng(10)
    values = np.arange(6_000)[:, None] * 0.01 + rng.normal(0, 1, (6_000, 10))
    detector, _ = scored(values, 60, period=[])
    end = MONDAY + 6_000 * 60
    now, later = (detector.score(observations(values[-1:], 60, start=end + gap)) for gap in (0, 30 * 86400))
    assert np.median(later.high - later.low) > 1.5 * np.median(now.high - now.low)
    assert np.max(np.abs(later.expected - now.expected)) < 0.01 * 1440


def test_missing_values_are_left_out() -> None:
    values = np.random.default_rng(11).normal(size=(3_000, 4))
    holes = values.copy()
    holes[np.random.default_rng(12).random(values.shape) < 0.3] = np.nan
    _, scores = scored(holes, 60)
    assert np.isnan(scores.score[np.isnan(holes)]).all()
    known = scores.score[1_000:][~np.isnan(holes[1_000:])]
    assert 0.002 < np.mean(known >= 0.99) < 0.03


def test_with_days_as_windows_only_weekdays_are_learned() -> None:
    days = np.arange(7 * 30)
    values = (100 - 40 * (days % 7 >= 5))[:, None] + np.random.default_rng(13).normal(0, 2, (7 * 30, 10))
    _, scores = scored(values, 86400)
    assert np.std(values[140:] - scores.expected[140:]) < 6


def test_a_row_takes_168_bytes() -> None:
    detector = Seasonal()
    detector.grow(1_000)
    assert sum(array.nbytes for array in detector.state().values()) == 168_000


def test_a_state_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="168 a series"):
        Seasonal().load({"rows": np.zeros((3, 160), np.uint8)})
    with pytest.raises(ValueError, match="168 a series"):
        Seasonal().load({})


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"period": "1h"}, "known are 1d"),
        ({"direction": "sideways"}, "up, down, both"),
        ({"memory": Duration(0)}, "memory is 0s"),
        ({"adopt": Duration(-1)}, "adopt"),
        ({"warmup": 3}, "10 or more"),
        ({"least": -1.0}, "least is -1"),
        ({"least": math.nan}, "least is nan"),
    ],
)
def test_bad_parameters_say_what_is_allowed(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Seasonal(**config)


def signal(**fields: float) -> Signal:
    """Return a raised signal with some fields."""
    raised = Signal("api", "seasonal", 0, "raised", MONDAY, 60.0, 0.9999, 812.0, 160.4, 95.2, 240.0)
    return replace(raised, **fields)  # type: ignore[arg-type]  # mypy takes a float for every field


def test_the_explanation_says_what_was_usual() -> None:
    detector = Seasonal()
    assert detector.explain(signal()) == (
        "The value was 812; between 95.2 and 240 was expected at this hour (typical 160)."
    )
    assert "up to 240 was expected" in detector.explain(signal(low=-math.inf))
    assert "at least 95.2 was expected" in detector.explain(signal(high=math.inf))
    assert "at this hour" not in Seasonal(period=[]).explain(signal())
