"""Snapshots that are damaged: the one before is used, that is said, and the state is as if nothing had been."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from engine.clock import FakeClock
from engine.store.models import Intent, Issue, SignalRow
from tests.faults.house import House, opened, people, prepared

TABLES = (Issue, Intent, SignalRow)


def state(house: House) -> dict[str, Any]:
    return {name: np.array(array) for name, array in house.engine.pipelines[0].memory.state().items()}


def rows(house: House) -> list[Any]:
    return [sorted(repr(row.model_dump()) for row in house.rows(table)) for table in TABLES]


def lived(folder: Path, clock: FakeClock, *, snapshots: int) -> tuple[dict[str, Any], list[Any]]:
    """Let an engine have a day with trouble and `snapshots` snapshots in it; return its models and its rows."""
    with opened(folder, clock=clock) as house:
        house.hand_in(*people())
        for _ in range(snapshots):
            house.trouble()
            house.engine.snapshot()
            house.calm()
        return state(house), rows(house)


def damage(folder: Path, number: int) -> Path:
    """Flip bits in the middle of the `number`-th newest snapshot, over more than the gap between two arrays."""
    path = sorted((folder / "config" / "var" / "snapshots").glob("*.snapshot"), reverse=True)[number]
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 2, len(data) // 2 + 64):
        data[place] ^= 1
    path.write_bytes(data)
    return path


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.tobytes() == other[name].tobytes(), name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return prepared(tmp_path)


def test_the_newest_is_damaged(folder: Path) -> None:
    clock = FakeClock(1_740_996_000.0)
    models, table = lived(folder, clock, snapshots=3)
    bad = damage(folder, 0)
    with opened(folder, clock=clock) as house:
        pipeline = house.engine.pipelines[0]
        said = pipeline.restore()
        assert len(said) == 1
        assert str(bad) in said[0]
        assert "the one before is used" in said[0]
        assert 0 < pipeline.offset < house.engine.storage.log.end(0)
        house.hand_in()
        same(state(house), models)
        assert rows(house) == table
        assert house.email.attempts == []


def test_every_one_is_damaged(folder: Path) -> None:
    clock = FakeClock(1_740_996_000.0)
    models, table = lived(folder, clock, snapshots=2)
    bad = [damage(folder, number) for number in range(2)]
    with capture_logs() as logs, opened(folder, clock=clock) as house:
        assert {entry["path"] for entry in logs if entry["event"] == "snapshot skipped"} == {str(path) for path in bad}
        assert house.engine.pipelines[0].offset == 0
        house.hand_in()
        same(state(house), models)
        assert rows(house) == table
        assert house.email.attempts == []


def test_every_one_is_damaged_and_the_log_has_forgotten(folder: Path) -> None:
    clock = FakeClock(1_740_996_000.0)
    lived(folder, clock, snapshots=2)
    bad = [damage(folder, number) for number in range(2)]
    clock.advance(3600)
    with opened(folder, clock=clock) as house:
        gone = house.engine.storage.log.trim(clock.time() - 60)
        assert gone > 0
        said = house.engine.restore()
        assert [str(path) in line for path, line in zip(bad, said, strict=False)] == [True, True]
        assert said[-1].startswith(f"events 0 to {gone - 1} of partition 0 are in no snapshot and no longer in the log")
        house.hand_in()
        assert house.engine.lag() == 0


@pytest.mark.parametrize("content", [b"", b"FWSNAP1\n", b"\x00" * 4096])
def test_what_is_no_snapshot_at_all(content: bytes, folder: Path) -> None:
    clock = FakeClock(1_740_996_000.0)
    models, table = lived(folder, clock, snapshots=1)
    newest = folder / "config" / "var" / "snapshots" / "p00000-0000000009-999999-e99.snapshot"
    newest.write_bytes(content)
    with opened(folder, clock=clock) as house:
        assert str(newest) in house.engine.pipelines[0].restore()[0]
        house.hand_in()
        same(state(house), models)
        assert rows(house) == table
