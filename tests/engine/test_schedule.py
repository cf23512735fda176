"""Jobs run once for each time they were due, over stops and crashes, with a clock that is handed in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.clock import FakeClock
from engine.errors import Permanent, Retryable
from engine.schedule import Job, Schedule, daily, every
from engine.serve import Runner
from engine.store.database import Database
from engine.store.models import JobRun
from tests.faults.house import opened, prepared
from tests.faults.test_time_and_again import Unsteady

BOTH_STORES = True

DAY = 86400.0
NOON = 20_000 * DAY + DAY / 2


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    jobs = Database.open(tmp_path / "jobs.db", synchronous="OFF")
    yield jobs
    jobs.close()


def report(ran: list[float]) -> Job:
    return Job("report", daily("06:00"), ran.append, every_run=True)


def test_a_job_runs_when_it_is_due_and_not_before(database: Database) -> None:
    clock, ran = FakeClock(NOON), list[float]()
    schedule = Schedule([report(ran)], database, clock)
    assert schedule.run_due() == []
    assert schedule.next_due() == NOON + DAY * 0.75
    clock.advance(DAY * 0.75)
    assert schedule.run_due() == ["report"]
    assert schedule.run_due() == []
    assert ran == [NOON + DAY * 0.75]


def test_missed_runs_are_caught_up_once_each_after_a_restart(database: Database) -> None:
    clock, ran = FakeClock(NOON), list[float]()
    before = Schedule([report(ran)], database, clock)
    before.run_due()
    clock.advance(DAY)
    assert before.run_due() == ["report"]
    before.stop()
    clock.advance(3 * DAY)  # a long stop
    after = Schedule([report(ran)], database, clock)
    assert after.run_due() == ["report"] * 3
    after.stop()
    assert Schedule([report(ran)], database, clock).run_due() == []
    assert ran == [NOON + DAY * (0.75 + day) for day in range(4)]


def test_a_clock_that_is_set_back_stops_nothing(database: Database) -> None:
    clock, ran = Unsteady(NOON), list[float]()
    schedule = Schedule([Job("tick", every(10.0), ran.append, kept=False)], database, clock)
    schedule.run_due()
    clock.advance(10.0)
    schedule.run_due()
    clock.set_back(3600.0)
    assert schedule.run_due() == []
    clock.advance(10.0)
    assert schedule.run_due() == ["tick"]
    assert ran == [NOON + 10.0, NOON - 3580.0]


def test_only_the_latest_of_a_check_is_made_up_for(database: Database) -> None:
    clock, ran = FakeClock(NOON), list[float]()
    schedule = Schedule([Job("check", every(60), ran.append, kept=False)], database, clock)
    schedule.run_due()
    clock.advance(3600.5)
    assert schedule.run_due() == ["check"]
    assert ran == [NOON + 3600]


def test_two_schedules_never_double_a_run(database: Database) -> None:
    clock, ran = FakeClock(NOON), list[float]()
    one, other = (Schedule([report(ran)], database, clock) for _ in range(2))
    one.run_due()
    other.run_due()
    clock.advance(DAY)
    assert [one.run_due(), other.run_due()] == [["report"], []]
    assert len(ran) == 1


def test_a_run_that_was_interrupted_is_due_again(database: Database) -> None:
    clock, ran = FakeClock(NOON), list[float]()
    with database.transaction() as session:
        session.add(JobRun(job="report", due_at=NOON - DAY * 1.25, status="done", started_at=0.0))
        session.add(JobRun(job="report", due_at=NOON - DAY * 0.25, status="running", started_at=0.0))
    Schedule([report(ran)], database, clock).run_due()
    assert ran == [NOON - DAY * 0.25]


def test_a_failed_job_is_recorded_and_stops_no_other(database: Database) -> None:
    clock, ran = FakeClock(NOON), list[float]()

    def fail(due: float) -> None:
        raise Permanent("no paper", place="printer")

    schedule = Schedule([Job("print", every(60), fail), Job("check", every(60), ran.append)], database, clock)
    schedule.run_due()
    clock.advance(60)
    schedule.run_due()
    assert len(ran) == 1
    with database.reading() as session:
        row = session.get(JobRun, ("print", NOON + 60))
    assert row is not None
    assert (row.status, row.detail) == ("failed", "printer: no paper")


def test_a_job_put_off_by_a_locked_database_shows_as_not_ready(tmp_path: Path) -> None:
    with opened(prepared(tmp_path), clock=FakeClock(NOON)) as house:
        runner = Runner(house.engine)
        problem = Retryable("locked", place="forewarn.db")

        def locked() -> None:
            raise problem

        assert not runner._attempt("schedule", locked)
        assert "schedule: forewarn.db: locked" in runner.unready()
        assert runner._attempt("schedule", lambda: None)
        assert "schedule: forewarn.db: locked" not in runner.unready()
