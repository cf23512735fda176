"""The line under a forecast, against plain weighted least squares; and what tells fast noise from slow."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.base import Floats, Observations
from detectors.durations import Duration
from detectors.forecast import Forecast
from detectors.forecast_line import DISCOUNT, Noise, age, fit, kept, noise_of, note, take
from detectors.forecast_row import ROW

SERIES, START = 11, 1_704_067_200.0
CONFIG = Forecast(limit=100.0, within=Duration("1d"))._config


def begun(value: float) -> NDArray[Any]:
    """Return the row of a series of one value."""
    row = np.zeros(1, ROW)
    row["level"], row["weight"], row["count"] = value, 1.0, 1.0
    return row


def fitted(steps: Floats, values: Floats, left_out: set[int]) -> NDArray[Any]:
    """Return the row after the values, which come so many seconds after one another."""
    row = begun(float(values[0]))
    for i, (step, value) in enumerate(zip(steps, values[1:], strict=True), start=1):
        keep = kept(CONFIG, float(step))
        if i in left_out:
            age(row[0], float(step), keep)
        else:
            take(row[0], float(value) - fit(row[0], CONFIG, float(step)).level, float(step), keep)
    return row


def least_squares(steps: Floats, values: Floats, left_out: set[int]) -> tuple[float, float, float]:
    """Return level, slope and the weighted sum of squares, all at once."""
    ages = np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])
    used = np.array([i not in left_out for i in range(len(values))])
    root = np.exp(-DISCOUNT * ages[used] / CONFIG.memory / 2)
    design = np.stack([np.ones(used.sum()), -ages[used]], axis=1)
    (level, slope), *_ = np.linalg.lstsq(design * root[:, None], values[used] * root, rcond=None)
    rest = (values[used] - design @ np.array([level, slope])) * root
    return float(level), float(slope), float(rest @ rest)


@given(st.integers(0, 2**32), st.integers(4, 300), st.floats(0, 0.5), st.floats(-1e6, 1e6))
@settings(max_examples=60, deadline=None)
def test_the_line_is_that_of_weighted_least_squares(seed: int, count: int, gaps: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random(count - 1) < gaps, rng.uniform(1, 40_000, count - 1), CONFIG.step)
    values = offset + 1e-3 * np.concatenate([[0.0], np.cumsum(steps)]) + rng.normal(0, 1, count)
    left_out = set(np.flatnonzero(rng.random(count) < 0.1).tolist()) - {0, 1, 2}
    row, (level, slope, squares) = fitted(steps, values, left_out)[0], least_squares(steps, values, left_out)
    noise = math.sqrt(squares / row["weight"])
    assert abs(row["level"] - level) < 1e-3 * noise
    assert abs(row["slope"] - slope) * row["age"] < 1e-3 * noise
    assert row["squares"] == pytest.approx(squares, rel=1e-3)


@given(st.integers(0, 2**32), st.integers(12, 200), st.floats(0, 0.5), st.floats(-1e6, 1e6))
@settings(max_examples=30, deadline=None)
def test_lines_side_by_side_are_those_of_weighted_least_squares(
    seed: int, count: int, gaps: float, offset: float
) -> None:
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random(count - 1) < gaps, rng.uniform(30, 200, count - 1), CONFIG.step)
    times = np.concatenate([[0.0], np.cumsum(steps)])
    values = offset + 1e-3 * times + rng.uniform(-1, 1, (SERIES, count))  # so that none is an outlier
    detector = Forecast(limit=1e9, within=Duration("1d"))
    detector.grow(SERIES)
    for time, value in zip(times, values.T, strict=True):
        detector.update(Observations.of(np.arange(SERIES), START + np.full(SERIES, time), value))
    rows = detector._rows.view(ROW)[:SERIES]
    whole = rows["count"] == count  # others began with what was taken for an outlier
    assert whole.any()
    for row, own in zip(rows[whole], values[whole], strict=True):
        level, slope, squares = least_squares(steps, own, set())
        noise = math.sqrt(squares / row["weight"])
        assert abs(row["level"] - level) < 1e-3 * noise
        assert abs(row["slope"] - slope) * row["age"] < 1e-3 * noise
        assert row["squares"] == pytest.approx(squares, rel=1e-3)


def test_the_variances_are_those_of_what_is_seen() -> None:
    rng = np.random.default_rng(5)
    ends = []
    for _ in range(300):
        row = fitted(np.full(39, CONFIG.step), rng.normal(0, 2, 40), set())
        ends.append(fit(row[0], CONFIG, CONFIG.step))
    levels, slopes = (np.array([getattr(line, name) for line in ends]) for name in ("level", "slope"))
    assert np.mean([line.variance for line in ends]) == pytest.approx(4.0, rel=0.1)
    assert np.mean([line.slope_variance for line in ends]) == pytest.approx(slopes.var(), rel=0.25)
    assert np.mean([line.level_variance for line in ends]) == pytest.approx(levels.var(), rel=0.25)


def told_apart(errors: Floats) -> Noise:
    """Return what is said of the noise after these errors."""
    row = begun(0.0)
    for error in errors:
        row["count"] += 1
        note(row[0], float(error))
    return noise_of(row[0], CONFIG, float(np.var(errors)))


def test_independent_errors_are_fast_noise() -> None:
    noise = told_apart(np.random.default_rng(6).normal(0, 3, 4_000))
    assert noise.fast == pytest.approx(9.0, rel=0.15)
    assert noise.slow < 0.5
    assert noise.worth > 0.6


def test_slow_errors_are_told_from_fast_ones() -> None:
    rng = np.random.default_rng(6)
    slow = np.zeros(8_000)
    for i in range(1, len(slow)):
        slow[i] = 0.99 * slow[i - 1] + rng.normal(0, 2 * math.sqrt(1 - 0.99**2))
    noise = told_apart(slow + rng.normal(0, 1, len(slow)))
    assert noise.fast == pytest.approx(1.0, rel=0.3)
    assert noise.slow == pytest.approx(4.0, rel=0.5)
    assert noise.worth < 0.1
