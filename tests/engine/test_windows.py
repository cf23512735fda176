"""What windows keep: pictures in bounded memory, buffers that come back, estimates within their stated error."""

from typing import Literal

import numpy as np
import pytest

from detectors.arrays import Growing
from detectors.durations import Duration
from engine.columnar.columns import Columns
from engine.columnar.texts import Texts
from engine.config.model import Measure, Watch
from engine.expressions import Expression
from engine.measures import history
from engine.measures.history import POINTS
from engine.measures.meter import Meter, measured
from engine.measures.pool import MOST, Pool, none_free, release, roomy

X = Expression.parse("value")


def add(meter: Meter, time: float, subject: str) -> None:
    """Count one event, whose value is its time."""
    times = np.array([time])
    batch = Columns("t", 1, np.zeros(1, np.int32), times, Texts.of([subject]), {"value": times})
    meter.add(batch, np.array([-np.inf]), str)


def meter(kind: Literal["last", "count"], history_bytes: int = 64 << 20) -> Meter:
    """A meter by subject, of windows of a minute."""
    measure = Measure(kind, X if kind == "last" else None)
    return Meter(Watch("t", ("subject",), measure), lateness=0.0, history_bytes=history_bytes)


def test_points_are_the_last_48_windows() -> None:
    last = meter("last")
    times = [60.0 * i for i in range(100) if i % 10]
    for time in times:
        add(last, time, "s")
    last.advance(6_000.0)
    assert last.points(0) == [(time, time) for time in times[-POINTS:]]


@pytest.mark.parametrize("series", [3, 10, 25, 47, 60])
def test_history_is_shared_when_there_are_many_series(series: int) -> None:
    """Three have room for all; each keeps its newest, as many as it has room for, and none reads another's."""
    last = meter("last", history_bytes=3 * POINTS * 8)
    told = dict[int, list[tuple[float, float]]]()
    for turn in range(400):
        key, time = f"s/{turn * 7 % min(series, turn // 4 + 1)}", 60.0 * turn
        add(last, time, key)
        last.advance(time + 60.0)
        told.setdefault(last.index.find(key), []).append((time, time))
    known = len(last.index)
    for number, points in told.items():
        kept = last.points(number)
        assert kept == points[len(points) - len(kept) :]
        assert len(kept) <= history.length(3, number, known)
        assert bool(kept) == bool(history.length(3, number, known))
    assert sum(history.length(3, number, known) for number in range(known)) <= 3 * POINTS
    assert last.state()["history"].nbytes <= 3 * POINTS * 8


def test_without_memory_there_are_no_points() -> None:
    count = meter("count", history_bytes=0)
    add(count, 0.0, "s")
    assert count.advance(60.0).value.tolist() == [1.0]
    assert count.points(0) == []


def test_rooms_of_a_history_do_not_overlap() -> None:
    for count in (1, 7, 20, 60, 112, 200):
        taken = [
            set(range(history.start(7, series), history.start(7, series) + history.length(7, series, count)))
            for series in range(count)
            if history.length(7, series, count)
        ]
        assert sum(map(len, taken)) == len(set().union(*taken)) <= 7 * POINTS


def test_window_numbers_come_back_from_their_lower_half() -> None:
    memory = Growing(np.int32, 2)
    memory.reserve(POINTS)
    numbers = [-5, 3, 2**31 - 1, 2**31, 2**32 - 7]
    for written, number in enumerate(numbers):
        history.push(memory.array, memory.array.view(np.float32), 1, 1, 0, written, number, float(written))
    assert [number for number, _ in history.latest(memory.array, 1, 1, 0, 5, 2**32 - 6)] == numbers


def test_buffers_are_used_again() -> None:
    values = np.zeros(10_000)
    pool = Pool(values, values.view(np.int64), none_free())
    random = np.random.default_rng(2)
    for _ in range(200):
        held = [(0, 0)] * 3
        for turn in range(int(random.integers(1, 3 * MOST))):
            at, count = held[turn % 3]
            at = roomy(pool, at, count)
            pool.values[at + count] = count
            held[turn % 3] = at, count + 1
        for at, count in held:
            assert pool.values[at : at + count].tolist() == list(range(count))
            release(pool, at, count)
    assert pool.free[-1] <= 3 * (8 + 32 + 128 + 512)


def test_sketches_are_exact_up_to_512() -> None:
    values = np.random.default_rng(3).permutation(MOST).astype(float)
    times = np.linspace(0, 59, MOST).tolist()
    for q in (0.0, 0.5, 0.95, 1.0):
        assert measured(Measure("quantile", X, q=q), times, values.tolist()) == [(0.0, np.quantile(values, q))]
    assert measured(Measure("distinct", X), times, values.tolist()) == [(0.0, 512.0)]


def test_estimates_beyond_are_within_their_error() -> None:
    """Over 40 windows of 20,000 events each, the mean square error is at most a quarter above the stated one."""
    n, random = 20_000, np.random.default_rng(4)
    ranks, counts = [], []
    for _ in range(40):
        values = random.permutation(n).astype(float) * 7.0
        times = np.linspace(0, 59, n).tolist()
        ranks.append(measured(Measure("quantile", X, q=0.95), times, values.tolist())[0][1] / 7.0 / n - 0.95)
        counts.append(measured(Measure("distinct", X), times, np.r_[values, values][:n].tolist())[0][1] / n - 1.0)
    assert np.sqrt(np.mean(np.square(ranks))) <= 1.25 * np.sqrt(0.95 * 0.05 / MOST)
    assert np.sqrt(np.mean(np.square(counts))) <= 1.25 / np.sqrt(MOST - 2)


def test_gaps_beyond_512_events_are_exact_if_long_enough() -> None:
    random = np.random.default_rng(6)
    for size in (600, 3_000):
        early, later = np.sort(random.random(size) * 20.0), np.sort(25.0 + random.random(size) * 30.0)
        times = random.permutation(np.concatenate((early, later)))
        assert measured(Measure("gap"), times.tolist()) == [(0.0, later[0] - early[-1])]
    dense = random.permutation(np.linspace(0, 59, 10_000))
    assert measured(Measure("gap"), dense.tolist())[0][1] <= 60.0 / 128


def test_series_that_are_dropped_give_back_what_is_open_of_them() -> None:
    watch = Watch("e", ("subject",), Measure("quantile", Expression.parse("v"), q=0.5), Duration(60.0))
    made = Meter(watch, lateness=120.0)

    def tell(subject: str, count: int) -> None:
        times = np.linspace(0.0, 119.0, count)
        texts = Texts.of([subject] * count)
        told = Columns("e", count, np.arange(count, dtype=np.int32), times, texts, {"v": np.arange(float(count))})
        made.add(told, np.full(count, -np.inf), str)

    tell("kept", 100)
    kept = made.state()["rows"][0].copy()
    for _ in range(50):
        tell("gone", 700)
        size = made.state()["free"][-1]
        made.drop(np.array([made.index.find("gone")], np.int32))
        tell("gone", 700)
        assert made.state()["free"][-1] == size, "its buffers are used again"
        made.drop(np.array([made.index.find("gone")], np.int32))
    assert np.array_equal(made.state()["rows"][0], kept)
    tell("next", 3)
    assert made.points(made.index.find("next")) == []
    closed = made.advance(600.0)
    assert sorted({made.index.key(number) for number in closed.series.tolist()}) == ["kept", "next"]


def test_the_picture_of_a_series_that_is_dropped_is_blank() -> None:
    made = meter("last")
    for n in range(10):
        add(made, 60.0 * n, "a")
        add(made, 60.0 * n, "b")
    made.advance(6000.0)
    before = made.points(made.index.find("b"))
    made.drop(np.array([made.index.find("a")], np.int32))
    assert made.points(made.index.find("b")) == before
    assert not made.state()["history"][:POINTS].any()
