"""The peer kind: who departs from its cohort, whatever the cohort does."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.base import Floats, Observations, Scores, Signal
from detectors.durations import Duration
from detectors.peer import Peer
from detectors.peer_cohort import SAMPLE
from detectors.peer_kernel import ROW
from detectors.trials import chosen_rows, part
from tests.detectors.plain_peer import PlainPeer

HOUR = 3600.0
WINDOWS, MEMBERS = 500, 30


def batch(values: Floats, *, group: Any = None, start: int = 0, order: Any = None) -> Observations:
    """Return `values` (window × member) as a batch; within each window in `order`."""
    times, members = np.indices(values.shape)
    series = np.asarray(members if order is None else order)
    each = np.zeros(values.shape[1], np.int32) if group is None else np.asarray(group, np.int32)
    found = np.take_along_axis(values, series, 1)
    return Observations.of(series.ravel(), HOUR * (start + times.ravel()), found.ravel(), group=each[series.ravel()])


def peer(size: int = MEMBERS, **config: Any) -> Peer:
    """Return a detector of hourly windows with room for so many."""
    detector = Peer(**({"cohort": ["plan"]} | config))
    detector.prepare(HOUR)
    detector.grow(size)
    return detector


def scored(values: Floats, **config: Any) -> Scores:
    """Return the scores of `values`, of the same shape."""
    scores = peer(values.shape[1], **config).update(batch(values))
    scores.score = scores.score.reshape(values.shape)
    return scores


def fleet(seed: int = 1, noise: float = 0.1, *, members: int = MEMBERS, windows: int = WINDOWS) -> Floats:
    """Return members of very different sizes that follow one rhythm."""
    rng = np.random.default_rng(seed)
    rhythm = 2 + 1.5 * np.sin(np.arange(windows)[:, None] / 24 * 2 * np.pi)
    return 10 ** rng.uniform(0, 4, members) * rhythm * rng.lognormal(0, noise, (windows, members))


def centre(detector: Peer) -> float:
    """Return where the first cohort was in its latest closed window."""
    group = detector._groups[0]
    return float(group["closed_centre"][group["latest"]])


def told(scores: Floats, start: int = 0, end: int | None = None) -> NDArray[np.intp]:
    """Return how many windows of each member were a breach."""
    found: NDArray[np.intp] = (scores[start:end] >= Peer.raise_score).sum(axis=0)
    return found


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    members=st.integers(2, 9),
    noise=st.sampled_from([0.01, 0.3, 1.0]),
    missing=st.sampled_from([0.0, 0.2]),
    adopt=st.sampled_from(["6h", "2d"]),
)
def test_it_is_what_a_plain_one_says(seed: int, members: int, noise: float, missing: float, adopt: str) -> None:
    rng = np.random.default_rng(seed)
    values = np.round(fleet(seed, noise, members=members, windows=120), 2)
    values[60:, 0] *= rng.choice([0.0, 0.5, 1.0, 3.0])
    values[90:] *= rng.choice([0.1, 1.0, 10.0])
    stream = batch(values, order=rng.permuted(np.indices(values.shape)[1], axis=1))
    kept = rng.random(len(stream.value)) >= missing
    stream = chosen_rows(stream, kept)
    detector = peer(members, members=3, warmup=12, memory=Duration("2d"), adopt=Duration(adopt))
    scores = detector.update(stream)
    plain = PlainPeer(members=3, warmup=12, share=1 / 48, adopt=float(Duration(adopt)))
    expected = np.array([plain.update(*row) for row in zip(*(each.tolist() for each in stream[:3]), strict=True)])
    np.testing.assert_allclose(scores.score, expected[:, 0], rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(scores.expected, expected[:, 1], rtol=1e-4)


def test_a_cohort_that_moves_together_is_no_signal() -> None:
    values = fleet()
    values[400:] *= 0.2
    assert told(scored(values).score, 395, 420).sum() <= 1


def test_one_that_departs_is_told_in_its_second_window_at_the_latest() -> None:
    values = fleet()
    values[400:, [0, 29]] *= 0.4
    scores = scored(values).score
    assert scores[400, 29] > 0.999  # the others came before it in the window
    assert scores[400, 0] < 0.999
    assert (scores[401:404, [0, 29]] > 0.999).all()
    others = np.delete(scores[400:], [0, 29], axis=1)
    assert (others > 0.999).mean() < 0.001


def test_scores_are_tail_probabilities() -> None:
    rng = np.random.default_rng(5)
    for noise in (
        rng.normal(1, 0.1, (WINDOWS, MEMBERS)),
        rng.lognormal(0, 0.5, (WINDOWS, MEMBERS)),
        1 + 0.05 * rng.standard_t(3, (WINDOWS, MEMBERS)),
        1 + rng.normal(size=(WINDOWS, MEMBERS)) * rng.uniform(0.02, 0.3, MEMBERS),
        rng.poisson(20, (WINDOWS, MEMBERS)) / 20,
    ):
        seen = scored(fleet(noise=0) * noise).score[100:]
        assert not np.isnan(seen).any()
        assert 0.02 < (seen > 0.9).mean() < 0.11
        assert 0.001 < (seen > 0.99).mean() < 0.012
        assert (seen > 0.999).mean() < 0.0015


def test_differences_are_compared_where_asked() -> None:
    rng = np.random.default_rng(2)
    values = 5 * np.sin(np.arange(WINDOWS) / 4)[:, None] + rng.normal(0, 1, (WINDOWS, MEMBERS))
    values += np.linspace(-50, 50, MEMBERS)
    values[450:, 7] += 8
    scores = scored(values, compare="difference")
    assert told(scores.score, 450, 460)[7] >= 8
    assert told(np.delete(scores.score, 7, axis=1), 100).sum() < 0.002 * values.size
    assert scores.expected.reshape(values.shape)[452, 7] == pytest.approx(values[452, 7] - 8, abs=4)


def test_directions() -> None:
    values = fleet()
    values[400:, 28] *= 0.3
    values[400:, 29] *= 3
    assert told(scored(values, direction="down").score, 400, 410)[28:].tolist() == [10, 0]
    up = scored(values, direction="up")
    assert told(up.score, 400, 410)[28:].tolist() == [0, 10]
    assert np.isneginf(up.low).all()


def test_a_slow_drift_of_the_cohort_is_followed() -> None:
    values = fleet() * np.exp(np.arange(WINDOWS) / 100)[:, None]
    assert (scored(values).score[100:] > 0.999).mean() < 0.001


def test_sizes_that_wander_each_for_itself_are_followed() -> None:
    values = fleet() * np.exp(np.random.default_rng(3).normal(0, 0.01, (WINDOWS, MEMBERS)).cumsum(axis=0))
    assert (scored(values).score[100:] > 0.999).mean() < 0.002


def test_a_noisy_member_is_judged_by_its_own_measure_and_spoils_no_other() -> None:
    values = fleet()
    calm = scored(values).score
    values[:, 3] *= np.random.default_rng(4).lognormal(0, 0.8, WINDOWS)
    noisy = scored(values).score
    assert (noisy[100:, 3] > 0.999).mean() < 0.01
    others = np.delete(noisy - calm, 3, axis=1)[100:]
    assert np.abs(others).mean() < 0.05


def test_the_majority_is_right() -> None:
    values = fleet()
    hit = np.arange(MEMBERS) < 24
    values[400:450, hit] *= np.random.default_rng(6).uniform(0.1, 0.5, 24)
    assert told(scored(values).score[:, hit], 400, 450).sum() == 0


def test_a_cohort_split_in_half_blames_nobody() -> None:
    values = fleet()
    values[400:450, ::2] *= 0.3
    assert told(scored(values).score, 400, 450).sum() <= 2


def test_a_fifth_that_is_ill_is_told() -> None:
    values = fleet(members=40)
    values[400:420, :8] *= 0.3
    scores = scored(values).score
    assert told(scores[:, :8], 401, 420).min() >= 10
    assert told(scores[:, 8:], 400, 420).sum() <= 2


def test_a_small_cohort_says_and_learns_nothing() -> None:
    detector = peer(4)
    values = fleet(members=4)
    assert np.isnan(detector.update(batch(values)).score).all()
    assert not detector._rows.view(ROW)["aligned"].any()


def test_a_cohort_that_grows_begins_to_speak() -> None:
    detector = peer(6)
    values = fleet(members=6)
    detector.update(batch(values[:100, :4]))
    scores = detector.update(batch(values[100:], start=100)).score.reshape(-1, 6)
    assert np.isnan(scores[:30]).all()
    assert not np.isnan(scores[60:]).any()


def test_a_new_member_of_an_old_cohort_is_watched_first() -> None:
    detector = peer()
    values = fleet()
    detector.update(batch(values[:200, :29]))
    scores = detector.update(batch(values[200:], start=200)).score.reshape(-1, MEMBERS)
    assert np.isnan(scores[:31, 29]).all()
    assert not np.isnan(scores[45:, 29]).any()
    assert (scores[45:, 29] > 0.999).mean() < 0.01


def test_a_departure_that_lasts_is_the_new_usual() -> None:
    values = fleet()
    values[300:, 5] *= 10
    scores = scored(values, adopt=Duration("1d")).score
    assert told(scores, 301, 320)[5] >= 18
    assert np.isnan(scores[330:350, 5]).all()
    assert told(scores, 370)[5] == 0


def test_cohorts_are_judged_each_for_itself() -> None:
    values = fleet(members=20)
    group = np.arange(20) % 2
    values[400:, group == 1] *= 0.3
    detector = peer(20)
    scores = detector.update(batch(values, group=group)).score.reshape(values.shape)
    assert told(scores, 395, 420).sum() <= 1
    assert detector.state()["groups"].shape[0] == 2


def test_a_customer_whose_plan_changed_starts_anew_among_the_others() -> None:
    values = fleet(members=20)
    group = np.arange(20) % 2
    values[300:, group == 1] *= 0.3
    detector = peer(20)
    detector.update(batch(values[:300], group=group))
    group[1] = 0
    values[300:, 1] /= 0.3
    after = detector.update(batch(values[300:], group=group, start=300)).score.reshape(-1, 20)
    assert np.isnan(after[:30, 1]).all()
    assert not np.isnan(after[50:, 1]).any()
    assert told(after)[1] == 0


def test_without_a_group_nothing_is_said() -> None:
    detector = peer(6)
    scores = detector.update(batch(fleet(members=6), group=[-1] * 6))
    assert np.isnan(scores.score).all()
    assert len(detector.state()["groups"]) == 0


def test_the_order_within_a_window_does_not_change_what_is_learned() -> None:
    values = fleet()
    one, other = peer(), peer()
    one.update(batch(values))
    other.update(batch(values, order=np.random.default_rng(1).permuted(np.indices(values.shape)[1], axis=1)))
    np.testing.assert_allclose(one._rows.view(ROW)["size"], other._rows.view(ROW)["size"], rtol=0.02)
    assert centre(one) == pytest.approx(centre(other), rel=0.01)


def test_the_centre_of_a_large_cohort_is_that_of_a_fair_sample() -> None:
    rng = np.random.default_rng(8)
    members = 2000
    off = []
    for seed in range(20):
        values = np.ones((12, members))
        values[10] = np.sort(np.random.default_rng(seed).lognormal(0, 0.5, members))  # the worst of orders
        detector = peer(members)
        detector.update(batch(values))
        off.append(math.log(centre(detector) / np.median(values[10])))
    assert np.std(off) < 2 * 1.25 * 0.5 / math.sqrt(SAMPLE)
    assert abs(np.mean(off)) < 0.05, rng


def test_what_is_nil_for_most_is_not_compared() -> None:
    values = np.random.default_rng(1).poisson(0.05, (WINDOWS, MEMBERS)).astype(float)
    assert np.isnan(scored(values).score).all()


@pytest.mark.parametrize("scale", [2.0**-100, 2.0**-30, 2.0**30, 2.0**60])
def test_the_scale_does_not_matter(scale: float) -> None:
    values = fleet(windows=200)
    np.testing.assert_array_equal(scored(values * scale).score, scored(values).score)


BURSTS = [math.nan, math.inf, -math.inf, 5e-324, 0.0, 1e300, -1e300]


@pytest.mark.parametrize("value", BURSTS)
def test_a_burst_of_nonsense_of_one_member_makes_no_storm(value: float) -> None:
    values = fleet()
    values[300:310, 4] = value
    scores = scored(values).score
    assert told(scores, 100).sum() - told(scores, 300, 310)[4] < 0.002 * values.size
    assert told(scores, 312, 360)[4] <= 1


@pytest.mark.parametrize("constant", [0.0, 1e9, 1e-9, 5e-324, -7.0])
@pytest.mark.parametrize("compare", ["ratio", "difference"])
def test_constants_make_no_storm(constant: float, compare: str) -> None:
    scores = scored(np.full((100, 8), constant), compare=compare)
    assert told(scores.score).sum() == 0


def test_a_step_at_the_first_point_is_forgotten() -> None:
    values = fleet()
    values[0, 3] *= 1000
    assert (scored(values).score[100:] > 0.999).mean() < 0.001


def test_one_point_only_is_no_opinion() -> None:
    assert np.isnan(scored(fleet(windows=1)).score).all()


def test_a_gap_of_months_is_no_storm() -> None:
    values = fleet()
    detector = peer()
    detector.update(batch(values[:300]))
    after = detector.update(batch(values[300:], start=3000)).score.reshape(-1, MEMBERS)
    assert (after > 0.999).mean() < 0.001


def test_the_same_window_twice_teaches_once() -> None:
    values = fleet(windows=100)
    once, twice = peer(), peer()
    once.update(batch(values))
    doubled = batch(np.repeat(values, 2, axis=0))
    twice.update(doubled._replace(time=doubled.time // (2 * HOUR) * HOUR))
    np.testing.assert_array_equal(once._rows, twice._rows)


def test_a_late_row_is_not_judged_and_a_clock_set_back_starts_anew() -> None:
    values = fleet()
    detector = peer()
    detector.update(batch(values[:200]))
    assert np.isnan(detector.update(batch(values[:1], start=198)).score).all()
    back = detector.update(batch(values[200:300], start=50)).score.reshape(-1, MEMBERS)
    assert (back[1:] > 0.999).mean() < 0.001
    assert not np.isnan(back[1:]).any()


def test_what_is_under_least_is_no_breach() -> None:
    values = fleet()
    values[400:, 29] *= 0.4
    assert told(scored(values, least=1e6).score, 100).sum() == 0


def test_a_round_trip_in_mid_window() -> None:
    values = batch(fleet())
    whole, first, second = peer(), peer(), peer()
    cut = 300 * MEMBERS + 7
    expected = whole.update(values).score[cut:]
    first.update(part(values, 0, cut))
    second.load({name: array.copy() for name, array in first.state().items()})
    rest = second.update(part(values, cut, len(values.value)))
    np.testing.assert_array_equal(rest.score, expected)
    assert all(array.tobytes() == second.state()[name].tobytes() for name, array in whole.state().items())


def _signal(**changes: Any) -> Signal:
    signal = Signal("peers", "peer", 0, "raised", 0.0, HOUR, 0.9999, 35.0, 100.0, 90.0, 110.0, {"members": 24.0})
    return replace(signal, **changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "The value was 35; between 90 and 110 was expected as the 24 customers of its cohort went."),
        ({"low": -math.inf}, "The value was 35; up to 110 was expected as the 24 customers of its cohort went."),
        ({"high": math.inf}, "The value was 35; at least 90 was expected as the 24 customers of its cohort went."),
        ({"expected": math.nan}, "The value was 35; too little is known yet of its cohort."),
    ],
)
def test_it_explains_itself(changes: dict[str, Any], sentence: str) -> None:
    assert peer().explain(_signal(**changes)) == sentence


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"compare": "rank"}, "choose one of ratio, difference"),
        ({"direction": "left"}, "choose one of up, down, both"),
        ({"members": 1}, "at least 2"),
        ({"warmup": 3}, "10 to 10000 windows"),
        ({"least": -1.0}, "0 or a positive number"),
        ({"adopt": Duration("0s")}, "positive duration"),
        ({"memory": Duration(math.inf)}, "positive duration"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        peer(**arguments)


def test_a_state_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="an array `groups` of bytes"):
        peer().load({"rows": np.zeros((1, 56), np.uint8), "groups": np.zeros((1, 4), np.uint8)})
