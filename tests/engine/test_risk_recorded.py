"""Recorded fleets through the whole engine, from YAML and a file of events: the figures are those of the kind alone."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlmodel import select

from engine.app import Engine
from engine.store.models import Issue, Ticket
from tests.fleets.feed import Feed, detector_for
from tests.fleets.recording import DAY, Recording
from tests.fleets.sensors import run_to_failure
from tests.fleets.tables import accounts, machines
from tests.fleets.throughout import configured, throughout

DATA = Path(os.environ.get("FOREWARN_DATA", Path(__file__).parents[3] / "shared" / "data"))
SOME_DAYS = 90
SOME_ACCOUNTS = 1600
"""So many that labels, which come 500 accounts later, are enough for several fits."""


def recorded(name: str) -> Recording:
    """Return part of a recording; skips the test where the data is not there."""
    try:
        if name == "machines":
            return _first(machines(DATA / "azure-pdm", only=lambda number: number <= 10), SOME_DAYS * DAY)
        return _first(accounts(DATA / "telco-churn", seed=1), 60.0 * SOME_ACCOUNTS)
    except FileNotFoundError as missing:
        pytest.skip(f"the recorded fleets are not there: {missing}")


def _first(recording: Recording, seconds: float) -> Recording:
    end = recording.begin + seconds
    return replace(recording, happened=[each for each in recording.happened if each.time <= end], end=end)


def compare(recording: Recording, folder: Path) -> tuple[list[Issue], list[Ticket]]:
    """Let the kind alone and the whole engine see a recording; what they say, and how good it was, is the same."""
    with throughout(recording, configured(recording.name), folder / "events.ndjson") as (engine, heard):
        said, figures = heard.told(), heard.detector.evaluation()
        rows = _kept(engine)
    alone = detector_for(recording)
    as_long = replace(recording, end=max(recording.end, float(said.time.max())))
    told = Feed(as_long, alone).run()
    for name in ("subjects", "series", "time", "probability", "score"):
        np.testing.assert_array_equal(getattr(said, name), getattr(told, name), name)
    assert repr(figures) == repr(alone.evaluation())  # NaN is NaN, too
    assert figures.rows > 100
    assert figures.roc_auc > 0.7
    return rows


def _kept(engine: Engine) -> tuple[list[Issue], list[Ticket]]:
    with engine.storage.database.reading() as session:
        return list(session.exec(select(Issue))), list(session.exec(select(Ticket)))


def test_machines(tmp_path: Path) -> None:
    issues, tickets = compare(recorded("machines"), tmp_path)
    assert len(issues) == len(tickets) >= 5
    assert {issue.detector for issue in issues} == {"machine-failure"}
    assert all(ticket.queue == "field-service" for ticket in tickets)


def test_accounts_in_random_order(tmp_path: Path) -> None:
    issues, tickets = compare(recorded("accounts"), tmp_path)
    assert len(issues) == len(tickets) > 10
    assert {issue.account for issue in issues} == {issue.series for issue in issues}


def test_a_made_fleet_of_sensors_whose_units_come_one_after_another(tmp_path: Path) -> None:
    """Who a new unit is, the engine knows at once; what the others tell at that moment, when the watermark has passed.

    So a fit between the two sees one more column of attributes, and trees that draw other columns.
    """
    recording = run_to_failure(3, units=40)
    alone = detector_for(recording)
    Feed(recording, alone).run()
    with throughout(recording, configured(recording.name), tmp_path / "events.ndjson") as (engine, heard):
        one, other = alone.evaluation(), heard.detector.evaluation()
        issues, _ = _kept(engine)
    assert one.roc_auc > 0.8
    assert other.roc_auc == pytest.approx(one.roc_auc, abs=0.005)
    assert other.rows == one.rows
    assert other.recall == pytest.approx(one.recall, abs=0.05)
    assert all("likely" in issue.summary for issue in issues)
    assert issues
