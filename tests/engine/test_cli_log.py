"""`forewarn log status`: each partition, how far it was processed and by whom."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from tests.faults.house import START, call, opened, prepared


@pytest.fixture
def config(tmp_path: Path) -> str:
    folder = prepared(tmp_path)
    with opened(folder) as house:
        house.hand_in(*(call("account/acme", START + n, str(n)) for n in range(5)))
        house.engine.snapshot()
        house.engine.intake.accept(call("account/acme", START + 9, "9"), "test")
    return str(folder / "config")


def told(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["log", "status", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_it_tells_each_partition(config: str) -> None:
    found = json.loads(told("--config", config, "--json"))
    assert found["group"] == "pipeline"
    (one,) = found["partitions"]
    assert one == {
        "partition": 0,
        "begin": 0,
        "end": 6,
        "committed": 5,
        "lag": 1,
        "holder": "dispatcher",
        "epoch": one["epoch"],
    }
    assert one["epoch"] >= 1


def test_people_see_a_table_and_the_sum(config: str) -> None:
    shown = told("--config", config)
    assert "partition  begin  end  committed" in shown
    assert "1 partition, 1 not in a snapshot yet" in shown


def test_only_what_waits(config: str, tmp_path: Path) -> None:
    folder = prepared(tmp_path / "quiet")
    with opened(folder) as house:
        house.engine.snapshot()
    assert "nothing waits" in told("--config", str(folder / "config"), "--behind")
    assert len(json.loads(told("--config", config, "--behind", "--json"))["partitions"]) == 1
