"""The composite kind: signals of other detectors, together in time."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.base import Observations, Signal
from detectors.composite import Composite
from detectors.durations import Duration
from detectors.monitor import Monitor
from detectors.raising import RaiseRule
from detectors.trials import part

HOUR = 3600.0
MEMBERS = ["errors", "latency", "disk", "upkeep"]
Row = tuple[float, int, float]
"""Time, member, raised."""


def composite(size: int = 2, *, step: float = 0.0, members: Sequence[str] = MEMBERS, **config: Any) -> Composite:
    """Return a detector of four members with room for so many series."""
    detector = Composite(**config)
    detector.introduce(members)
    detector.prepare(step)
    detector.grow(size)
    return detector


def monitor(*, rule: RaiseRule | None = None, **config: Any) -> Monitor:
    """Return a monitor of one."""
    found = Monitor("trouble", composite(**config), rule or RaiseRule())
    found.grow(2)
    return found


def signals(*rows: Row, series: int = 0) -> Observations:
    """Return (time, member, raised) as a batch."""
    time, member, raised = zip(*rows, strict=True)
    return Observations.of([series] * len(rows), time, raised, channel=member)


def seen(found: list[Signal]) -> list[tuple[float, str]]:
    return [(signal.time, signal.state) for signal in found if signal.state != "ongoing"]


def test_all_of_them() -> None:
    found = monitor(members=["errors", "latency"])
    assert found.observe(signals((0, 0, 1))) == []
    (signal,) = found.observe(signals((60, 1, 1)))
    assert (signal.state, signal.extra) == ("raised", {"holding": 3.0})
    assert signal.explanation == "errors and latency: raised within 1 h of each other, or still."
    assert seen(found.observe(signals((120, 0, 0)))) == []
    assert found.tick(HOUR - 1) == []
    (over,) = found.tick(HOUR + 60)
    assert (over.time, over.state) == (HOUR, "cleared")
    assert over.explanation == "Only latency is left of the signals."


def test_any_of_them() -> None:
    found = monitor(need=1, within=Duration("0s"))
    assert seen(found.observe(signals((0, 2, 1), (60, 2, 0)))) == [(0, "raised"), (60, "cleared")]


def test_a_count_of_them_within_a_time() -> None:
    found = monitor(need=2, within=Duration("10m"))
    assert found.observe(signals((0, 0, 1), (60, 0, 0), (700, 1, 1), (760, 1, 0))) == []
    (signal,) = found.observe(signals((800, 2, 1)))
    assert signal.explanation == "latency and disk: raised within 10 min of each other, or still."


def test_one_that_is_raised_still_holds_however_long() -> None:
    assert seen(monitor(need=2).observe(signals((0, 0, 1), (1e6, 1, 1)))) == [(1e6, "raised")]


def test_what_must_hold_and_what_may_not() -> None:
    found = monitor(need=1, must=["errors"], without=["upkeep"])
    assert found.observe(signals((0, 1, 1), (60, 3, 1), (120, 0, 1))) == []
    assert seen(found.observe(signals((180, 3, 0), (240, 3, 1)))) == [(180, "raised"), (240, "cleared")]


def test_must_alone() -> None:
    found = monitor(must=["errors", "disk"], members=["errors", "disk"])
    assert seen(found.observe(signals((0, 0, 1), (60, 1, 1)))) == [(60, "raised")]


def test_weights() -> None:
    found = monitor(need=2, weights={"disk": 2.0})
    assert seen(found.observe(signals((0, 0, 1), (60, 0, 0), (120, 2, 1)))) == [(120, "raised")]


def test_more_than_enough_is_more_evidence() -> None:
    scores = composite(need=2).update(signals((0, 0, 1), (0, 1, 1), (0, 2, 1), (0, 3, 1))).score
    assert scores[0] == pytest.approx(0.45)
    assert (-np.log10(1 - scores[1:])).tolist() == pytest.approx([4.75, 7.125, 9.5])


def test_four_false_alarms_ask_for_more_members() -> None:
    found = monitor(need=2, within=Duration("0s"))
    for _ in range(3):
        found.judge(0, "false")
    assert seen(found.observe(signals((0, 0, 1), (1, 1, 1), (2, 1, 0)))) == [(1, "raised"), (2, "cleared")]
    found.judge(0, "false")
    assert seen(found.observe(signals((3, 1, 1), (4, 2, 1)))) == [(4, "raised")]


def test_what_lapsed_before_the_next_signal_is_told_and_may_begin_anew() -> None:
    found = monitor(need=2)
    batch = signals((0, 0, 1), (60, 1, 1), (120, 0, 0), (180, 1, 0), (9000, 0, 1), (9060, 1, 1))
    assert seen(found.observe(batch)) == [(60, "raised"), (HOUR, "cleared"), (9060, "raised")]


def test_a_lapse_is_over_at_once_whatever_must_have_been_calm() -> None:
    found = monitor(need=2, rule=RaiseRule(clear=600))
    found.observe(signals((0, 0, 1), (60, 1, 1), (120, 1, 0)))
    found.observe(signals((120, 0, 0)))
    assert seen(found.tick(HOUR)) == [(HOUR, "cleared")]
    assert found.tick(2 * HOUR) == []


def test_a_signal_that_may_yet_come_is_waited_for() -> None:
    found = monitor(need=1, step=60)
    found.observe(signals((0, 0, 1), (60, 0, 0)))
    assert found.tick(HOUR) == []
    assert seen(found.tick(HOUR + 60)) == [(HOUR, "cleared")]


def test_told_twice_is_as_told_once() -> None:
    once, twice = composite(need=2), composite(need=2)
    rows: list[Row] = [(0, 0, 1), (60, 1, 1), (120, 0, 0)]
    once.update(signals(*rows))
    twice.update(signals(*(each for row in rows for each in (row, row))))
    assert all(array.tobytes() == twice.state()[name].tobytes() for name, array in once.state().items())


def test_a_composite_is_a_member_of_another() -> None:
    inner, outer = monitor(need=2), monitor(members=["trouble", "complaints"])
    heard = [(each.time, 0, float(each.state != "cleared")) for each in inner.observe(signals((0, 0, 1), (60, 1, 1)))]
    assert seen(outer.observe(signals(*heard, (90, 1, 1)))) == [(90, "raised")]


class Plain:
    """One series, plainly: every signal that came, and what follows at any moment."""

    def __init__(
        self, need: float, within: float, must: set[int], without: set[int], weights: dict[int, float]
    ) -> None:
        self.need, self.within = need, within
        self.must, self.without, self.weights = must, without, weights
        self.spans: dict[int, list[list[float]]] = {j: [] for j in range(4)}

    def update(self, time: float, member: int, raised: float) -> None:
        """Take note of a signal."""
        spans = self.spans[member]
        is_open = bool(spans) and spans[-1][1] == math.inf
        if raised > 0 and not is_open:
            spans.append([time, math.inf])
        elif raised <= 0 and is_open:
            spans[-1][1] = time

    def holding(self, time: float) -> set[int]:
        """Return who holds."""
        found = set()
        for j, spans in self.spans.items():
            if spans and (spans[-1][1] == math.inf or (j not in self.without and time < spans[-1][0] + self.within)):
                found.add(j)
        return found

    def met(self, time: float) -> bool:
        """Return whether they are enough."""
        holding = self.holding(time)
        counted = holding - self.must - self.without
        enough = sum(self.weights.get(j, 1.0) for j in counted) >= self.need
        return enough and self.must <= holding and not self.without & holding

    def lapses(self, start: float, end: float) -> float | None:
        """Return when it stopped being enough after `start`, up to `end`, if no signal came between."""
        if not self.met(start):
            return None
        ends = sorted(spans[-1][0] + self.within for spans in self.spans.values() if spans)
        return next((each for each in ends if start < each <= end and not self.met(each)), None)


ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 60.0, 300.0, 600.0]), st.integers(0, 3), st.sampled_from([0.0, 1.0])),
    min_size=1,
    max_size=40,
)
CONFIGS: list[dict[str, Any]] = [
    {},
    {"need": 1},
    {"need": 2},
    {"need": 1, "must": ["errors"], "without": ["upkeep"]},
    {"need": 2.5, "weights": {"disk": 2.0}, "without": ["errors"]},
]


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, config=st.sampled_from(CONFIGS), within=st.sampled_from([0.0, 300.0, 650.0]))
def test_it_is_what_a_plain_one_says(rows: list[Row], config: dict[str, Any], within: float) -> None:
    counted = [name for name in MEMBERS if name not in config.get("must", []) + config.get("without", [])]
    plain = Plain(
        config.get("need", len(counted)),
        within,
        {MEMBERS.index(name) for name in config.get("must", [])},
        {MEMBERS.index(name) for name in config.get("without", [])},
        {MEMBERS.index(name): weight for name, weight in config.get("weights", {}).items()},
    )
    times = np.cumsum([gap for gap, _, _ in rows]).tolist()
    stream = [(time, member, raised) for time, (_, member, raised) in zip(times, rows, strict=True)]
    scores = composite(within=Duration(within), **config).update(signals(*stream))
    met, lapsed, before = [], [], -math.inf
    for i, (time, member, raised) in enumerate(stream):
        if (lapse := plain.lapses(before, time)) is not None:
            lapsed.append((i, lapse))
        plain.update(time, member, raised)
        met.append(plain.met(time))
        assert scores.extra["holding"][i] == sum(1 << j for j in plain.holding(time))
        before = time
    assert (scores.score >= Composite.raise_score).tolist() == met
    missed = scores.missed
    told = [] if missed is None else list(zip(missed.before.tolist(), missed.batch.time.tolist(), strict=True))
    assert told == lapsed


@settings(max_examples=60, deadline=None)
@given(
    rows=ROWS,
    ticks=st.lists(st.integers(0, 60), max_size=40),
    config=st.sampled_from(CONFIGS),
    hits=st.integers(1, 2),
    clear=st.sampled_from([0.0, 200.0]),
)
def test_the_state_is_the_same_with_and_without_ticks(
    rows: list[Row], ticks: list[int], config: dict[str, Any], hits: int, clear: float
) -> None:
    rule = RaiseRule(hits=hits, of=3, clear=clear)
    live, replayed = (monitor(rule=rule, step=60, within=Duration("10m"), **config) for _ in range(2))
    times = np.cumsum([gap for gap, _, _ in rows]).tolist()
    stream = signals(*((time, member, raised) for time, (_, member, raised) in zip(times, rows, strict=True)))
    end = times[-1] + 60
    moments = [(60.0 * tick, -1) for tick in ticks if 60.0 * tick < end] + [(t + 60, i) for i, t in enumerate(times)]
    told = []
    for moment, row in sorted(moments):
        told += live.tick(moment) if row < 0 else live.observe(part(stream, row, row + 1))
    caught_up = replayed.observe(stream)
    told += live.tick(end + 1e4)
    caught_up += replayed.tick(end + 1e4)
    assert seen(told) == seen(caught_up)
    for name, array in live.state().items():
        assert name == "monitor.ticked" or array.tobytes() == replayed.state()[name].tobytes(), name


@pytest.mark.parametrize("row", [(math.nan, 0, 1), (math.inf, 0, 1), (60, 4, 1), (60, -1, 1), (60, 0, math.nan)])
def test_what_is_no_signal_says_and_changes_nothing(row: Row) -> None:
    detector = composite()
    before = {name: array.copy() for name, array in detector.state().items()}
    assert np.isnan(detector.update(signals(row)).score).all()
    assert all(array.tobytes() == before[name].tobytes() for name, array in detector.state().items())


def test_times_that_go_back_count_as_now() -> None:
    found = monitor(need=2, within=Duration("10m"))
    assert seen(found.observe(signals((6000, 0, 1), (0, 1, 1)))) == [(0, "raised")]
    found.observe(signals((10, 0, 0), (20, 1, 0)))
    assert seen(found.tick(6601)) == [(6600, "cleared")]


def test_a_gap_of_months_and_one_signal_only() -> None:
    found = monitor(need=1)
    assert seen(found.observe(signals((0, 0, 1)))) == [(0, "raised")]
    assert seen(found.observe(signals((1e7, 0, 0)))) == [(1e7, "cleared")]


def test_a_round_trip_in_mid_stream() -> None:
    rng = np.random.default_rng(1)
    stream = signals(*zip(np.arange(0, 6000, 60.0), rng.integers(0, 4, 100), rng.integers(0, 2, 100), strict=True))
    whole, first, second = (composite(need=2) for _ in range(3))
    expected = whole.update(stream).score[50:]
    first.update(part(stream, 0, 50))
    second.load({name: array.copy() for name, array in first.state().items()})
    np.testing.assert_array_equal(second.update(part(stream, 50, 100)).score, expected)
    assert all(array.tobytes() == second.state()[name].tobytes() for name, array in whole.state().items())


def _signal(**changes: Any) -> Signal:
    signal = Signal("c", "composite", 0, "raised", 0.0, 60.0, 0.9999, 1.0, math.nan, -math.inf, math.inf)
    return replace(signal, **changes)


def test_it_explains_what_it_does_not_know() -> None:
    assert composite().explain(_signal()) == "Enough of the signals: raised within 1 h of each other, or still."
    assert composite().explain(_signal(state="cleared")) == "None of the signals is left."
    assert composite(within=Duration(0)).explain(_signal(extra={"holding": 7.0})) == (
        "errors, latency and disk: raised at once."
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"need": 0}, "need is 0: it must be a positive number"),
        ({"need": 5}, "need is 5, but all that count come to 4: it is never reached"),
        ({"need": 4, "must": ["errors"]}, "all that count come to 3"),
        ({"within": Duration(-1)}, "0 or more"),
        ({"must": ["errors"], "without": ["errors"]}, "named twice"),
        ({"must": ["eros"]}, "'eros' is none of the watched detectors, errors, latency"),
        ({"without": MEMBERS}, "all members are in `without`"),
        ({"weights": {"errors": 0}}, "the weight of 'errors' is 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        composite(**arguments)


def test_members_are_counted() -> None:
    with pytest.raises(ValueError, match="there are 33 members: a composite has 1 to 32"):
        Composite().introduce([str(number) for number in range(33)])


def test_a_state_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="composite with 4 members"):
        composite().load(composite(members=["a", "b"]).state())
