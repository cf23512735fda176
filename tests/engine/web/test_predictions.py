"""How good predictions are, in the console and for Prometheus."""

from dataclasses import replace
from typing import Any

import pytest

from detectors.risk import Risk
from engine.config.model import DetectorConfig, Input, Watch
from engine.evaluations import keep
from tests.engine.web.test_health import figures
from tests.fleets.standings import standing

EVIL = "<script>alert(1)</script>"


def learns(desk: Any, name: str, **more: Any) -> None:
    """Give the configuration a detector that learns from outcomes."""
    watch = Watch(by=("account",), inputs={"churn": Input(outcome="churn")})
    config = DetectorConfig(name, "An account is likely to leave.", watch, Risk(), **more)
    desk.config = replace(desk.config, detectors={**desk.config.detectors, name: config})


def stands(desk: Any, name: str, **more: Any) -> None:
    with desk.database.transaction() as session:
        keep(session, 0, {name: standing(**more)}, 1_700_000_000.0)


def test_the_page_says_how_good_each_detector_is(desk: Any, server: Any) -> None:
    learns(desk, "leaving")
    stands(desk, "leaving")
    page = server.get("/predictions").text
    assert "An account is likely to leave." in page
    assert "all models, weighed" in page
    assert "80 %" in page
    assert "1 d" in page
    assert "0.5 per outcome" in page
    assert page.count("<h1") == 1
    assert "<meter" in page
    assert "Labels are missing" not in server.get("/").text


def test_missing_labels_and_a_drift_alarm_are_said(desk: Any, server: Any) -> None:
    learns(desk, "leaving", shadow=True)
    stands(desk, "leaving", labels_missing=True, on_trial=True)
    page = server.get("/predictions").text
    assert "nothing is learned until outcomes are reported again" in page
    assert "Drift alarm" in page
    assert "on trial" in page
    assert "Labels are missing" in server.get("/").text


@pytest.mark.parametrize("champion", ["none", "early"])
def test_a_detector_that_knows_little_says_so(desk: Any, server: Any, champion: str) -> None:
    learns(desk, "leaving")
    stands(desk, "leaving", outcomes=0, warned=0, champion=champion)
    page = server.get("/predictions").text
    assert "before there were outcomes" in page or "early one speaks" in page
    assert "<meter" not in page


def test_what_is_not_there_yet_is_said(desk: Any, server: Any) -> None:
    assert "No detector learns from outcomes" in server.get("/predictions").text
    learns(desk, "leaving")
    assert "Nothing is known yet" in server.get("/predictions").text


def test_nothing_from_outside_is_markup_and_what_is_configured_no_more_is_not_shown(desk: Any, server: Any) -> None:
    learns(desk, EVIL)
    stands(desk, EVIL, budget=EVIL)
    page = server.get("/predictions").text
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    desk.config = replace(desk.config, detectors={})
    assert "&lt;script&gt;" not in server.get("/predictions").text


def test_prometheus_reads_the_figures_of_late(desk: Any, server: Any) -> None:
    stands(desk, "leaving", labels_missing=True)
    found = figures(server.get("/metrics").text)
    assert found['forewarn_prediction_recall{detector="leaving"}'] == 0.8
    assert found['forewarn_prediction_labels_missing{detector="leaving"}'] == 1
    assert found['forewarn_prediction_drift_alarm{detector="leaving"}'] == 0
    assert found['forewarn_prediction_lead_seconds{detector="leaving"}'] == 86400
    assert found['forewarn_prediction_outcomes{detector="leaving"}'] == 10


def test_what_is_not_known_is_no_figure(desk: Any, server: Any) -> None:
    stands(desk, "leaving", outcomes=0, warned=0)
    found = figures(server.get("/metrics").text)
    assert 'forewarn_prediction_recall{detector="leaving"}' not in found
    assert found['forewarn_prediction_outcomes{detector="leaving"}'] == 0
