"""Series that left memory, through a whole engine that dies and starts again."""

from pathlib import Path
from typing import Any, NoReturn

import pytest
from numpy.typing import NDArray

from engine.cold import ColdStore
from engine.cold.table import Tables, TableStore
from engine.embedded import DiskFull
from engine.errors import Retryable
from engine.pipeline import Pipeline, Stores
from engine.replay import drain
from tests.faults.house import FILES, House, call, opened, people, prepared

MAIN = "config/forewarn.yaml"
IDLE = FILES[MAIN].replace("events: {", "events: {idle: 30m, ")
SEASONAL = FILES["config/detectors/errors.yaml"].replace("{kind: threshold, above: 0.5}", "{kind: seasonal}")


@pytest.fixture(params=[False, True], ids=["files", "tables"])
def tables(request: pytest.FixtureRequest) -> bool:
    """Whether they are kept as where partitions move between machines."""
    return bool(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return prepared(tmp_path, **{MAIN: IDLE, "config/detectors/errors.yaml": SEASONAL})


def store(house: House) -> ColdStore:
    assert house.engine.storage.cold is not None
    return house.engine.storage.cold.of(0)


def calls(house: House, *subjects: str, minutes: int) -> None:
    """Let so many minutes pass with a call of each subject in each."""
    for _ in range(minutes):
        house.clock.advance(60.0)
        now = house.clock.time()
        house.hand_in(*(call(subject, now, f"{subject}-{now}") for subject in subjects))


def memory(house: House) -> dict[str, NDArray[Any]]:
    return {name: array.copy() for name, array in house.engine.pipelines[0].scorer.state().items()}


def fall_quiet(house: House) -> None:
    """Let one account go quiet, and leave memory."""
    house.hand_in(*people())
    calls(house, "account/acme", "account/b", minutes=20)
    calls(house, "account/b", minutes=50)
    assert (house.engine.pipelines[0].scorer.series(), len(store(house))) == (1, 1)


@pytest.mark.parametrize("snapshots", [(), ("quiet",), ("back",), ("quiet", "back")])
def test_what_left_and_came_back_is_as_it_was_after_a_crash(
    folder: Path, tables: bool, snapshots: tuple[str, ...]
) -> None:
    with opened(folder, tables=tables) as house:
        fall_quiet(house)
        if "quiet" in snapshots:
            house.engine.snapshot()
        calls(house, "account/acme", "account/b", minutes=5)
        assert (house.engine.pipelines[0].scorer.series(), len(store(house))) == (2, 0)
        if "back" in snapshots:
            house.engine.snapshot()
        calls(house, "account/acme", minutes=2)
        before, clock = memory(house), house.clock
    with opened(folder, tables=tables, clock=clock) as house:
        drain(house.engine)
        after = memory(house)
        assert before.keys() == after.keys()
        assert [name for name in before if before[name].tobytes() != after[name].tobytes()] == []
        assert len(store(house)) == 0


def test_no_room_on_disk_keeps_them_in_memory(folder: Path, tables: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise DiskFull("no space left to write")

    with opened(folder, tables=tables) as house:
        house.hand_in(*people())
        calls(house, "account/acme", "account/b", minutes=20)
        with monkeypatch.context() as patched:
            patched.setattr(type(store(house)), "put", refuse)
            calls(house, "account/b", minutes=50)
            assert (house.engine.pipelines[0].scorer.series(), len(store(house))) == (2, 0)
        calls(house, "account/b", minutes=1)
        assert (house.engine.pipelines[0].scorer.series(), len(store(house))) == (1, 1)


def test_what_is_watched_otherwise_has_nobody_away(folder: Path, tables: bool) -> None:
    with opened(folder, tables=tables) as house:
        fall_quiet(house)
        house.engine.snapshot()
        clock = house.clock
    detector = folder / "config/detectors/errors.yaml"
    detector.write_text(SEASONAL.replace("every: 1m", "every: 5m"))
    with opened(folder, tables=tables, clock=clock) as house:
        assert len(store(house)) == 0


def test_a_detector_without_its_series_takes_back_a_version(folder: Path, tables: bool) -> None:
    """Numbers have been given to others since the version was kept."""
    with opened(folder, tables=tables) as house:
        fall_quiet(house)
        station = house.engine.pipelines[0].scorer.stations[0]
        kept = {name: array.copy() for name, array in station.model("errors").items()}
        calls(house, "account/b", "account/c", "account/acme", minutes=3)
        station.take_back("errors", kept)
        rows = station.monitors["errors"].detector.state()["rows"]
        known = {key: bool(rows[station.index.find(f"account/{key}")].any()) for key in ("acme", "b", "c")}
        assert known == {"acme": False, "b": True, "c": False}


def test_they_come_back_where_their_partition_has_moved(folder: Path) -> None:
    """Whoever has the partition now finds them, and whoever had it can keep none there any more."""
    with opened(folder, tables=True) as house:
        fall_quiet(house)
        house.engine.snapshot()
        other = elsewhere(house)
        now = house.clock.time()
        lines = [call(each, now + 60.0 * n, f"{each}-{n}") for n in range(1, 90) for each in ("account/b", "account/c")]
        lines += [call("account/acme", now + 90 * 60.0, "acme-again"), call("account/b", now + 95 * 60.0, "b-last")]
        house.clock.advance(96 * 60.0)
        house.engine.intake.accept(b"\n".join(lines), "test")
        other.process(house.engine.storage.log.read(0, other.offset, 10_000))
        other.snapshot()
        assert other.scorer.series() == 3
        house.engine.step()
        house.engine.snapshot()
        assert house.engine.pipelines == [], "it was not its any more"
        drain(house.engine)
        assert house.engine.pipelines[0].offset == other.offset
        ours, theirs = memory(house), other.scorer.state()
        assert [name for name in ours if ours[name].tobytes() != theirs[name].tobytes()] == []


def elsewhere(house: House) -> Pipeline:
    """Return the partition's pipeline in another process, which takes it."""
    storage = house.engine.storage
    stores = Stores.of(storage)._replace(cold=Tables(storage.database))
    made = Pipeline(house.engine.config, 0, stores, house.clock)
    made.claim("another")
    assert made.restore() == []
    return made


def test_a_database_that_is_away_while_they_come_back_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is torn: its partition starts again from the snapshot, as often as it takes."""
    missed = 0

    def away(*_: object) -> NoReturn:
        nonlocal missed
        missed += 1
        raise Retryable("no connection", place="the database")

    with opened(folder, tables=True) as house:
        fall_quiet(house)
        house.clock.advance(60.0)
        now = house.clock.time()
        with monkeypatch.context() as patch:
            patch.setattr(TableStore, "_look", away)
            house.engine.intake.accept(call("account/acme", now, "again"), "test")
            assert [house.engine.step() for _ in range(3)] == [0, 0, 0]
        assert missed == 3
        drain(house.engine)
        assert (house.engine.pipelines[0].scorer.series(), len(store(house))) == (2, 0)
        assert house.dead() == []


def test_a_reload_while_the_database_is_away_is_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is watched no longer is deleted another time: the new configuration holds from now on."""

    def away(*_: object) -> NoReturn:
        raise Retryable("no connection", place="the database")

    detector = folder / "config/detectors/errors.yaml"
    with opened(folder, tables=True) as house:
        fall_quiet(house)
        detector.write_text(SEASONAL.replace("every: 1m", "every: 5m"))
        with monkeypatch.context() as patch:
            patch.setattr(TableStore, "_delete", away)
            house.engine.reload()
            calls(house, "account/b", minutes=10)
        assert house.engine.config.detectors["errors"].watch.every == 300.0
        assert house.engine.pipelines[0].scorer.series() == 1
        assert len(store(house)) == 1
        house.engine.snapshot()
    with opened(folder, tables=True, clock=house.clock) as house:
        assert len(store(house)) == 0
