"""River's estimators by name: what they say, calibrated; bounds, failures, and state."""

import math
import pickle
from typing import Any

import numpy as np
import pytest

from detectors.base import Floats, Observations, Scores
from detectors.checks import checks
from detectors.river import River

BOOM = 1_500
CASES: list[dict[str, Any]] = [
    {"estimator": "anomaly.GaussianScorer"},
    {"estimator": "anomaly.StandardAbsoluteDeviation"},
    {"estimator": "anomaly.OneClassSVM"},
    {"estimator": "anomaly.HalfSpaceTrees", "params": {"n_trees": 5, "height": 4}},
    {"estimator": "anomaly.LODA", "params": {"n_random_cuts": 10}},
    {
        "estimator": "anomaly.QuantileFilter",
        "params": {"anomaly_detector": {"estimator": "anomaly.GaussianScorer"}, "q": 0.99},
    },
    {
        "estimator": "anomaly.PredictiveAnomalyDetection",
        "params": {"predictive_model": {"estimator": "time_series.HoltWinters", "params": {"alpha": 0.2}}},
    },
    {"estimator": "time_series.HoltWinters", "params": {"alpha": 0.2}},
    {"estimator": "time_series.SNARIMAX", "params": {"p": 2, "d": 0, "q": 1}},
    {"estimator": "drift.ADWIN"},
    {"estimator": "drift.PageHinkley"},
    {"estimator": "drift.KSWIN"},
    {"estimator": "drift.binary.DDM"},
]


def names(case: dict[str, Any]) -> str:
    """Return the estimator of a case."""
    return str(case["estimator"])


def series(shift: float = 0.0) -> Floats:
    """Return two thousand normal values with a spike of twelve deviations, or a shift."""
    values = np.random.default_rng(2).normal(10, 1, 2_000)
    values[BOOM : BOOM + 1 if not shift else None] += shift or 12
    return values


def scored(detector: River, values: Floats, number: int = 0) -> Scores:
    """Return the scores of `values` as those of one series."""
    detector.grow(number + 1)
    return detector.update(Observations.of([number] * len(values), 60.0 * np.arange(len(values)), values))


@pytest.mark.parametrize("case", CASES, ids=names)
def test_every_family_speaks(case: dict[str, Any]) -> None:
    scores = scored(River(**case), series())
    known = scores.score[~np.isnan(scores.score)]
    assert len(known) > 1_000
    assert ((known >= 0) & (known <= 1)).all()
    assert np.mean(scores.score[500:BOOM] >= 0.999) < 0.02


@pytest.mark.parametrize(
    "name",
    ["anomaly.GaussianScorer", "anomaly.StandardAbsoluteDeviation", "anomaly.OneClassSVM", "time_series.SNARIMAX"],
)
def test_a_spike_is_seen(name: str) -> None:
    params = {"p": 2, "d": 0, "q": 1} if name.endswith("SNARIMAX") else None
    scores = scored(River(estimator=name, params=params), series())
    assert scores.score[BOOM] > 0.999


@pytest.mark.parametrize("name", ["drift.ADWIN", "drift.PageHinkley", "drift.KSWIN"])
def test_a_drift_scores_one_when_it_is_detected(name: str) -> None:
    scores = scored(River(estimator=name), series(shift=3))
    assert set(scores.score) <= {0.0, 1.0}
    assert (scores.score[BOOM : BOOM + 100] == 1).any()
    assert scores.score[:BOOM].sum() <= 3


@pytest.mark.parametrize("name", ["anomaly.GaussianScorer", "time_series.HoltWinters"])
def test_scores_are_tail_probabilities(name: str) -> None:
    detector = River(estimator=name, params={"alpha": 0.1} if "Holt" in name else None)
    scores = scored(detector, np.random.default_rng(4).normal(0, 1, 12_000)).score[1_000:]
    assert 0.005 < np.mean(scores >= 0.99) < 0.02
    assert 0.0002 < np.mean(scores >= 0.999) < 0.003


def test_a_forecaster_tells_what_it_expected_and_the_band() -> None:
    values = series()
    scores = scored(River(estimator="time_series.HoltWinters", params={"alpha": 0.1}), values)
    later = slice(500, BOOM)
    assert np.mean(np.abs(scores.expected[later] - 10)) < 0.5
    inside = (values[later] >= scores.low[later]) & (values[later] <= scores.high[later])
    assert inside.mean() > 0.99


def test_the_hour_is_a_feature() -> None:
    times = 900.0 * np.arange(4_000)
    values = 10 * np.sin(times / 86400 * 2 * np.pi) + np.random.default_rng(5).normal(0, 0.5, 4_000)
    values[3_900] = 9.0 if math.sin(times[3_900] / 86400 * 2 * math.pi) < 0 else -9.0
    detector = River(
        estimator="anomaly.HalfSpaceTrees", features=["value", "hour"], params={"n_trees": 50, "height": 6}
    )
    detector.grow(1)
    scores = detector.update(Observations.of([0] * 4_000, times, values)).score
    assert scores[3_900] > np.nanquantile(scores, 0.95)


def test_what_is_beyond_the_bound_is_refused_and_counted() -> None:
    detector = River(estimator="anomaly.GaussianScorer", max_instances=2, warmup=10)
    detector.grow(5)
    rng = np.random.default_rng(1)
    batch = Observations.of(np.arange(1_000) % 5, 60.0 * (np.arange(1_000) // 5), rng.normal(size=1_000))
    scores = detector.update(batch)
    assert detector.refused == 3
    assert np.isnan(scores.score[batch.series >= 2]).all()
    assert not np.isnan(scores.score[-5:][:2]).any()
    other = River(estimator="anomaly.GaussianScorer", max_instances=2, warmup=10)
    other.load(detector.state())
    assert other.refused == 3
    detector.reset(np.array([0, 3], np.int32))
    assert detector.refused == 2
    detector.update(batch._replace(series=np.full(1_000, 4, np.int32)))
    assert detector.refused == 1


def test_a_fleet_learns_together() -> None:
    detector = River(estimator="anomaly.GaussianScorer", per="fleet", max_instances=1)
    detector.grow(300)
    rng = np.random.default_rng(1)
    detector.update(Observations.of(np.arange(300), np.zeros(300), rng.normal(50, 1, 300)))
    found = detector.update(Observations.of([7, 8], [60, 60], [50.0, 70.0])).score
    assert found[0] < 0.99 < found[1]
    assert detector.refused == 0


def test_an_instance_that_fails_is_started_afresh_and_counted() -> None:
    detector = River(estimator="time_series.SNARIMAX", params={"p": 1, "d": 0, "q": 0}, warmup=10)
    values = series()
    values[100:103] = [1e300, -1e300, 1e300]
    scores = scored(detector, values)
    assert detector.failures > 0
    assert not np.isnan(scores.score[-100:]).any()


@pytest.mark.parametrize("case", [case for case in CASES if "PredictiveAnomaly" not in names(case)], ids=names)
def test_every_family_keeps_the_contract(case: dict[str, Any]) -> None:
    for check in checks(lambda: River(**case, warmup=10)):
        if check.__name__ in ("check_batches_do_not_matter", "check_state_survives_a_round_trip"):
            check(lambda: River(**case, warmup=10))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"estimator": "anomaly.HalfSpaceTree"}, "did you mean 'anomaly.HalfSpaceTrees'"),
        ({"estimator": "river.drift.adwin"}, "did you mean 'drift.ADWIN'"),
        ({"estimator": "anomaly.nothing_like_it"}, "it has anomaly.GaussianScorer"),
        ({"estimator": "anomaly"}, "River has no 'anomaly'"),
        ({"estimator": "drift.nowhere.DDM"}, "no such module"),
        ({"estimator": "os.system"}, "name one of anomaly"),
        ({"estimator": "linear_model.LinearRegression"}, "name one of anomaly"),
        ({"estimator": "anomaly.__builtins__"}, "River has no"),
        ({"estimator": "anomaly.hst.typing"}, "River has no"),
        ({"estimator": "anomaly.GaussianScorer", "params": {"window": 3}}, "did you mean 'window_size'"),
        ({"estimator": "drift.NoDrift", "params": {"x": 3}}, "it takes none"),
        ({"estimator": "anomaly.ThresholdFilter"}, "cannot be made"),
        (
            {"estimator": "drift.DriftRetrainingClassifier", "params": {"model": None}},
            "is no anomaly detector|cannot be made",
        ),
        ({"estimator": "anomaly.GaussianScorer", "max_instances": 0}, "1 or more"),
        ({"estimator": "anomaly.GaussianScorer", "warmup": 1}, "10 or more"),
        ({"estimator": "anomaly.GaussianScorer", "per": "team"}, "series or fleet"),
        ({"estimator": "anomaly.GaussianScorer", "features": ["colour"]}, "value, change, hour, weekday"),
    ],
)
def test_bad_parameters_say_what_is_allowed(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        River(**config)


class Evil:
    """What a snapshot must not run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("evil",)


@pytest.mark.parametrize("data", [b"", b"garbage", pickle.dumps(Evil()), pickle.dumps((1, 2))])
def test_what_is_no_state_is_refused(data: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    detector = River(estimator="drift.NoDrift")
    with pytest.raises(ValueError, match="no river state"):
        detector.load({"pickle": np.frombuffer(data, np.uint8)})
    with pytest.raises(ValueError, match="one array"):
        detector.load({})
    assert capsys.readouterr().out == ""
