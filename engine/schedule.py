"""What happens by the clock: each job once for each time it was due, caught up after a stop, never doubled.

The triggers are APScheduler's (https://apscheduler.readthedocs.io/en/3.x/). Its background scheduler is not used: it
sleeps until an hour by the machine's clock, and when that is set back it sleeps for longer. A thread of ours wakes
`Schedule.run_due` in a running engine. A simulation calls `run_due` itself, so that time can be handed in. That a run
is done once is kept in the database: its row (job, due time) can be inserted only once, whoever inserts it.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from apscheduler.triggers.base import BaseTrigger  # type: ignore[import-untyped]  # has no types
from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]  # has no types
from apscheduler.triggers.interval import IntervalTrigger  # type: ignore[import-untyped]  # has no types
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from engine.clock import Clock
from engine.cluster.leadership import Leadership
from engine.cluster.leadership import leadership as leadership_of
from engine.errors import ForewarnError
from engine.store.database import Database, insert_ignore
from engine.store.models import JobRun

log = structlog.get_logger()
CATCH_UP = 100
"""Of a job whose every run counts, so many missed ones are made up for after a stop, the latest ones."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do by the clock."""

    name: str
    trigger: BaseTrigger
    run: Callable[[float], object]
    """Called with the epoch second it was due at; must bear being called again after a crash in its midst."""
    every_run: bool = False
    """Whether each missed run is made up for (a daily report) or only the latest (a check of the present state)."""
    kept: bool = True
    """Whether its runs are remembered over a restart; what runs every few seconds need not be."""
    everywhere: bool = False
    """Whether each of the processes that share a database does it for itself; else the one that leads does, for all."""


def every(seconds: float) -> BaseTrigger:
    """Return a trigger at whole multiples of `seconds` since 1970."""
    return IntervalTrigger(seconds=int(seconds), start_date=datetime(1970, 1, 1, tzinfo=UTC), timezone=UTC)


def daily(at: str) -> BaseTrigger:
    """Return a trigger at `HH:MM` UTC each day."""
    hour, minute = at.split(":")
    return CronTrigger(hour=int(hour), minute=int(minute), timezone=UTC)


class Schedule:
    """The jobs of one process. Of those that share a database the one that leads does what is done for all."""

    def __init__(
        self, jobs: Sequence[Job], database: Database, clock: Clock, leadership: Leadership | None = None
    ) -> None:
        self.jobs = jobs
        """May be exchanged; a job that keeps its name goes on where it was."""
        self._database = database
        self._clock = clock
        self._leadership = leadership or leadership_of(database)
        self._looking = threading.Lock()
        self.leads = not database.several
        """Whether this process led when it last looked."""
        self._last: dict[str, float] = {}
        self._thread: threading.Thread | None = None
        self._over = threading.Event()

    def run_due(self) -> list[str]:
        """Run all that is due by the clock; returns the names of the jobs that ran, in order."""
        self.look()
        now = self._clock.time()
        mine = [job for job in self.jobs if self.leads or job.everywhere]
        return [job.name for job in mine for due in self._due(job, now) if self._run(job, due)]

    def look(self) -> bool:
        """Return whether this process leads. One that has just begun to knows nothing of what was done meanwhile."""
        with self._looking:
            before, self.leads = self.leads, False
            self.leads = self._leadership.leads()
            if self.leads and not before:
                everywhere = {job.name for job in self.jobs if job.everywhere}
                self._last = {name: at for name, at in self._last.items() if name in everywhere}
            return self.leads

    def next_due(self) -> float:
        """Return the epoch second at which something is due next."""
        now = self._clock.time()
        return min((_after(job.trigger, self._latest(job, now)) for job in self.jobs), default=now)

    def start(self, run: Callable[[], object], *, wake: float = 1.0) -> None:
        """Call `run`, which raises nothing, every `wake` seconds from a thread of its own."""
        self._over.clear()
        self._thread = threading.Thread(target=self._wake, args=(run, wake), name="schedule", daemon=True)
        self._thread.start()

    def _wake(self, run: Callable[[], object], wake: float) -> None:
        while not self._over.wait(wake):
            run()

    def stop(self) -> None:
        """Finish the job that is running, and stop."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._looking:
            self._leadership.resign()
            self.leads = False

    def _due(self, job: Job, now: float) -> Iterator[float]:
        due = list(_between(job.trigger, self._latest(job, now), now, CATCH_UP if job.every_run else 1))
        yield from due if job.every_run else due[-1:]

    def _latest(self, job: Job, now: float) -> float:
        """Return when the job was last due and dealt with; a new job starts from now, which is written down."""
        if job.name not in self._last:
            if job.kept and not self._interrupted_is_over(job):
                return now  # nothing of it is due before that
            self._last[job.name] = self._recorded(job) if job.kept else now
        if not job.kept and self._last[job.name] > now:
            self._last[job.name] = now  # the clock was set back: what is done each minute goes on
        return self._last[job.name]

    def _recorded(self, job: Job) -> float:
        with self._database.reading() as session:
            latest = session.scalar(select(func.max(col(JobRun.due_at))).where(col(JobRun.job) == job.name))
        return self._begun(job) if latest is None else float(latest)

    def _begun(self, job: Job) -> float:
        """Write down that a job begins now: whoever leads when it is first due knows that it is."""
        now = self._clock.time()
        with self._database.transaction() as session:
            insert_ignore(session, JobRun, [JobRun(job=job.name, due_at=now, status="begun", started_at=now)])
        return now

    def _interrupted_is_over(self, job: Job) -> bool:
        """Make a run that was under way when its process ended due again; False: its process is at it still."""
        with self._leadership.doing(job.name) as free:
            if free:
                with self._database.transaction() as session:
                    session.execute(delete(JobRun).where(col(JobRun.job) == job.name, col(JobRun.status) == "running"))
        return free

    def _run(self, job: Job, due: float) -> bool:
        if not job.kept:
            return self._done(job, due)
        with self._leadership.doing(job.name) as free:
            return free and self._done(job, due)

    def _done(self, job: Job, due: float) -> bool:
        mine = not job.kept or self._claim(job, due)
        self._last[job.name] = due  # not before: a claim that could not be written now is made later
        if not mine:
            return False
        status, detail = "done", ""
        try:
            job.run(due)
        except ForewarnError as error:
            status, detail = "failed", str(error)
            log.warning("job failed", job=job.name, due=due, error=detail)
        if job.kept:
            self._record(job, due, status, detail)
        return True

    def _claim(self, job: Job, due: float) -> bool:
        try:
            with self._database.transaction() as session:
                session.add(JobRun(job=job.name, due_at=due, status="running", started_at=self._clock.time()))
        except IntegrityError:
            return False
        return True

    def _record(self, job: Job, due: float, status: str, detail: str) -> None:
        with self._database.transaction() as session:
            ended = self._clock.time()
            session.merge(
                JobRun(job=job.name, due_at=due, status=status, started_at=ended, ended_at=ended, detail=detail)
            )


def _between(trigger: BaseTrigger, after: float, until: float, latest: int) -> Iterator[float]:
    """Yield the due times in (after, until], in order; of a fixed interval only the `latest` ones."""
    if isinstance(trigger, IntervalTrigger):  # leap over the long past of a short interval
        after = max(after, until - latest * trigger.interval.total_seconds())
    due = _after(trigger, after)
    while due <= until:
        yield due
        due = _after(trigger, due)


def _after(trigger: BaseTrigger, moment: float) -> float:
    """Return the first due time later than `moment`; +inf if there is none."""
    start = datetime.fromtimestamp(moment + 1e-3, UTC)
    fire = trigger.get_next_fire_time(None, start)
    return fire.timestamp() if fire else float("inf")
