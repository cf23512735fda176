"""Measures: per series the same as plain Python tells, however the log is cut."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isfinite, isnan, nan
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.durations import Duration
from engine.columnar.columns import Column, Columns
from engine.columnar.texts import Texts
from engine.config.model import Measure, Watch
from engine.expressions import Expression, Kind
from engine.measures.meter import Added, Late, Meter, measured
from engine.measures.watermark import Watermark
from engine.measures.windows import ZEROS

Points = dict[str, list[tuple[float, float]]]
KINDS = ("count", "rate", "ratio", "sum", "mean", "min", "max", "last", "quantile", "distinct", "gap")


class Event(NamedTuple):
    """One event, as far as a measure cares."""

    time: float
    subject: str
    x: float


def watch(kind: str, *, every: float = 60.0, **more: Any) -> Watch:
    """A watch of one measure over `x` by subject."""
    of = {"ratio": "x > 1", "count": None, "rate": None, "gap": None}.get(kind, "x")
    literal: Any = kind
    measure = Measure(literal, Expression.parse(of) if of else None, q=0.75)
    return Watch("t", more.pop("by", ("subject",)), measure, Duration(every), **more)


def columns(events: Sequence[Event], fields: Mapping[str, Column] | None = None) -> Columns:
    """Events as a batch."""
    n = len(events)
    time, x = np.array([e.time for e in events], np.float64), np.array([e.x for e in events], np.float64)
    return Columns("t", n, np.arange(n, dtype=np.int32), time, Texts.of(e.subject for e in events), fields or {"x": x})


def run(meter: Meter, batches: Sequence[Sequence[Event]], lateness: float, *, save: bool = False) -> tuple[Points, int]:
    """Feed batches, closing windows after each; return what was told by series, and how many events were late."""
    mark, told, late = Watermark(lateness), Points(), 0
    for batch in batches:
        part = columns(batch)
        added = meter.add(part, mark.floor(part.time, 0.0), lambda _: None)
        late += len(added.left_out)
        for found in (added.observations, meter.advance(mark.value)):
            for series, time, value in zip(
                found.series.tolist(), found.time.tolist(), found.value.tolist(), strict=True
            ):
                told.setdefault(meter.index.key(series), []).append((time, value))
        if save:
            meter = copied(meter, lateness)
    return told, late


def copied(meter: Meter, lateness: float) -> Meter:
    """A meter brought back from the other's state, which is the same, bit for bit."""
    saved = {name: array.copy() for name, array in meter.state().items()}
    other = Meter(meter.watch, lateness=lateness, history_bytes=meter._plan.rooms * 48 * 8)
    other.load(saved)
    again = other.state()
    assert all(saved[name].tobytes() == again[name].tobytes() for name in saved)
    return other


def value_of(watch: Watch, events: list[Event], before: float | None) -> float | None:
    """What a window comes to, in plain Python; None: it is not told."""
    kind, every = watch.measure.kind, float(watch.every)
    if kind in ("count", "rate"):
        return len(events) / (every if kind == "rate" else 1)
    if kind == "ratio":
        return sum(e.x > 1 for e in events) / len(events)
    if kind == "gap":
        times = ([] if before is None else [before]) + sorted(e.time for e in events)
        return max((b - a for a, b in pairwise(times)), default=None)
    values = [e.x for e in events if isfinite(e.x)]
    if not values:
        return None
    total = sum(values)
    plain = {
        "sum": total,
        "mean": total / len(values),
        "min": min(values),
        "max": max(values),
        "last": max((e for e in events if isfinite(e.x)), key=lambda e: e.time).x,
        "quantile": float(np.quantile(values, watch.measure.q)),
        "distinct": len(set(values)),
    }[kind]
    if kind == "last":
        latest = max(e.time for e in events if isfinite(e.x))
        plain = [e.x for e in events if isfinite(e.x) and e.time == latest][-1]
    return plain if isfinite(plain) else nan


def counted(watch: Watch, events: list[Event]) -> int:
    """How many events of a window count."""
    valued = watch.measure.kind not in ("count", "rate", "ratio", "gap")
    return sum(isfinite(e.x) for e in events) if valued else len(events)


def reference(watch: Watch, events: Sequence[Event], lateness: float) -> tuple[Points, int]:
    """The whole log at once, in plain Python."""
    every, newest, late = float(watch.every), -np.inf, 0
    kept = dict[str, dict[int, list[Event]]]()
    for event in events:
        window = int(event.time // every)
        if (window + 1) * every <= newest - lateness:
            late += 1
        else:
            kept.setdefault(event.subject, {}).setdefault(window, []).append(event)
        newest = max(newest, event.time)
    zero = (watch.missing or ("zero" if watch.measure.kind in ("count", "rate") else "skip")) == "zero"
    told = {subject: list(_told(watch, rows, newest - lateness, zero)) for subject, rows in kept.items()}
    return {subject: points for subject, points in told.items() if points}, late


def _told(watch: Watch, rows: dict[int, list[Event]], watermark: float, zero: bool) -> Any:
    every, quiet, before = float(watch.every), 0, None
    for window in range(min(rows), int(watermark // every)):
        events = rows.get(window)
        if events is None:
            quiet += 1
            if zero and quiet <= ZEROS:
                yield window * every, 0.0
            continue
        quiet = 0
        value = value_of(watch, events, before)
        before = max(e.time for e in events)
        if value is not None and counted(watch, events) >= watch.min_events:
            yield window * every, value


def same(one: Points, other: Points) -> bool:
    """Whether two series of points are equal, NaN like NaN, sums and quantiles but for the last bits."""
    if one.keys() != other.keys() or any(len(one[key]) != len(other[key]) for key in one):
        return False
    pairs = [pair for key in one for pair in zip(one[key], other[key], strict=True)]
    return all(a[0] == b[0] and (a[1] == pytest.approx(b[1], rel=1e-12, nan_ok=True)) for a, b in pairs)


EVENTS = st.lists(
    st.builds(
        lambda step, back, subject, x: (step, back, subject, x),
        st.sampled_from([0.0, 0.5, 3.0, 17.0, 60.0, 200.0]),
        st.sampled_from([0.0, 0.0, 10.0, 45.0, 100.0]),
        st.sampled_from(["account/a", "account/b", "device/ü"]),
        st.sampled_from([0.0, 1.0, 2.5, -7.0, nan, 1e300, float("inf")]),
    ),
    max_size=60,
)


def stream(drawn: list[tuple[float, float, str, float]]) -> list[Event]:
    """Events whose time moves on by steps, each set back by as much as drawn."""
    now, events = 1_000.0, []
    for step, back, subject, x in drawn:
        now += step
        events.append(Event(now - back, subject, x))
    return events


def cut(events: Sequence[Event], sizes: list[int]) -> list[Sequence[Event]]:
    """The same events in batches of these sizes, over and over."""
    batches, start = list[Sequence[Event]](), 0
    while start < len(events):
        stop = start + sizes[len(batches) % len(sizes)]
        batches.append(events[start:stop])
        start = stop
    return batches


@given(
    EVENTS,
    st.lists(st.integers(1, 20), min_size=1, max_size=4),
    st.sampled_from(KINDS),
    st.sampled_from([0.0, 30.0, 60.0, 90.0]),
    st.sampled_from([20.0, 60.0]),
    st.integers(1, 3),
    st.sampled_from([None, "skip", "zero"]),
    st.booleans(),
)
@settings(deadline=None, max_examples=400)
def test_any_cut_tells_what_plain_python_tells(
    drawn: list[tuple[float, float, str, float]],
    sizes: list[int],
    kind: str,
    lateness: float,
    every: float,
    least: int,
    missing: Literal["skip", "zero"] | None,
    save: bool,
) -> None:
    events = stream(drawn)
    watched = watch(kind, every=every, min_events=least, missing=missing)
    cut_up, late = run(Meter(watched, lateness=lateness), cut(events, sizes), lateness, save=save)
    whole, late_whole = run(Meter(watched, lateness=lateness), [events], lateness)
    assert repr(cut_up) == repr({key: whole[key] for key in cut_up})
    assert cut_up.keys() == whole.keys()
    plain, late_plain = reference(watched, events, lateness)
    assert same(whole, plain), (whole, plain)
    assert late == late_whole == late_plain


def test_many_series_and_windows() -> None:
    """Enough to grow every array several times, in disorder, against plain Python."""
    random = np.random.default_rng(5)
    times = np.floor(np.linspace(0, 6_000, 20_000) - random.exponential(20, 20_000))
    events = [
        Event(time, f"account/{series}", x)
        for time, series, x in zip(
            times.tolist(), random.integers(0, 3_000, 20_000), random.random(20_000), strict=True
        )
    ]
    for kind in ("count", "mean", "quantile", "distinct", "gap"):
        watched = watch(kind)
        told, late = run(Meter(watched, lateness=60.0), cut(events, [700, 1, 4_000]), 60.0)
        plain, late_plain = reference(watched, events, 60.0)
        assert same(told, plain)
        assert late == late_plain > 0


def test_a_long_silence_is_told_a_thousand_times() -> None:
    events = [
        Event(0.0, "account/a", 1.0),
        Event(60.0 * 5_000, "account/a", 1.0),
        Event(60.0 * 5_010, "account/b", 1.0),
    ]
    told, _ = run(Meter(watch("count"), lateness=60.0), [events], 60.0)
    assert [value for _, value in told["account/a"]] == [1.0] + [0.0] * ZEROS + [1.0] + [0.0] * 8
    assert told["account/a"][-1][0] == 60.0 * 5_008


def test_silence_is_told_as_time_goes_on_without_events() -> None:
    meter = Meter(watch("count"), lateness=0.0)
    run(meter, [[Event(30.0, "account/a", 1.0)]], 0.0)
    assert meter.advance(59.0).series.size == 0
    assert meter.advance(240.0).value.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert meter.advance(200.0).series.size == 0


def test_late_and_unkeyed_events_are_handed_back() -> None:
    meter = Meter(watch("count", by=("account",)), lateness=60.0)
    part = columns([Event(300.0, "account/a", 1.0), Event(10.0, "account/a", 1.0), Event(300.0, "device/x", 1.0)])
    added = meter.add(part, np.array([-np.inf, 240.0, 240.0]), lambda _: None)
    assert isinstance(added, Added)
    assert added.left_out == [
        Late(1, "late", "its window had closed at 1970-01-01T00:01:00Z"),
        Late(2, "unkeyed", "device/x belongs to no known account"),
    ]
    assert len(meter.index) == 1


def test_counts_of_events_stand_beside_the_observations() -> None:
    meter = Meter(watch("mean"), lateness=0.0)
    part = columns([Event(0.0, "s", 1.0), Event(1.0, "s", 2.0), Event(2.0, "s", nan), Event(300.0, "s", 1.0)])
    added = meter.add(part, np.full(4, -np.inf), str)
    assert (added.observations.value.tolist(), added.events.tolist()) == ([1.5], [2])


def test_where_and_compute_see_fields_and_envelope() -> None:
    watched = Watch(
        "t",
        ("subject", "region"),
        Measure("sum", Expression.parse("cost")),
        where=Expression.parse("used > 0 and type == 't' and time < 100 and startswith(subject, 'account/')"),
        compute={"used": Expression.parse("total - free"), "cost": Expression.parse("used * 2")},
    )
    meter = Meter(watched, lateness=0.0)
    assert meter.fields == {"region": Kind.ANY, "total": Kind.NUMBER, "free": Kind.NUMBER}
    region = np.empty(4, object)
    region[:] = ["eu", None, "eu", "eu"]
    fields = {"region": region, "total": np.array([5.0, 6.0, 1.0, 9.0]), "free": np.array([1.0, 1.0, 1.0, 0.0])}
    events = [Event(t, s, nan) for t, s in ((0.0, "account/a"), (1.0, "account/a"), (2.0, "account/a"), (3.0, "d/x"))]
    meter.add(columns(events, fields), np.full(4, -np.inf), str)
    closed = meter.advance(60.0)
    assert {meter.index.key(s): v for s, v in zip(closed.series.tolist(), closed.value.tolist(), strict=True)} == {
        "account/a|region=eu": 8.0,
        "account/a|region=": 10.0,
    }


def test_a_sum_that_overflows_is_missing() -> None:
    assert isnan(measured(Measure("sum", Expression.parse("value")), [0.0, 1.0], [1.7e308, 1.7e308])[0][1])


def test_distinct_counts_texts() -> None:
    meter = Meter(watch("distinct"), lateness=0.0)
    texts = np.empty(5, object)
    texts[:] = ["a", "b", "a", None, "ü\n\x00"]
    meter.add(columns([Event(0.0, "s", nan)] * 5, {"x": texts}), np.full(5, -np.inf), str)
    assert meter.advance(60.0).value.tolist() == [3.0]


@pytest.mark.parametrize("kind", ["last", "sum", "quantile"])
def test_texts_are_no_numbers(kind: Any) -> None:
    with pytest.raises(ValueError, match="a number is needed"):
        Meter(Watch("t", ("subject",), Measure(kind, Expression.parse("'text'"))), lateness=0.0)


def test_a_measure_without_its_value_is_refused() -> None:
    with pytest.raises(ValueError, match="sum needs a value"):
        Meter(Watch("t", ("subject",), Measure("sum")), lateness=0.0)


def test_one_field_of_two_kinds_is_refused() -> None:
    watched = Watch("t", ("subject",), Measure("sum", Expression.parse("x")), where=Expression.parse("x == 'eu'"))
    with pytest.raises(ValueError, match="x is used as a"):
        _ = Meter(watched, lateness=0.0).fields


def test_a_state_of_another_measure_is_refused() -> None:
    state = Meter(watch("sum"), lateness=0.0).state()
    for other in (watch("mean"), watch("sum", every=30.0)):
        with pytest.raises(ValueError, match="another measure"):
            Meter(other, lateness=0.0).load(state)


def test_nothing_comes_of_nothing() -> None:
    meter = Meter(watch("count"), lateness=0.0)
    assert meter.add(columns([]), np.empty(0), str).observations.series.size == 0
    assert meter.advance(-np.inf).series.size == meter.advance(1e9).series.size == 0
