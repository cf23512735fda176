"""The scorer against sums made by hand, and against the published scores of three detectors."""

import math
import os
from pathlib import Path

import numpy as np
import pytest

from tests.nab.corpus import Costs, Series, read_corpus, read_profiles, read_published, read_results
from tests.nab.scorer import at_thresholds, curve, normalised, optimised, outcomes, transferred, weigh, windows

NAB = Path(os.environ.get("FOREWARN_DATA", Path(__file__).parents[3] / "shared" / "data")) / "nab"
needs_data = pytest.mark.skipif(
    not NAB.is_dir(), reason=f"NAB: there is no folder {NAB}; set FOREWARN_DATA to the folder that holds nab"
)
STANDARD = Costs(1.0, 0.11, 1.0)


def series(*windows: tuple[int, int], rows: int = 100) -> Series:
    return Series("made/up.csv", np.arange(float(rows)), np.zeros(rows), windows)


def told(*rows: int, of: int = 100) -> np.ndarray:
    scores = np.zeros(of)
    scores[list(rows)] = 1.0
    return scores


def raw(scores: np.ndarray, each: Series, costs: Costs = STANDARD) -> float:
    return curve([scores], [weigh(each)], costs).at(1.0)


def test_the_first_row_of_a_window_is_worth_one_and_the_middle_less() -> None:
    assert raw(told(40), series((40, 49))) == pytest.approx(1.0)
    half = (2 / (1 + math.exp(-2.5)) - 1) / (2 / (1 + math.exp(-5)) - 1)
    assert raw(told(45), series((40, 49))) == pytest.approx(half)


def test_a_window_counts_once_by_its_best_row() -> None:
    assert raw(told(41, 42, 49), series((40, 49))) == raw(told(41), series((40, 49)))


def test_nothing_told_costs_each_window() -> None:
    assert raw(told(), series((40, 49), (60, 69))) == -2.0
    assert raw(told(), series((40, 49)), Costs(1.0, 0.11, 2.0)) == -2.0


def test_a_false_alarm_costs_all_before_the_first_window_and_less_just_behind_one() -> None:
    each = series((40, 49))
    assert raw(told(20), each) == pytest.approx(-1.0 - 0.11)
    assert raw(told(50), each) == pytest.approx(-1.0 + 0.11 * (2 / (1 + math.exp(5 / 9)) - 1))
    assert raw(told(76), each) == pytest.approx(-1.0 - 0.11)


def test_probation_is_not_counted() -> None:
    assert raw(told(14), series((40, 49))) == -1.0
    assert raw(told(15), series((40, 49))) == pytest.approx(-1.11)


def test_the_curve_holds_every_threshold_and_finds_the_best() -> None:
    scores = told(40)
    scores[20] = 0.5
    found = curve([scores], [weigh(series((40, 49)))], STANDARD)
    assert found.at(2.0) == -1.0
    assert found.best() == pytest.approx((1.0, 1.0))
    assert found.at(0.5) == pytest.approx(0.89)


def test_tied_scores_are_told_together() -> None:
    assert curve([told(20, 40)], [weigh(series((40, 49)))], STANDARD).best() == pytest.approx((1.0, 0.89))


def test_outcomes_count_windows_hit_and_false_points() -> None:
    assert outcomes(told(10, 20, 41, 42, 65), weigh(series((40, 49), (80, 89))), 1.0) == (1, 2)


def test_a_threshold_that_is_right_everywhere_transfers_whole() -> None:
    weights = [weigh(series((40, 49))) for _ in range(6)]
    assert transferred([told(40)] * 6, weights, STANDARD) == pytest.approx(100.0)


def test_a_threshold_that_differs_between_series_does_not_transfer() -> None:
    weights = [weigh(series((40, 49))) for _ in range(6)]
    scores = [told(40) * (1 + i % 2) + 1.5 * told(*range(20, 35)) * (i % 2) for i in range(6)]
    best, _ = optimised(scores, weights, {"standard": STANDARD})
    assert transferred(scores, weights, STANDARD) < best["standard"]


def test_no_windows_have_no_score() -> None:
    assert math.isnan(normalised(0.0, 0, STANDARD))


@needs_data
@pytest.mark.parametrize("detector", ["contextOSE", "randomCutForest", "windowedGaussian"])
def test_published_scores_are_reproduced_to_two_decimals(detector: str) -> None:
    corpus, results, published = read_corpus(NAB), read_results(NAB, detector), read_published(NAB, detector)
    weights = [weigh(each) for each in corpus]
    assert windows(weights) == 116
    thresholds = {name: threshold for name, (threshold, _) in published.items()}
    found = at_thresholds([results[each.name] for each in corpus], weights, read_profiles(NAB), thresholds)
    assert {name: round(score, 2) for name, score in found.items()} == {
        name: round(score, 2) for name, (_, score) in published.items()
    }
