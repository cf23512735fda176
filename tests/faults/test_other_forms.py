"""Snapshots that another version wrote otherwise: what still fits is taken, and what does not is told as what it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from engine.clock import FakeClock
from engine.errors import ForewarnError, Permanent
from engine.store.models import Issue
from tests.faults.house import START, House, opened, people, prepared

SLOW = """
name: slow
about: Slow
watch: {event: app.call, by: account, measure: count, every: 1m}
model: {kind: seasonal, period: [1d]}
"""
ROWS = "scorer/slow/monitor:slow/detector.rows"
Arrays = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return prepared(tmp_path, **{"config/detectors/slow.yaml": SLOW})


def rewrite(house: House, change: Callable[[Arrays], None]) -> None:
    """Write a newer snapshot, in which something is otherwise."""
    kept = house.engine.storage.snapshots
    assert kept is not None
    newest = kept.latest(0)
    assert newest is not None
    arrays = dict(newest.arrays)
    change(arrays)
    kept.write(0, newest.offset, arrays, newest.meta, epoch=1000)


def lived(folder: Path, change: Callable[[Arrays], None]) -> FakeClock:
    """Let an engine see trouble, and change its snapshot."""
    with opened(folder) as house:
        house.hand_in(*people())
        house.trouble()
        house.engine.snapshot()
        rewrite(house, change)
        return house.clock


def test_a_detector_whose_rows_had_another_form_starts_afresh_and_the_others_go_on(folder: Path) -> None:
    def narrower(arrays: Arrays) -> None:
        arrays[ROWS] = np.ascontiguousarray(arrays[ROWS][:, :-8])

    clock = lived(folder, narrower)
    with capture_logs() as logs, opened(folder, clock=clock) as house:
        (said,) = [each for each in logs if each["event"] == "a detector starts afresh"]
        assert said["detector"] == "slow"
        assert "`rows`, an array of bytes, 168 a series" in said["cause"]
        fresh = house.engine.pipelines[0].memory.state()
        assert fresh[ROWS].size == 0
        assert len(fresh["scorer/errors/monitor:errors/raiser.rows"]) > 0
        house.trouble("account/other")
        assert {row.subject for row in house.rows(Issue)} == {"account/acme", "account/other"}
        assert house.engine.pipelines[0].memory.state()[ROWS].size > 0


def test_a_kept_version_whose_rows_had_another_form_is_not_taken_back(folder: Path) -> None:
    with opened(folder) as house:
        house.hand_in(*people())
        house.trouble()
        ((name, station),) = house.engine.pipelines[0].scorer.models(["slow"])
        before = house.engine.pipelines[0].memory.state()[ROWS].copy()
        kept = station.model(name)
        kept["detector/rows"] = np.ascontiguousarray(kept["detector/rows"][:, :-8])
        with pytest.raises(Permanent, match=r"what slow knew then: .*168 a series; choose a later version"):
            station.take_back(name, kept)
        assert house.engine.pipelines[0].memory.state()[ROWS].tobytes() == before.tobytes()


@pytest.mark.parametrize("gone", ["dedup/ring", "scorer/errors/meter/plan"])
def test_what_cannot_be_read_at_all_is_told_and_nothing_is_guessed(folder: Path, gone: str) -> None:
    clock = lived(folder, lambda arrays: arrays.pop(gone))
    remedy = "install the version that wrote it, or delete the partition's snapshots: the log is replayed"
    with (
        pytest.raises(ForewarnError, match="written otherwise by another version") as raised,
        opened(folder, clock=clock),
    ):
        pass
    assert raised.value.line().startswith("partition 0: the snapshot at offset ")
    assert raised.value.line().endswith(remedy)
    for path in (folder / "config" / "var" / "snapshots").glob("*.snapshot"):
        path.unlink()
    with opened(folder, clock=clock) as house:
        house.hand_in()
        assert [row.subject for row in house.rows(Issue)] == ["account/acme"]
        assert clock.time() > START
