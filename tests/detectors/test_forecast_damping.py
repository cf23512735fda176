"""How slopes go on, as a forecast learns it from what came of its earlier ones; and bounds that spare it work."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.base import Floats, Observations
from detectors.durations import Duration
from detectors.forecast import Forecast
from detectors.forecast_damping import LIFE, Trend, mean_slope, slope_at, trend_of
from detectors.forecast_line import Line
from detectors.forecast_reach import etas
from detectors.forecast_row import ROW
from detectors.forecast_way import FAR, by_noise, horizon_of, is_far, way_of, z_at

STEP, DAY = 600.0, 86400.0
START = 1_704_067_200.0


def watched(values: Floats, limit: float = 1e6) -> tuple[Forecast, Any]:
    """Return a detector that has seen the values of one series, and the row of that."""
    detector = Forecast(limit=limit, within=Duration("1d"))
    detector.prepare(STEP)
    detector.grow(1)
    times = START + STEP * np.arange(len(values))
    detector.update(Observations.of(np.zeros(len(values)), times, values))
    return detector, detector._rows.view(ROW)[0]


def days(count: float) -> Floats:
    """Return the time in days of the observations of so many days."""
    return np.asarray(np.arange(int(count * DAY / STEP)) * STEP / DAY, np.float64)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(1e-3, 10), st.floats(0.01, 20))
@settings(max_examples=100, deadline=None)
def test_the_mean_slope_is_the_mean_of_the_slopes(slope: float, target: float, damping: float, ahead: float) -> None:
    trend = Trend(slope, target, damping, damping)
    times = (np.arange(20_000) + 0.5) * ahead / 20_000
    slopes = target + (slope - target) * np.exp(-damping * times)
    assert mean_slope(trend, ahead) == pytest.approx(slopes.mean(), rel=1e-5, abs=1e-5)
    assert slope_at(trend, ahead) == pytest.approx(slopes[-1], rel=1e-2, abs=1e-2)


def test_what_was_watched_for_a_minute_promises_little() -> None:
    detector, row = watched(50 + 0.1 * np.arange(30.0))
    trend = trend_of(row, detector._config, 1.0, 30 * STEP)
    assert mean_slope(trend, STEP) > 0.99
    assert mean_slope(trend, 1_000 * 30 * STEP) < 1.1 * LIFE / 1_000


def test_a_steady_line_is_not_damped() -> None:
    rng = np.random.default_rng(2)
    detector, row = watched(5 * days(10) + rng.normal(0, 0.2, len(days(10))))
    trend = trend_of(row, detector._config, float(row["slope"]), 0.0)
    assert row["checks"] == 12
    assert mean_slope(trend, 2 * DAY) * DAY == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_the_damping_of_a_series_that_saturates_is_learned(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = 90 * (1 - np.exp(-days(5) / 2)) + rng.normal(0, 0.1, len(days(5)))
    detector, row = watched(values)
    trend = trend_of(row, detector._config, float(row["slope"]), 0.0)
    rise = 90 * (math.exp(-5 / 2) - math.exp(-8 / 2))
    assert mean_slope(trend, 3 * DAY) * 3 * DAY == pytest.approx(rise, rel=0.35)
    assert row["slope"] * 3 * DAY > 1.8 * rise  # what the line alone would say


def test_a_series_that_saturates_below_the_limit_is_no_alarm() -> None:
    rng = np.random.default_rng(3)
    values = 90 * (1 - np.exp(-days(12) / 2)) + rng.normal(0, 0.1, len(days(12)))
    detector, _ = watched(values[:-1], limit=95)
    scores = detector.score(Observations.of([0], [START + STEP * len(values)], values[-1:]))
    assert scores.score[0] < 0.1
    assert np.isnan(scores.extra["eta_s"][0])


def test_an_acceleration_is_learned() -> None:
    values = 0.5 * days(8) ** 2 + np.random.default_rng(4).normal(0, 0.1, len(days(8)))
    detector, row = watched(values)
    trend = trend_of(row, detector._config, float(row["slope"]), 0.0)
    assert mean_slope(trend, DAY) * DAY == pytest.approx(8.5, rel=0.05)


def test_a_slope_that_alternates_damps_to_its_mean() -> None:
    filled = np.cumsum((days(12) % 1 < 0.5) * 10.0 * STEP / DAY)
    detector, row = watched(filled + np.random.default_rng(5).normal(0, 0.1, len(filled)))
    trend = trend_of(row, detector._config, float(row["slope"]), 0.0)
    assert mean_slope(trend, 4 * DAY) * DAY == pytest.approx(5, rel=0.15)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_what_is_called_far_is_out_of_reach(data: st.DataObject) -> None:
    def drawn(low: float, high: float) -> float:
        return data.draw(st.floats(low, high))

    config = Forecast(limit=100.0, within=Duration("1d"))._config
    row = np.zeros(1, ROW)
    row["checks"], row["watched"], row["held"] = data.draw(st.integers(0, 12)), drawn(1, 50 * DAY), drawn(0, 1)
    row["drift"], row["loss"] = drawn(-5, 5) / DAY, 10 ** drawn(-3, 1) / config.span
    row["slope_error"], row["near"], row["rough"] = 10 ** drawn(-6, 1), drawn(-3, 3), 10 ** drawn(-4, 1)
    row["near_square"] = 10 ** drawn(-4, 1)
    if row["checks"][0] == 0:
        row["held"] = row["drift"] = row["loss"] = 0.0
    noise = 10 ** drawn(-4, 1)
    line = Line(drawn(0, 99), drawn(-10, 10) / DAY, noise * drawn(0, 1), 10 ** drawn(-4, 1) / DAY**2, noise)
    if is_far(row[0], config, line, 0.0):
        way = way_of(row[0], config, line)
        assert z_at(way, config.within, 0.0) < -FAR
        horizon = horizon_of(row[0], config)
        assert np.isnan(etas(config, way, horizon).soonest)
        assert z_at(way, horizon, 0.0) < -config.quantile
        assert by_noise(row[0], config, line, 0.0) < 1e-6


def test_most_of_a_fleet_is_called_far() -> None:
    detector, row = watched(50 + np.random.default_rng(6).normal(0, 1, 2_000), limit=100)
    noise = float(row["squares"] / row["weight"])
    line = Line(float(row["level"]), float(row["slope"]), noise / 144, noise / row["spread"], noise)
    assert is_far(row, detector._config, line, 10.0)
    assert not is_far(row, detector._config, line, 40.0)
