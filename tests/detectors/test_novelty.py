"""The novelty kind: what was never seen here is told, where that is rare."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.base import Floats, Observations, Scores, Signal
from detectors.durations import Duration
from detectors.monitor import Monitor
from detectors.novelty import Novelty
from detectors.novelty_kernel import ROW
from detectors.raising import RaiseRule
from detectors.trials import part

HOUR = 3600.0
USUAL = [0, 1, 2] * 200


def arrivals(codes: Sequence[int], *, start: int = 0, group: int = 0, value: Any = 1.0) -> Observations:
    """Return one arrival an hour."""
    n = len(codes)
    return Observations.of(codes, HOUR * (start + np.arange(n)), np.broadcast_to(value, n), group=np.full(n, group))


def novelty(size: int = 1000, **config: Any) -> Novelty:
    """Return a detector with room for so many categories."""
    detector = Novelty(**config)
    detector.grow(size)
    return detector


def after(*codes: int, **config: Any) -> Scores:
    """Return the scores of `codes` after 600 arrivals of the usual ones."""
    detector = novelty(**config)
    detector.update(arrivals(USUAL))
    return detector.update(arrivals(codes, start=len(USUAL)))


class Plain:
    """One group, plainly: every arrival with the weight its category had then."""

    def __init__(self, half_life: float, warmup: float) -> None:
        self.half_life, self.warmup = half_life, warmup
        self.seen: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
        self.past: list[tuple[float, float, float]] = []

    def update(self, code: int, time: float, value: float) -> float:
        """Score, then learn."""
        weight = self.weight(code, time)
        total = sum(self.fade(each, time) for each, _, _ in self.past)
        if total < self.warmup or not self.past:
            said = math.nan
        elif value <= 0:
            said = 0.0
        else:
            counts = [(octave(rarity), self.fade(each, time) * keep) for each, rarity, keep in self.past]
            rare = 0.5 + sum(count for each, count in counts if each <= octave(weight))
            said = 1 - rare / (1 + sum(count for _, count in counts))
        if value > 0:
            self.learn(code, time, weight, total)
        return said

    def learn(self, code: int, time: float, weight: float, total: float) -> None:
        """Note an arrival; those before count a little less."""
        keep = 1 - 1 / (total + 1)
        self.past = [(each, rarity, before * keep) for each, rarity, before in self.past]
        self.past.append((time, weight, 1.0))
        self.seen[code].append((time, weight + 1))

    def weight(self, code: int, time: float) -> float:
        """Return how often a category came, discounted; nil where it has faded."""
        if not self.seen[code]:
            return 0.0
        since, weight = self.seen[code][-1]
        weight *= self.fade(since, time)
        return weight if weight >= 1 / 16 else 0.0

    def fade(self, since: float, time: float) -> float:
        """Return what time has left of 1."""
        return float(0.5 ** ((time - since) / self.half_life))


def octave(weight: float) -> int:
    """Return the octave of a weight."""
    return 0 if weight == 0 else min(1 + math.floor(math.log2(weight * 16)), 15)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    codes=st.sampled_from([1, 3, 40]),
    half_life=st.sampled_from([5 * HOUR, 50 * HOUR, 5000 * HOUR]),
    warmup=st.sampled_from([1, 7]),
)
def test_it_is_what_a_plain_one_says(seed: int, codes: int, half_life: float, warmup: int) -> None:
    rng = np.random.default_rng(seed)
    time = HOUR * np.cumsum(rng.choice([0.0, 0.9, 30.0], 150, p=[0.2, 0.77, 0.03]))
    stream = Observations.of(rng.geometric(1 / codes, 150).clip(1, 99), time, rng.choice([0.0, 1.0, 7.0], 150))
    plain = Plain(half_life, warmup)
    expected = [plain.update(*row) for row in zip(*(each.tolist() for each in stream[:3]), strict=True)]
    scores = novelty(half_life=Duration(half_life), warmup=warmup).update(stream)
    np.testing.assert_allclose(scores.score, expected, rtol=1e-4, atol=1e-4)


def test_a_new_category_is_told_with_what_is_known_of_it() -> None:
    scores = after(7)
    assert scores.score[0] > 0.997
    assert scores.expected[0] == 0.0
    assert {name: round(float(column[0]), 3) for name, column in scores.extra.items()} == {
        "seen": 0.0,
        "unseen_share": 0.002,
        "arrivals": pytest.approx(456, abs=1),
    }


def test_a_usual_category_is_no_news() -> None:
    assert after(0, 1, 2).score.max() < 0.1


def test_what_is_new_stays_rare_until_it_is_usual() -> None:
    scores = after(*[7, 0, 1, 2] * 200).score[::4]
    assert (scores[:2] > 0.99).all()
    assert scores[100:].max() < 0.9


def test_a_category_that_was_forgotten_is_new_again() -> None:
    detector = novelty(half_life=Duration("1d"), warmup=20)
    detector.update(arrivals([7, *USUAL]))
    assert detector.update(arrivals([7], start=601)).score[0] > 0.9
    assert after(7, 0, 7, half_life=Duration("1d"), warmup=20).extra["seen"][2] == pytest.approx(1, abs=0.1)


def test_a_customer_whose_codes_are_ever_new_is_not_alarmed_by_one_more() -> None:
    scores = novelty(2000).update(arrivals(range(2000)))
    assert np.nanmax(scores.score) < 0.05
    assert scores.extra["unseen_share"][-1] > 0.99


def test_many_new_ones_at_once_are_told_less_and_less() -> None:
    scores = after(*range(10, 40)).score
    assert scores[0] > 0.99
    assert (np.diff(scores) < 0).all()
    assert scores[-1] < 0.95


def urn(rng: np.random.Generator, n: int, novelty: float) -> list[int]:
    """Return draws from Hoppe's urn: the next is new with probability novelty / (novelty + draws)."""
    drawn: list[int] = []
    for i in range(n):
        new = rng.random() < novelty / (novelty + i)
        drawn.append(len(set(drawn)) if new else drawn[rng.integers(i)])
    return drawn


SOURCES: dict[str, Callable[[np.random.Generator], list[int]]] = {
    "zipf": lambda rng: rng.zipf(1.5, 10_000).clip(1, 999).tolist(),
    "geometric": lambda rng: rng.geometric(0.3, 10_000).tolist(),
    "urn": lambda rng: urn(rng, 2_000, 5.0),
    "uniform": lambda rng: rng.integers(0, 20, 10_000).tolist(),
}


@pytest.mark.parametrize("source", SOURCES)
def test_scores_are_tail_probabilities(source: str) -> None:
    codes = SOURCES[source](np.random.default_rng(1))
    scores = novelty().update(arrivals(codes)).score[100:]
    assert (scores > 0.9).mean() < 0.11
    assert (scores > 0.99).mean() < 0.012
    assert (scores > 0.999).mean() < 0.002


def test_in_grace_nothing_is_said() -> None:
    scores = novelty(warmup=30).update(arrivals(USUAL))
    assert np.isnan(scores.score[:30]).all()
    assert not np.isnan(scores.score[31:]).any()


def test_groups_learn_each_for_itself() -> None:
    detector = novelty()
    detector.update(arrivals(USUAL, group=0))
    assert np.isnan(detector.update(arrivals([10], start=600, group=1)).score).all()
    assert len(detector.state()["groups"]) == 2


def test_a_window_of_none_is_calm_and_teaches_nothing() -> None:
    detector = novelty()
    detector.update(arrivals(USUAL))
    before = {name: array.copy() for name, array in detector.state().items()}
    assert detector.update(arrivals([7], start=600, value=0.0)).score.tolist() == [0.0]
    assert all(array.tobytes() == before[name].tobytes() for name, array in detector.state().items())


def test_it_is_raised_and_over() -> None:
    monitor = Monitor("codes", Novelty(), RaiseRule())
    monitor.grow(9)
    monitor.observe(arrivals(USUAL))
    signals = monitor.observe(arrivals([8, 0, 8, 8], start=600, value=[5.0, 1.0, 0.0, 0.0]))
    assert [(each.series, each.state) for each in signals] == [(8, "raised"), (8, "cleared")]
    assert signals[0].explanation == (
        "A category came that was not seen here before, in 456 recent arrivals; about 0.22 % of them are of a new one."
    )
    assert signals[1].explanation == "It did not come again."


def test_a_faded_category_is_as_one_never_seen() -> None:
    kept, forgotten = novelty(half_life=Duration("1h")), novelty(half_life=Duration("1h"))
    for detector in (kept, forgotten):
        detector.update(arrivals([7, 0, 1, 0, 1, 0, 1]))
    forgotten.reset(np.array([7], np.int32))
    rest = arrivals([7, 0, 7], start=7)
    kept.update(rest)
    forgotten.update(rest)
    assert kept.state()["rows"].tobytes() == forgotten.state()["rows"].tobytes()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nonsense_is_no_arrival(value: float) -> None:
    detector = novelty()
    assert np.isnan(detector.update(arrivals([3] * 100, value=value)).score).all()
    assert not detector._rows.view(ROW)["weight"].any()


@pytest.mark.parametrize("value", [5e-324, 1e-9, 1e9, 1e300])
def test_how_often_does_not_matter_to_how_rare(value: float) -> None:
    one, other = novelty(), novelty()
    expected: Floats = one.update(arrivals([*USUAL, 7])).score
    np.testing.assert_array_equal(other.update(arrivals([*USUAL, 7], value=value)).score, expected)


def test_times_that_go_back_or_repeat_count_as_now() -> None:
    detector = novelty()
    stream = arrivals([*USUAL, 7])
    scores = detector.update(stream._replace(time=stream.time[::-1].copy())).score
    assert scores[-1] > 0.99
    assert np.nanmax(scores[:-1]) < 0.1


def test_a_gap_of_months_makes_it_watch_again() -> None:
    detector = novelty(half_life=Duration("1w"))
    detector.update(arrivals(USUAL))
    assert np.isnan(detector.update(arrivals([0, 1, 7], start=24 * 180)).score).all()


def test_one_point_only_is_no_opinion() -> None:
    assert np.isnan(novelty().update(arrivals([0])).score).all()


def test_a_round_trip_in_mid_stream() -> None:
    stream = arrivals(np.random.default_rng(1).geometric(0.2, 500).tolist())
    whole, first, second = novelty(), novelty(), novelty()
    expected = whole.update(stream).score[300:]
    first.update(part(stream, 0, 300))
    second.load({name: array.copy() for name, array in first.state().items()})
    np.testing.assert_array_equal(second.update(part(stream, 300, 500)).score, expected)
    assert all(array.tobytes() == second.state()[name].tobytes() for name, array in whole.state().items())


def _signal(**changes: Any) -> Signal:
    extra = {"seen": 2.0, "unseen_share": 0.01, "arrivals": 400.0}
    signal = Signal("codes", "novelty", 0, "raised", 0.0, 60.0, 0.995, 5.0, math.nan, -math.inf, math.inf, extra)
    return replace(signal, **changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "A category came that is rare here: recently seen about 2 times in 400 arrivals."),
        ({"state": "cleared"}, "It is no longer rare here."),
        ({"extra": {}}, "It is too little known yet what is usual here."),
    ],
)
def test_it_explains_itself(changes: dict[str, Any], sentence: str) -> None:
    assert novelty().explain(_signal(**changes)) == sentence


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"half_life": Duration("0s")}, "positive duration"), ({"warmup": 0}, "1 arrival or more")],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Novelty(**arguments)


def test_a_state_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="an array `groups` of bytes"):
        novelty().load({"rows": np.zeros((1, 16), np.uint8), "groups": np.zeros((1, 4), np.uint8)})
