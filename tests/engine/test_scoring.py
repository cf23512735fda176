"""What a scorer makes of events of several types, and of series in groups; however the log is cut."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from detectors.base import Observations, Scores
from detectors.durations import Duration
from detectors.rows import RowDetector
from engine.config.model import DetectorConfig, Measure, Watch
from engine.events import ChangeEvent, Decoder, EntityEvent, Schema, Telemetry, make_event
from engine.expressions import Expression
from engine.issues.findings import Finding
from engine.measures.watermark import Watermark
from engine.scoring import Scorer, Subjects


class Echo(RowDetector):
    """Raises whenever its value is above 0, and keeps what it was given."""

    kind: ClassVar[str] = "echo"
    raise_score: ClassVar[float] = 0.5
    row: ClassVar[np.dtype[Any]] = np.dtype("<f8")
    needs_window: ClassVar[bool] = False

    def __init__(self, *, grouping: str = "none", attributes: Sequence[str] = (), inputs: str = "measure") -> None:
        super().__init__()
        self.grouping, self.inputs = grouping, inputs  # type: ignore[assignment,misc]  # of this instance alone
        self.attributes = tuple(attributes)
        self.seen: list[Observations] = []

    def __deepcopy__(self, memo: object) -> "Echo":
        return self

    def _run(self, batch: Observations, *, learn: bool) -> Scores:
        self.seen.append(batch)
        scores = Scores.silent(len(batch.value))
        scores.score = np.where(np.isnan(batch.value), np.nan, (batch.value > 0).astype(np.float64))
        return scores


def detector(name: str, model: Echo, **watch: Any) -> DetectorConfig:
    plain: dict[str, Any] = {"every": Duration(60.0)}
    return DetectorConfig(name, "about", Watch(**(plain | watch)), model)


class World:
    """A scorer, with what a pipeline does around it."""

    def __init__(
        self, *configs: DetectorConfig, owners: Mapping[str, str] = {}, plans: Mapping[str, Mapping[str, object]] = {}
    ) -> None:
        subjects = Subjects(
            lambda s: owners.get(s, s if s.startswith("account/") else None), lambda s: plans.get(s, {})
        )
        self.scorer = Scorer({each.name: each for each in configs}, {}, lateness=0.0, subjects=subjects)
        self.decoder = Decoder(Schema.build(self.scorer.fields), future=1e9)
        self.mark = Watermark(0.0)

    def take(self, *lines: bytes) -> list[Finding]:
        decoded = self.decoder.decode(b"\n".join(lines), 0.0)
        assert not decoded.rejects
        found: list[Finding] = []
        for run in decoded.runs:
            assert isinstance(run.content, Telemetry)
            raised, late = self.scorer.add(run.content, self.mark.floor(run.content.time, 0.0))
            assert not late
            found += raised
        return found + self.scorer.advance(self.mark.value)


def line(kind: str, at: float, subject: str = "account/a", **data: Any) -> bytes:
    return make_event(kind, subject, data, id=f"{kind}{at}{subject}", source="s", time=at)


def told(model: Echo) -> list[tuple[float, float]]:
    return [pair for batch in model.seen for pair in zip(batch.time.tolist(), batch.value.tolist(), strict=True)]


EVENTS = [
    line("start", 10.0), line("check", 20.0), line("other", 25.0), line("done", 70.0), line("check", 130.0),
    line("start", 140.0), line("done", 250.0), line("start", 600.0),
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 8])
def test_several_types_are_one_series_in_order_of_the_log(size: int) -> None:
    model = Echo()
    world = World(
        detector("steps", model, event=("start", "check", "done"), by=("account",)),
        detector("o", Echo(), event="other", by=("account",), measure=Measure("count")),
    )
    for at in range(0, len(EVENTS), size):
        world.take(*EVENTS[at : at + size])
    assert told(model) == [(0.0, 1.0), (60.0, 2.0), (120.0, 0.0), (240.0, 2.0)]


def test_expressions_may_name_the_type_and_fields_that_only_some_have() -> None:
    model = Echo()
    measure = Measure("sum", Expression.parse("amount"))
    where = Expression.parse("type == 'paid' or note == 'x'")
    world = World(detector("sums", model, event=("paid", "refunded"), by=("account",), measure=measure, where=where))
    world.take(
        line("paid", 1.0, amount=5), line("refunded", 2.0, amount=-2), line("refunded", 3.0, amount=-1, note="x"),
        line("paid", 61.0),
    )  # fmt: skip
    assert told(model) == [(0.0, 4.0)]


def groups(model: Echo) -> list[int]:
    found: list[int] = []
    for batch in model.seen:
        assert batch.group is not None
        found += batch.group.tolist()
    return found


def test_a_prefix_groups_what_is_of_one_customer() -> None:
    model = Echo(grouping="prefix")
    world = World(detector("codes", model, event="error", by=("account", "code"), measure=Measure("count")))
    world.take(
        line("error", 1.0, "account/a", code="1"), line("error", 2.0, "account/b", code="1"),
        line("error", 3.0, "account/a", code="2"), line("error", 99.0, "account/c", code="2"),
    )  # fmt: skip
    assert groups(model) == [0, 1, 0]


def entity(subject: str) -> EntityEvent:
    return EntityEvent(id="e", source="s", subject=subject, time=0.0, line=0)


def test_a_cohort_is_that_of_the_account_a_device_belongs_to_now() -> None:
    model = Echo(grouping="cohort", attributes=["plan", "region"])
    owners = {"device/1": "account/a", "device/2": "account/b"}
    plans = {"account/a": {"plan": "pro"}, "account/b": {"plan": "free"}, "device/2": {"region": "eu"}}
    heat = detector("heat", model, event="heat", by=("device",), measure=Measure("count"))
    world = World(heat, owners=owners, plans=plans)

    def minute(number: int) -> list[int]:
        model.seen.clear()
        at = number * 60.0
        world.take(line("heat", at, "device/1"), line("heat", at, "device/2"), line("heat", at + 60.0, "device/3"))
        return groups(model)[:2]

    assert minute(0) == [0, 1]
    plans["account/b"] = {"plan": "pro"}
    world.scorer.know(entity("account/b"), 0.0, news=True)
    assert minute(2) == [0, 3], "another region than device/1, whose region nobody knows"
    plans["device/2"] = {}
    world.scorer.know(entity("device/2"), 0.0, news=True)
    assert minute(4) == [0, 0]
    owners["device/2"] = "account/c"
    world.scorer.know(entity("device/2"), 0.0, news=True)
    assert minute(6) == [0, 2], "nothing is known of its account, as of device/3's"
    plans["account/c"] = {"plan": "free", "region": "eu"}
    world.scorer.know(entity("account/c"), 0.0, news=True)
    assert minute(8) == [0, 1]


def test_groups_survive_a_restart_and_are_still_renewed() -> None:
    plans: dict[str, Mapping[str, object]] = {"account/a": {"plan": "pro"}, "account/b": {"plan": "free"}}
    worlds = []
    for _ in range(2):
        model = Echo(grouping="cohort", attributes=["plan"])
        config = detector("calls", model, event="call", by=("account",), measure=Measure("count"))
        worlds.append((World(config, plans=plans), model))
    (before, _), (after, model) = worlds
    before.take(line("call", 1.0, "account/a"), line("call", 2.0, "account/b"), line("call", 70.0, "account/a"))
    after.scorer.load(before.scorer.state())
    plans["account/b"] = {"plan": "pro"}
    after.scorer.know(entity("account/b"), 0.0, news=True)
    after.mark = before.mark
    after.take(line("call", 80.0, "account/b"), line("call", 130.0, "account/a"))
    assert groups(model) == [0, 0]


def change(what: str, at: float, subject: str = "fleet", **more: Any) -> ChangeEvent:
    return ChangeEvent(id="c", source="s", subject=subject, time=at, line=0, what=what, **more)


class TestSignals:
    """A detector that watches two others."""

    def world(self) -> tuple[World, Echo]:
        model = Echo(inputs="signals")
        members = [
            detector(name, Echo(), event=name, by=("account",), measure=Measure("sum", Expression.parse("x")))
            for name in ("calls", "jobs")
        ]
        return World(*members, detector("both", model, signals=("calls", "jobs"), by=("account",))), model

    EVENTS: ClassVar[list[bytes]] = [
        line("jobs", 1.0, x=1), line("calls", 2.0, x=0), line("jobs", 61.0, x=0), line("calls", 62.0, x=1),
        line("calls", 63.0, "account/b", x=1), line("calls", 130.0, x=1), line("jobs", 131.0, x=1),
        line("calls", 190.0, x=0), line("jobs", 250.0, x=0), line("calls", 900.0, x=0),
    ]  # fmt: skip

    @pytest.mark.parametrize("size", [1, 2, 5, 10])
    def test_signals_come_in_order_of_time_however_the_log_is_cut(self, size: int) -> None:
        world, model = self.world()
        for at in range(0, len(self.EVENTS), size):
            world.take(*self.EVENTS[at : at + size])
        rows = []
        for batch in model.seen:
            assert batch.channel is not None
            keys = [world.scorer.relays[0].index.key(number) for number in batch.series.tolist()]
            rows += list(zip(keys, batch.time.tolist(), batch.channel.tolist(), batch.value.tolist(), strict=True))
        assert rows == [
            ("account/a", 0.0, 1, 1.0),
            ("account/a", 60.0, 0, 1.0),
            ("account/a", 60.0, 1, 0.0),
            ("account/b", 60.0, 0, 1.0),
            ("account/a", 120.0, 0, 1.0),
            ("account/a", 120.0, 1, 1.0),
            ("account/a", 180.0, 0, 0.0),
            ("account/a", 240.0, 1, 0.0),
        ]

    def test_what_waits_survives_a_restart(self) -> None:
        world, _ = self.world()
        decoded = world.decoder.decode(b"\n".join(self.EVENTS[:7]), 0.0)
        content = decoded.runs[0].content
        assert isinstance(content, Telemetry)
        world.scorer.add(content, world.mark.floor(content.time, 0.0))
        other, model = self.world()
        other.scorer.load(world.scorer.state())
        other.scorer.advance(world.mark.value)
        assert sum(len(batch.value) for batch in model.seen) > 0

    def test_a_member_is_over_when_none_of_its_series_is_raised(self) -> None:
        model = Echo(inputs="signals")
        measure = Measure("sum", Expression.parse("x"))
        world = World(
            detector("calls", Echo(), event="calls", by=("account", "code"), measure=measure),
            detector("any", model, signals=("calls",), by=("account",)),
        )
        for at, code, x in ((0.0, "1", 1), (60.0, "2", 1), (120.0, "1", 0), (180.0, "2", 0), (300.0, "2", 0)):
            world.take(line("calls", at, code=code, x=x))
        values = [value for batch in model.seen for value in batch.value.tolist()]
        assert values == [1.0, 1.0, 1.0, 0.0]
