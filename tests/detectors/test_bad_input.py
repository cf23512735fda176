"""What no measure should bring, but does: each kind that judges values of a series takes it, and makes no storm."""

from collections.abc import Callable

import numpy as np
import pytest

from detectors.base import Detector, Floats, Observations
from detectors.change import Change
from detectors.durations import Duration
from detectors.ensemble import Ensemble
from detectors.forecast import Forecast
from detectors.monitor import Monitor
from detectors.raising import RaiseRule
from detectors.river import River
from detectors.seasonal import Seasonal
from detectors.shift import Shift
from detectors.threshold import Threshold

LENGTH, STEP, START = 2_000, 300.0, 1.7e9
MONTH = 30 * 86_400.0
MOST = LENGTH // 200
"""Signals that are no storm: the score of one in a thousand, and some more."""
NUMBER = np.arange(LENGTH)
TIMES: Floats = np.linspace(START, START + STEP * LENGTH, LENGTH, endpoint=False)
PLAIN = 100 + np.random.default_rng(9).normal(size=LENGTH)

KINDS: dict[str, Callable[[], Detector]] = {
    "threshold": lambda: Threshold(above=1e12),
    "change": lambda: Change(over=Duration("30m")),
    "seasonal": Seasonal,
    "forecast": lambda: Forecast(limit=1e12, within=Duration("6h")),
    "shift": Shift,
    "shift by adwin": lambda: Shift(method="adwin"),
    "ensemble": Ensemble,
    "river": lambda: River(estimator="anomaly.GaussianScorer"),
}
VALUES: dict[str, Floats] = {
    "constant": np.full(LENGTH, 7.0),
    "constant nil": np.zeros(LENGTH),
    "bursts of NaN": np.where(NUMBER // 50 % 7 == 3, np.nan, PLAIN),
    "nothing but NaN": np.full(LENGTH, np.nan),
    "denormals": np.resize([0.0, 5e-324, 1e-323], LENGTH),
    "a step at the first point": np.where(NUMBER == 0, 1e6, PLAIN),
    "of the scale 1e9": 1e9 * PLAIN,
    "of the scale 1e-9": 1e-9 * PLAIN,
}
ODD_TIMES: dict[str, Floats] = {
    "times that go back": np.where(NUMBER % 7 == 0, TIMES - 3600.0, TIMES),
    "every time twice": np.repeat(TIMES[::2], 2),
    "months between": TIMES + NUMBER // 500 * MONTH,
    "one time": np.full(LENGTH, START),
}


def signals(kind: str, times: Floats, values: Floats) -> int:
    """Return how often the kind raises, in batches of uneven length."""
    monitor = Monitor("bad", KINDS[kind](), RaiseRule())
    monitor.prepare(STEP)
    monitor.grow(1)
    raised = 0
    for times_, values_ in zip(np.array_split(times, 7), np.array_split(values, 7), strict=True):
        found = monitor.observe(Observations.of(np.zeros(len(times_)), times_, values_))
        raised += sum(signal.state == "raised" for signal in found)
    return raised


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", VALUES)
def test_odd_values_make_no_storm(kind: str, name: str) -> None:
    assert signals(kind, TIMES, VALUES[name]) <= MOST


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ODD_TIMES)
def test_odd_times_make_no_storm(kind: str, name: str) -> None:
    assert signals(kind, ODD_TIMES[name], PLAIN) <= MOST


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "threshold"])
def test_infinities_among_others_make_no_storm(kind: str) -> None:
    """A threshold has infinity beyond its limit, as it should."""
    assert signals(kind, TIMES, np.where(NUMBER % 97 == 3, np.inf, PLAIN)) <= MOST


@pytest.mark.parametrize("kind", KINDS)
def test_one_point_is_nothing_to_tell_of(kind: str) -> None:
    assert signals(kind, TIMES[:1], PLAIN[:1]) == 0
