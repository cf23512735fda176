"""All that is told of a subject reaches a learned kind in order of time, however the log is cut."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from detectors.base import Ints, LearnedDetector, Observations, Scores, State
from engine.config.model import DetectorConfig, Input, Watch
from engine.events import (
    ChangeEvent,
    ConsentEvent,
    ContactEvent,
    Decoder,
    EntityEvent,
    OutcomeEvent,
    Schema,
    Telemetry,
    make_event,
)
from engine.expressions import Expression
from engine.measures.meter import Late
from engine.measures.watermark import Watermark
from engine.scoring import Scorer, Subjects

HOUR = 3600.0
Row = tuple[str, str, float, float]


class Recorder(LearnedDetector):
    """Keeps what it is told."""

    kind: ClassVar[str] = "recorder"
    every: float = HOUR

    def __init__(self) -> None:
        self.names: list[tuple[str, str]] = []
        self.rows_told: list[tuple[int, str, float, float]] = []
        self.known: dict[int, dict[str, Any]] = {}
        self.forgotten: list[int] = []
        self.erased: list[int] = []
        self.attributes = ("model",)

    def __deepcopy__(self, memo: object) -> "Recorder":
        return self

    def connect(self, names: Mapping[str, Sequence[str]]) -> None:
        self.names = [("tick", ""), ("labels", ""), *((role, name) for role in names for name in names[role])]

    def channel(self, role: str, name: str = "") -> int:
        return self.names.index((role, name))

    def describe(self, series: int, values: Mapping[str, Any]) -> None:
        self.known[series] = dict(values)

    def forget(self, series: Ints) -> None:
        self.forgotten += series.tolist()

    def erase(self, series: Ints) -> None:
        self.erased += series.tolist()

    def _grow(self, size: int) -> None:
        pass

    def update(self, batch: Observations) -> Scores:
        assert batch.channel is not None
        columns = (batch.series, batch.channel, batch.time, batch.value)
        for series, channel, time, value in zip(*(column.tolist() for column in columns), strict=True):
            self.rows_told.append((series, " ".join(self.names[channel]).strip(), time, value))
        return Scores.silent(len(batch.value))

    def score(self, batch: Observations) -> Scores:
        return Scores.silent(len(batch.value))

    def reset(self, series: Ints) -> None:
        pass

    def state(self) -> State:
        return {"nothing": np.zeros(0)}

    def load(self, state: State) -> None:
        pass


INPUTS = {
    "error": Input("machine.error", each={"code": ("e1", "e2")}),
    "heat": Input("machine.state", value=Expression.parse("heat")),
    "failure": Input(outcome="failure"),
    "call": Input("forewarn.contact"),
}


class World:
    """A scorer of one dossier, and what a pipeline does around it."""

    def __init__(self, *, attributes: Mapping[str, Mapping[str, object]] = {}, **watch: Any) -> None:
        self.model = Recorder()
        config = DetectorConfig("risk", "about", Watch(by=("machine",), inputs=INPUTS, **watch), self.model)
        subjects = Subjects(lambda _: None, lambda subject: attributes.get(subject, {}))
        self.scorer = Scorer({"risk": config}, {}, lateness=600.0, subjects=subjects)
        self.decoder = Decoder(Schema.build(self.scorer.fields), future=1e9)
        self.mark = Watermark(600.0)

    def take(self, *lines: bytes) -> list[Late]:
        decoded = self.decoder.decode(b"\n".join(lines), 0.0)
        assert not decoded.rejects
        left_out: list[Late] = []
        for run in decoded.runs:
            if isinstance(run.content, Telemetry):
                left_out += self.scorer.add(run.content, self.mark.floor(run.content.time, 0.0))[1]
            else:
                self.scorer.advance(self.mark.value)
                for event in run.content:
                    self._steer(event)
        self.scorer.advance(self.mark.value)
        return left_out

    def _steer(self, event: object) -> None:
        match event:
            case EntityEvent():
                self.scorer.know(event, self.mark.value, news=True)
            case OutcomeEvent() | ContactEvent():
                self.scorer.outcome(event, self.mark.value)
            case ConsentEvent():
                self.scorer.object(event)
            case ChangeEvent():
                self.scorer.change(event, self.mark.value)

    def told(self) -> list[Row]:
        key = self.scorer.dossiers[0].index.key
        return [(key(series), what, time, value) for series, what, time, value in self.model.rows_told]


def line(kind: str, at: float, subject: str = "machine/1", **data: Any) -> bytes:
    return make_event(kind, subject, data, id=f"{kind}{at}{subject}", source="s", time=at)


EVENTS = [
    line("forewarn.entity", 0.0, "machine/2", attributes={"model": "m3"}),
    line("machine.error", 1200.0, code="e2"),
    line("machine.state", 1100.0, heat=71.5),
    line("machine.state", 1300.0),
    line("machine.error", 1400.0, code="other"),
    line("machine.state", 3600.0, "machine/2", heat=60.0),
    line("forewarn.contact", 4000.0, channel="phone"),
    line("machine.error", 5000.0, code="e1"),
    line("forewarn.outcome", 3900.0, what="failure"),
    line("forewarn.outcome", 5200.0, what="something else"),
    line("machine.state", 9000.0, "machine/3", heat=1.0),
]
TOLD = [
    ("machine/1", "signal heat", 1100.0, 71.5),
    ("machine/1", "event error e2", 1200.0, 1.0),
    ("machine/2", "signal heat", 3600.0, 60.0),
    ("machine/2", "tick", 3600.0, 0.0),
    ("machine/1", "tick", 3600.0, 0.0),
    ("machine/1", "event call", 4000.0, 1.0),
    ("machine/1", "outcome failure", 3900.0, 1.0),
    ("machine/1", "event error e1", 5000.0, 1.0),
    ("machine/2", "tick", 7200.0, 0.0),
    ("machine/1", "tick", 7200.0, 0.0),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11])
def test_what_is_told_is_in_order_and_does_not_depend_on_the_cut(size: int) -> None:
    world = World()
    for at in range(0, len(EVENTS), size):
        assert world.take(*EVENTS[at : at + size]) == []
    assert world.told() == TOLD


def test_subjects_are_described_when_they_come_and_when_more_is_known() -> None:
    attributes = {"machine/1": {"model": "m1"}}
    world = World(attributes=attributes)
    world.take(line("machine.state", 0.0, heat=1.0))
    assert world.model.known == {0: {"model": "m1"}}
    attributes["machine/1"] = {"model": "m2"}
    world.take(line("forewarn.entity", 1.0, attributes={"model": "m2"}))
    assert world.model.known == {0: {"model": "m2"}}


def test_who_objects_is_forgotten() -> None:
    world = World()
    world.take(line("machine.state", 0.0, heat=1.0), line("machine.state", 1.0, "machine/2", heat=1.0))
    world.take(line("forewarn.consent", 2.0, "machine/2", state="objected"))
    world.take(line("forewarn.consent", 2.0, "machine/1", state="granted"))
    assert world.model.forgotten == [1]


def test_who_objects_before_anything_is_known_of_them_is_never_judged() -> None:
    world = World()
    world.take(line("forewarn.consent", 0.0, "machine/2", state="objected"))
    world.take(line("machine.state", 1.0, heat=1.0), line("machine.state", 2.0, "machine/2", heat=1.0))
    assert world.model.forgotten == [1]


def test_an_objection_outlives_models_that_are_taken_back_and_detectors_that_come_later() -> None:
    world = World()
    world.take(line("machine.state", 0.0, heat=1.0), line("machine.state", 1.0, "machine/2", heat=1.0))
    [(_, dossier)] = world.scorer.models(["risk"])
    kept = dossier.model("risk")
    world.take(line("forewarn.consent", 2.0, "machine/2", state="objected"))
    dossier.take_back("risk", kept)
    assert world.model.forgotten == [1, 1]
    later = World()
    later.scorer.load({name: array for name, array in world.scorer.state().items() if "/monitor:" not in name})
    assert later.model.forgotten == [1]


def test_missing_labels_are_declared_and_end() -> None:
    world = World()
    world.take(line("machine.state", 0.0, heat=1.0))
    world.take(line("forewarn.change", 100.0, "fleet", what="labels-missing", lasts=200.0))
    world.take(line("machine.state", 2000.0, heat=2.0))
    labels = [(what, time, value) for _, what, time, value in world.told() if what == "labels"]
    assert labels == [("labels", 100.0, 1.0), ("labels", 300.0, 0.0)]


def test_subjects_are_scored_when_a_certain_event_comes() -> None:
    world = World(score_on="machine.state")
    world.take(
        line("machine.state", 0.0, heat=1.0), line("machine.error", 20.0, code="e1"), line("machine.state", 9000.0)
    )
    world.take(line("machine.state", 99999.0, "machine/2"))
    assert [row[1:3] for row in world.told()] == [
        ("signal heat", 0.0),
        ("tick", 0.0),
        ("event error e1", 20.0),
        ("tick", 9000.0),
    ]


def test_what_comes_too_late_is_left_out_and_told_so() -> None:
    world = World()
    world.take(line("machine.state", 9000.0, heat=1.0))
    [late] = world.take(line("machine.state", 1000.0, heat=5.0))
    assert (late.reason, late.line) == ("late", 0)


def test_what_waits_survives_a_restart() -> None:
    one, other = World(), World()
    one.take(*EVENTS[:6])
    other.scorer.load(one.scorer.state())
    other.mark = one.mark
    other.take(*EVENTS[6:])
    assert one.told() + other.told() == TOLD
