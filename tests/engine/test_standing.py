"""What a process tells of the partitions it has: how far it is, what was saved and when, what it came back from."""

from pathlib import Path

import pytest

from engine.cluster.roles import ALL
from engine.errors import Retryable
from engine.pipeline import Pipeline
from engine.snapshots import Snapshots
from engine.standing import Held
from tests.faults.house import START, House, call, opened, prepared


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return prepared(tmp_path)


def held(house: House) -> Held:
    (one,) = house.engine.standing().held
    return one


def test_it_leads_and_has_all_that_there_is(folder: Path) -> None:
    with opened(folder) as house:
        told = house.engine.standing()
        assert (told.roles, told.leads, told.joined, told.restoring) == (ALL, True, True, None)
        assert [each.partition for each in told.held] == [0]


def test_it_is_behind_since_it_was_last_at_the_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as house:
        house.hand_in(call("account/acme", START, "1"))
        house.engine.step()
        assert held(house).behind == 0.0
        house.engine.intake.accept(call("account/acme", START, "2"), "test")
        house.clock.advance(90.0)
        assert held(house).behind == 90.0
        assert house.engine.lags() == {0: 1}
        house.engine.step()
        house.engine.step()
        assert held(house).behind == 0.0


def test_a_snapshot_is_told_with_time_and_size_also_after_a_restart(folder: Path) -> None:
    with opened(folder) as house:
        house.hand_in(call("account/acme", START, "1"))
        assert held(house).saved_at is None
        house.engine.snapshot()
        saved = held(house)
        assert (saved.saved_at, saved.passed_over) == (house.clock.time(), 0)
        assert saved.saving > 0
        assert saved.size > 0
        clock = house.clock
    clock.advance(3600.0)
    with opened(folder, clock=clock) as house:
        again = held(house)
        assert (again.saved_at, again.saving) == (saved.saved_at, 0.0)
        assert again.restored > 0


def test_a_damaged_snapshot_that_was_passed_over_is_counted(folder: Path) -> None:
    with opened(folder) as house:
        house.hand_in(call("account/acme", START, "1"))
        house.engine.snapshot()
        clock = house.clock
    bad = folder / "config" / "var" / "snapshots" / "p00000-0000000009-999999-e99.snapshot"
    bad.write_bytes(b"")
    with opened(folder, clock=clock) as house:
        assert held(house).passed_over == 1


def test_a_snapshot_that_could_not_be_written_is_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as house:
        house.hand_in(call("account/acme", START, "1"))

        def full(*_: object, **__: object) -> str:
            raise Retryable("no space left", place="snapshots")

        with monkeypatch.context() as patch:
            patch.setattr(Snapshots, "write", full)
            with pytest.raises(Retryable):
                house.engine.snapshot()
        assert house.engine.standing().unsaved == 1
        assert (held(house).saved_at, held(house).unsaved) == (None, "snapshots: no space left")
        house.engine.snapshot()
        assert (house.engine.standing().unsaved, held(house).unsaved) == (1, "")


def test_a_write_that_came_too_late_is_counted(folder: Path) -> None:
    with opened(folder) as house:
        mine = house.engine.pipelines[0]
        Pipeline(house.engine.config, 0, mine._stores, house.clock).claim("another")
        house.hand_in(*(call("account/acme", START + n, str(n), failed=True) for n in range(5)), *TICKS)
        assert house.engine.standing().fenced == 1


TICKS = tuple(call("account/other", START + 60.0 * n, f"t{n}") for n in range(1, 5))


def test_what_no_worker_has_put_behind_it_is_known_without_one(folder: Path) -> None:
    with opened(folder) as house:
        house.hand_in(*(call("account/acme", START + n, str(n)) for n in range(5)))
        assert house.engine.lag() == 0
        before = house.engine.unread()[0]
        house.engine.snapshot()
        assert (before, house.engine.unread()) == (5, {0: 0})
