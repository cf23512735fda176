"""Series that go quiet leave memory, and come back as they were: nobody can tell from what is found."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.absence import Absence
from detectors.base import Detector
from detectors.durations import Duration
from detectors.forecast import Forecast
from detectors.seasonal import Seasonal
from detectors.threshold import Threshold
from engine.cold import Away, ColdStore
from engine.cold.file import FileStore
from engine.config.model import DetectorConfig, Measure, Of, Raise, Watch
from engine.events import ChangeEvent, Decoder, Schema, Telemetry, make_event
from engine.expressions import Expression
from engine.issues.findings import Finding
from engine.measures.watermark import Watermark
from engine.scoring import Scorer, Subjects, metered
from engine.scoring.quiet import Idle, packed, unpacked

EVERY, IDLE = 60.0, 1800.0
OWNERS = {"device/d1": "account/a0", "device/d2": "account/a1"}
SUBJECTS = ["account/a0", "account/a1", "account/a2", "device/d1", "device/d2"]


class Step(NamedTuple):
    """What happens next: some minutes pass, then something comes of a subject."""

    minutes: int
    subject: str
    value: float
    what: str


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from([0, 0, 1, 1, 1, 2, 5, 40, 200]),
        st.sampled_from(SUBJECTS),
        st.sampled_from([1.0, 2.0, 3.0, 100.0, 50.0]),
        st.sampled_from(["event"] * 12 + ["relearn", "relearn all", "verdict"]),
    ),
    min_size=1,
    max_size=80,
)


def config(name: str, model: Detector, measure: Measure | None = None, grace: float = 0.0) -> DetectorConfig:
    measure = measure or Measure("mean", Expression.parse("value"))
    watch = Watch("e", ("subject",), measure, Duration(EVERY))
    return DetectorConfig(
        name, "", watch, model, raise_=Raise(score=0.9, for_=Of(2, 3)), grace=Duration(grace), reset_on=("deployment",)
    )


def detectors() -> dict[str, DetectorConfig]:
    """Return light kinds on one watch, and one each on a watch of zeros and on one with values kept in a pool."""
    made = [
        config("season", Seasonal(warmup=10, period=[]), grace=240.0),
        config("limit", Threshold(above=60.0)),
        config("trend", Forecast(limit=90.0, within=Duration("1h"))),
        config("count", Threshold(above=1.5), Measure("count")),
        config("middle", Seasonal(warmup=10), Measure("quantile", Expression.parse("value"), q=0.5)),
        config("gap", Threshold(above=3600.0), Measure("gap")),
    ]
    return {each.name: each for each in made}


class World:
    """A scorer, with what a pipeline does around it; `store` is where quiet series go, if anywhere."""

    def __init__(self, configs: Mapping[str, DetectorConfig], store: ColdStore | None) -> None:
        subjects = Subjects(lambda s: OWNERS.get(s, s if s.startswith("account/") else None), lambda s: {})
        idle = None if store is None else Idle(IDLE, store)
        self.scorer = Scorer(configs, {}, lateness=EVERY, subjects=subjects, idle=idle)
        self.decoder = Decoder(Schema.build(self.scorer.fields), future=1e12)
        self.mark, self.offset, self.store = Watermark(EVERY), 0, store
        self.found: list[Finding] = []

    def take(self, events: Sequence[tuple[float, Step]]) -> None:
        """Take a batch."""
        self.offset += len(events)
        if self.store is not None:
            self.store.offset = self.offset
        for at, step in events:
            if step.what == "event":
                self._event(at, step)
            elif step.what == "verdict":
                self.scorer.adjust("limit", step.subject, "false")
            else:
                subject = step.subject if step.what == "relearn" else "fleet"
                self.found += self.scorer.advance(self.mark.value)
                self.scorer.change(change(at, subject), self.mark.value)
        self.found += self.scorer.advance(self.mark.value)

    def _event(self, at: float, step: Step) -> None:
        line = make_event("e", step.subject, {"value": step.value}, id="1", source="s", time=at)
        for run in self.decoder.decode(line, 0.0).runs:
            assert isinstance(run.content, Telemetry)
            self.found += self.scorer.add(run.content, self.mark.floor(run.content.time, 0.0))[0]


def change(at: float, subject: str) -> ChangeEvent:
    line = make_event("forewarn.change", subject, {"what": "deployment"}, id="1", source="s", time=at)
    [run] = Decoder(Schema.build({}), future=1e12).decode(line, 0.0).runs
    assert isinstance(run.content, list)
    [event] = run.content
    assert isinstance(event, ChangeEvent)
    return event


def timed(steps: Sequence[Step]) -> list[tuple[float, Step]]:
    """Return each step with its time: in some minutes there are several."""
    minutes = np.cumsum([step.minutes for step in steps]).tolist()
    return [(1e6 + EVERY * minutes[number] + 0.1 * number, step) for number, step in enumerate(steps)]


def told(found: Iterable[Finding]) -> list[str]:
    """Return findings without the numbers of series, which may be others, and without pictures, which may be lost."""
    return sorted(repr(replace(each, signal=replace(each.signal, series=0), points=())) for each in found)


@contextmanager
def stores(count: int) -> Iterator[Sequence[ColdStore]]:
    with TemporaryDirectory() as folder:
        made = [FileStore(Path(folder) / f"{number}.db", synchronous="OFF") for number in range(count)]
        try:
            yield made
        finally:
            for each in made:
                each.close()


def batches(events: Sequence[tuple[float, Step]], size: int) -> Iterator[Sequence[tuple[float, Step]]]:
    for start in range(0, len(events), size):
        yield events[start : start + size]


@given(STEPS, st.integers(1, 7), st.integers(1, 3))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_found_is_the_same_whether_series_leave_or_stay(
    monkeypatch: pytest.MonkeyPatch, steps: list[Step], size: int, most: int
) -> None:
    monkeypatch.setattr(metered, "MOST", most)
    with stores(1) as [store]:
        leaving, staying = World(detectors(), store), World(detectors(), None)
        for world in (leaving, staying):
            for batch in batches(timed(steps), size):
                world.take(batch)
            world.found += world.scorer.advance(1e9)
        assert told(leaving.found) == told(staying.found)


def test_series_do_leave_and_come_back() -> None:
    steps = [Step(1, subject, value, "event") for value in (1.0, 2.0) for subject in SUBJECTS]
    with stores(1) as [store]:
        world = World({"limit": config("limit", Threshold(above=60.0))}, store)
        world.take(timed(steps))
        assert world.scorer.series() == 5
        later = [Step(3, "account/a9", 1.0, "event"), Step(100, "account/a9", 1.0, "event")]
        last = timed([*steps, *later, Step(2, "account/a0", 70.0, "event")])[-3:]
        for event in last[:2]:
            world.take([event])
        assert (world.scorer.series(), len(store)) == (1, 5)
        world.take(last[2:])
        assert (world.scorer.series(), len(store)) == (2, 4)
        assert world.scorer.stations[0].index.find("account/a0") == 4, "the last number that was freed"


def test_who_is_raised_or_waited_for_stays() -> None:
    beat = Measure("last", Expression.parse("time"))
    configs = [config("limit", Threshold(above=60.0)), config("beat", Absence(after=Duration("10d")), beat)]
    steps = [Step(1, subject, 70.0 if subject == "account/a0" else 1.0, "event") for subject in SUBJECTS for _ in "ab"]
    with stores(1) as [store]:
        world = World({each.name: each for each in configs}, store)
        world.take(timed(steps))
        later = [Step(3, "account/a9", 1.0, "event"), Step(100, "account/a9", 1.0, "event")]
        for event in timed([*steps, *later])[-2:]:
            world.take([event])
        by_name = {station.name: station.index for station in world.scorer.stations}
        assert by_name["limit"].find("account/a0") >= 0
        assert by_name["limit"].live == 2
        assert by_name["beat"].live == 6


class Saved(NamedTuple):
    """A snapshot."""

    offset: int
    state: dict[str, NDArray[Any]]
    mark: dict[str, NDArray[Any]]


def snapshot(world: World) -> Saved:
    assert world.store is not None
    world.store.flush()
    arrays = {name: array.copy() for name, array in world.scorer.state().items()}
    return Saved(world.offset, arrays, {name: array.copy() for name, array in world.mark.state().items()})


def restored(saved: Saved, store: ColdStore) -> World:
    world = World(detectors(), store)
    world.scorer.load(saved.state)
    world.mark.load(saved.mark)
    world.offset = saved.offset
    store.rewind(saved.offset)
    return world


@given(STEPS, st.lists(st.sampled_from(["go on"] * 8 + ["snapshot", "snapshot", "crash"]), min_size=80, max_size=80))
@settings(deadline=None, max_examples=25)
def test_a_crash_at_any_point_changes_nothing(steps: list[Step], fates: list[str]) -> None:
    """After a replay the models are as they are without a crash, bit for bit."""
    events = timed(steps)
    with stores(2) as [smooth_store, rough_store]:
        smooth, rough = World(detectors(), smooth_store), World(detectors(), rough_store)
        saved = snapshot(rough)
        for event in events:
            smooth.take([event])
        at = 0
        for fate in fates:
            if fate == "snapshot":
                saved = snapshot(rough)
            elif fate == "crash":
                rough = restored(saved, rough_store)
                at = saved.offset
            rough.take(events[at : at + 1])
            at += 1
        for event in events[at:]:
            rough.take([event])
        assert_same(smooth.scorer.state(), rough.scorer.state())
        assert len(smooth_store) == len(rough_store)


def assert_same(one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]]) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.tobytes() == other[name].tobytes(), name


def test_a_detector_that_was_changed_meanwhile_has_never_seen_who_comes_back() -> None:
    steps = [Step(1, "account/a0", 1.0, "event")] * 30
    with stores(1) as [store]:
        world = World({"season": config("season", Seasonal(warmup=10))}, store)
        world.take(timed(steps))
        later = [Step(3, "account/a9", 1.0, "event"), Step(100, "account/a9", 1.0, "event")]
        for event in timed([*steps, *later])[-2:]:
            world.take([event])
        assert store.holds(world.scorer.watches()[0], "account/a0")
        other = World({"season": config("season", Seasonal(warmup=20))}, store)
        other.take(timed([*steps, Step(200, "account/a0", 1.0, "event")])[-1:])
        [station] = other.scorer.stations
        assert not np.any(station.monitors["season"].detector.state()["rows"])
        assert len(store) == 0, "it is back all the same"


def test_rows_survive_being_packed() -> None:
    row = np.dtype([("a", "<f8"), ("b", "u1")])
    rows = {"x": np.arange(6.0).reshape(2, 3), "y": np.array([(0.5, 1), (np.nan, 2)], row)}
    layout, states = packed(rows)
    away = [_away(layout, state) for state in states]
    back = unpacked(away, {name: array[:0] for name, array in rows.items()})
    assert_same(rows, back)
    assert set(unpacked(away, {"x": np.zeros((0, 4)), "y": rows["y"][:0]})) == {"y"}


def _away(layout: str, state: NDArray[np.uint8]) -> Away:

    return Away(layout, 1, state.tobytes())
