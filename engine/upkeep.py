"""What is done by the clock: telling the time, ending what lasted too long, forgetting what is old, reporting."""

from datetime import UTC, datetime

import msgspec
import structlog
from sqlalchemy import bindparam, delete
from sqlmodel import Session, col, select

from engine.clock import Clock
from engine.config.model import Config
from engine.deliveries import sweep
from engine.eventlog.base import Append, DeadLetter
from engine.events import EVERYONE, UNMATCHED, make_event
from engine.issues.book import IssueBook, view
from engine.issues.view import ACTIVE, ENGINE, Transition
from engine.planning import Planner
from engine.playbooks import expires_at
from engine.policy import streams
from engine.report import Report, measure
from engine.storage import Storage
from engine.store.models import Issue, JobRun
from engine.waves.announcing import end
from engine.waves.incidents import settle

log = structlog.get_logger()
DAY = 86400.0
RUNS_KEPT = 90 * DAY
_OLD = select(Issue).where(col(Issue.status).in_(ACTIVE), col(Issue.opened_at) <= bindparam("since"))


class Upkeep:
    """Jobs on an engine's storage; each is called with the epoch second it was due at."""

    def __init__(self, config: Config, storage: Storage, clock: Clock) -> None:
        self._config = config
        self._storage = storage
        self._clock = clock
        self._book = IssueBook(config.policy)
        self._planner = Planner(config)
        self._told: dict[str, streams.State] = {}
        """Streams of which was warned, so that it is said once."""

    def tick(self, due: float) -> None:
        """Write into every partition that time has come so far: what did not come is noticed by it.

        Time goes through the log like everything else, so a replay notices the same at the same place.
        """
        event = make_event("forewarn.tick", "engine/clock", {}, id=f"{due:.3f}", source="forewarn/clock", time=due)
        self._storage.log.append(Append(each, event, 1) for each in range(self._storage.log.partitions))

    def keep_models(self, due: float) -> None:
        """Ask for a version of every model, named after the day."""
        day = f"{datetime.fromtimestamp(due, UTC):%Y-%m-%d}"
        data = {"what": "keep", "version": day, "who": ENGINE}
        event = make_event("forewarn.model", EVERYONE, data, id=f"keep-{due:.3f}", source="forewarn/clock", time=due)
        self._storage.log.append(Append(each, event, 1) for each in range(self._storage.log.partitions))

    def follow_up(self, due: float) -> None:
        """End issues that were held open and are calm, and those that were open for too long."""
        now = self._clock.time()
        with self._storage.database.transaction() as session:
            transitions = self._book.settle(session, now) + self._expire(session, now)
            self._planner.plan(session, transitions, now)
            for incident in settle(session, self._config.desks, now):
                end(session, incident, self._config, now)

    def _expire(self, session: Session, now: float) -> list[Transition]:
        playbooks = tuple(self._config.playbooks.values())
        transitions: list[Transition] = []
        soonest = min((float(playbook.expire) for playbook in playbooks), default=float("inf"))
        for row in session.scalars(_OLD, {"since": now - soonest}).all():
            end = expires_at(playbooks, view(row))
            if end is not None and end <= now:
                transitions += self._book.expire(session, row.id, now)
        return transitions

    def deliveries(self, due: float) -> None:
        """Look again at what providers said of unknown messages; what was kept for too long becomes a dead letter."""
        now = self._clock.time()
        with self._storage.database.transaction() as session:
            overdue = sweep(session, now)
            letters = [DeadLetter(UNMATCHED, cause, event, now, "deliveries") for cause, event in overdue]
            self._storage.dead_letters.add(letters)  # before it is forgotten; added twice, it is kept once

    def streams(self, due: float) -> None:
        """Look how the streams stand: warn of complaints and dead addresses, and halt what has too many (C9)."""
        with self._storage.database.transaction() as session:
            unhealthy = streams.halt(session, self._config.policy.streams, self._clock.time())
        told = {stream.name: stream.state for stream in unhealthy}
        for stream in unhealthy:
            if self._told.get(stream.name) != stream.state:
                log.warning(f"stream {stream.state}", stream=stream.name, why=stream.why)
        self._told = told

    def retain(self, due: float) -> None:
        """Forget events, dead letters and runs older than the configuration keeps them."""
        keep = self._config.main.retention
        self._storage.log.trim(due - float(keep.events))
        apart = self._config.main.events.partitions > 1
        if self._storage.signals is not None and (apart or self._config.policy.incidents is not None):
            self._storage.signals.log.trim(due - float(keep.events))
        self._storage.dead_letters.trim(due - float(keep.dead_letters))
        if self._storage.versions is not None:
            self._storage.versions.trim(keep.models)
        with self._storage.database.transaction() as session:
            streams.trim(session, due)
            session.execute(delete(JobRun).where(col(JobRun.due_at) < due - RUNS_KEPT))

    def report(self, due: float) -> Report:
        """Make the report of the day that ended at `due`, and keep it under the day's name where reports are kept."""
        with self._storage.database.reading() as session:
            report = measure(session, due - DAY, due)
        if self._storage.reports is not None:
            self._storage.reports.mkdir(parents=True, exist_ok=True)
            day = datetime.fromtimestamp(due - DAY, UTC)
            name = self._storage.reports / f"{day:%Y-%m-%d}.json"
            name.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
        return report
