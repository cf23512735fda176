"""The shift kind: honest scores on noise of any shape, found steps and drifts, one issue for one new level."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from detectors.adwin_kernel import LEAST_PART, SIZES, WINDOW, insert, split_of
from detectors.base import Floats, Observations, Scores, Signal
from detectors.durations import Duration
from detectors.monitor import Monitor
from detectors.raising import RaiseRule
from detectors.shift import Shift
from tests.detectors.test_seasonal import NOISES, autoregressive

START = 1_704_067_200.0
METHODS = ("cusum", "page-hinkley", "adwin")
BREACH = Shift.raise_score


def observations(values: Floats, step: float = 60.0) -> Observations:
    """Return `values` (time × series) as a batch."""
    times, series = np.indices(values.shape)
    return Observations.of(series.ravel(), START + step * times.ravel(), values.ravel())


def scored(values: Floats, step: float = 60.0, **config: Any) -> Scores:
    """Return the scores of `values` (time × series), of the same shape."""
    detector = Shift(**{"daily": False, **config})
    detector.prepare(step)
    detector.grow(values.shape[1])
    scores = detector.update(observations(values, step))
    for name in ("score", "expected", "low", "high"):
        setattr(scores, name, getattr(scores, name).reshape(values.shape))
    scores.extra = {name: column.reshape(values.shape) for name, column in scores.extra.items()}
    return scores


def onsets(score: Floats, at: float = BREACH) -> int:
    """Return how often a score reached `at`."""
    return int(((score[1:] >= at) & ~(score[:-1] >= at)).sum())


def noise(length: int, series: int = 20, seed: int = 1) -> Floats:
    """Return standard normal noise."""
    return np.random.default_rng(seed).normal(size=(length, series))


@pytest.mark.parametrize("name", [*NOISES, "rare events"])
@pytest.mark.parametrize("method", METHODS)
def test_scores_are_honest_on_stationary_noise(name: str, method: str) -> None:
    rng = np.random.default_rng(5)
    values = NOISES[name](rng, 8_000, 40) if name in NOISES else np.where(rng.random((8_000, 40)) < 0.003, 5.0, 0.0)
    scores = scored(values, method=method).score
    assert onsets(scores, 0.999) / values.size < 0.001 * 4
    assert onsets(scores, 0.9999) / values.size < 0.0001 * 4
    assert (scores >= BREACH).any(axis=0).sum() <= 2


@pytest.mark.parametrize("name", ["normal", "laplace", "log-normal", "counts, mean 10"])
def test_once_in_ten_thousand_is_reached_as_often(name: str) -> None:
    scores = scored(NOISES[name](np.random.default_rng(6), 20_000, 40)).score
    assert 0.0001 / 3 < onsets(scores, 0.9999) / scores.size < 0.0001 * 3


@pytest.mark.parametrize(("method", "size", "most"), [
    ("cusum", 1.0, 45), ("cusum", 2.0, 14), ("cusum", 20.0, 6),
    ("page-hinkley", 0.5, 180), ("page-hinkley", 1.0, 50), ("page-hinkley", 20.0, 10),
    ("adwin", 0.6, 200), ("adwin", 1.0, 55), ("adwin", 20.0, 9),
])  # fmt: skip
@pytest.mark.parametrize("sign", [1, -1])
def test_a_step_is_found_with_its_time_and_its_levels(method: str, size: float, most: int, sign: int) -> None:
    values = 50 + 3 * noise(3_000, 60)
    values[2_000:] += 3 * sign * size
    scores = scored(values, method=method)
    found = (scores.score[2_000:] >= BREACH).argmax(axis=0) + 2_000
    series = np.arange(60)
    assert np.median(found) - 2_000 < most
    began = (scores.extra["began"][found, series] - START) / 60
    assert abs(np.median(began) - 2_000) < max(3, 0.3 * most)
    assert np.median(scores.extra["before"][found, series]) == pytest.approx(50, abs=1)
    assert np.median(scores.extra["after"][found, series]) == pytest.approx(50 + 3 * sign * size, rel=0.02, abs=1.5)
    assert np.median(scores.extra["size"][found, series]) == pytest.approx(
        sign * size, rel=0.4
    )  # told when it looks large
    assert np.median(scores.expected[-1]) == pytest.approx(50 + 3 * sign * size, abs=0.8)


def test_adwin_finds_a_drift_too_slow_for_its_sums() -> None:
    values = noise(8_000, 40)
    values[2_000:] += np.minimum(np.arange(6_000) / 6_000, 1)[:, None] * 0.6
    assert (scored(values, method="adwin").score >= BREACH).any(axis=0).mean() > 0.9


def test_a_drift_is_found_by_the_sums() -> None:
    values = noise(6_000, 40)
    values[2_000:] += np.arange(4_000)[:, None] / 500
    first = (scored(values).score >= BREACH).argmax(axis=0)
    assert 2_000 < np.min(first) <= np.max(first) < 3_500


def issues(values: Floats, **config: Any) -> list[tuple[int, str]]:
    """Return when the issues of one series were raised and cleared, in windows."""
    monitor = Monitor("level", Shift(**{"daily": False, **config}), RaiseRule(clear=600))
    monitor.prepare(60)
    monitor.grow(1)
    signals = monitor.observe(observations(values[:, None]))
    return [(round((s.time - START) / 60), s.state) for s in signals if s.state != "ongoing"]


@pytest.mark.parametrize("method", METHODS)
def test_a_new_level_is_one_issue_and_over_when_it_is_no_news(method: str) -> None:
    values = noise(4_000, 1, seed=3)[:, 0]
    values[1_000:] += 4
    (raised, _), (cleared, _) = issues(values, method=method)
    assert 1_000 < raised < 1_015
    assert 1_440 < cleared - raised < 1_490


@pytest.mark.parametrize("length", [60, 400])
@pytest.mark.parametrize("method", METHODS)
def test_an_issue_is_over_soon_after_the_level_is_back(method: str, length: int) -> None:
    values = noise(4_000, 1, seed=3)[:, 0]
    values[1_000 : 1_000 + length] += 4
    (raised, _), (cleared, _) = issues(values, method=method)
    assert 1_000 < raised < 1_015
    assert length < cleared - 1_000 < length + 60


def test_a_burst_ends_before_it_is_a_level() -> None:
    values = noise(2_000, 1, seed=3)[:, 0]
    values[1_000:1_010] += 10
    (raised, _), (cleared, _) = issues(values)
    assert 1_003 <= raised < 1_008
    assert cleared < 1_030


@pytest.mark.parametrize("method", METHODS)
def test_a_verdict_shifts_what_is_told(method: str) -> None:
    values = noise(2_000, 1, seed=3)
    values[1_000:] += 1.5
    first = [int((scored(values, method=method).score >= 1 - 10.0**-decades).argmax()) for decades in (5, 6, 9)]
    assert 1_000 < first[0] <= first[1] < first[2] < 1_200


def test_a_single_outlier_is_no_shift() -> None:
    values = noise(2_000)
    values[1_000] = 1e6
    assert np.nanmax(scored(values).score) < BREACH


@pytest.mark.parametrize("daily", [False, True])
def test_a_single_outlier_widens_the_band_little(daily: bool) -> None:
    values = 50 + noise(170, 200)
    plain = scored(values, 3600.0, daily=daily)
    values[160] += 5.0
    hit = scored(values, 3600.0, daily=daily)
    wider = (hit.high[161] - hit.low[161]) / (plain.high[161] - plain.low[161])
    assert np.quantile(wider, 0.99) < 1.2


@pytest.mark.parametrize(("direction", "up", "down"), [("up", 1, 0), ("down", 0, 1), ("both", 1, 1)])
def test_direction(direction: str, up: int, down: int) -> None:
    rise, fall = noise(2_000), noise(2_000)
    rise[1_000:] += 3
    fall[1_000:] -= 3
    risen, fallen = scored(rise, direction=direction), scored(fall, direction=direction)
    assert (risen.score >= BREACH).any(axis=0).mean() == up
    assert (fallen.score >= BREACH).any(axis=0).mean() == down
    assert np.isfinite(risen.high[-1]).all() == up
    assert np.isfinite(risen.low[-1]).all() == down


def test_what_is_less_than_least_is_no_shift() -> None:
    values = noise(3_000)
    values[1_000:] += 3
    assert not (scored(values, least=12.0).score >= BREACH).any()
    values[2_000:] += 20
    assert (scored(values, least=12.0).score[2_000:] >= BREACH).any(axis=0).all()


def test_a_daily_rhythm_is_learned() -> None:
    day = np.arange(12 * 288)[:, None] / 288
    values = 50 + 10 * np.sin(2 * np.pi * day) + noise(len(day))
    assert not (scored(values, 300, daily=True).score >= BREACH).any()
    values[10 * 288 :] += 3
    found = (scored(values, 300, daily=True).score >= BREACH)[10 * 288 : 10 * 288 + 36]
    assert found.any(axis=0).mean() > 0.95


RHYTHMS = {  # of a day: mean of a count at each phase, in turns
    "counts": lambda phase: 100 * np.exp(np.sin(2 * np.pi * phase)),
    "few counts": lambda phase: 3 * np.exp(1.5 * np.sin(2 * np.pi * phase)),
    "weak": lambda phase: 1000 + 30 * np.sin(2 * np.pi * phase),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_noise_that_goes_with_the_rhythm_is_no_shift(rhythm: str, method: str) -> None:
    rng = np.random.default_rng(3)
    phase = np.arange(15 * 288)[:, None] / 288 + rng.random(20)
    values = rng.poisson(RHYTHMS[rhythm](phase)).astype(np.float64)
    scores = scored(values, 300, method=method, daily=True).score
    assert onsets(scores) <= 0.01 * 15 * 20  # a hundredth a day
    values[10 * 288 :] *= 1.5
    found = scored(values, 300, method=method, daily=True).score[10 * 288 : 11 * 288] >= BREACH
    assert found.any(axis=0).mean() > 0.9


def test_the_rhythm_of_the_day_is_learned_unless_it_is_said_that_there_is_none() -> None:
    assert set(Shift().state()) == {"rows", "profiles", "spreads"}
    assert set(Shift(daily=False).state()) == {"rows"}


def reference(values: list[float], warmup: int, gain: float) -> list[float]:
    """Return the scores of the textbook's two sums over cut residuals, until the first that is high."""
    level, scale, variance, covariance, skew, last = values[0], 0.0, 0.0, 0.0, 0.0, 0.0
    up = down = 0.0
    told: list[float] = [math.nan]
    n = 1
    for y in values[1:]:
        unit = max(math.sqrt(math.pi / 2) * scale, 1e-6 * abs(level), 1e-30)
        x = min(max((y - level) / unit, -3.0), 3.0)
        odds = 0.0
        if n >= warmup:
            positive = min(max(covariance, 0.0), 0.999 * variance)
            longer = max(variance * (variance + positive) / max(variance - positive, 1e-30), 1.0)
            guard = 2.0 * math.sqrt(longer / min(n, 2 / gain))
            up, down = max(up + x - 0.5 - guard, 0.0), max(down - x - 0.5 - guard, 0.0)
            lead, tilt = (up, skew) if up >= down else (down, -skew)
            theta = 2.0 / (longer + math.sqrt(longer**2 + 4 / 3 * max(tilt, 0.0)))
            above = theta * (lead + 1.166 * math.sqrt(longer))
            told.append(1 - min(theta**2 * longer / 2 / (math.exp(above) - above - 1), 1.0))
            odds = theta * lead
            if max(up, down) >= math.log(1000) * longer:
                return told
        else:
            told.append(math.nan)
        if odds >= math.log(100):
            continue
        if n == 2:
            level = sorted(values[:3])[1]
            scale = sorted(abs(v - level) for v in values[:3])[1]
            n += 1
            continue
        error = y - level
        cut = x * unit if n >= 8 else error
        level += max(gain, 1 / (n + 1)) * cut
        rate = max(gain, 1 / 256, 1 / (n + 1))
        if n > 9 and variance < 0.3:
            rate *= 0.1
            scale = abs(error) / (3 * math.sqrt(math.pi / 2)) if abs(error) > 3 * unit else scale
        scale += rate * (min(abs(error), 12 * unit if n >= 8 else math.inf) - scale)
        if n >= 8:
            rate = max(1 / (n - 7), 1 / 2048)
            variance += rate * (x * x - variance)
            covariance += rate * (x * last - covariance)
            skew += rate * (x**3 - skew)
            last = x
        n += 1
    return told


@given(st.integers(0, 2**32 - 1), st.sampled_from(["normal", "laplace", "exponential", "autoregressive .5"]))
@settings(max_examples=40, deadline=None)
def test_the_kernel_is_the_textbooks_recursion_on_random_streams(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    values = NOISES[name](rng, 300, 1)
    values[rng.integers(50, 300) :] += rng.normal(0, 2)
    told = reference(values[:, 0].tolist(), 30, 1 / 100)
    mine = scored(values, memory=Duration("1m")).score[: len(told), 0]
    assert np.isnan(mine[:30]).all()
    assert np.allclose(mine, told, atol=5e-4, equal_nan=True)


@given(st.integers(0, 2**32 - 1), st.floats(0.75, 4.0))
@settings(max_examples=30, deadline=None, derandomize=True)  # what is compared is a matter of chance
def test_page_hinkley_finds_what_rivers_finds_and_when(seed: int, size: float) -> None:
    values = np.random.default_rng(seed).normal(size=1_500)
    values[1_000:] += size
    soon, late = (
        _first_drift(drift.PageHinkley(min_instances=30, delta=0.25, threshold=threshold, mode="both"), values)
        for threshold in (16.0, 32.0)  # about the sum at which the score is that of a breach, 22
    )
    mine = int((scored(values[:, None], method="page-hinkley").score >= BREACH).argmax())
    assert soon <= mine <= late + 8


@given(st.integers(0, 2**32 - 1), st.floats(0.75, 4.0))
@settings(max_examples=20, deadline=None, derandomize=True)  # what is compared is a matter of chance
def test_adwin_finds_what_rivers_finds_and_when(seed: int, size: float) -> None:
    values = np.random.default_rng(seed).normal(size=1_500)
    values[1_000:] += size
    theirs = _first_drift(drift.ADWIN(delta=1e-6, clock=1), values)  # type: ignore[no-untyped-call]
    mine = int((scored(values[:, None], method="adwin").score >= BREACH).argmax())
    assert mine >= 1_000
    # ours is a test of a mean with known variance, River's a looser bound; delays go with the square of the size
    assert mine - theirs <= 8 / min(size, 1.0) ** 2


def _first_drift(test: Any, values: Floats) -> int:
    for i, value in enumerate(values.tolist()):
        test.update(value)
        if test.drift_detected:
            return i
    return len(values)


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=400), st.floats(-100, 100, width=32))
@settings(max_examples=60, deadline=None)
def test_the_window_holds_the_sums_of_what_came(values: list[float], x: float) -> None:
    window = np.zeros(1, WINDOW)[0]
    for value in values:
        insert(window, value)
    sizes = [2**j for j in range(SIZES) for _ in range(window["filled"][j])]
    sums = [window["sums"][2 * j + k] for j in range(SIZES) for k in range(window["filled"][j])]
    assert sum(sizes) == len(values)
    ends = np.cumsum([0, *sizes])
    newest = np.array(values[::-1])
    for total, start, end in zip(sums, ends[:-1], ends[1:], strict=True):
        assert total == pytest.approx(newest[start:end].sum(), rel=1e-4, abs=1e-3)
    split = split_of(window, x, 50.0, 1.0, 0.0)
    assert split.tail == pytest.approx(_best_split(np.array([x, *newest]), ends[:-1] + 1), rel=1e-2)


def _best_split(newest: Floats, cuts: Any) -> float:
    """Return the tail of the least probable split of a window, at its bucket ends, by the formula."""
    tails = []
    for cut in cuts:
        recent, older = newest[:cut], newest[cut:]
        if min(len(recent), len(older)) >= LEAST_PART:
            z = abs(recent.mean() - older.mean()) / 50.0 / math.sqrt(1 / len(recent) + 1 / len(older))
            tails.append(math.erfc(z / math.sqrt(2)))
    return min(1.0, min(tails) * len(tails)) if tails else 1.0


def test_a_full_window_lets_the_oldest_go() -> None:
    window = np.zeros(1, WINDOW)[0]
    for _ in range(20_000):
        insert(window, 1.0)
    held = sum(2.0**j * window["filled"][j] for j in range(SIZES))
    assert 2**SIZES - 1 <= held <= 2 * (2**SIZES - 1)
    assert sum(window["sums"][2 * j + k] for j in range(SIZES) for k in range(window["filled"][j])) == held


QUIET: dict[str, Floats] = {
    "constant": np.full((3_000, 1), 5.0),
    "zero": np.zeros((3_000, 1)),
    "denormals": np.resize([0.0, 5e-324, -5e-324], (3_000, 1)),
    "infinities among noise": np.where(np.arange(3_000)[:, None] % 50 == 0, np.inf, noise(3_000, 1)),
    "bursts of NaN": np.where(np.arange(3_000)[:, None] // 100 % 3 == 1, np.nan, noise(3_000, 1)),
    "a step at the first point": np.concatenate([[[1e6]], noise(3_000, 1)]),
    "a step at the first point of a constant": np.concatenate([[[1.0]], np.zeros((3_000, 1))]),
    "one point": np.array([[1.0]]),
    "the largest": np.resize([1.7e308, -1.7e308], (3_000, 1)),
}


@pytest.mark.parametrize("name", QUIET)
@pytest.mark.parametrize("method", METHODS)
def test_bad_input_makes_no_storm(name: str, method: str) -> None:
    score = scored(QUIET[name], method=method).score
    assert not (score >= BREACH).any()
    assert np.isnan(score[~np.isfinite(QUIET[name])]).all()


@pytest.mark.parametrize("scale", [1e9, 1e-9])
@pytest.mark.parametrize("method", METHODS)
def test_the_unit_of_the_measure_does_not_matter(scale: float, method: str) -> None:
    values = 5 + noise(2_000, 5)
    values[1_000:] += 2
    plain, scaled = scored(values, method=method), scored(values * scale, method=method)
    assert np.allclose(plain.score, scaled.score, atol=5e-4, equal_nan=True)
    assert np.allclose(plain.extra["after"] * scale, scaled.extra["after"], rtol=2e-3, equal_nan=True)


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
@pytest.mark.parametrize("method", METHODS)
def test_odd_times_make_no_storm(times: Floats, method: str) -> None:
    detector = Shift(method=method, daily=False)  # type: ignore[arg-type] # a string of the parameter list
    detector.prepare(60)
    detector.grow(1)
    scores = detector.update(Observations.of([0] * 2_000, START + times, noise(2_000, 1)[:, 0]))
    assert not (scores.score >= BREACH).any()


def test_after_a_month_of_silence_a_series_is_learned_anew() -> None:
    detector = Shift(daily=False)
    detector.prepare(60)
    detector.grow(1)
    detector.update(observations(noise(500, 1)))
    late = Observations.of([0], [START + 30 * 86_400.0], [100.0])
    assert np.isnan(detector.update(late).score[0])
    assert np.isnan(detector.score(late._replace(time=late.time + 60)).score[0])


@pytest.mark.parametrize(("config", "each"), [({}, 64), ({"method": "adwin"}, 172), ({"daily": True}, 168)])
def test_bytes_a_series(config: dict[str, Any], each: int) -> None:
    detector = Shift(**{"daily": False, **config})
    detector.grow(1_000)
    assert sum(array.nbytes for array in detector.state().values()) == each * 1_000


def test_a_state_of_another_configuration_is_refused() -> None:
    plain, daily, window = Shift(daily=False), Shift(), Shift(method="adwin", daily=False)
    for detector in (plain, daily, window):
        detector.grow(2)
    with pytest.raises(ValueError, match="64 a series"):
        plain.load({"rows": np.zeros((3, 8), np.uint8)})
    with pytest.raises(ValueError, match="with these settings, not rows, profiles, spreads"):
        Shift(daily=False).load(daily.state())
    with pytest.raises(ValueError, match="not rows, windows"):
        Shift(daily=False).load(window.state())


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"method": "ewma"}, "cusum, page-hinkley, adwin"),
        ({"direction": "sideways"}, "up, down, both"),
        ({"size": 0.0}, "0.1 to 4"),
        ({"size": math.nan}, "0.1 to 4"),
        ({"least": -1.0}, "least is -1"),
        ({"memory": Duration(0)}, "memory is 0s"),
        ({"adopt": Duration(-1)}, "adopt"),
        ({"warmup": 3}, "10 to 64999"),
    ],
)
def test_bad_parameters_say_what_is_allowed(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Shift(**config)


def test_the_explanation_says_from_where_to_where_and_since_when() -> None:
    explain = Shift().explain
    told = {"began": START, "before": 120.2, "after": 181.4, "size": 6.1}
    signal = Signal("level", "shift", 0, "raised", START + 600, 60.0, 0.9999999, 190.0, 120.2, 110.0, 130.0, told)
    assert explain(signal) == "The level rose from 120 to 181 at about 2024-01-01 00:00 UTC; the value was 190."
    back = replace(signal, extra=told | {"began": math.nan, "before": 181.4, "after": 120.2})
    assert explain(back) == "The level fell from 181 to 120; the value was 190."
    assert explain(replace(signal, extra={})) == "The value was 190; the level of 120 is no longer news."


def test_slow_noise_raises_nothing() -> None:
    values = autoregressive(0.98)(np.random.default_rng(3), 10_000, 20)
    assert (scored(values).score >= BREACH).any(axis=0).sum() <= 1
