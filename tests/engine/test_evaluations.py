"""How good predictions are: kept by partition, told over all of them, and forgotten with the detector."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from detectors.learned.standing import Standing
from engine.clock import FakeClock
from engine.config.check import checked
from engine.config.model import Config
from engine.evaluations import Evaluation, evaluations, keep
from engine.eventlog.memory import MemoryDeadLetters
from engine.pipeline import Pipeline, Stores
from engine.store.database import Database
from tests.engine.conftest import NOW, Forewarn
from tests.fleets.standings import standing

RISK = (
    "name: leaving\nabout: An account is likely to leave.\n"
    "watch: {by: account, inputs: {churn: {outcome: churn}, call: {event: forewarn.contact}}}\n"
    "model: {kind: risk, horizon: 7d}\n"
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "forewarn.db", synchronous="OFF")
    yield opened
    opened.close()


def told(database: Database) -> list[Evaluation]:
    with database.reading() as session:
        return evaluations(session)


def write(database: Database, partition: int, **standings: Standing) -> None:
    with database.transaction() as session:
        keep(session, partition, standings, NOW)


def test_what_is_kept_is_told(database: Database) -> None:
    write(database, 0, leaving=standing(10, 8))
    [found] = told(database)
    assert (found.detector, found.at, found.speaker) == ("leaving", NOW, "all models, weighed")
    assert found.notes == []
    figures = found.so_far
    assert (figures.outcomes, figures.rows, figures.recall) == (10, 20, 0.8)
    assert figures.precision == pytest.approx(8 / 9)
    assert figures.false_per_outcome == pytest.approx(0.1)
    assert figures.median_lead == 86400.0
    assert figures.pr_auc is not None
    assert sum(tenth.rows for tenth in figures.reliability) == 20


def test_partitions_are_added_up_and_the_worst_state_of_any_is_told(database: Database) -> None:
    write(database, 0, leaving=standing(10, 8))
    write(database, 1, leaving=standing(30, 12, labels_missing=True, champion="early", alarms=2))
    [found] = told(database)
    assert (found.so_far.outcomes, found.so_far.recall) == (40, 0.5)
    assert (found.labels_missing, found.drift_alarm, found.alarms) == (True, False, 3)
    assert found.champion == "early, stack"
    assert found.notes[0].startswith("Labels are missing")


def test_before_there_is_a_record_nothing_is_said(database: Database) -> None:
    write(database, 0, leaving=standing(0, 0, champion="none"))
    [found] = told(database)
    figures = found.so_far
    assert (figures.recall, figures.pr_auc, figures.median_lead) == (None, None, None)
    assert "before there were outcomes" in found.notes[0]


def test_a_detector_that_is_no_more_is_forgotten_in_its_partition(database: Database) -> None:
    write(database, 0, leaving=standing(), failing=standing())
    write(database, 1, failing=standing())
    write(database, 0, leaving=standing())
    assert [(each.detector, each.so_far.outcomes) for each in told(database)] == [("failing", 10), ("leaving", 10)]


@pytest.fixture
def with_risk(shop: Path) -> Config:
    (shop / "config/detectors/leaving.yaml").write_text(RISK, encoding="utf-8")
    config, problems = checked(shop / "config", {})
    assert config is not None, problems
    return config


def pipeline(config: Config, database: Database) -> Pipeline:
    return Pipeline(config, 0, Stores(database, MemoryDeadLetters(), None), FakeClock(NOW))


def test_a_pipeline_writes_how_its_learned_detectors_stand(with_risk: Config, database: Database) -> None:
    one = pipeline(with_risk, database)
    one.snapshot()
    [found] = told(database)
    assert (found.detector, found.horizon, found.champion) == ("leaving", 7 * 86400.0, "none")


def test_a_pipeline_without_such_detectors_clears_what_was_there_once(
    with_risk: Config, shop: Path, database: Database
) -> None:
    pipeline(with_risk, database).appraise()
    (shop / "config/detectors/leaving.yaml").unlink()
    config, _ = checked(shop / "config", {})
    assert config is not None
    bare = pipeline(config, database)
    bare.appraise()
    assert told(database) == []
    write(database, 0, other=standing())
    bare.appraise()
    assert [each.detector for each in told(database)] == ["other"]


def test_models_show(forewarn: Forewarn, with_risk: Config) -> None:
    forewarn("db", "upgrade")
    assert "no detector has learned from outcomes yet" in forewarn("models", "show").out
    with closing(Database.open(with_risk.data_dir / "forewarn.db")) as opened:
        write(opened, 0, leaving=standing(labels_missing=True))
    shown = forewarn("models", "show").out
    assert "lately" in shown
    assert "all models, weighed" in shown
    assert "Labels are missing" in shown
    [found] = forewarn("models", "show", "leaving", "--json").json
    assert (found["detector"], found["so_far"]["recall"]) == ("leaving", 0.8)
    assert forewarn("models", "show", "levaing").code == 2
    assert "leaving" in forewarn("report").out
    assert forewarn("report", "--json").json["predictions"]["leaving"]["lately"]["outcomes"] == 10


def test_a_backtest_says_how_good_predictions_were(forewarn: Forewarn, with_risk: Config, shop: Path) -> None:
    event = '{"id":"1","source":"s","type":"forewarn.outcome","subject":"account/a","time":"2025-03-03T08:00:00Z",'
    (shop / "events.ndjson").write_text(event + '"data":{"what":"churn","value":1}}\n', encoding="utf-8")
    ran = forewarn("backtest", "events.ndjson", "--json", "out.json", "--html", "out.html")
    assert ran.code == 0, ran.err
    assert "no model yet" in ran.out
    assert '"predictions":{"leaving":{' in (shop / "out.json").read_text(encoding="utf-8")
    assert "<h2>Predictions</h2>" in (shop / "out.html").read_text(encoding="utf-8")
