"""A recorded fleet through the whole of scoring, from YAML and events: the same as through the kind alone."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from detectors.risk import Risk
from engine.config.check import checked
from engine.config.model import DetectorConfig
from engine.events import Decoder, EntityEvent, OutcomeEvent, Schema, Telemetry
from engine.issues.findings import Finding
from engine.measures.watermark import Watermark
from engine.scoring import Scorer, Subjects
from tests.fleets.feed import Feed, detector_for
from tests.fleets.recording import Recording
from tests.fleets.sensors import run_to_failure

BATCH = 997


def written(recording: Recording) -> str:
    """Return the detector as an operations team writes it."""
    inputs = [f"    {recording.outcome}: {{outcome: {recording.outcome}}}"]
    inputs += [f"    {name}: {{event: {name}}}" for name in recording.events]
    inputs += [f"    {name}: {{event: {event}, value: {name}}}" for name, event in recording.signals.items()]
    attributes = ", ".join(recording.attributes)
    return "\n".join(
        (
            "name: wear",
            "about: A unit is likely to fail soon.",
            "watch:",
            "  by: unit",
            f"  score_on: {recording.scored}",
            "  inputs:",
            *inputs,
            f"model: {{kind: risk, horizon: {recording.horizon:g}s, attributes: [{attributes}]}}",
        )
    )


@pytest.fixture
def detectors(shop: Path) -> Mapping[str, DetectorConfig]:
    (shop / "config/detectors/errors.yaml").unlink()
    for playbook in (shop / "config/playbooks").iterdir():
        playbook.unlink()
    (shop / "config/detectors/wear.yaml").write_text(written(run_to_failure(1, units=2)), encoding="utf-8")
    config, problems = checked(shop / "config", {})
    assert config is not None, problems
    return config.detectors


class Replay:
    """The events of a recording through decoder and scorer, in batches."""

    def __init__(self, detectors: Mapping[str, DetectorConfig]) -> None:
        self._known: dict[str, Mapping[str, object]] = {}
        subjects = Subjects(lambda _: None, lambda subject: self._known.get(subject, {}))
        self.scorer = Scorer(detectors, {}, lateness=0.0, subjects=subjects)
        self.found: list[Finding] = []

    def run(self, recording: Recording) -> None:
        decoder, mark = Decoder(Schema.build(self.scorer.fields), future=1e12), Watermark(0.0)
        lines = list(recording.lines())
        for at in range(0, len(lines), BATCH):
            decoded = decoder.decode(b"\n".join(lines[at : at + BATCH]), 0.0)
            assert not decoded.rejects
            for run in decoded.runs:
                if isinstance(run.content, Telemetry):
                    self.scorer.add(run.content, mark.floor(run.content.time, 0.0))
                    continue
                self.found += self.scorer.advance(mark.value)
                for event in run.content:
                    if isinstance(event, EntityEvent):
                        self._known[event.subject] = event.attributes
                        self.scorer.know(event, mark.value, news=True)
                    elif isinstance(event, OutcomeEvent):
                        self.scorer.outcome(event, mark.value)
            self.found += self.scorer.advance(mark.value)


def test_the_engine_learns_and_finds_what_the_kind_alone_does(detectors: Mapping[str, DetectorConfig]) -> None:
    recording = run_to_failure(3, units=40)
    alone = detector_for(recording, every=None)
    Feed(recording, alone).run()
    replay = Replay(detectors)
    replay.run(recording)
    [dossier] = replay.scorer.dossiers
    engine = dossier.monitors["wear"].detector
    assert isinstance(engine, Risk)
    one, other = alone.evaluation(), engine.evaluation()
    assert one.roc_auc > 0.8
    assert np.isclose(one.roc_auc, other.roc_auc, atol=0.02)
    assert np.isclose(one.recall, other.recall, atol=0.1)
    raised = [finding for finding in replay.found if finding.signal.state == "raised"]
    assert raised
    assert all(finding.signal.value == finding.signal.extra["probability"] > 0.0 for finding in raised)
    assert all("likely" in finding.signal.explanation for finding in raised), raised[0].signal.explanation
