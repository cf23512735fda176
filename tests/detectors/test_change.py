"""The change kind: against a limit, per cent or not, and against what is usual; with steps of any length."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.base import Floats, Observations, Scores, Signal
from detectors.change import Change
from detectors.durations import Duration
from detectors.monitor import Monitor
from detectors.raising import RaiseRule
from tests.detectors.test_seasonal import NOISES

START = 1_704_067_200.0


def scored(values: Floats, step: float = 60.0, **config: Any) -> Scores:
    """Return the scores of `values` (time × series), of the same shape."""
    detector = Change(**config)
    detector.prepare(step)
    detector.grow(values.shape[1])
    times, series = np.indices(values.shape)
    scores = detector.update(Observations.of(series.ravel(), START + step * times.ravel(), values.ravel()))
    for name in ("score", "expected", "low", "high"):
        setattr(scores, name, getattr(scores, name).reshape(values.shape))
    scores.extra = {name: column.reshape(values.shape) for name, column in scores.extra.items()}
    return scores


def one(times: Any, values: Any, step: float = 60.0, **config: Any) -> Scores:
    """Return the scores of one series, at times of its own."""
    detector = Change(**config)
    detector.prepare(step)
    detector.grow(1)
    return detector.update(Observations.of([0] * len(values), times, values))


def noise(length: int, series: int = 20, seed: int = 1) -> Floats:
    """Return standard normal noise."""
    return np.random.default_rng(seed).normal(size=(length, series))


def test_a_limit_in_per_cent_and_in_the_unit() -> None:
    times, values = 60.0 * np.arange(20), np.r_[np.full(10, 100.0), np.full(10, 151.0)]
    percent, number = (one(times, values, over="5m", rise=rise) for rise in ("50%", 60.0))
    assert np.isnan(percent.score[:5]).all()
    assert (percent.score[5:10] == 0).all()
    assert (percent.score[10:15] >= 0.999).all()
    assert (percent.score[15:] == 0).all()
    assert percent.extra["percent"][10:15].tolist() == [51.0] * 5
    assert percent.high[10:15].tolist() == [150.0] * 5
    assert (number.score[10:15] < 0.999).all()
    assert (number.score[10:15] > 0.99).all()


def test_rise_and_fall_have_limits_of_their_own() -> None:
    values = np.r_[np.full(10, 100.0), np.full(10, 69.0), np.full(10, 100.0), np.full(10, 151.0)]
    scores = one(60.0 * np.arange(40), values, over="3m", rise="50%", fall="30%")
    assert np.flatnonzero(scores.score >= 0.999).tolist() == [10, 11, 12, 30, 31, 32]
    only_fall = one(60.0 * np.arange(40), values, over="3m", fall="30%")
    assert np.flatnonzero(only_fall.score >= 0.999).tolist() == [10, 11, 12]
    assert np.isinf(only_fall.high).all()


def test_the_score_grows_by_three_decades_for_each_time_of_the_limit() -> None:
    values = np.r_[np.full(5, 100.0), [110.0, 105.0, 120.0, 1e6]]
    score = one(60.0 * np.arange(9), values, over="1m", rise=10.0).score
    assert -math.log10(1 - score[5]) == pytest.approx(3, abs=1e-6)
    assert score[6] == 0
    assert -math.log10(1 - score[7]) == pytest.approx(4.5, abs=1e-3)
    assert -math.log10(1 - score[8]) == pytest.approx(12, abs=1e-3)


def test_from_nothing_any_rise_is_a_million_per_cent_unless_it_is_less_than_least() -> None:
    times, values = 60.0 * np.arange(6), [0.0, 0, 0, 1, 1, 9]
    assert (one(times, values, over="1m", rise="50%").score >= 0.999).tolist() == [False] * 3 + [True, False, True]
    assert (one(times, values, over="1m", rise="50%", least=5.0).score >= 0.999).tolist() == [False] * 5 + [True]


def reference(times: list[float], values: list[float], over: float, cell: float) -> list[float]:
    """Return the changes by a past that is kept whole: the first value in each of the last 16 cells, interpolated."""
    told: list[float] = []
    kept: dict[int, tuple[float, float]] = {}
    for t, y in zip(times, values, strict=True):
        oldest = max(max(kept, default=0) + 1, math.floor(t / cell)) - 16
        past = [kept[c] for c in sorted(kept) if c >= oldest]
        older = [p for p in past if p[0] <= t - over]
        newer = [p for p in past if p[0] > t - over]
        if not older:
            told.append(math.nan)
        elif not newer:
            told.append(y - older[-1][1])
        else:
            share = (t - over - older[-1][0]) / (newer[0][0] - older[-1][0])
            told.append(y - (older[-1][1] + share * (newer[0][1] - older[-1][1])))
        cell_now = math.floor(t / cell)
        kept.setdefault(cell_now, (cell_now * cell + math.floor((t / cell - cell_now) * 256) / 256 * cell, y))
    return told


@given(
    st.lists(st.tuples(st.integers(0, 400), st.floats(-1e3, 1e3, width=32)), min_size=1, max_size=80),
    st.integers(60, 1200),
)
@settings(max_examples=100, deadline=None)
def test_the_ring_is_the_past_kept_whole(steps: list[tuple[int, float]], over: int) -> None:
    times = np.cumsum([gap for gap, _ in steps]).astype(float)
    values = [value for _, value in steps]
    mine = one(times, values, step=10.0, over=Duration(over), rise=1.0).extra["change"]
    theirs = reference(times.tolist(), values, float(over), max(10.0, over / 12))
    assert np.allclose(mine, theirs, rtol=1e-9, atol=1e-6, equal_nan=True)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_at_regular_steps_the_change_is_the_plain_difference(seed: int, lag: int) -> None:
    values = np.random.default_rng(seed).normal(1e6, 10, 60)
    change = one(60.0 * np.arange(60), values, over=Duration(60.0 * lag), rise=1.0).extra["change"]
    assert np.isnan(change[:lag]).all()
    assert np.array_equal(change[lag:], values[lag:] - values[:-lag])


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("relative", [False, True])
def test_what_is_usual_is_exceeded_as_often_as_the_score_says(name: str, relative: bool) -> None:
    values = NOISES[name](np.random.default_rng(5), 9_000, 40)
    later = scored(values, over="5m", relative=relative).score[3_000:]
    assert np.mean(later >= 0.99) < 0.01 * 3
    assert np.mean(later >= 0.999) < 0.001 * 4
    if "counts" not in name and not relative:
        assert np.mean(later >= 0.99) > 0.01 / 3


def test_an_unusual_rise_is_seen_and_a_usual_trend_is_not() -> None:
    values = 50 + noise(4_000) + 0.5 * np.arange(4_000)[:, None]
    values[3_000:] += 12
    scores = scored(values, over="10m")
    assert np.mean(scores.score[3_000:3_005] >= 0.999) > 0.95
    assert np.mean(scores.score[1_000:3_000] >= 0.999) < 0.003
    assert np.median(scores.expected[2_000] - values[2_000]) == pytest.approx(0, abs=1)
    assert np.mean(scores.score[3_020:] >= 0.999) < 0.003


@pytest.mark.parametrize(("direction", "up", "down"), [("up", 1, 0), ("down", 0, 1), ("both", 1, 1)])
def test_direction(direction: str, up: int, down: int) -> None:
    values = noise(3_000)
    values[2_000:2_100] += 20
    scores = scored(values, over="5m", direction=direction)
    assert np.median(scores.score[2_000] >= 0.999) == up
    assert np.median(scores.score[2_100] >= 0.999) == down
    assert np.isfinite(scores.high[-1]).all() == up
    assert np.isfinite(scores.low[-1]).all() == down


def test_a_step_is_one_issue() -> None:
    monitor = Monitor("rise", Change(over=Duration("15m"), rise="50%"), RaiseRule(clear=120))
    monitor.prepare(60)
    monitor.grow(1)
    values = np.r_[np.full(30, 100.0), np.full(60, 200.0)]
    signals = monitor.observe(Observations.of([0] * 90, 60.0 * np.arange(90), values))
    assert [(s.state, s.time / 60) for s in signals if s.state != "ongoing"] == [("raised", 30), ("cleared", 47)]


def test_missing_values_are_bridged_for_a_third_of_the_time() -> None:
    times, values = 60.0 * np.arange(40), np.arange(40.0)
    values[10:14] = np.nan
    change = one(times, values, over="12m", rise=1.0).extra["change"]
    assert np.allclose(change[26:], 12)
    assert np.allclose(change[14:26], 12)
    values[10:30] = np.nan
    assert np.isnan(one(times, values, over="12m", rise=1.0).extra["change"][30:]).all()


def test_windows_longer_than_over_are_held_against_the_last() -> None:
    scores = one(3600.0 * np.arange(3), [100.0, 100.0, 200.0], step=3600.0, over="15m", rise="50%")
    assert (scores.score >= 0.999).tolist() == [False, False, True]


QUIET: dict[str, Floats] = {
    "constant": np.full(3_000, 5.0),
    "zero": np.zeros(3_000),
    "denormals": np.resize([0.0, 5e-324, -5e-324], 3_000),
    "infinities": np.where(np.arange(3_000) % 50 == 0, np.inf, noise(3_000, 1)[:, 0]),
    "bursts of NaN": np.where(np.arange(3_000) // 100 % 3 == 1, np.nan, noise(3_000, 1)[:, 0]),
    "a step at the first point": np.r_[1e6, noise(3_000, 1)[:, 0]],
    "one point": np.array([1.0]),
    "rounding": np.where(np.arange(3_000) % 2, 1e9 / 3, float(np.float64(1e9 / 3) * (1 + 2e-16))),
}


@pytest.mark.parametrize("name", QUIET)
def test_bad_input_makes_no_storm(name: str) -> None:
    values = QUIET[name]
    score = one(60.0 * np.arange(len(values)), values, over="10m").score
    assert np.mean(score >= 0.999) < 0.005
    assert np.isnan(score[~np.isfinite(values)]).all()


@pytest.mark.parametrize("scale", [1e9, 1e-9])
@pytest.mark.parametrize("relative", [False, True])
def test_the_unit_of_the_measure_does_not_matter(scale: float, relative: bool) -> None:
    values = 50 + noise(2_000, 5)
    plain, scaled = scored(values, relative=relative), scored(values * scale, relative=relative)
    assert np.allclose(plain.score, scaled.score, atol=1e-3, equal_nan=True)
    assert np.allclose(plain.extra["change"] * scale, scaled.extra["change"], equal_nan=True)


@pytest.mark.parametrize(
    "times",
    [
        np.zeros(2_000),
        np.arange(2_000) // 2 * 60.0,
        np.arange(2_000)[::-1] * 60.0,
        np.arange(2_000) * 60.0 - np.where(np.arange(2_000) % 7 == 0, 3_600.0, 0.0),
        np.arange(2_000) * 60.0 + np.arange(2_000) // 500 * 30 * 86_400.0,
    ],
    ids=["all the same", "duplicates", "backwards", "some earlier", "months between"],
)
def test_odd_times_make_no_storm(times: Floats) -> None:
    score = one(START + times, noise(2_000, 1)[:, 0], over="10m").score
    assert np.mean(score >= 0.999) < 0.005


def test_after_a_month_there_is_no_past_to_hold_a_value_against() -> None:
    scores = one([0.0, 60.0, 3e6, 3e6 + 60], [1.0, 1.0, 100.0, 100.0], over="1m", rise="50%")
    assert np.isnan(scores.score[[0, 2]]).all()
    assert scores.score[[1, 3]].tolist() == [0, 0]


def test_a_row_takes_220_bytes() -> None:
    detector = Change()
    detector.grow(1_000)
    assert sum(array.nbytes for array in detector.state().values()) == 220_000


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"over": Duration(0)}, "over is 0s"),
        ({"rise": "50 percent"}, "as in 50%"),
        ({"rise": -1.0}, "a positive number"),
        ({"rise": "0%"}, "a positive number"),
        ({"fall": math.inf}, "a positive number"),
        ({"rise": "50%", "fall": 3.0}, "both be per cent"),
        ({"rise": "50%", "direction": "up"}, "for what is usual"),
        ({"rise": "50%", "relative": True}, "for what is usual"),
        ({"direction": "sideways"}, "up, down, both"),
        ({"least": -1.0}, "least is -1"),
        ({"warmup": 3}, "10 or more"),
    ],
)
def test_bad_parameters_say_what_is_allowed(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Change(**config)


def test_the_explanation_says_from_what_to_what_and_in_what_time() -> None:
    told = {"change": 70.0, "percent": 58.33}
    signal = Signal("rise", "change", 0, "raised", START, 60.0, 0.9999, 190.0, 120.0, 84.0, 180.0, told)
    assert Change(rise="50%").explain(signal) == (
        "The value rose from 120 to 190 (+58 %) in 15m; the limit is a rise of 50%."
    )
    assert Change().explain(signal) == "The value rose from 120 to 190 (+58 %) in 15m; that much is unusual here."
    fallen = replace(signal, value=60.0, extra={"change": -60.0, "percent": -50.0})
    assert "fell from 120 to 60 (-50 %)" in Change(fall="30%", rise="50%").explain(fallen)
    assert "what it was 15m before is not known" in Change().explain(replace(signal, extra={}))
