"""Of several processes on one PostgreSQL one leads; when it is gone another does, and no job is lost or doubled."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url
from sqlmodel import col, select

from engine.clock import FakeClock
from engine.cluster.leadership import Alone, Elected, leadership
from engine.errors import Retryable
from engine.schedule import Job, Schedule, daily, every
from engine.store.database import Database
from engine.store.models import JobRun
from tests import stores
from tests.brokers.postgres import Postgres

DAY = 86400.0
NOON = 20_000 * DAY + DAY / 2


@pytest.fixture
def database(postgres: str) -> Iterator[Database]:
    opened = stores.open_anywhere(postgres)
    yield opened
    opened.close()


class Process:
    """A schedule as one of several processes has it: with a clock and a lead of its own."""

    def __init__(self, database: Database) -> None:
        self.ran: list[tuple[str, float]] = []
        self.clock = FakeClock(NOON)
        self.lead = Elected(database)
        jobs = [
            Job("report", daily("06:00"), lambda due: self.ran.append(("report", due)), every_run=True),
            Job("tick", every(10), lambda due: self.ran.append(("tick", due)), kept=False),
            Job("snapshot", every(10), lambda due: self.ran.append(("snapshot", due)), kept=False, everywhere=True),
        ]
        self.schedule = Schedule(jobs, database, self.clock, self.lead)

    def at(self, moment: float) -> list[str]:
        """Run what is due at a moment; returns the names."""
        self.clock.advance(moment - self.clock.time())
        return self.schedule.run_due()


@pytest.fixture
def pair(database: Database) -> Iterator[tuple[Process, Process]]:
    one, other = Process(database), Process(database)
    yield one, other
    one.schedule.stop()
    other.schedule.stop()


def runs(database: Database) -> dict[float, str]:
    found = select(JobRun).where(col(JobRun.job) == "report", col(JobRun.status) != "begun")
    with database.reading() as session:
        return {row.due_at: row.status for row in session.exec(found)}


def test_one_leads_and_each_does_what_is_for_each(pair: tuple[Process, Process]) -> None:
    one, other = pair
    assert [one.at(NOON), other.at(NOON)] == [[], []]
    assert [one.schedule.leads, other.schedule.leads] == [True, False]
    assert one.at(NOON + 10) == ["tick", "snapshot"]
    assert other.at(NOON + 10) == ["snapshot"]


def test_who_stops_hands_over_at_once(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.at(NOON)
    other.at(NOON)
    one.schedule.stop()
    assert other.at(NOON + 10) == ["snapshot"], "what runs every few seconds begins with the lead"
    assert other.at(NOON + 20) == ["tick", "snapshot"]


def test_a_job_is_neither_lost_nor_doubled_as_the_lead_goes_to_and_fro(
    pair: tuple[Process, Process], database: Database, postgres_server: Postgres, postgres: str
) -> None:
    first = NOON + DAY * 0.75
    pair[0].at(NOON)
    for day in range(5):
        for process in pair if day % 2 else reversed(pair):
            process.at(first + day * DAY)
        postgres_server.cut(make_url(postgres))
    assert sorted(due for process in pair for name, due in process.ran if name == "report") == [
        first + day * DAY for day in range(5)
    ]
    assert runs(database) == dict.fromkeys([first + day * DAY for day in range(5)], "done")


def test_a_job_that_was_never_due_yet_is_not_lost_either(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.at(NOON)
    one.schedule.stop()  # and the next begins when it would have been due
    assert other.at(NOON + DAY) == ["report"]


def test_whose_connection_is_cut_leads_no_more(database: Database, postgres_server: Postgres, postgres: str) -> None:
    one, other = Elected(database), Elected(database)
    assert [one.leads(), other.leads()] == [True, False]
    postgres_server.cut(make_url(postgres))
    assert other.leads()
    assert not one.leads()
    other.resign()
    assert one.leads()
    one.resign()


def test_who_was_cut_off_in_the_midst_of_a_job_finishes_it_and_its_successor_waits(
    database: Database, postgres_server: Postgres, postgres: str
) -> None:
    after = Process(database)

    def long(due: float) -> None:
        before.lead.resign()  # as when its connection is cut
        for _ in range(2):
            assert after.at(NOON + DAY) == []
        assert after.schedule.leads

    before = Process(database)
    before.schedule.jobs = [Job("report", daily("06:00"), long, every_run=True)]
    after.schedule.jobs = after.schedule.jobs[:1]
    before.at(NOON)
    assert before.at(NOON + DAY) == ["report"]
    assert after.at(NOON + DAY) == []
    assert runs(database) == {NOON + DAY * 0.75: "done"}
    assert after.at(NOON + 2 * DAY) == ["report"]
    after.schedule.stop()


VICTIM = """
import os, sys
from engine.clock import FakeClock
from engine.schedule import Job, Schedule, daily
from engine.store.database import Database

def die(due):
    print("at it", flush=True)
    os.read(0, 1)

database = Database.open(sys.argv[1])
clock = FakeClock(float(sys.argv[2]))
schedule = Schedule([Job("report", daily("06:00"), die, every_run=True)], database, clock)
schedule.run_due()
clock.advance(86400.0)
schedule.run_due()
"""


def test_a_leader_that_is_killed_in_the_midst_of_a_job_is_followed_and_the_job_is_done(
    database: Database, postgres: str
) -> None:
    command = [sys.executable, "-c", VICTIM, postgres, str(NOON)]
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": root}
    ) as victim:
        assert victim.stdout is not None
        assert any(line == b"at it\n" for line in victim.stdout)
        follower = Process(database)
        assert follower.at(NOON + DAY) == []
        assert follower.ran == []
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    assert runs(database) == {NOON + DAY * 0.75: "running"}
    while not follower.ran:  # the server has to notice
        follower.at(NOON + DAY)
    assert [due for name, due in follower.ran if name == "report"] == [NOON + DAY * 0.75]
    assert runs(database) == {NOON + DAY * 0.75: "done"}
    follower.schedule.stop()


def test_where_nobody_can_tell_nothing_is_done(
    pair: tuple[Process, Process], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = pair[0]
    one.at(NOON)

    def gone() -> bool:
        raise Retryable("it cannot be reached")

    monkeypatch.setattr(one.lead, "leads", gone)
    with pytest.raises(Retryable):
        one.at(NOON + DAY)
    assert one.ran == []
    assert not one.schedule.leads


def test_a_process_alone_leads(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'alone.db'}"
    with closing(stores.open_anywhere(url)) as alone:
        led = leadership(alone)
        assert isinstance(led, Alone)
        assert led.leads()
        led.resign()
        assert led.leads()
