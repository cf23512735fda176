"""When a series is raised, when it goes on, and when it is over."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.raising import STATES, Raiser, RaiseRule

BREACH, CALM, NONE = 0.9999, 0.1, np.nan


def _raiser(rule: RaiseRule, *, calm_below: float | None = None, series: int = 1) -> Raiser:
    raiser = Raiser(rule, score=0.999, calm_below=calm_below)
    raiser.grow(series)
    return raiser


def _run(raiser: Raiser, scores: list[float], *, start: float = 0.0) -> list[tuple[int, str]]:
    n = len(scores)
    rows, codes = raiser.observe(np.zeros(n, np.int32), start + np.arange(0.0, 60.0 * n, 60.0), np.array(scores))
    return [(int(row), STATES[int(code)]) for row, code in zip(rows, codes, strict=True)]


def test_one_breach_raises_goes_on_and_clears() -> None:
    assert _run(_raiser(RaiseRule()), [CALM, BREACH, BREACH, CALM, CALM]) == [
        (1, "raised"),
        (2, "ongoing"),
        (3, "cleared"),
    ]


def test_the_raise_score_itself_is_a_breach() -> None:
    assert _run(_raiser(RaiseRule()), [np.nextafter(0.999, 0), 0.999]) == [(1, "raised")]


def test_the_rule_overrides_the_kind() -> None:
    assert _run(_raiser(RaiseRule(score=0.5)), [0.49, 0.5]) == [(1, "raised")]


def test_a_score_of_one_is_a_breach_of_any_raise_score() -> None:
    assert _run(_raiser(RaiseRule(score=1.0)), [0.999999, 1.0]) == [(1, "raised")]


@pytest.mark.parametrize(
    ("scores", "raised"),
    [
        ([BREACH, CALM, BREACH, CALM, BREACH], [4]),
        ([BREACH, BREACH, CALM, CALM, CALM, BREACH], []),
        ([BREACH, NONE, BREACH, NONE, BREACH], [4]),
    ],
)
def test_three_of_five(scores: list[float], raised: list[int]) -> None:
    assert [row for row, state in _run(_raiser(RaiseRule(hits=3, of=5)), scores) if state == "raised"] == raised


def test_what_led_to_an_issue_does_not_lead_to_the_next() -> None:
    raiser = _raiser(RaiseRule(hits=2, of=5))
    assert _run(raiser, [BREACH, BREACH, CALM, BREACH]) == [(1, "raised"), (2, "cleared")]


def test_it_must_be_calm_for_so_long() -> None:
    raiser = _raiser(RaiseRule(clear=120))
    assert _run(raiser, [BREACH, CALM, CALM, BREACH, CALM, CALM, CALM]) == [
        (0, "raised"),
        (3, "ongoing"),
        (6, "cleared"),
    ]


def test_between_breach_and_calm_it_stays_open() -> None:
    raiser = _raiser(RaiseRule(clear=60), calm_below=0.5)
    assert _run(raiser, [BREACH, CALM, 0.7, CALM, 0.7, 0.5, CALM, CALM]) == [(0, "raised"), (7, "cleared")]


def test_no_opinion_changes_nothing() -> None:
    raiser = _raiser(RaiseRule(hits=2, of=2, clear=60))
    _run(raiser, [BREACH, BREACH, CALM])
    before = raiser.state()["rows"].tobytes()
    assert _run(raiser, [NONE, NONE]) == []
    assert raiser.state()["rows"].tobytes() == before


def test_verdicts_move_the_threshold_of_one_series_within_bounds() -> None:
    raiser = _raiser(RaiseRule(), series=2)
    raiser.adjust(0, 0.5)
    scores = np.array([1 - 10**-3.4, 1 - 10**-3.4, 1 - 10**-3.6])
    rows, _ = raiser.observe(np.array([0, 1, 0], np.int32), np.zeros(3), scores)
    assert rows.tolist() == [1, 2]
    raiser.adjust(0, 99)
    raiser.adjust(1, -99)
    assert (raiser.adjustment(0), raiser.adjustment(1)) == (3.0, -1.0)
    assert [raiser.is_raised(series) for series in (0, 1)] == [True, True]


def test_a_lowered_threshold_is_reached_at_its_whole_depth() -> None:
    raiser = _raiser(RaiseRule())
    raiser.adjust(0, -1.0)
    assert _run(raiser, [0.9899, 0.99000001]) == [(1, "raised")]


def test_a_miss_is_counted_once_until_an_event_comes() -> None:
    raiser = _raiser(RaiseRule(hits=2, of=3))

    def observe(score: float, *, missed: bool) -> list[str]:
        arrays = np.zeros(1, np.int32), np.zeros(1), np.array([score]), np.array([missed])
        return [STATES[int(code)] for code in raiser.observe(*arrays)[1]]

    assert observe(BREACH, missed=True) == []
    assert observe(BREACH, missed=True) == []
    assert observe(0.0, missed=False) == []
    assert observe(BREACH, missed=True) == ["raised"]
    assert observe(BREACH, missed=True) == ["ongoing"]
    assert observe(0.0, missed=False) == ["cleared"]


def test_times_keep_their_fractions_over_years() -> None:
    raiser = _raiser(RaiseRule(clear=2**-10))
    time = 4e9 + np.array([0, 1, 1 + 2**-11, 1 + 2**-10])
    rows, _ = raiser.observe(np.zeros(4, np.int32), time, np.array([BREACH, CALM, CALM, CALM]))
    assert rows.tolist() == [0, 3]


def test_reset_forgets_one_series() -> None:
    raiser = _raiser(RaiseRule(), series=2)
    raiser.observe(np.array([0, 1], np.int32), np.zeros(2), np.full(2, BREACH))
    raiser.adjust(0, 1.0)
    raiser.reset(np.array([0], np.int32))
    assert [raiser.is_raised(series) for series in (0, 1)] == [False, True]
    assert raiser.adjustment(0) == 0.0


def test_a_row_takes_sixteen_bytes_and_survives_a_round_trip() -> None:
    raiser, other = (_raiser(RaiseRule(hits=2, of=4, clear=90)) for _ in range(2))
    _run(raiser, [BREACH, CALM, BREACH, CALM])
    other.load(raiser.state())
    assert raiser.state()["rows"].itemsize == 16
    assert _run(raiser, [CALM, CALM], start=300) == _run(other, [CALM, CALM], start=300) == [(0, "cleared")]


def test_a_state_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="the state has rows of float64"):
        _raiser(RaiseRule()).load({"rows": np.zeros(1)})


@pytest.mark.parametrize(
    "arguments", [{"score": 0.0}, {"score": 1.5}, {"hits": 2}, {"hits": 0}, {"of": 17}, {"clear": -1.0}]
)
def test_a_rule_that_makes_no_sense_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="it must be"):
        RaiseRule(**arguments)


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.sampled_from([BREACH, 0.7, CALM, NONE]), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=5),
    hits=st.integers(1, 3),
    clear=st.sampled_from([0.0, 60.0, 150.0]),
)
def test_batches_do_not_matter_and_states_alternate(
    scores: list[float], cuts: list[int], hits: int, clear: float
) -> None:
    rule = RaiseRule(hits=hits, of=4, clear=clear)
    whole = _run(_raiser(rule, calm_below=0.5), scores)
    pieces = _raiser(rule, calm_below=0.5)
    edges = [0, *sorted(min(cut, len(scores)) for cut in cuts), len(scores)]
    parts = [
        (start + row, state)
        for start, end in pairwise(edges)
        for row, state in _run(pieces, scores[start:end], start=60.0 * start)
    ]
    assert parts == whole
    opening = [state for _, state in whole if state != "ongoing"]
    assert opening == ["raised", "cleared"] * (len(opening) // 2) + ["raised"] * (len(opening) % 2)


def test_what_time_has_ended_is_over_at_once_and_makes_no_entry() -> None:
    raiser = Raiser(RaiseRule(hits=2, of=3, clear=600.0), score=0.999)
    raiser.grow(1)
    lapse = np.zeros(1, np.int32), np.array([60.0]), np.zeros(1), np.ones(1, np.bool_)
    assert len(raiser.observe(*lapse)[0]) == 0
    raiser.observe(np.zeros(2, np.int32), np.array([0.0, 30.0]), np.ones(2))
    assert raiser.is_raised(0)
    assert [STATES[int(code)] for code in raiser.observe(*lapse)[1]] == ["cleared"]
    once = raiser.state()["rows"].copy()
    assert len(raiser.observe(*lapse)[0]) == 0
    assert raiser.state()["rows"].tobytes() == once.tobytes()
