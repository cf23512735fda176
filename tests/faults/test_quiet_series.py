"""Series that left memory, through a whole engine that dies and starts again."""

from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from engine.cold import ColdStore
from engine.embedded import DiskFull
from engine.replay import drain
from tests.faults.house import FILES, House, call, opened, people, prepared

MAIN = "config/forewarn.yaml"
IDLE = FILES[MAIN].replace("events: {", "events: {idle: 30m, ")
SEASONAL = FILES["config/detectors/errors.yaml"].replace("{kind: threshold, above: 0.5}", "{kind: seasonal}")


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
def test_what_left_and_came_back_is_as_it_was_after_a_crash(folder: Path, snapshots: tuple[str, ...]) -> None:
    with opened(folder) as house:
        fall_quiet(house)
        if "quiet" in snapshots:
            house.engine.snapshot()
        calls(house, "account/acme", "account/b", minutes=5)
        assert (house.engine.pipelines[0].scorer.series(), len(store(house))) == (2, 0)
        if "back" in snapshots:
            house.engine.snapshot()
        calls(house, "account/acme", minutes=2)
        before, clock = memory(house), house.clock
    with opened(folder, clock=clock) as house:
        drain(house.engine)
        after = memory(house)
        assert before.keys() == after.keys()
        assert [name for name in before if before[name].tobytes() != after[name].tobytes()] == []
        assert len(store(house)) == 0


def test_no_room_on_disk_keeps_them_in_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise DiskFull("no space left to write")

    with opened(folder) as house:
        house.hand_in(*people())
        calls(house, "account/acme", "account/b", minutes=20)
        with monkeypatch.context() as patched:
            patched.setattr(ColdStore, "put", refuse)
            calls(house, "account/b", minutes=50)
            assert (house.engine.pipelines[0].scorer.series(), len(store(house))) == (2, 0)
        calls(house, "account/b", minutes=1)
        assert (house.engine.pipelines[0].scorer.series(), len(store(house))) == (1, 1)


def test_what_is_watched_otherwise_has_nobody_away(folder: Path) -> None:
    with opened(folder) as house:
        fall_quiet(house)
        house.engine.snapshot()
        clock = house.clock
    detector = folder / "config/detectors/errors.yaml"
    detector.write_text(SEASONAL.replace("every: 1m", "every: 5m"))
    with opened(folder, clock=clock) as house:
        assert len(store(house)) == 0


def test_a_detector_without_its_series_takes_back_a_version(folder: Path) -> None:
    """Numbers have been given to others since the version was kept."""
    with opened(folder) as house:
        fall_quiet(house)
        station = house.engine.pipelines[0].scorer.stations[0]
        kept = {name: array.copy() for name, array in station.model("errors").items()}
        calls(house, "account/b", "account/c", "account/acme", minutes=3)
        station.take_back("errors", kept)
        rows = station.monitors["errors"].detector.state()["rows"]
        known = {key: bool(rows[station.index.find(f"account/{key}")].any()) for key in ("acme", "b", "c")}
        assert known == {"acme": False, "b": True, "c": False}
