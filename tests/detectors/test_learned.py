"""The parts of the learned risk, each against a plain reference or what it promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.base import Floats
from detectors.learned import boosting, budget, drift, early, logistic, memory, outages, rates
from detectors.learned.boosting import Growth, Trees
from detectors.learned.features import Vectors

SMALL = Growth(trees=40, rate=0.1)
NODES = 2 * SMALL.leaves - 1


def sample(n: int = 600, seed: int = 1) -> tuple[Vectors, Floats]:
    """Return rows of which two columns tell the label together, one is sometimes unknown, and one is constant."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 5)).astype(np.float32)
    label = ((rows[:, 0] > 0) == (rows[:, 1] > 0.3)).astype(float)
    rows[rng.random(n) < 0.2, 2] = np.nan
    rows[:, 3] = 7.0
    return rows, label


def plain_margin(trees: Trees, row: Vectors) -> float:
    """Walk every tree, as the arrays say."""
    total = float(trees.base[0])
    for root in range(0, len(trees.column), NODES):
        node = root
        while trees.column[node] >= 0:
            right = bool(row[trees.column[node]] > trees.limit[node])
            node = root + int(trees.left[node]) + right
        total += float(trees.value[node])
    return total


def test_trees_are_scored_as_their_arrays_say_and_explained_in_full() -> None:
    rows, label = sample()
    trees = boosting.fit(rows, label, np.ones(len(rows)), SMALL, seed=1)
    for row in rows[:50]:
        margin = boosting.margin(trees, NODES, row)
        assert margin == pytest.approx(plain_margin(trees, row), abs=1e-12)
        parts = np.zeros(5)
        boosting.contributions(trees, NODES, row, parts)
        roots = trees.base[0] + trees.value[::NODES].sum()
        assert parts.sum() + roots == pytest.approx(margin, abs=1e-9)
        assert parts[3] == 0.0


def test_trees_learn_what_no_line_can() -> None:
    rows, label = sample()
    unseen, truth = sample(seed=2)
    trees = boosting.fit(rows, label, np.ones(len(rows)), Growth(), seed=1)
    line = logistic.fit(rows, label, np.ones(len(rows)))
    right = [(boosting.margin(trees, NODES, row) > 0) == (y > 0) for row, y in zip(unseen, truth, strict=True)]
    level = [(logistic.line_margin(line, row) > 0) == (y > 0) for row, y in zip(unseen, truth, strict=True)]
    assert np.mean(right) > 0.9
    assert np.mean(level) < 0.7


def test_what_chance_alone_would_gain_is_no_split() -> None:
    rng = np.random.default_rng(3)
    rows, coin = rng.normal(size=(1000, 8)).astype(np.float32), (rng.random(1000) < 0.3).astype(float)

    def spread(growth: Growth) -> float:
        trees = boosting.fit(rows, coin, np.ones(1000), growth, seed=1)
        return float(np.std([boosting.margin(trees, 2 * growth.leaves - 1, row) for row in rows]))

    assert spread(Growth()) < 0.7 * spread(Growth(least_gain=0.0))


def test_trees_are_the_same_for_the_same_seed() -> None:
    rows, label = sample(200)
    one, again, other = (boosting.fit(rows, label, np.ones(200), SMALL, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.value, again.value)
    assert np.array_equal(one.limit, again.limit)
    assert not np.array_equal(one.value, other.value)


def test_a_weight_counts_as_so_many_rows() -> None:
    rows, label = sample(300)
    everything = Growth(trees=10, column_share=1.0, row_share=1.0, least_rows=1)
    weights = np.where(label > 0, 3.0, 1.0)
    heavy = boosting.fit(rows, label, weights, everything, seed=1)
    often = np.repeat(np.arange(300), weights.astype(int))
    many = boosting.fit(rows[often], label[often], np.ones(len(often)), everything, seed=1)
    assert heavy.base[0] == pytest.approx(many.base[0])
    assert boosting.margin(heavy, NODES, rows[0]) == pytest.approx(boosting.margin(many, NODES, rows[0]), abs=0.05)


@given(st.lists(st.sampled_from([0.0, 1.0, 2.5, -3.0, np.nan, np.inf, -np.inf, 1e30]), min_size=20, max_size=60))
def test_trees_stand_whatever_a_column_holds(values: list[float]) -> None:
    rows = np.array(values, np.float32).reshape(-1, 1)
    label = (np.arange(len(rows)) % 2).astype(float)
    trees = boosting.fit(rows, label, np.ones(len(rows)), Growth(trees=3, least_rows=1), seed=1)
    assert all(np.isfinite(boosting.margin(trees, NODES, row)) for row in rows)


def test_the_line_is_where_the_likelihood_is_flat() -> None:
    rows, label = sample()
    line = logistic.fit(rows, label, np.ones(len(rows)), ridge=1.0)
    scaled = np.nan_to_num(np.clip((rows - line.mean) * line.unit, -logistic.CLIP, logistic.CLIP))
    p = 1 / (1 + np.exp(-(scaled @ line.weight + line.bias[0])))
    assert np.abs(scaled.T @ (label - p) - line.weight).max() < 1e-3
    assert logistic.line_margin(line, rows[0]) == pytest.approx(float(scaled[0] @ line.weight + line.bias[0]))


def test_a_memory_of_few_still_stands_for_all() -> None:
    rng = np.random.default_rng(1)
    estimates = []
    for _ in range(40):
        kept = memory.empty(30, 100, 1)
        importance = rng.uniform(0.05, 1.0, 2_000)
        for i in range(2_000):
            memory.offer(kept, 0, np.array([i], np.float32), float(i), i % 7, importance[i], 1.0 - rng.random())
        rows, labels, weights = memory.lessons(kept)
        assert len(rows) == 100
        assert not labels.any()
        estimates.append(weights[rows[:, 0] < 500].sum())
    assert np.mean(estimates) == pytest.approx(500, rel=0.1)


def test_a_memory_can_forget_someone() -> None:
    kept = memory.empty(10, 10, 1)
    for i in range(8):
        memory.offer(kept, i % 2, np.array([i], np.float32), float(i), i // 4, 1.0, 0.5)
    memory.drop(kept, 0, 1, -np.inf, np.inf)
    rows, labels, _ = memory.lessons(kept)
    assert sorted(zip(rows[:, 0].tolist(), labels.tolist(), strict=True)) == [
        (0, 0), (2, 0), (4, 0), (5, 1), (6, 0), (7, 1),
    ]  # fmt: skip


def test_rates_tell_types_apart_by_the_hour() -> None:
    known = rates.blank(2, 64, 1)
    hour = 3600.0
    for day in range(20):
        begin = day * 4 * 86400.0
        rates.wait(known, 0, 0, begin + 6 * hour)
        rates.followed(known, 0, begin + 26 * hour, 2 * 86400.0)
        rates.wait(known, 0, 0, begin + 60 * hour)
        rates.wait(known, 0, 1, begin + 60 * hour)
        while rates.oldest(known) < np.inf:
            rates.leave(known, counts=True)
    assert rates.rate(known, 0, 6 * hour) > 0.9
    assert rates.rate(known, 0, 12 * hour) < 0.1
    assert rates.rate(known, 1, 12 * hour) < 0.1
    assert 0.1 < rates.rate(known, 0, 3 * hour) < 0.9


def test_the_threshold_leaves_what_the_budget_allows() -> None:
    rng = np.random.default_rng(1)
    ledger = budget.opened(1_000)
    odds = rng.normal(-3, 1, 1_000)
    assert ledger.books[budget.LIMIT] == np.inf
    for series in range(1_000):
        budget.count(ledger, series, 0.0, odds[series] - 1, 86400.0)
        budget.count(ledger, series, 10.0, odds[series], 86400.0)
    for _ in range(20):
        budget.outcome(ledger, 0.5, False, -15.0)
    above = (odds >= ledger.books[budget.LIMIT]).sum()
    decayed = (odds >= ledger.books[budget.LIMIT]).sum() * budget.DECAY**20
    assert above > 0
    assert decayed <= budget.MOST * 0.5 * ledger.books[budget.OUTCOMES]
    assert ledger.levels.sum() == pytest.approx(1_000 * budget.DECAY**20)


def test_drift_is_no_alarm_where_nothing_changes_and_one_where_it_does() -> None:
    rng = np.random.default_rng(1)
    state = drift.calm()
    steady = [drift.surprised(state, float(i), abs(rng.normal(0.2, 0.1)), 2.0) for i in range(300)]
    assert sum(steady) == 0
    jump = [drift.surprised(state, 300.0 + i, 4.0, 2.0) for i in range(4)]
    assert any(jump)
    assert drift.since(state) >= 296.0


def test_alarms_that_came_to_nothing_make_the_next_harder() -> None:
    def alarms(wariness: float) -> int:
        rng, state = np.random.default_rng(2), drift.calm()
        losses = rng.exponential(1.0, 4000)
        return sum(drift.surprised(state, float(at), loss, 2.0 + wariness) for at, loss in enumerate(losses.tolist()))

    assert alarms(0.0) > 3 * alarms(3 * drift.WARIER)


def test_an_outage_touches_the_rows_whose_horizon_it_meets() -> None:
    outage = outages.none()
    outages.tell(outage, 100.0, True)
    assert outages.is_on(outage)
    outages.tell(outage, 200.0, False)
    assert not outages.is_on(outage)
    touched = [outages.touches(outage, time, 50.0) for time in (40.0, 60.0, 150.0, 200.0)]
    assert touched == [False, True, True, False]


def test_the_early_learner_is_no_surer_than_its_outcomes_allow() -> None:
    learner = early.Early()
    rows = np.eye(4, dtype=np.float32)
    for turn in range(40):
        learner.learn(rows[turn % 3], label=False)
    assert learner.ask(rows[3]) == -1.0
    for outcomes in (1, 2, 3):
        learner.learn(100.0 * rows[3], label=True)
        said = learner.ask(1e6 * rows[3])
        assert 0.5 < said <= (outcomes + 1) / (outcomes + 2) + 1e-9


def test_the_early_learner_keeps_what_it_learned() -> None:
    rng = np.random.default_rng(1)
    one, other = early.Early(), early.Early()
    assert one.ask(np.zeros(2, np.float32)) == -1.0
    for _ in range(200):
        row = rng.normal(size=2).astype(np.float32)
        one.learn(row, bool(row[0] > 0))
    other.load(one.state())
    row = np.array([1.0, np.nan], np.float32)
    assert one.ask(row) == other.ask(row) > 0.5
    with pytest.raises(ValueError, match="no state of an early learner"):
        one.load(np.frombuffer(b"garbage", np.uint8))
