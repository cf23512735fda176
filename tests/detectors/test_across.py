"""Cohorts whose members are spread over partitions: each tells a part, and is told where the whole was."""

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.across import MOST, Part, Whole, merged, thinned
from detectors.base import Floats, Observations, Scores
from detectors.peer import Peer
from detectors.peer_cohort import BEFORE, GROUP

HOUR = 3600.0
NUMBERS = st.lists(st.integers(-1000, 1000), min_size=1, max_size=40)


@given(NUMBERS, st.integers(1, 5), st.randoms())
def test_what_few_members_tell_is_merged_exactly(values: list[int], partitions: int, random: "object") -> None:
    split = [sorted(values[at::partitions]) for at in range(partitions)]
    parts = [Part(0.0, len(each), 0, [float(x) for x in each]) for each in split if 0 < len(each) <= MOST]
    told = [x for part in parts for x in part.values]
    if not told:
        return
    whole = merged(parts)
    middle = statistics.median(told)
    assert whole.centre == middle
    assert whole.spread == sorted(abs(x - middle) for x in told)[(len(told) + 1) // 2 - 1]


@given(st.integers(17, 64), st.integers(0, 2**32 - 1))
def test_many_members_are_told_by_their_quantiles(n: int, seed: int) -> None:
    values = np.sort(np.random.default_rng(seed).normal(size=n))
    part = Part(0.0, n, 0, thinned(values))
    assert len(part.values) == MOST
    below = np.searchsorted(values, merged([part]).centre) / n
    assert abs(below - 0.5) <= 1 / n + 1 / 32


def test_one_that_is_far_off_moves_nothing() -> None:
    parts = [Part(0.0, 1, 0, [1.0 + n / 100]) for n in range(11)] + [Part(0.0, 1, 0, [1e9])]
    assert merged(parts).centre < 1.1


def fleet(seed: int = 3, members: int = 12, windows: int = 300) -> Floats:
    rng = np.random.default_rng(seed)
    rhythm = 2 + np.sin(np.arange(windows)[:, None] / 24 * 2 * np.pi)
    values: Floats = 10 ** rng.uniform(0, 3, members) * rhythm * rng.lognormal(0, 0.1, (windows, members))
    values[200:] *= 0.3  # all of them fall
    values[250:, 5] *= 0.3  # and one of them further
    return values


def made(members: int) -> Peer:
    detector = Peer(cohort=["plan"], members=5)
    detector.prepare(HOUR)
    detector.grow(members)
    return detector


def alone(values: Floats) -> Floats:
    """Return the scores where all are in one partition."""
    windows, members = values.shape
    times, series = np.indices(values.shape)
    batch = Observations.of(series.ravel(), HOUR * times.ravel(), values.ravel(), group=np.zeros(values.size, int))
    found: Floats = made(members).update(batch).score.reshape(windows, members)
    return found


def apart(values: Floats, partitions: int) -> Floats:
    """Return the scores where members are dealt out to partitions, which tell each other of each window."""
    detectors = [made(values.shape[1]) for _ in range(partitions)]
    found = np.full(values.shape, np.nan)
    for window, row in enumerate(values):
        for at, detector in enumerate(detectors):
            mine = np.arange(at, len(row), partitions)
            time = np.full(len(mine), HOUR * window)
            batch = Observations.of(mine, time, row[mine], group=np.zeros(len(mine), int))
            found[window, mine] = detector.update(batch).score
        parts = [part for detector in detectors for part in detector.parts() if part is not None]
        for detector in detectors:
            detector.hear(0, merged(parts))
    return found


@pytest.mark.parametrize("partitions", [2, 4, 12])
def test_members_in_many_partitions_are_judged_as_in_one(partitions: int) -> None:
    """Within 2 windows: by itself a partition does not see the others of the same window, only those before."""
    values = fleet()
    one, many = alone(values), apart(values, partitions)
    assert (one[250:254, 5] > 0.999).any()
    assert (many[250:256, 5] > 0.999).any()
    others = np.delete(many[60:], 5, axis=1)
    assert np.isfinite(others).mean() > 0.95
    assert (others > 0.999).mean() < 0.01
    calm = np.abs(many[60:200] - one[60:200])
    assert np.nanmedian(calm) < 0.05


def test_without_being_told_a_partition_with_few_members_says_nothing() -> None:
    values = fleet()
    detector = made(3)
    times, series = np.indices((300, 3))
    scores: Scores = detector.update(
        Observations.of(series.ravel(), HOUR * times.ravel(), values[:, :3].ravel(), group=np.zeros(900, int))
    )
    assert np.isnan(scores.score).all()


def test_what_is_told_of_a_closed_window_stands_from_then_on() -> None:
    detector = made(3)
    for window in range(3):
        detector.update(Observations.of([0, 1, 2], [HOUR * window] * 3, [1.0, 2.0, 3.0], group=[0, 0, 0]))
    detector.hear(0, Whole(HOUR, 7.0, 1.0, 9, 0))
    group = detector._groups[0]
    at = list(group["closed_time"]).index(HOUR)
    assert (group["closed_centre"][at], group["closed_members"][at]) == (7.0, 9)
    detector.hear(7, Whole(HOUR, 7.0, 1.0, 9, 0))  # of a cohort that has no member here


def test_a_state_of_the_version_before_is_taken_over() -> None:
    detector = made(3)
    detector.update(Observations.of([0, 1, 2], [0.0] * 3, [1.0, 2.0, 3.0], group=[0, 0, 0]))
    state = dict(detector.state())
    assert state["groups"].shape[1] == GROUP.itemsize == BEFORE + 32
    assert not state["groups"][:, BEFORE:].any()
    other = made(3)
    other.load({**state, "groups": state["groups"][:, :BEFORE]})
    assert {name: array.tobytes() for name, array in other.state().items()} == {
        name: array.tobytes() for name, array in state.items()
    }
