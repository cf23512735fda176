"""Recorded fleets as events, and what the detector makes of them: the benchmark's own parts, on few machines."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.fleets.feed import Feed, detector_for
from tests.fleets.judge import judge
from tests.fleets.recording import Recording
from tests.fleets.sensors import run_to_failure
from tests.fleets.tables import accounts, machines

DATA = Path(os.environ.get("FOREWARN_DATA", Path(__file__).parents[3] / "shared" / "data"))
needs_data = pytest.mark.skipif(not (DATA / "azure-pdm").is_dir(), reason="the recorded fleets are not there")


def recorded(**how: int) -> Recording:
    """Return the first dozen of the recorded machines."""
    return machines(DATA / "azure-pdm", only=lambda number: number <= 12, **how)


@needs_data
def test_events_say_what_the_files_say() -> None:
    events = [json.loads(line) for line in recorded().lines()]
    assert {event["type"].split(".")[0] for event in events} == {"error", "maintenance", "forewarn"}
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    assert len({event["id"] for event in events}) == len(events)


@needs_data
def test_shifting_moves_no_failure_and_permuting_renames_only_the_second_half() -> None:
    plain, moved, renamed = recorded(), recorded(shifted=1), recorded(permuted=1)
    assert plain.outcomes() == moved.outcomes() == renamed.outcomes()
    half = (plain.begin + plain.end) / 2
    pairs = list(zip(sorted(plain.happened), sorted(renamed.happened), strict=True))
    assert all(one.type == other.type for one, other in pairs if one.time < half)
    types = [each.type for each in renamed.happened if each.time > half and not each.type.startswith("forewarn")]
    assert set(types) == set(plain.events)


@needs_data
def test_failures_of_machines_are_foretold() -> None:
    recording = recorded()
    verdict = judge(
        recording, Feed(recording, detector_for(recording)).run(), recording.begin + 73 * 86400, recording.end
    )
    assert verdict.pr_auc > 0.85
    assert verdict.recall > 0.85
    assert verdict.false_per_failure < 1.0
    assert verdict.median_lead_h >= 20


@needs_data
def test_accounts_come_in_a_seeded_order_with_late_labels() -> None:
    one, again, other = (accounts(DATA / "telco-churn", seed) for seed in (1, 1, 2))
    assert one.happened == again.happened != other.happened
    asked = {each.subject: each.time for each in one.happened if each.type == one.scored}
    assert all(
        each.time == asked[each.subject] + one.horizon for each in one.happened if each.type == "forewarn.outcome"
    )


def test_a_made_fleet_of_sensors_is_foretold_and_the_record_agrees_with_the_judge() -> None:
    recording = run_to_failure(seed=3, units=40)
    detector = detector_for(recording)
    told = Feed(recording, detector).run()
    verdict = judge(recording, told, recording.begin, recording.end)
    scored = ~np.isnan(told.probability)
    assert verdict.pr_auc > 0.75
    assert verdict.recall > 0.8
    assert detector.evaluation().rows <= scored.sum()
    assert detector.evaluation().pr_auc == pytest.approx(verdict.pr_auc, abs=0.1)
