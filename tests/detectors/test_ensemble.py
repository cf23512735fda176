"""`Ensemble`: it sees what is rare, once, on any scale; and bad input raises neither exceptions nor storms."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from detectors.base import Floats, Observations, Scores, Signal
from detectors.ensemble import Ensemble
from detectors.ensemble_kernel import ROW
from detectors.ensemble_surprise import surprises
from detectors.ensemble_tails import HEAD, MEMORY, TAIL, rarities
from detectors.ensemble_views import STILL
from detectors.monitor import Monitor
from detectors.raising import RaiseRule

LENGTH, STEP = 6000, 300.0
NUMBER = np.arange(LENGTH)
TIMES = np.linspace(1.7e9, 1.7e9 + LENGTH * STEP, LENGTH, endpoint=False)


def noise(seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=LENGTH)


def daily(seed: int = 1) -> Floats:
    return 100 + 10 * np.sin(TIMES / 86400 * 2 * np.pi) + noise(seed)


def scored(values: Floats, times: Floats = TIMES) -> Scores:
    detector = Ensemble()
    detector.grow(1)
    scores = detector.update(Observations.of(np.zeros(len(values)), times[: len(values)], values))
    known = scores.score[~np.isnan(scores.score)]
    assert ((known >= 0) & (known <= 1)).all()
    return scores


def raised(scores: Scores) -> list[int]:
    return np.flatnonzero(scores.score >= Ensemble.raise_score).tolist()


def spike(values: Floats) -> None:
    values[4000:4003] += 25


def drop(values: Floats) -> None:
    values[4000:4020] = 0


def shift(values: Floats) -> None:
    values[4000:] += 30


def flat(values: Floats) -> None:
    values[4000:4200] = values[4000]


def unrest(values: Floats) -> None:
    values[4000:4100] += 12 * noise(1)[:100]


def no_rhythm(values: Floats) -> None:
    values[4000:4288] = 100 + noise(2)[:288]


@pytest.mark.parametrize("change", [spike, drop, shift, flat, unrest, no_rhythm])
def test_what_is_rare_is_told_soon(change: Callable[[Floats], None]) -> None:
    values = daily()
    change(values)
    found = raised(scored(values))
    assert found
    assert all(4000 <= row < 4288 for row in found[:1])
    assert len([row for row in found if row < 4000]) == 0
    assert len(found) <= 4


def test_a_spike_wakes_once_and_dense_evidence_is_highest_there() -> None:
    values = daily()
    spike(values)
    scores = scored(values)
    assert raised(scores) == [4003]
    assert int(np.argmax(scores.extra["dense"])) in range(4000, 4012)


def test_an_outlier_that_comes_again_and_again_stays_a_surprise() -> None:
    """Within two rhythms, so that no outlier is one of the largest values: rare it is the first time only."""
    hours = np.arange(1700)
    rhythms = 300 * np.sin(hours / 12 * np.pi) + 200 * np.sin(hours / 84 * np.pi)
    values = rhythms + 25 * noise(7)[:1700]
    outliers = np.arange(500, 1700, 120)
    values[outliers] += 400.0
    found = np.zeros(1700)
    times: Floats = np.linspace(1.7e9, 1.7e9 + 3600.0 * 1700, 1700, endpoint=False)
    surprises(np.zeros(1, ROW)["main"], times, values, found)
    assert found[outliers].min() > 1.0
    assert np.quantile(np.delete(found, outliers), 0.98) < 1.0
    dense = scored(values, times).extra["dense"]
    rest = np.delete(dense, outliers)
    assert np.median([(rest >= dense[row]).mean() for row in outliers[3:]]) < 0.01, "by what is rare alone it is 0.04"


@pytest.mark.parametrize("factor", [1e-9, 1.0, 1e9])
def test_what_is_foreseen_is_no_surprise_on_any_scale(factor: float) -> None:
    series = np.zeros(1, ROW)["main"]
    rng = np.random.default_rng(8)
    values = np.zeros(4000)
    for i in range(2, 4000):
        values[i] = 1.6 * values[i - 1] - 0.9 * values[i - 2] + rng.normal()
    values = factor * values
    found = np.zeros(4000)
    surprises(series, TIMES[:4000], values, found)
    assert (found[1000:] > 1.0).mean() < 0.01
    assert series["step_square"][0] ** 0.5 * series["unit"][0] == pytest.approx(factor, rel=0.1), (
        "the noise's own deviation"
    )


@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_the_scale_does_not_matter(factor: float) -> None:
    values = daily()
    spike(values)
    assert raised(scored(values * factor)) == raised(scored(values))


def test_the_offset_does_not_matter() -> None:
    values = daily()
    spike(values)
    assert raised(scored(values + 1e9)) == raised(scored(values))


ORDINARY = {
    "white noise": noise(),
    "a daily rhythm": daily(),
    "constant": np.full(LENGTH, 7.0),
    "constant nil": np.zeros(LENGTH),
    "constant but for the first": np.where(NUMBER == 0, 0.0, 100.0),
    "a step at the first point": np.where(NUMBER == 0, 0.0, 100.0) + daily(),
    "NaN bursts": np.where(NUMBER // 50 % 7 == 3, np.nan, daily()),
    "infinities": np.where(NUMBER % 97 == 3, np.inf, daily()),
    "denormals": 5e-324 * (NUMBER % 3),
    "the largest, alternating": np.where(NUMBER % 2 == 0, 1e300, -1e300),
    "a ramp": 0.01 * NUMBER + noise(),
    "two values": np.where(noise() > 0, 1.0, 0.0),
}


@pytest.mark.parametrize("name", list(ORDINARY))
def test_ordinary_and_odd_series_are_quiet(name: str) -> None:
    assert len(raised(scored(ORDINARY[name]))) <= 3


@pytest.mark.parametrize(
    "times",
    [
        TIMES + NUMBER // 1000 * 30 * 86400.0,
        np.repeat(TIMES[::4], 4),
        np.where(NUMBER % 7 == 0, TIMES - 3600.0, TIMES),
        1.7e9 + np.cumsum(np.random.default_rng(3).exponential(STEP, LENGTH)),
        np.zeros(LENGTH),
    ],
    ids=["month-long gaps", "the same time four times", "times that go back", "irregular", "one time"],
)
def test_odd_times_are_quiet(times: Floats) -> None:
    assert len(raised(scored(noise() + 100, times))) <= 3


def test_one_point_only_has_no_score() -> None:
    assert np.isnan(scored(np.array([5.0])).score).all()


def test_one_glitch_of_any_size_is_told_once_and_forgiven() -> None:
    values = daily()
    values[2000] = 1e300
    values[4000:4003] += 25
    assert [row // 10 for row in raised(scored(values))] == [200, 400]


@pytest.mark.parametrize("step", [10.0, 60.0, 3600.0, 86400.0])
def test_the_step_is_learned(step: float) -> None:
    detector = Ensemble()
    detector.grow(1)
    jitter = np.random.default_rng(4).uniform(-0.1, 0.1, 500) * step
    detector.update(Observations.of(np.zeros(500), np.arange(500) * step + jitter, noise()[:500]))
    main = detector.state()["rows"].reshape(-1).view(ROW)["main"]
    assert main["step"][0] == pytest.approx(step, rel=0.1)


def test_a_new_step_is_followed() -> None:
    detector = Ensemble()
    detector.grow(1)
    times = np.concatenate([np.arange(500) * 60.0, 30000 + np.arange(500) * 600.0])
    detector.update(Observations.of(np.zeros(1000), times, noise()[:1000]))
    assert detector.state()["rows"].reshape(-1).view(ROW)["main"]["step"][0] == 600.0


def test_memory_is_bounded() -> None:
    assert ROW.itemsize <= 256_000


def observed(values: Floats) -> list[Signal]:
    monitor = Monitor("x", Ensemble(), RaiseRule())
    monitor.prepare(STEP)
    monitor.grow(1)
    return monitor.observe(Observations.of(0 * NUMBER, TIMES, values))


def test_an_issue_stays_open_while_the_sum_is_high_and_is_over_after() -> None:
    values = daily()
    values[4000:4030] += 40
    signals = observed(values)
    assert [signal.state for signal in signals if signal.state != "ongoing"] == ["raised", "cleared"]
    assert signals[-1].time - signals[0].time >= 5 * STEP


@pytest.mark.parametrize("seed", range(6))
def test_a_sensor_stuck_at_a_usual_value_is_told_within_thirty_observations(seed: int) -> None:
    values = 100 + noise(seed)
    values[4000:4040] = 100.1
    assert [row for row in raised(scored(values)) if 4000 <= row < 4030]


@pytest.mark.parametrize("each", [2, 5, 30])
def test_values_that_always_repeat_are_not_stuck(each: int) -> None:
    scores = scored(np.repeat(noise(3), each)[:LENGTH])
    seen = scores.extra["view"][raised(scores)] // 2
    assert not (seen == STILL).any()


def test_it_says_which_view_saw_it() -> None:
    values = daily()
    drop(values)
    text = observed(values)[0].explanation
    assert "unusually" in text
    assert "the value was 0; about" in text


def test_the_expected_band_holds_what_is_usual() -> None:
    values = daily()
    scores = scored(values)
    late = slice(3000, None)
    inside = (values[late] >= scores.low[late]) & (values[late] <= scores.high[late])
    assert 0.95 <= inside.mean() <= 0.995
    assert np.abs(scores.expected[late] - (values - noise(1))[late]).mean() < 1.0


def test_too_short_a_warmup_is_refused() -> None:
    with pytest.raises(ValueError, match="30 or more"):
        Ensemble(warmup=10)


# -- how rare a value is


def rare(values: Floats) -> Floats:
    found = np.zeros(len(values))
    rarities(np.zeros(1, TAIL), values, found)
    return found


def plain(values: Floats, at: int) -> float:
    """The same by the rank of all values: what it is while none was forgotten and the tail is not reached."""
    past = values[:at]
    beyond = min((past >= values[at]).sum(), (past <= values[at]).sum())
    return float(-np.log10((beyond + 1) / (at + 1)))


@pytest.mark.parametrize("seed", range(3))
def test_rarity_is_that_of_the_rank_within_the_bulk(seed: int) -> None:
    values = np.random.default_rng(seed).standard_t(3, 5000)
    found = rare(values)
    want = np.array([plain(values, at) for at in range(100, 5000)])
    bulk = (want > 1.0) & (want < 1.9)
    assert np.abs(found[100:][bulk] - want[bulk]).mean() < 0.1


@pytest.mark.parametrize("shape", [2.0, 3.0, 30.0])
def test_one_in_a_hundred_is_two_decades_rare_whatever_the_tail(shape: float) -> None:
    found = rare(np.random.default_rng(5).standard_t(shape, 40_000))[2000:]
    assert (found >= 2.0).mean() == pytest.approx(0.02, abs=0.004)  # on two sides
    assert (found >= 3.0).mean() == pytest.approx(0.002, abs=0.0012)


def test_a_constant_is_not_rare() -> None:
    assert rare(np.ones(3000)).max() < 1.0


def test_a_second_outlier_is_less_rare_than_the_first() -> None:
    values = noise()
    values[3000] = values[3100] = 30.0
    found = rare(values)
    assert found[3100] < found[3000]


def test_what_is_long_ago_is_forgotten() -> None:
    values = np.random.default_rng(6).normal(size=MEMORY + 2000)
    values[: 2 * HEAD] += 50.0
    values[[MEMORY - 1, -1]] = 30.0
    found = rare(values)
    assert found[MEMORY - 1] < 2.0
    assert found[-1] > 4.0
    assert math.isfinite(found[-1])
